/** A database that is not the one it was. Each test has a server of its own, for only a whole server is put back or promoted. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { restorableServer, restoreInto, type RestorableServer } from '../../../testkit/restore.ts'
import { collect, keyOf, put, versionsOf } from '../../../testkit/store-contract.ts'
import { openCache, type Cache } from '../cache.ts'
import { isBehind, isExpired, isUnavailable } from '../errors.ts'
import { silent } from '../log.ts'
import type { Connection } from './connection.ts'
import { beginEpoch } from './epoch.ts'
import { openPostgresStore, type PostgresStore } from './postgres.ts'

const epochSize = 2 ** 32
let directory: string
let server: RestorableServer
const closing: (() => Promise<unknown>)[] = []

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'skerry-epoch-'))
  server = await restorableServer(join(directory, 'one'))
}, 60_000)
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
  await server.stop()
  await rm(directory, { recursive: true, force: true })
}, 60_000)

interface Replica { readonly store: PostgresStore; readonly cache: Cache }
async function replica(connection: Connection = server.connection): Promise<Replica> {
  const store = await openPostgresStore({ connection, log: silent, span: 10 })
  closing.push(() => store.close())
  const cache = await openCache(store, { log: silent, pollMs: 100 })
  closing.push(() => cache.close())
  return { store, cache }
}

const epochsOf = async (connection: Connection): Promise<readonly (readonly [number, number, number])[]> => {
  const client = new pg.Client(connection)
  await client.connect()
  const { rows } = await client.query<{ number: string; ended: string; base: string }>('select number, ended, base from epoch order by number')
  await client.end()
  return rows.map((row) => [Number(row.number), Number(row.ended), Number(row.base)] as const)
}
const namesOf = ({ cache }: Replica): readonly string[] => cache.list('things.test').map((row) => row.name)
/** A server that has just come back refuses connections for a moment. */
const patiently = async <T>(call: () => Promise<T>): Promise<T> => {
  for (;;) try { return await call() } catch (error) { if (isBehind(error) || !isUnavailable(error)) throw error }
}
const endOf = (cache: Cache, after: number): Promise<unknown> => new Promise((resolve) => cache.watch('things.test', undefined, after, () => {}, resolve))

test('S7 after a recovery to a point in time one replica begins an epoch: versions go on above all that were seen, watches end, what was lost is 410', async () => {
  const [one, two] = [await replica(), await replica()]
  await versionsOf(one.store.commit({ operations: [put('a', 'absent')] }))
  const held = await one.store.leases.acquire('slot', 'holder', 60_000)
  await server.keep()
  expect(await patiently(() => versionsOf(one.store.commit({ operations: [put('lost', 'absent'), put('lost-too', 'absent')] })))).toEqual([2, 3])
  await two.cache.fresh()
  const [ended, ...others] = [endOf(two.cache, 3), endOf(two.cache, 1)]
  await server.putBack('recover')

  const written = await Promise.all([one, two].map(({ store }, i) => patiently(() => versionsOf(store.commit({ operations: [put(`new-${i}`, 'absent')] })))))
  const base = 1 + epochSize
  expect(written.flat().sort()).toEqual([base + 1, base + 2])
  expect(await epochsOf(server.connection)).toEqual([[0, 0, 0], [1, 1, base]])
  expect(await Promise.all([ended, ...others])).toSatisfy((errors: unknown[]) => errors.every(isExpired))
  for (const each of [one, two]) {
    await each.cache.fresh()
    expect(each.cache.version).toBe(base + 2)
    expect(namesOf(each)).toEqual(['a', 'new-0', 'new-1'])
    for (const version of [1, 2, 3, base - 1]) {
      expect(await endOf(each.cache, version)).toSatisfy(isExpired)
      await expect(each.cache.listAt(version, 'things.test')).rejects.toSatisfy(isExpired)
    }
  }
  // What goes on from the new epoch is whole, and nobody holds a lease of the old one.
  const collector = collect()
  two.cache.watch('things.test', undefined, base, collector.note)
  await collector.until(2)
  expect(collector.seen.map(({ version }) => version)).toEqual([base + 1, base + 2])
  expect(held.kind === 'held' && (await one.store.commit({ operations: [put('b', 'absent')], fence: { slot: 'slot', epoch: held.lease.epoch } }))).toEqual({ kind: 'fenced' })
  const again = await one.store.leases.acquire('slot', 'holder', 60_000)
  expect(again.kind === 'held' && again.lease.epoch).toBeGreaterThan(epochSize)
}, 60_000)

test('S7 nobody writes: a replica that only reads begins the epoch, and shows nothing that was lost', async () => {
  const one = await replica()
  await versionsOf(one.store.commit({ operations: [put('a', 'absent')] }))
  await server.keep()
  await patiently(() => versionsOf(one.store.commit({ operations: [put('lost', 'absent')] })))
  await one.cache.fresh()
  await server.putBack('recover')
  await patiently(() => one.cache.fresh())
  expect(namesOf(one)).toEqual(['a'])
  expect(one.cache.version).toBe(1 + epochSize)
}, 60_000)

test('S7 a volume put back without a sign: who remembers more neither writes nor reads until new-epoch', async () => {
  const one = await replica()
  await versionsOf(one.store.commit({ operations: [put('a', 'absent')] }))
  await server.keep()
  await patiently(() => versionsOf(one.store.commit({ operations: [put('lost', 'absent')] })))
  await one.cache.fresh()
  const ended = endOf(one.cache, 2)
  await server.putBack('silently')

  await expect(patiently(() => one.store.commit({ operations: [put('b', 'absent')] }))).rejects.toSatisfy(isBehind)
  await expect(patiently(() => one.cache.fresh())).rejects.toSatisfy(isBehind)
  await expect(one.store.snapshot()).rejects.toSatisfy(isBehind)
  await expect(one.store.changes(1, 10)).rejects.toSatisfy(isBehind)
  await expect(one.store.overwritten({ after: 1, upTo: 2, resource: 'things.test', namespace: undefined })).rejects.toSatisfy(isBehind)
  expect(await epochsOf(server.connection)).toEqual([[0, 0, 0]])

  expect(await beginEpoch(server.connection, 'the volume was put back', silent)).toEqual({ number: 1, ended: 1, base: 1 + epochSize })
  expect(await ended).toSatisfy(isExpired)
  expect(await versionsOf(one.store.commit({ operations: [put('b', 'absent')] }))).toEqual([2 + epochSize])
  await one.cache.fresh()
  expect(namesOf(one)).toEqual(['a', 'b'])
}, 60_000)

test('S7 of many who find another server at once, one begins the epoch', async () => {
  await replica()
  const clients = await Promise.all(Array.from({ length: 8 }, async () => {
    const client = new pg.Client(server.connection)
    await client.connect()
    closing.push(() => client.end())
    return client
  }))
  await clients[0]!.query(`update epoch set timeline = '0000000F'`)
  await Promise.all(clients.map((client) => client.query('select keep_epoch()')))
  expect(await epochsOf(server.connection)).toEqual([[0, 0, 0], [1, 0, epochSize]])
})

test('S7 a server promoted under an open connection: the batch is refused, and goes on in the new epoch', async () => {
  const { store } = await replica()
  await versionsOf(store.commit({ operations: [put('a', 'absent')] }))
  const client = new pg.Client(server.connection)
  await client.connect()
  await client.query(`update epoch set timeline = '0000000F'`)
  await client.end()
  expect(await versionsOf(store.commit({ operations: [put('b', 'absent')] }))).toEqual([epochSize + 2])
})

test('S7 a dump restored into another server, or into the same one, begins an epoch', async () => {
  const one = await replica()
  for (const name of ['a', 'b', 'c']) await one.store.commit({ operations: [put(name, 'absent')] })
  const other = await restorableServer(join(directory, 'two'))
  closing.push(() => other.stop())
  await restoreInto(server.connection, other.connection)
  const elsewhere = await replica(other.connection)
  expect(await versionsOf(elsewhere.store.commit({ operations: [put('d', 'absent'), put('a', 1, '2')] }))).toEqual([epochSize + 4, epochSize + 5])
  await elsewhere.cache.fresh()
  expect(elsewhere.cache.get(keyOf('c'))?.version).toBe(3)
  expect(await epochsOf(other.connection)).toEqual([[0, 0, 0], [1, 3, epochSize + 3]])
  // The log's objects before are still known: the row that was changed is from below the floor.
  expect((await elsewhere.store.changes(epochSize + 3, 10)).map((change) => change.before?.version)).toEqual([undefined, 1])

  const client = new pg.Client(server.connection)
  await client.connect()
  await client.query('create database restored')
  await client.end()
  const same = { ...server.connection, database: 'restored' }
  await restoreInto(server.connection, same)
  expect((await replica(same)).cache.version).toBe(epochSize + 3)
  // The first server is as it was.
  expect(await versionsOf(one.store.commit({ operations: [put('d', 'absent')] }))).toEqual([4])
}, 90_000)
