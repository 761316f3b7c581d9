import { afterEach, beforeEach, expect, test } from 'vitest'
import { silent } from '../store/log.ts'
import { openPostgresStore } from '../store/postgres/postgres.ts'
import { testDatabase, type TestDatabase } from '../../testkit/postgres.ts'
import { caller, startLab, watching, type LabServer } from './testing/lab-server.ts'

let database: TestDatabase
let one: LabServer
let two: LabServer
const clusters = '/apis/lab.skerry.test/v1/namespaces/shop/clusters'

beforeEach(async () => {
  database = await testDatabase()
  const start = async () => startLab({ store: await openPostgresStore({ connection: database.connection, log: silent }) })
  ;[one, two] = [await start(), await start()]
  await caller(one)('POST', '/api/v1/namespaces', { metadata: { name: 'shop' } })
})
afterEach(async () => {
  await Promise.all([one.close(), two.close()])
  await database.drop()
})

test('S5 two servers on one database: each reads what the other has answered, and their writes do not get lost', async () => {
  const [a, b] = [caller(one), caller(two)]
  expect((await a('POST', clusters, { metadata: { name: 'a' }, spec: { site: 's' } })).code).toBe(201)
  expect((await b('POST', clusters, { metadata: { name: 'a' }, spec: { site: 's' } })).body.reason).toBe('AlreadyExists')
  for (let i = 0; i < 10; i++) {
    await a('PATCH', `${clusters}/a`, { spec: { replicas: i } })
    expect((await b('GET', `${clusters}/a`)).body.spec.replicas).toBe(i)
  }
  const all = await Promise.all(Array.from({ length: 24 }, (_, i) => (i % 2 === 0 ? a : b)('PATCH', `${clusters}/a`, { metadata: { labels: { [`l${i}`]: 'x' } } })))
  expect(all.map((r) => r.code)).toEqual(Array(24).fill(200))
  expect(Object.keys((await b('GET', `${clusters}/a`)).body.metadata.labels)).toHaveLength(24)
})

test('S8 "nothing changed" is not believed of a copy that lags behind the other server', async () => {
  const [a, b] = [caller(one), caller(two)]
  await a('POST', clusters, { metadata: { name: 'a' }, spec: { site: 'old' } })
  for (let i = 0; i < 10; i++) {
    await a('PATCH', `${clusters}/a`, { spec: { site: 'new' } })
    await b('PATCH', `${clusters}/a`, { spec: { site: 'old' } })
    expect((await a('GET', `${clusters}/a`)).body.spec.site).toBe('old')
  }
})

test('a watch at one server gets, in order, what is written at both', async () => {
  const version = (await caller(one)('GET', clusters)).body.metadata.resourceVersion
  const w = await watching(one, `${clusters}?watch=1&resourceVersion=${version}`)
  for (let i = 0; i < 10; i++) await caller(i % 2 === 0 ? one : two)('POST', clusters, { metadata: { name: `c${i}` }, spec: { site: 's' } })
  const events = await w.take(10)
  expect(events.map((e) => e.object.metadata.name)).toEqual(Array.from({ length: 10 }, (_, i) => `c${i}`))
  w.stop()
})

test('E6 a fence is compared in the transaction that writes', async () => {
  const held = await one.store.leases.acquire('controllers', 'a', 60_000)
  const epoch = held.kind === 'held' ? held.lease.epoch : 0
  const write = (n: number) => caller(two)('POST', clusters, { metadata: { generateName: 'c-' }, spec: { site: 's' } }, { headers: { 'skerry-fence': `controllers/${n}` } })
  expect((await write(epoch)).code).toBe(201)
  expect((await write(epoch - 1)).body).toMatchObject({ code: 409, details: { causes: [{ reason: 'Fenced' }] } })
})
