/** From the version before, while a server of that version is at work. */
import pg from 'pg'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { previousServer } from '../../../testkit/previous-server.ts'
import { asAdmin, testDatabase, type TestDatabase } from '../../../testkit/postgres.ts'
import { put, versionsOf } from '../../../testkit/store-contract.ts'
import { openCache } from '../cache.ts'
import { silent } from '../log.ts'
import { migrate, migrations } from './migrate.ts'
import { openPostgresStore } from './postgres.ts'

let database: TestDatabase
beforeEach(async () => {
  database = await testDatabase()
  await asAdmin(database.connection, 'drop schema public cascade; create schema public')
})
afterEach(() => database.drop())

const previous = 4
const query = async (sql: string): Promise<pg.QueryResult> => {
  const client = new pg.Client(database.connection)
  await client.connect()
  return client.query(sql).finally(() => client.end())
}
const upTo = async (number: number) => (await migrations()).filter((each) => each.number <= number)

test('S11 a database of the version before is migrated while a server of that version writes, and both go on', async () => {
  await migrate(database.connection, silent, undefined, await upTo(previous))
  await asAdmin(database.connection, 'select log_extend(100000, 65536)')
  const old = await previousServer(database.connection)
  old.startWriting()
  while (old.versions.length < 50) await new Promise((done) => setTimeout(done, 5))

  const young = await openPostgresStore({ connection: database.connection, log: silent, schema: 2, beatMs: 20 })
  const cache = await openCache(young, { log: silent, pollMs: 50 })
  const before = old.versions.length
  const mine: number[] = []
  for (let i = 0; i < 50; i += 1) mine.push(...(await versionsOf(young.commit({ operations: [put(`young-${i}`, 'absent')] }))))
  while (old.versions.length < before + 50) await new Promise((done) => setTimeout(done, 5))
  // The old one is counted among those who are there.
  while (young.schema.agreed !== 1) await new Promise((done) => setTimeout(done, 5))
  await old.stop()
  await cache.fresh()

  expect(old.errors).toEqual([])
  const all = [...old.versions, ...mine].sort((a, b) => a - b)
  expect(all).toEqual(Array.from({ length: all.length }, (_, i) => i + 1))
  expect(cache.version).toBe(all.length)
  // The whole log, from before the migration on, with every object before.
  const changes = await young.changes(0, 10_000)
  expect(changes.map((change) => change.version)).toEqual(all)
  expect(changes.filter((change) => change.key.name === 'old-0' && change.before === undefined).length).toBe(1)
  const { rows } = await query(`select count(*)::int as records from audit where record like '%"user":"previous"%'`)
  expect(rows).toEqual([{ records: old.versions.length }])
  await cache.close()
  await young.close()
})

test('S11 a server of the version before does not write what a newer one wrote, and has its other writes made', async () => {
  await migrate(database.connection, silent)
  const young = await openPostgresStore({ connection: database.connection, log: silent, schema: 2 })
  expect(await versionsOf(young.commit({ operations: [put('new', 'absent')] }))).toEqual([1])
  await young.close()
  const old = await previousServer(database.connection)
  expect(await old.put('old', 0, '1')).toBe(2)
  await expect(old.put('new', 1, '2')).rejects.toMatchObject({ code: '22023' })
  expect(await old.put('old', 2, '2')).toBe(3)
  await old.stop()
})

test('a program starts beside a later migration that allows it, and not beside another', async () => {
  await migrate(database.connection, silent)
  const highest = (await migrations()).at(-1)!.number
  await asAdmin(database.connection, `insert into migration (number, name, sha256, beside) values (9998, 'later', '', ${highest})`)
  await migrate(database.connection, silent)
  await asAdmin(database.connection, `insert into migration (number, name, sha256, beside) values (9999, 'much later', '', 9998)`)
  await expect(migrate(database.connection, silent)).rejects.toThrow('migration 9999, which this program does not know')
})
