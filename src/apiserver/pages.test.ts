import { afterEach, beforeEach, expect, test } from 'vitest'
import { silent } from '../store/log.ts'
import { openPostgresStore, type PostgresStore } from '../store/postgres/postgres.ts'
import { testDatabase, type TestDatabase } from '../../testkit/postgres.ts'
import { caller, startLab, type Answer, type LabServer } from './testing/lab-server.ts'

let database: TestDatabase
let servers: { readonly lab: LabServer; readonly store: PostgresStore; readonly call: ReturnType<typeof caller> }[]
const clusters = '/apis/lab.skerry.test/v1/namespaces/shop/clusters'
const namesOf = ({ body }: Answer): readonly string[] => body.items.map((o: { metadata: { name: string } }) => o.metadata.name)

beforeEach(async () => {
  database = await testDatabase()
  servers = []
  for (let i = 0; i < 2; i++) {
    // A ring of two changes: what happens between two pages must come from the log. Partitions of ten, so that compaction has some to drop.
    const store = await openPostgresStore({ connection: database.connection, log: silent, span: 10, keepMs: 0 })
    const lab = await startLab({ store, ring: 2 })
    servers.push({ lab, store, call: caller(lab) })
  }
  await servers[0]!.call('POST', '/api/v1/namespaces', { metadata: { name: 'shop' } })
  for (const name of 'abcdefgh') await servers[0]!.call('POST', clusters, { metadata: { name }, spec: { site: 's', replicas: 1 } })
})
afterEach(async () => {
  await Promise.all(servers.map((each) => each.lab.close()))
  await database.drop()
})

test('S6 each page may be asked of another server, and all are of one snapshot, whatever is written in between', async () => {
  const [one, two] = servers as [typeof servers[0], typeof servers[0]]
  const first = await one.call('GET', `${clusters}?limit=3`)
  await two.call('DELETE', `${clusters}/d`)
  await two.call('POST', clusters, { metadata: { name: 'aa' }, spec: { site: 's' } })
  for (let i = 0; i < 5; i++) await one.call('PATCH', `${clusters}/f`, { spec: { replicas: 100 + i } })
  const second = await two.call('GET', `${clusters}?limit=3&continue=${first.body.metadata.continue}`)
  await one.call('DELETE', `${clusters}/g`)
  const third = await one.call('GET', `${clusters}?limit=3&continue=${second.body.metadata.continue}`)
  expect([first, second, third].map(namesOf)).toEqual([['a', 'b', 'c'], ['d', 'e', 'f'], ['g', 'h']])
  expect([first, second, third].map((p) => [p.body.metadata.resourceVersion, p.body.metadata.remainingItemCount])).toEqual([5, 2, undefined].map((left) => [first.body.metadata.resourceVersion, left]))
  expect(second.body.items[2].spec.replicas).toBe(1)
  expect(second.body.items[2].metadata.resourceVersion).not.toBe((await one.call('GET', `${clusters}/f`)).body.metadata.resourceVersion)
})

test('S6 after compaction a token is 410 on every server, with one that goes on with the present', async () => {
  const first = await servers[0]!.call('GET', `${clusters}?limit=3`)
  await servers[1]!.call('DELETE', `${clusters}/e`)
  for (let i = 0; i < 25; i++) await servers[0]!.call('PATCH', `${clusters}/a`, { spec: { replicas: 100 + i } })
  expect(await servers[0]!.store.compact()).toBeGreaterThan(Number(first.body.metadata.resourceVersion))
  for (const { call } of servers) {
    const refused = await call('GET', `${clusters}?limit=3&continue=${first.body.metadata.continue}`)
    expect(refused.body).toMatchObject({ kind: 'Status', code: 410, reason: 'Expired' })
    const second = await call('GET', `${clusters}?limit=3&continue=${refused.body.metadata.continue}`)
    const third = await call('GET', `${clusters}?limit=3&continue=${second.body.metadata.continue}`)
    expect([second, third].map(namesOf)).toEqual([['d', 'f', 'g'], ['h']])
    expect(third.body.metadata.resourceVersion).toBe(second.body.metadata.resourceVersion)
    expect(Number(second.body.metadata.resourceVersion)).toBeGreaterThan(Number(first.body.metadata.resourceVersion))
  }
})

test('S6 a token that was changed, or is of another database, is refused', async () => {
  const { continue: token } = (await servers[0]!.call('GET', `${clusters}?limit=3`)).body.metadata
  const bytes = Buffer.from(token, 'base64url')
  bytes[bytes.length - 1]! ^= 1
  expect((await servers[0]!.call('GET', `${clusters}?limit=3&continue=${bytes.toString('base64url')}`)).body).toMatchObject({ code: 400, reason: 'BadRequest' })
  expect((await servers[0]!.call('GET', `${clusters}?limit=3&continue=${token.slice(0, 10)}`)).body.code).toBe(400)
  const other = await startLab()
  await caller(other)('POST', '/api/v1/namespaces', { metadata: { name: 'shop' } })
  expect((await caller(other)('GET', `${clusters}?limit=3&continue=${token}`)).body.code).toBe(400)
  await other.close()
})
