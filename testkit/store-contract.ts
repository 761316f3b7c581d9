/** What every store does, memory and PostgreSQL alike: one suite, run by both folders' tests. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openCache, type Cache } from '../src/store/cache.ts'
import { isExpired, isTooLarge } from '../src/store/errors.ts'
import { silent } from '../src/store/log.ts'
import type { Change, Committed, NewRow, Operation, Row, Store, StoreKey } from '../src/store/store.ts'

export interface StoreUnderTest {
  readonly store: Store
  /** Makes the log forget what is above the number of changes it was opened to keep. */
  forget(): Promise<void>
  close(): Promise<void>
}

export const keyOf = (name: string, namespace = 'ns', resource = 'things.test'): StoreKey => ({ resource, namespace, name })

export const rowOf = (key: StoreKey, text = '1', more: Partial<NewRow> = {}): NewRow => ({
  ...key, uid: `uid-${key.name}`, body: `{"apiVersion":"test/v1","kind":"Thing","metadata":{"name":"${key.name}"},"spec":{"text":"${text}"}}`,
  labels: {}, ownerUids: [], finalizers: [], deleting: false, ...more,
})

export const put = (name: string, expected: number | 'absent', text?: string, more?: Partial<NewRow>): Operation => ({ key: keyOf(name), expect: expected, row: rowOf(keyOf(name), text, more) })
export const remove = (name: string, expected: number): Operation => ({ key: keyOf(name), expect: expected, row: undefined })

/** The versions of a commit that must pass. */
export async function versionsOf(committed: Promise<Committed>): Promise<readonly number[]> {
  const answer = await committed
  if (answer.kind !== 'committed') throw new Error(`refused: ${answer.kind}`)
  return answer.versions
}

/** Resolves when `seen` holds as many as wanted; the watcher calls `note`. */
export function collect(): { readonly seen: Change[]; note(changes: readonly Change[]): void; until(count: number): Promise<void> } {
  const seen: Change[] = []
  let wanted = Infinity
  let done = (): void => {}
  return {
    seen,
    note(changes) {
      seen.push(...changes)
      if (seen.length >= wanted) done()
    },
    until: (count) =>
      new Promise((resolve) => {
        wanted = count
        done = resolve
        if (seen.length >= count) resolve()
      }),
  }
}

/** The same numbers for the same seed (a linear congruential generator, Numerical Recipes' constants). */
function randomFrom(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

export function storeContract(name: string, open: (kept: number) => Promise<StoreUnderTest>): void {
  describe(`store contract: ${name}`, () => {
    let under: StoreUnderTest
    let store: Store
    const caches: Cache[] = []
    const cacheOf = async (ring?: number): Promise<Cache> => {
      const cache = await openCache(store, { log: silent, pollMs: 200, ...(ring === undefined ? {} : { ring }) })
      caches.push(cache)
      return cache
    }
    const opened = async (kept: number): Promise<void> => {
      under = await open(kept)
      store = under.store
    }
    beforeEach(() => opened(1_000))
    afterEach(async () => {
      for (const cache of caches.splice(0)) await cache.close()
      await under.close()
    })
    const reopened = async (kept: number): Promise<void> => {
      await under.close()
      await opened(kept)
    }

    test('S1 each change gets the next version, and a snapshot stands at the last one', async () => {
      expect(await versionsOf(store.commit({ operations: [put('a', 'absent'), put('b', 'absent')] }))).toEqual([1, 2])
      expect(await versionsOf(store.commit({ operations: [put('a', 1, '2')] }))).toEqual([3])
      expect(await versionsOf(store.commit({ operations: [remove('b', 2)] }))).toEqual([4])
      expect(await store.version()).toBe(4)
      expect(await store.snapshot()).toEqual({ version: 4, rows: [{ ...rowOf(keyOf('a'), '2'), version: 3 }] })
    })

    test('S2 a transaction over several objects passes whole or not at all', async () => {
      await store.commit({ operations: [put('a', 'absent')] })
      const refused = await store.commit({ operations: [put('b', 'absent'), put('a', 'absent', '2'), put('c', 'absent')] })
      expect(refused).toEqual({ kind: 'conflict', key: keyOf('a'), current: { ...rowOf(keyOf('a')), version: 1 } })
      expect(await store.snapshot()).toEqual({ version: 1, rows: [{ ...rowOf(keyOf('a')), version: 1 }] })
    })

    test('S2 a comparison with an absent object names the key and nothing', async () => {
      expect(await store.commit({ operations: [put('a', 7)] })).toEqual({ kind: 'conflict', key: keyOf('a'), current: undefined })
      expect(await store.commit({ operations: [remove('a', 7)] })).toEqual({ kind: 'conflict', key: keyOf('a'), current: undefined })
    })

    test('S2 of many writers with one expectation exactly one passes', async () => {
      await store.commit({ operations: [put('a', 'absent')] })
      const answers = await Promise.all(Array.from({ length: 50 }, (_, i) => store.commit({ operations: [put('a', 1, `by ${i}`)] })))
      expect(answers.filter((each) => each.kind === 'committed')).toEqual([{ kind: 'committed', versions: [2] }])
      const winner = answers.findIndex((each) => each.kind === 'committed')
      expect((await store.snapshot()).rows).toEqual([{ ...rowOf(keyOf('a'), `by ${winner}`), version: 2 }])
    })

    test('S2 writes of one caller to one key keep their order within one turn', async () => {
      const answers = await Promise.all([store.commit({ operations: [put('a', 'absent', '1')] }), store.commit({ operations: [put('a', 1, '2')] }), store.commit({ operations: [remove('a', 2)] })])
      expect(answers).toEqual([1, 2, 3].map((version) => ({ kind: 'committed', versions: [version] })))
    })

    test('S2 a transaction that names a key twice is a mistake', async () => {
      await expect(store.commit({ operations: [put('a', 'absent'), put('a', 'absent')] })).rejects.toThrow(TypeError)
    })

    test('S4 the log tells each change with the object before and after', async () => {
      await store.commit({ operations: [put('a', 'absent', '1', { labels: { tier: 'x' }, ownerUids: ['o'] })] })
      await store.commit({ operations: [put('a', 1, '2', { finalizers: ['f'], deleting: true })] })
      await store.commit({ operations: [remove('a', 2)] })
      const first = { ...rowOf(keyOf('a'), '1', { labels: { tier: 'x' }, ownerUids: ['o'] }), version: 1 }
      const second = { ...rowOf(keyOf('a'), '2', { finalizers: ['f'], deleting: true }), version: 2 }
      const key = keyOf('a')
      expect(await store.changes(0, 10)).toEqual([
        { version: 1, key, uid: 'uid-a', before: undefined, after: first },
        { version: 2, key, uid: 'uid-a', before: first, after: second },
        { version: 3, key, uid: 'uid-a', before: second, after: undefined },
      ])
      expect((await store.changes(1, 1)).map((each) => each.version)).toEqual([2])
      expect(await store.changes(3, 10)).toEqual([])
    })

    test('S4 below the floor is expired, above it the log answers with every object before', async () => {
      await reopened(10)
      await store.commit({ operations: [put('quiet', 'absent')] })
      for (let i = 0; i < 40; i += 1) await store.commit({ operations: [put(`k${i}`, 'absent')] })
      await under.forget()
      const floor = await store.floor()
      expect(floor).toBeGreaterThan(1)
      await expect(store.changes(floor - 1, 10)).rejects.toSatisfy(isExpired)
      await store.commit({ operations: [put('quiet', 1, '2')] })
      const kept = await store.changes(floor, 1_000)
      expect(kept.map((each) => each.version)).toEqual(Array.from({ length: 42 - floor }, (_, i) => floor + 1 + i))
      expect(kept.at(-1)).toEqual({ version: 42, key: keyOf('quiet'), uid: 'uid-quiet', before: { ...rowOf(keyOf('quiet')), version: 1 }, after: { ...rowOf(keyOf('quiet'), '2'), version: 42 } })
    })

    test('S5 who wrote reads the write from the cache, at the version of the cache', async () => {
      const cache = await cacheOf()
      for (const i of [1, 2, 3]) {
        await store.commit({ operations: [put(`k${i}`, 'absent')] })
        await cache.fresh()
        expect(cache.get(keyOf(`k${i}`))?.version).toBe(i)
        expect(cache.version).toBe(i)
      }
      expect(cache.list('things.test').map((row) => row.name)).toEqual(['k1', 'k2', 'k3'])
    })

    test('S5 a version from the future is waited for, and refused when it does not come', async () => {
      const cache = await cacheOf()
      const waiting = cache.waitFor(1, 5_000)
      await store.commit({ operations: [put('a', 'absent')] })
      await waiting
      await expect(cache.waitFor(2, 20)).rejects.toSatisfy(isTooLarge)
    })

    test('S5 lists are in order of namespace and name, and owners find their children of any resource', async () => {
      const cache = await cacheOf()
      const keys = [keyOf('b', 'n2'), keyOf('a', 'n2'), keyOf('z', 'n1'), keyOf('c', '', 'others.test')]
      for (const key of keys) await store.commit({ operations: [{ key, expect: 'absent', row: rowOf(key, '1', { ownerUids: ['owner'] }) }] })
      await cache.fresh()
      expect(cache.list('things.test').map((row) => `${row.namespace}/${row.name}`)).toEqual(['n1/z', 'n2/a', 'n2/b'])
      expect(cache.list('things.test', 'n2').map((row) => row.name)).toEqual(['a', 'b'])
      expect(cache.byOwner('owner').map((row) => row.name).sort()).toEqual(['a', 'b', 'c', 'z'])
      await store.commit({ operations: [{ key: keys[0]!, expect: 1, row: rowOf(keys[0]!, '2') }, { key: keys[3]!, expect: 4, row: undefined }] })
      await cache.fresh()
      expect(cache.byOwner('owner').map((row) => row.name).sort()).toEqual(['a', 'z'])
      expect(cache.list('others.test')).toEqual([])
    })

    test('a watch from any version gets every later change once and in order, while writing goes on', async () => {
      const cache = await cacheOf(10) // so small that early versions come from the log, later ones from the ring, the last ones live
      const all = 120
      const collectors = new Map<number, ReturnType<typeof collect>>()
      for (let i = 1; i <= all; i += 1) {
        await store.commit({ operations: [put(`k${i}`, 'absent')] })
        if (i % 20 !== 0) continue
        await cache.fresh()
        for (const after of [0, i - 15, i - 5, i]) {
          const collector = collect()
          collectors.set(i * 1_000 + after, collector)
          cache.watch('things.test', undefined, after, collector.note)
        }
      }
      for (const [id, collector] of collectors) {
        const after = id % 1_000
        await collector.until(all - after)
        expect(collector.seen.map((each) => each.version)).toEqual(Array.from({ length: all - after }, (_, i) => after + 1 + i))
      }
    })

    test('a list and the changes after it make up the state, whatever was written when', async () => {
      const cache = await cacheOf(20)
      const random = randomFrom(7)
      const keys = Array.from({ length: 24 }, (_, i) => keyOf(`k${i % 8}`, `n${i % 3}`))
      const models: Map<string, Row>[] = []
      const wrong: Change[] = []
      // Lists and goes on watching from it, at moments that nobody chose.
      const follow = (): void => {
        const model = new Map(cache.list('things.test').map((row) => [`${row.namespace}/${row.name}`, row]))
        models.push(model)
        cache.watch('things.test', undefined, cache.version, (changes) => {
          for (const change of changes) {
            const id = `${change.key.namespace}/${change.key.name}`
            if (model.get(id)?.version !== change.before?.version || model.get(id)?.body !== change.before?.body) wrong.push(change)
            if (change.after === undefined) model.delete(id)
            else model.set(id, change.after)
          }
        })
      }
      await Promise.all(Array.from({ length: 6 }, async (_, writer) => {
        for (let i = 0; i < 60; i += 1) {
          const picked = [...new Set([random(24), random(24)])].map((at) => keys[at]!)
          await store.commit({
            operations: picked.map((key) => {
              const version = cache.get(key)?.version ?? 'absent'
              return { key, expect: version, row: version !== 'absent' && random(3) === 0 ? undefined : rowOf(key, `${writer}-${i}`) }
            }),
          })
          if (i % 10 === writer) follow()
        }
      }))
      await cache.fresh()
      await new Promise((resolve) => setImmediate(resolve))
      const { version, rows } = await store.snapshot()
      const state = new Map(rows.map((row) => [`${row.namespace}/${row.name}`, row]))
      expect(cache.version).toBe(version)
      expect(new Map(cache.list('things.test').map((row) => [`${row.namespace}/${row.name}`, row]))).toEqual(state)
      for (const model of models) expect(model).toEqual(state)
      expect(wrong).toEqual([])
      expect(models.length).toBe(36)
    })

    test('S6 the rows of any earlier version can be had, from memory and from the log', async () => {
      // A ring so small that most versions come from the log, and one that holds them all.
      const caches = [await cacheOf(3), await cacheOf(1_000)]
      const random = randomFrom(11)
      const keys = Array.from({ length: 12 }, (_, i) => keyOf(`k${i % 6}`, `n${i % 2}`))
      const states: (readonly Row[])[] = []
      for (let i = 0; i < 60; i += 1) {
        const key = keys[random(12)]!
        const version = caches[0]!.get(key)?.version ?? 'absent'
        await store.commit({ operations: [{ key, expect: version, row: version !== 'absent' && random(3) === 0 ? undefined : rowOf(key, `${i}`, { labels: { i: `${i}` } }) }] })
        await caches[0]!.fresh()
        states[caches[0]!.version] = caches[0]!.list('things.test')
      }
      for (const cache of caches) {
        await cache.fresh()
        for (let version = 1; version < states.length; version += 1) {
          expect(await cache.listAt(version, 'things.test')).toEqual(states[version])
          expect(await cache.listAt(version, 'things.test', 'n1')).toEqual(states[version]!.filter((row) => row.namespace === 'n1'))
          expect(await cache.listAt(version, 'others.test')).toEqual([])
        }
      }
    })

    test('S6 an earlier version is expired once it is compacted', async () => {
      await reopened(10)
      const cache = await cacheOf(3)
      await store.commit({ operations: [put('quiet', 'absent')] })
      for (let i = 0; i < 40; i += 1) await store.commit({ operations: [put(`k${i}`, 'absent')] })
      await store.commit({ operations: [put('quiet', 1, '2')] })
      await under.forget()
      await cache.fresh()
      const floor = await store.floor()
      await expect(cache.listAt(5, 'things.test')).rejects.toSatisfy(isExpired)
      expect((await cache.listAt(floor, 'things.test')).find((row) => row.name === 'quiet')).toEqual({ ...rowOf(keyOf('quiet')), version: 1 })
    })

    test('a watch of one namespace gets only what is there, and its version goes on with the rest', async () => {
      const cache = await cacheOf()
      const collector = collect()
      const watch = cache.watch('things.test', 'mine', 0, collector.note)
      const mine = keyOf('a', 'mine')
      await store.commit({ operations: [put('elsewhere', 'absent')] })
      await store.commit({ operations: [{ key: mine, expect: 'absent', row: rowOf(mine) }] })
      await store.commit({ operations: [{ key: { ...mine, resource: 'others.test' }, expect: 'absent', row: rowOf({ ...mine, resource: 'others.test' }) }] })
      await cache.fresh()
      await collector.until(1)
      expect(collector.seen.map((each) => each.version)).toEqual([2])
      expect(watch.version).toBe(3)
      watch.stop()
      await store.commit({ operations: [{ key: mine, expect: 2, row: undefined }] })
      await cache.fresh()
      expect(collector.seen.length).toBe(1)
    })

    test('a watcher that throws ends, and the others go on', async () => {
      const cache = await cacheOf()
      const collector = collect()
      const ended = new Promise((resolve) => cache.watch('things.test', undefined, 0, () => { throw new Error('broken') }, resolve))
      cache.watch('things.test', undefined, 0, collector.note)
      await store.commit({ operations: [put('a', 'absent')] })
      expect(await ended).toEqual(new Error('broken'))
      await collector.until(1)
    })

    test('S4 a watch from below the floor ends as expired', async () => {
      await reopened(10)
      const cache = await cacheOf(5)
      for (let i = 0; i < 40; i += 1) await store.commit({ operations: [put(`k${i}`, 'absent')] })
      await under.forget()
      await cache.fresh()
      const error = await new Promise((resolve) => cache.watch('things.test', undefined, 1, () => {}, resolve))
      expect(error).toSatisfy(isExpired)
    })

    test('S8 a write of what is there already stores nothing and keeps the version', async () => {
      const more = { labels: { a: '1', b: '2' }, ownerUids: ['o'], finalizers: ['f'] }
      await store.commit({ operations: [put('a', 'absent', '1', more)] })
      expect(await versionsOf(store.commit({ operations: [put('a', 1, '1', { ...more, labels: { b: '2', a: '1' } })] }))).toEqual([1])
      expect(await store.version()).toBe(1)
      expect((await store.changes(0, 10)).length).toBe(1)
      // Beside a real change it is a comparison; so is removing what must be absent.
      expect(await versionsOf(store.commit({ operations: [put('a', 1, '1', more), put('b', 'absent'), { key: keyOf('c'), expect: 'absent', row: undefined }] }))).toEqual([1, 2, 0])
      expect((await store.commit({ operations: [put('a', 9, '1', more)] })).kind).toBe('conflict')
    })

    test('S9 a body comes back byte for byte', async () => {
      const body = '{ "z":1, "a":"\\u0000 é \u{1f600} \\" \\\\ {},",\n "z":2 }'
      await store.commit({ operations: [put('a', 'absent', '', { body, labels: { 'a/b': 'NULL', c: '' }, finalizers: ['x,"y"', 'NULL'] })] })
      const expected = { ...rowOf(keyOf('a'), '', { body, labels: { 'a/b': 'NULL', c: '' }, finalizers: ['x,"y"', 'NULL'] }), version: 1 }
      expect((await store.snapshot()).rows).toEqual([expected])
      expect((await store.changes(0, 1))[0]!.after).toEqual(expected)
    })

    test('E3 a lease has one holder, and each new one a higher epoch', async () => {
      const first = await store.leases.acquire('s', 'one', 60_000)
      expect(first).toEqual({ kind: 'held', lease: { slot: 's', holder: 'one', epoch: 1 }, previousTtlMs: 0 })
      expect(await store.leases.acquire('s', 'two', 60_000)).toEqual({ kind: 'taken', holder: 'one' })
      expect(await store.leases.acquire('s', 'one', 60_000)).toEqual(first)
      expect(await store.leases.renew({ slot: 's', holder: 'one', epoch: 1 }, 60_000)).toBe(true)
      await store.leases.release({ slot: 's', holder: 'one', epoch: 1 }, 40_000)
      expect(await store.leases.renew({ slot: 's', holder: 'one', epoch: 1 }, 60_000)).toBe(false)
      const second = await store.leases.acquire('s', 'two', 60_000)
      if (second.kind !== 'held') throw new Error('a released lease is free')
      expect(second.lease).toEqual({ slot: 's', holder: 'two', epoch: 2 })
      expect(second.previousTtlMs).toBeGreaterThan(30_000)
      expect(second.previousTtlMs).toBeLessThanOrEqual(40_000)
      await store.leases.release(second.lease, -20_000)
      const third = await store.leases.acquire('s', 'three', 60_000)
      expect(third.kind === 'held' && third.previousTtlMs <= -20_000).toBe(true)
    })

    test('E4 the lease of a place that ended is over at once, and only that one', async () => {
      await store.leases.acquire('s', 'here/1', 60_000)
      await store.leases.end('s', 'there/')
      await store.leases.end('t', 'here/')
      expect(await store.leases.acquire('s', 'here/2', 60_000)).toEqual({ kind: 'taken', holder: 'here/1' })
      await store.leases.end('s', 'here/')
      expect(await store.leases.renew({ slot: 's', holder: 'here/1', epoch: 1 }, 60_000)).toBe(false)
      expect(await store.commit({ operations: [put('a', 'absent')], fence: { slot: 's', epoch: 1 } })).toEqual({ kind: 'fenced' })
      const next = await store.leases.acquire('s', 'here/2', 60_000)
      if (next.kind !== 'held') throw new Error('the slot is free')
      expect(next.lease.epoch).toBe(2)
      expect(next.previousTtlMs).toBeLessThanOrEqual(0)
      expect(next.previousTtlMs).toBeGreaterThan(-30_000)
    })

    test('E6 a write under a lease that another one holds is fenced', async () => {
      await store.leases.acquire('s', 'one', 60_000)
      expect((await store.commit({ operations: [put('a', 'absent')], fence: { slot: 's', epoch: 1 } })).kind).toBe('committed')
      await store.leases.release({ slot: 's', holder: 'one', epoch: 1 }, 0)
      expect(await store.commit({ operations: [put('b', 'absent')], fence: { slot: 's', epoch: 1 } })).toEqual({ kind: 'fenced' })
      await store.leases.acquire('s', 'two', 60_000)
      const [old, current, never] = await Promise.all([1, 2, 3].map((epoch) => store.commit({ operations: [put(`by-${epoch}`, 'absent')], fence: { slot: 's', epoch } })))
      expect([old, current, never].map((each) => each!.kind)).toEqual(['fenced', 'committed', 'fenced'])
    })

    test('sealed bytes are written once', async () => {
      expect(await store.sealed.get('x')).toBeUndefined()
      const answers = await Promise.all([1, 2, 3].map((byte) => store.sealed.putIfAbsent('x', Buffer.from([byte, 0, 255]))))
      expect(new Set(answers.map((each) => each.toString('hex'))).size).toBe(1)
      expect(await store.sealed.get('x')).toEqual(answers[0])
      await store.sealed.delete('x')
      expect(await store.sealed.get('x')).toBeUndefined()
    })

    test('T7 sealed bytes are replaced in one: at no moment is there nothing, and the last one stands', async () => {
      await store.sealed.put('x', Buffer.from([0]))
      const seen: (Buffer | undefined)[] = []
      for (let byte = 1; byte <= 20; byte++) {
        const [, , met] = await Promise.all([store.sealed.put('x', Buffer.from([255, byte])), store.sealed.put('x', Buffer.from([byte])), store.sealed.get('x')])
        seen.push(met, await store.sealed.get('x'))
      }
      expect(seen).not.toContain(undefined)
      expect(seen.at(-1)).toEqual(Buffer.from([20]))
    })
  })
}
