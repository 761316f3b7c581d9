/** The chain in the database: what is linked, by whom, and what stays of tampering with it. */
import pg from 'pg'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { testDatabase, type TestDatabase } from '../../../testkit/postgres.ts'
import { put } from '../../../testkit/store-contract.ts'
import { silent } from '../log.ts'
import type { Connection } from './connection.ts'
import { openPostgresStore, type PostgresStore } from './postgres.ts'

let database: TestDatabase
const closing: (() => Promise<unknown>)[] = []
beforeEach(async () => { database = await testDatabase() })
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
  await database.drop()
})
const openStore = async (): Promise<PostgresStore> => {
  const store = await openPostgresStore({ connection: database.connection, log: silent })
  closing.push(() => store.close())
  return store
}
const foreign = async (connection: Connection = database.connection): Promise<pg.Client> => {
  const client = new pg.Client(connection)
  client.on('error', () => {})
  await client.connect()
  closing.push(() => client.end().catch(() => {}))
  return client
}
const tell = (store: PostgresStore, text: string) => store.commit({ operations: [], audit: JSON.stringify({ auditID: text }) })
const texts = async (store: PostgresStore): Promise<readonly (readonly [number, string])[]> => (await store.audit.links(0, 1_000)).map((l) => [l.position, (JSON.parse(l.record!) as { auditID: string }).auditID])

test('S12 links are in the order of commits, without gaps where a batch was rolled back', async () => {
  const store = await openStore()
  await tell(store, 'a')
  // Takes a number of the sequence and gives it up.
  const client = await foreign()
  await client.query('begin')
  await client.query(`insert into audit (record) values ('{"auditID":"never"}')`)
  await client.query('rollback')
  const { kind } = await store.commit({ operations: [put('x', 5)], audit: '{"auditID":"lost its comparison"}' })
  await store.commit({ operations: [put('x', 'absent')], audit: '{"auditID":"b"}' })
  expect([kind, await store.audit.seal(100), await texts(store)]).toMatchObject(['conflict', { linked: 2, head: { position: 2 } }, [[1, 'a'], [2, 'b']]])
  expect(await store.audit.seal(100)).toMatchObject({ linked: 0, head: { position: 2 } })
  expect((await store.audit.links(0, 9)).map((l) => l.version)).toEqual([0, 1])
})

test('S12 two who seal while four write: every record has one link', async () => {
  const [one, two] = [await openStore(), await openStore()]
  let isWriting = true
  const sealing = [one, two].map(async (store) => { while (isWriting) await store.audit.seal(7) })
  await Promise.all(Array.from({ length: 4 }, async (_, w) => { for (let i = 0; i < 50; i++) await tell(w % 2 === 0 ? one : two, `${w}-${i}`) }))
  isWriting = false
  await Promise.all(sealing)
  while ((await two.audit.seal(100)).linked > 0);
  const all = await texts(one)
  expect(all.map(([position]) => position)).toEqual(Array.from({ length: 200 }, (_, i) => i + 1))
  expect(all.map(([, text]) => text).toSorted()).toEqual(Array.from({ length: 200 }, (_, i) => `${i % 4}-${Math.floor(i / 4)}`).toSorted())
})

test('S12 a sealer that is killed in the middle leaves nothing, and the next one goes on', async () => {
  const [one, two] = [await openStore(), await openStore()]
  for (const text of ['a', 'b', 'c']) await tell(one, text)
  const [blocker, admin] = [await foreign(), await foreign({ ...database.connection, database: 'postgres' })]
  await blocker.query('begin')
  await blocker.query('lock table audit_checkpoint, audit_link in share mode')
  const sealing = one.audit.seal(100).then(() => 'sealed', () => 'killed')
  const waiting = async (): Promise<number | undefined> => (await admin.query<{ pid: number }>(`select pid from pg_stat_activity where datname = $1 and application_name = 'skerry audit' and wait_event_type = 'Lock'`, [database.connection.database])).rows[0]?.pid
  let pid: number | undefined
  while (pid === undefined) pid = await waiting()
  // The other one waits behind it.
  const next = two.audit.seal(100)
  await admin.query('select pg_terminate_backend($1, 5000)', [pid])
  expect(await sealing).toBe('killed')
  await blocker.query('rollback')
  expect([await next, await texts(two)]).toMatchObject([{ linked: 3, head: { position: 3 } }, [[1, 'a'], [2, 'b'], [3, 'c']]])
})

test('S12 a record with characters that jsonb refuses is linked like any other', async () => {
  const store = await openStore()
  const odd = JSON.stringify({ user: { username: 'a\u0000b\ud800c' }, verb: '\\u0000', note: 'ő\u{1f600}' })
  await store.commit({ operations: [], audit: odd })
  await store.audit.seal(10)
  expect((await store.audit.find({ verb: '\\ufffd' }, 10, 10)).map((l) => l.record)).toEqual([odd])
})

test('S12 neither records nor links are changed or removed, not even by the owner, but for what an archive holds', async () => {
  const store = await openStore()
  for (const text of ['a', 'b', 'c']) await tell(store, text)
  const { head } = await store.audit.seal(2)
  const client = await foreign()
  for (const sql of [`update audit set record = '{}'`, 'delete from audit', 'truncate audit', 'update audit_link set hash = hash', 'delete from audit_link where position = 2', 'truncate audit_link'])
    await expect(client.query(sql), sql).rejects.toThrow('the audit is not changed')
  await expect(store.audit.archived({ first: 1, last: 2, hash: '0'.repeat(64), file: 'f' })).rejects.toThrow('another hash')
  expect((await texts(store)).length).toBe(2)
  await store.audit.archived({ first: 1, last: 2, hash: head.hash, file: 'f' })
  expect([await store.audit.links(0, 9), await store.audit.archives()]).toEqual([[], [{ first: 1, last: 2, hash: head.hash, file: 'f' }]])
  await expect(client.query('delete from audit')).rejects.toThrow('the audit is not changed')
  // The chain goes on where the archive ends.
  await store.audit.seal(10)
  expect(await texts(store)).toEqual([[3, 'c']])
})

test('S12 records are found by user, verb, resource, namespace, name, denial and time, newest first, in pages', async () => {
  const store = await openStore()
  const record = (user: string, verb: string, name: string, decision = 'allow') => JSON.stringify({ verb, user: { username: user }, objectRef: { resource: 'clusters', namespace: 'shop', name }, decision })
  for (const text of [record('ada', 'create', 'a'), record('bob', 'create', 'b', 'deny'), record('ada', 'delete', 'a'), record('ada', 'create', 'c')]) await store.commit({ operations: [], audit: text })
  await store.audit.seal(10)
  const found = async (filter: Parameters<PostgresStore['audit']['find']>[0], below = 1_000, limit = 10) => (await store.audit.find(filter, below, limit)).map((l) => l.position)
  const soon = new Date(Date.now() + 3_600_000).toISOString()
  expect([
    await found({}), await found({ user: 'ada' }), await found({ user: 'ada', verb: 'create' }), await found({ name: 'a' }), await found({ denied: true }), await found({ denied: false, namespace: 'shop', resource: 'clusters' }), await found({ resource: 'sites' }),
    await found({ since: soon }), await found({ until: soon, user: 'bob' }), await found({}, 1_000, 2), await found({}, 3, 2),
  ]).toEqual([[4, 3, 2, 1], [4, 3, 1], [4, 1], [3, 1], [2], [4, 3, 1], [], [], [2], [4, 3], [2, 1]])
})
