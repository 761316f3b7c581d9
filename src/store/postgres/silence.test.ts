/** A server that is lost without a word: its host has no power, or the way to it drops everything. TCP notices after a quarter of an hour. */
import net from 'node:net'
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { testDatabase, type TestDatabase } from '../../../testkit/postgres.ts'
import { collect, keyOf, put, versionsOf } from '../../../testkit/store-contract.ts'
import { openCache } from '../cache.ts'
import { isUnavailable } from '../errors.ts'
import { silent } from '../log.ts'
import { limits, type Connection } from './connection.ts'
import { openPostgresStore, type PostgresOptions, type PostgresStore } from './postgres.ts'
import { openSession, type Session } from './session.ts'

interface Way {
  readonly connection: Connection
  /** What is connected now carries nothing any more, or no answers; who connects anew reaches the server. */
  lose(what?: 'everything' | 'answers'): void
  /** Whoever connects from now on hears nothing. */
  swallow(): void
  /** What is connected now is reset. */
  reset(): void
  close(): void
}

async function wayTo(connection: Connection): Promise<Way> {
  const pairs: { readonly near: net.Socket; readonly far: net.Socket }[] = []
  let isSwallowing = false
  // Half open: what is lost does not answer a goodbye either.
  const server = net.createServer({ allowHalfOpen: true }, (near) => {
    near.on('error', () => {})
    const far = net.connect(`${connection.host}/.s.PGSQL.${connection.port}`)
    far.on('error', () => {})
    pairs.push({ near, far })
    if (isSwallowing) return
    near.pipe(far).pipe(near)
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  return {
    connection: { ...connection, host: '127.0.0.1', port: (server.address() as net.AddressInfo).port },
    lose(what = 'everything') {
      for (const { near, far } of pairs) {
        far.unpipe(near).resume()
        if (what === 'everything') near.unpipe(far).resume()
      }
    },
    swallow() {
      isSwallowing = true
    },
    reset() {
      for (const { near, far } of pairs.splice(0)) { near.resetAndDestroy(); far.destroy() }
    },
    close() {
      server.close()
      for (const each of pairs.flatMap(({ near, far }) => [near, far])) each.destroy()
    },
  }
}

let database: TestDatabase
let way: Way
const closing: (() => Promise<unknown>)[] = []
beforeEach(async () => {
  database = await testDatabase()
  way = await wayTo(database.connection)
})
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
  way.close()
  await database.drop()
})

async function openStore(options: Partial<PostgresOptions> = {}): Promise<PostgresStore> {
  const store = await openPostgresStore({ connection: way.connection, log: silent, silenceMs: 300, ...options })
  closing.push(() => store.close())
  return store
}
const outcomeOf = (answer: Promise<unknown>): Promise<string> => answer.then(() => 'answered', (error: unknown) => (isUnavailable(error) ? 'unavailable' : String(error)))
/** One question on each connection; two on the first. */
const askAll = (store: PostgresStore): Promise<readonly string[]> => Promise.all([
  store.sealed.get('x'), store.version(), store.changes(0, 10), store.history(0, 10), store.overwritten({ after: 0, upTo: 1, resource: 'things.test', namespace: undefined }), store.audit.links(0, 10), store.leases.acquire('slot', 'me', 60_000),
].map(outcomeOf))

test('S10 after a silent loss each connection is given up in time: what waits behind the lost question, and the next one, are answered', async () => {
  const store = await openStore()
  await store.commit({ operations: [put('a', 'absent')] })
  await askAll(store)
  way.lose()
  const written = store.commit({ operations: [put('b', 'absent')] })
  expect(await askAll(store)).toEqual(['unavailable', 'answered', ...Array<string>(5).fill('unavailable')])
  expect(await askAll(store)).toEqual(Array(7).fill('answered'))
  expect(await versionsOf(written)).toEqual([2])
})

test('S5 after a silent loss the cache follows again, and hears of others without asking', async () => {
  const [store, other] = [await openStore(), await openStore({ connection: database.connection })]
  const cache = await openCache(store, { log: silent, pollMs: 60_000 })
  closing.push(() => cache.close())
  const watched = collect()
  cache.watch('things.test', undefined, 0, watched.note)
  await cache.fresh()
  way.lose()
  await other.commit({ operations: [put('a', 'absent')] })
  while ((await outcomeOf(cache.fresh())) === 'unavailable');
  expect(cache.get(keyOf('a'))?.version).toBe(1)
  await other.commit({ operations: [put('b', 'absent')] })
  await watched.until(2)
  expect(watched.seen.map(({ version }) => version)).toEqual([1, 2])
})

test('S3 a commit whose answer is lost in silence is looked up, and answered as it was made', async () => {
  const store = await openStore()
  await store.commit({ operations: [put('a', 'absent')] })
  way.lose('answers')
  expect(await versionsOf(store.commit({ operations: [put('b', 'absent')] }))).toEqual([2])
  expect((await store.changes(0, 10)).map(({ version, key }) => [version, key.name])).toEqual([[1, 'a'], [2, 'b']])
})

test('S3 a commit of which nothing can be known, for nobody answers any more, is said to be unclear in time', async () => {
  const store = await openStore({ settleMs: 500 })
  await store.commit({ operations: [put('a', 'absent')] })
  way.lose()
  way.swallow()
  const began = performance.now()
  await expect(store.commit({ operations: [put('b', 'absent')] })).rejects.toMatchObject({ unclear: true })
  expect(performance.now() - began).toBeLessThan(2_500)
})

test('S10 the cache and the store close while questions wait for a lost server', async () => {
  const store = await openStore()
  const cache = await openCache(store, { log: silent, pollMs: 60_000 })
  await askAll(store)
  await store.commit({ operations: [put('a', 'absent')] })
  way.lose()
  const waited = outcomeOf(cache.waitFor(2, 500))
  await turn()
  const began = performance.now()
  await cache.close()
  const asked = askAll(store)
  await store.close()
  // Nobody is left without an answer, whichever it is.
  await Promise.all([waited, asked])
  expect(performance.now() - began).toBeLessThan(5_000)
})

test('S10 a connection that is being made ends with the patience of who waits, with a cut and with a close', async () => {
  way.swallow()
  const open = (silenceMs: number): Session => openSession({ connection: way.connection, purpose: 'test', log: silent, limits: { ...limits, silenceMs } })
  const query = { text: 'select 1' }
  const began = performance.now()
  expect(await outcomeOf(open(100).query(query))).toBe('unavailable')
  expect(await outcomeOf(open(100).ready())).toBe('unavailable')
  const [cut, closed] = [open(10_000), open(10_000)]
  const outcomes = [cut, closed].map((session) => outcomeOf(session.query(query)))
  await sleep(20)
  cut.cut()
  await closed.close()
  expect(await Promise.all(outcomes)).toEqual(['unavailable', 'unavailable'])
  expect(performance.now() - began).toBeLessThan(2_000)
})

test('S10 a question whose connection is reset is answered as out of reach: it may be asked again', async () => {
  const store = await openStore({ silenceMs: 10_000 })
  await askAll(store)
  way.lose('answers')
  const answers = Promise.all([store.version(), store.changes(0, 10), store.history(0, 10), store.overwritten({ after: 0, upTo: 1, resource: 'things.test', namespace: undefined })].map(outcomeOf))
  await sleep(20)
  way.reset()
  expect(await answers).toEqual(Array(4).fill('unavailable'))
  expect(await store.version()).toBe(0)
})
