/** Two versions of the program over one database: the later one knows a field more. */
import { z } from 'zod'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { defineKind, type Kind } from '../api/meta/index.ts'
import { silent } from '../store/log.ts'
import { openPostgresStore, type PostgresStore } from '../store/postgres/postgres.ts'
import { testDatabase, type TestDatabase } from '../../testkit/postgres.ts'
import { caller, labKinds, startLab, type LabServer } from './testing/lab-server.ts'

const spec = z.object({ size: z.int().optional() })
const boxOf = (fields: typeof spec): Kind<any> => defineKind({
  group: 'lab.skerry.test', version: 'v1', kind: 'Box', plural: 'boxes', singular: 'box', shortNames: [], categories: [], namespaced: false, home: 'hub',
  writers: { spec: 'user', status: 'user' }, description: 'A box.', spec: fields, columns: [],
})
const later = spec.extend({ colour: z.string().meta({ 'x-skerry-since': 2 }).optional() })
const boxes = '/apis/lab.skerry.test/v1/boxes'

interface Server { readonly lab: LabServer; readonly store: PostgresStore; readonly call: ReturnType<typeof caller> }
let database: TestDatabase
const open = new Set<Server>()
const start = async (schema: number, kind: Kind<any>): Promise<Server> => {
  const store = await openPostgresStore({ connection: database.connection, log: silent, schema, beatMs: 20 })
  const lab = await startLab({ store, kinds: [...labKinds, kind] })
  const server = { lab, store, call: caller(lab) }
  open.add(server)
  return server
}
const stop = async (server: Server): Promise<void> => { open.delete(server); await server.lab.close() }
const agreed = async ({ store }: Server, number: number): Promise<void> => { while (store.schema.agreed !== number) await new Promise((done) => setTimeout(done, 5)) }

beforeEach(async () => { database = await testDatabase() })
afterEach(async () => {
  for (const server of open) await stop(server)
  await database.drop()
})

test('S11 a new field is refused until every server that is there knows it, and an older server does not write what a newer one wrote', async () => {
  const [old, young] = [await start(1, boxOf(spec)), await start(2, boxOf(later as never))]
  expect(young.store.schema).toMatchObject({ known: 2, agreed: 1 })
  expect((await young.call('POST', boxes, { metadata: { name: 'a' }, spec: { size: 1 } })).code).toBe(201)
  const refused = await young.call('POST', boxes, { metadata: { name: 'b' }, spec: { colour: 'red' } })
  expect([refused.body.code, refused.body.reason, refused.headers.get('retry-after')]).toEqual([503, 'ServiceUnavailable', '1'])
  expect(refused.body.message).toMatch(/^spec\.colour is new/)
  // What was written with both there, both may write.
  expect((await old.call('PATCH', `${boxes}/a`, { spec: { size: 2 } })).code).toBe(200)

  await stop(old)
  await agreed(young, 2)
  expect((await young.call('PATCH', `${boxes}/a`, { spec: { colour: 'red' } })).body.spec).toEqual({ size: 2, colour: 'red' })

  const again = await start(1, boxOf(spec))
  for (const [method, body] of [['PATCH', { spec: { size: 3 } }], ['PATCH', { metadata: { labels: { a: 'b' } } }], ['DELETE', undefined]] as const) {
    const { code, body: status } = await again.call(method, `${boxes}/a`, body)
    expect([method, code, status.reason]).toEqual([method, 503, 'ServiceUnavailable'])
  }
  // It serves the bytes as they are, and works on with all others.
  expect((await again.call('GET', `${boxes}/a`)).body.spec).toEqual({ size: 2, colour: 'red' })
  expect((await again.call('POST', boxes, { metadata: { name: 'c' }, spec: { size: 1 } })).code).toBe(201)
  await agreed(young, 1)
  // The newer one keeps what stands there, and may change the rest.
  expect((await young.call('PATCH', `${boxes}/a`, { spec: { size: 4 } })).body.spec).toEqual({ size: 4, colour: 'red' })
  expect((await young.call('PATCH', `${boxes}/a`, { spec: { colour: 'blue' } })).code).toBe(503)
  expect((await again.call('PATCH', `${boxes}/a`, { spec: { size: 5 } })).code).toBe(503)
})

test('S11 one write of an old server to a newer object refuses none of the others in its batch', async () => {
  const young = await start(2, boxOf(later as never))
  await young.call('POST', boxes, { metadata: { name: 'a' }, spec: { colour: 'red' } })
  const old = await start(1, boxOf(spec))
  const answers = await Promise.all(['a', 'b', 'c', 'd'].map((name) => old.call(name === 'a' ? 'PATCH' : 'POST', name === 'a' ? `${boxes}/a` : boxes, name === 'a' ? { spec: { size: 1 } } : { metadata: { name }, spec: {} })))
  expect(answers.map(({ code }) => code)).toEqual([503, 201, 201, 201])
})
