import { setImmediate as turn } from 'node:timers/promises'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { rowOf } from '../../testkit/store-contract.ts'
import { expired } from './errors.ts'
import type { Change } from './store.ts'
import { openWatchers } from './watchers.ts'

const resources = ['things.test', 'others.test'] as const
const changeOf = (version: number, size = 1): Change => {
  const key = { resource: resources[version % 3 === 0 ? 1 : 0], namespace: '', name: String(version) }
  return { version, key, uid: key.name, before: undefined, after: { ...rowOf(key, 'x'.repeat(size)), version } }
}
const upTo = (version: number, size?: number): Change[] => Array.from({ length: version }, (_, i) => changeOf(i + 1, size))

/** A log of so many changes of which the ring has the last ones, and what was read of it. */
const standing = (count: number, ring: number, size?: number) => {
  const log = upTo(count, size)
  const reads: number[] = []
  const watchers = openWatchers(count - ring, ring, async (after, limit) => {
    reads.push(after)
    const found = log.slice(after, after + limit)
    await turn()
    return found
  })
  watchers.push(log.slice(count - ring))
  return {
    watchers, reads,
    push(): void { log.push(changeOf(log.length + 1, size)); watchers.push(log.slice(-1)) },
    wanted: (after: number) => log.slice(after).filter((c) => c.key.resource === resources[0]),
  }
}
const until = async (isSo: () => boolean): Promise<void> => { for (let i = 0; !isSo(); i++) { if (i > 100_000) throw new Error('it does not come'); await turn() } }

test('S4 E5 wherever a watch begins, however slow its reader and whatever comes meanwhile: each change once, in order, and a version that promises no more than was taken', async () => {
  await fc.assert(fc.asyncProperty(fc.array(fc.nat(3_000), { minLength: 1, maxLength: 12 }), fc.array(fc.nat(6), { minLength: 1, maxLength: 200 }), fc.nat(3_000), async (starts, pauses, ring) => {
    const s = standing(3_000, ring)
    let step = 0
    const all = starts.map((after) => {
      const taken: Change[] = []
      const handle = s.watchers.watch(resources[0], undefined, after, (changes, to, isLive) => {
        const take = (): void => { expect(changes.at(-1)!.version).toBeLessThanOrEqual(to); taken.push(...changes) }
        if (isLive) return take()
        return (async () => {
          for (let left = pauses[step++ % pauses.length]!; left > 0; left--) { await turn(); expect(handle.version).toBeLessThanOrEqual(Math.max(after, taken.at(-1)?.version ?? after, handle.version)) }
          expect(handle.version).toBeLessThan(changes[0]!.version)
          take()
        })()
      })
      return { after, taken, handle }
    })
    for (const pause of pauses) { s.push(); for (let left = pause; left > 0; left--) await turn() }
    await until(() => all.every(({ handle }) => handle.version === 3_000 + pauses.length))
    for (const { after, taken } of all) expect(taken).toEqual(s.wanted(after))
  }), { numRuns: 60 })
})

test('E5 four hundred who come back far behind share the reading of the log, and it is read in pages that fit into memory', async () => {
  const s = standing(20_000, 0)
  const all = Array.from({ length: 400 }, (_, i) => s.watchers.watch(resources[0], undefined, i * 40, () => {}))
  await until(() => all.every((w) => w.version === 20_000))
  expect(s.reads.length).toBeLessThan(60)
  const large = standing(600, 0, 100_000)
  const w = large.watchers.watch(resources[0], undefined, 0, () => {})
  await until(() => w.version === 600)
  expect(Math.max(...large.reads.map((after, i) => (large.reads[i + 1] ?? 600) - after))).toBeLessThanOrEqual(128)
})

test('E5 a reader that takes its time holds nobody up, and gets no more until it has taken what it has', async () => {
  const s = standing(3_000, 1_000)
  let release = (): void => {}
  let given = 0
  const slow = s.watchers.watch(resources[0], undefined, 0, (changes, _, isLive) => { given += changes.length; return isLive ? undefined : new Promise<void>((resolve) => { release = resolve }) })
  const quick = s.watchers.watch(resources[0], undefined, 0, () => {})
  await until(() => quick.version === 3_000)
  const first = given
  expect([slow.version, first]).toEqual([0, expect.toSatisfy((n: number) => n > 0 && n < 200)])
  for (let i = 0; i < 50; i++) { s.push(); await turn() }
  expect(given).toBe(first)
  await until(() => { release(); return slow.version === 3_050 })
  expect(given).toBe(s.wanted(0).length)
})

test('E5 who is below the floor of the log is told so, who is above it goes on, and what cannot be read ends those who wait for it', async () => {
  const log = upTo(1_000)
  let isOut = false
  const watchers = openWatchers(1_000, 0, async (after, limit) => {
    await turn()
    if (isOut) throw new Error('out of reach')
    if (after < 500) throw expired(after, 500)
    return log.slice(after, after + limit)
  })
  const ends: unknown[] = []
  const watch = (after: number) => watchers.watch(resources[0], undefined, after, () => {}, (error) => { ends.push([after, (error as Error).message]) })
  const [, , fine] = [watch(100), watch(499), watch(500)]
  await until(() => fine.version === 1_000)
  expect(ends).toEqual([[100, expired(100, 500).message], [499, expired(499, 500).message]])
  isOut = true
  watch(700)
  watch(800)
  await until(() => ends.length === 4)
  expect(ends.slice(2)).toEqual([[700, 'out of reach'], [800, 'out of reach']])
})

test('S4 a page that holds nothing is as old as the question: what came while it was read follows', async () => {
  const watchers = openWatchers(10, 100, async () => { await turn(); return [] })
  const seen: number[] = []
  const w = watchers.watch(resources[0], undefined, 5, (changes) => { seen.push(...changes.map((c) => c.version)) })
  await Promise.resolve()
  watchers.push([changeOf(11)])
  await until(() => w.version === 11)
  expect(seen).toEqual([11])
})
