import { setImmediate as turn } from 'node:timers/promises'
import fc from 'fast-check'
import { afterEach, expect, test, vi } from 'vitest'
import { collect, keyOf, put, remove, rowOf, versionsOf } from '../../testkit/store-contract.ts'
import { openCache, type Cache } from './cache.ts'
import { isTooLarge } from './errors.ts'
import { silent } from './log.ts'
import { openMemoryStore } from './memory/memory.ts'
import type { News, Operation, Store } from './store.ts'

/** The memory store as PostgreSQL is: reads take turns of the loop, and who hears of a commit, and what, is up to the test. */
function slowStore(turns: () => number): { readonly store: Store; tell(news: News): void; readonly reads: { log: number; snapshots: number } } {
  const inner = openMemoryStore()
  const reads = { log: 0, snapshots: 0 }
  let told: (news: News) => void = () => {}
  const later = async <T>(answer: T): Promise<T> => {
    for (let left = turns(); left > 0; left -= 1) await turn()
    return answer
  }
  return {
    reads,
    tell: (news) => told(news),
    store: {
      ...inner,
      async changes(after, limit) { reads.log += 1; return later(await inner.changes(after, limit)) },
      async history(after, limit) { return later(await inner.history(after, limit)) },
      async snapshot() { reads.snapshots += 1; return later(await inner.snapshot()) },
      onChange(tell) { told = tell; return () => { told = () => {} } },
    },
  }
}

const newsOf = (version: number, { key, expect: stood, row }: Operation): News => ({
  upTo: version, own: { after: version - 1, changes: [{ version, key, stood: stood === 'absent' ? undefined : stood, after: row && { ...row, version } }] },
})

const caches: Cache[] = []
afterEach(async () => {
  for (const each of caches.splice(0)) await each.close()
})
async function cacheOn(store: Store): Promise<Cache> {
  const cache = await openCache(store, { log: silent, pollMs: 20 })
  caches.push(cache)
  return cache
}

test('S4 what this program commits is taken over, and the log is not read back', async () => {
  const { store, tell, reads } = slowStore(() => 1)
  const cache = await cacheOn(store)
  await cache.fresh()
  for (let i = 0; i < 5; i += 1) await turn()
  const { log } = reads
  for (let version = 1; version <= 3; version += 1) {
    const operation = put('a', version === 1 ? 'absent' : version - 1, String(version))
    await store.commit({ operations: [operation] })
    tell(newsOf(version, operation))
    expect(cache.version).toBe(version)
  }
  expect(cache.get(keyOf('a'))).toEqual({ ...rowOf(keyOf('a'), '3'), version: 3 })
  expect(reads.log).toBe(log)
})

test('S4 a commit that does not follow what the cache holds is not taken over: all is read anew', async () => {
  const { store, tell, reads } = slowStore(() => 1)
  const cache = await cacheOn(store)
  await store.commit({ operations: [put('a', 'absent')] })
  await cache.fresh()
  await store.commit({ operations: [put('a', 1, '2')] })
  const [good, bad] = [newsOf(2, put('a', 1, '2')), newsOf(3, put('a', 7, 'never written'))]
  tell({ upTo: 3, own: { after: 1, changes: [...newsOf(2, put('b', 'absent')).own!.changes, ...bad.own!.changes] } })
  // Half of it was taken over: what would follow is not believed either, until the rows are whole again.
  tell(good)
  await cache.fresh()
  expect(cache.list('things.test')).toEqual((await store.snapshot()).rows)
  expect(reads.snapshots).toBeGreaterThan(1)
})

test('S4 commits taken over and changes read from the log, in whatever order they arrive: each is seen once and in order', async () => {
  const step = fc.record({ key: fc.constantFrom('a', 'b', 'c'), removes: fc.boolean(), says: fc.constantFrom('own', 'own', 'hint', 'nothing', 'late'), turns: fc.nat(3) })
  await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 40 }), fc.infiniteStream(fc.nat(3)), async (steps, delays) => {
    const { store, tell } = slowStore(() => delays.next().value as number)
    const cache = await cacheOn(store)
    const watched = collect()
    cache.watch('things.test', undefined, 0, watched.note)
    const late: News[] = []
    for (const { key, removes, says, turns } of steps) {
      const stood = (await store.snapshot()).rows.find((each) => each.name === key)?.version
      const operation = removes && stood !== undefined ? remove(key, stood) : put(key, stood ?? 'absent', `${String(stood)}+`)
      const version = (await versionsOf(store.commit({ operations: [operation] })))[0]!
      if (says === 'own') tell(newsOf(version, operation))
      else if (says === 'hint') tell({ upTo: version })
      else if (says === 'late') late.push(newsOf(version, operation))
      for (let left = turns; left > 0; left -= 1) await turn()
      if (turns === 2) for (const each of late.splice(0)) tell(each)
    }
    await watched.until(steps.length)
    expect(watched.seen).toEqual(await store.changes(0, 100))
    expect(cache.list('things.test')).toEqual((await store.snapshot()).rows.toSorted((a, b) => (a.name < b.name ? -1 : 1)))
    await cache.close()
  }), { numRuns: 100 })
})

test('S5 who is told that the cache was rebuilt finds the new rows and their version', async () => {
  const store = openMemoryStore({ keep: 2 })
  let tell: (news: News) => void = () => {}
  const cache = await cacheOn({ ...store, onChange(told) { tell = told; return () => {} } })
  const ended = new Promise((resolve) => cache.watch('things.test', undefined, cache.version, () => {}, () => resolve({ version: cache.version, names: cache.list('things.test').map(({ name }) => name) })))
  await turn()
  for (let i = 0; i < 5; i += 1) await store.commit({ operations: [put(`k${i}`, 'absent')] })
  tell({ upTo: 5 })
  expect(await ended).toEqual({ version: 5, names: ['k0', 'k1', 'k2', 'k3', 'k4'] })
})

test.each([['the database does not say its version', Infinity], ['the database says it late and the cache does not reach it', 2_000]])('S5 a fresh read waits for 3 s in all when %s', async (_, answeredMs) => {
  const store = openMemoryStore()
  const cache = await cacheOn({ ...store, version: () => new Promise((resolve) => { if (answeredMs < Infinity) setTimeout(resolve, answeredMs, 7) }) })
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  try {
    const began = performance.now()
    const ended = cache.fresh().then(() => 'fresh', (error: unknown) => ({ isTooLarge: isTooLarge(error), afterMs: Math.round(performance.now() - began) }))
    await vi.advanceTimersByTimeAsync(10_000)
    expect(await ended).toEqual({ isTooLarge: true, afterMs: 3_000 })
  } finally {
    vi.useRealTimers()
  }
})
