import { expect, test } from 'vitest'
import type { Cluster, Site } from '../../api/index.ts'
import type { Cached } from '../../engine/shapes.ts'
import { openTurns } from './turns.ts'

const now = new Date('2026-01-01T01:00:00Z')
const minutesAgo = (n: number): string => new Date(now.getTime() - n * 60_000).toISOString()
const site = { metadata: { name: 'sto1' }, spec: { clustersAtOnce: 2 } } as Site
const cluster = (uid: string, infrastructure: object = {}, more: { readonly established?: boolean; readonly site?: string; readonly deletionTimestamp?: string } = {}): Cluster =>
  ({ metadata: { uid, name: uid, deletionTimestamp: more.deletionTimestamp }, spec: { site: more.site ?? 'sto1' }, status: { infrastructure, controlPlane: { established: more.established } } }) as never
const begun = (at: string) => ({ projectId: 'p', begunAt: at })
const cached = (...all: Cluster[]): Cached => ({ list: () => all }) as never

test.each<[string, readonly Cluster[], boolean]>([
  ['nothing is made', [], true],
  ['one is made', [cluster('a', begun(minutesAgo(1)))], true],
  ['two are made', [cluster('a', begun(minutesAgo(1))), cluster('b', begun(minutesAgo(1)))], false],
  ['of two one is whole', [cluster('a', begun(minutesAgo(1))), cluster('b', begun(minutesAgo(1)), { established: true })], true],
  ['of two one goes', [cluster('a', begun(minutesAgo(1))), cluster('b', begun(minutesAgo(1)), { deletionTimestamp: minutesAgo(0) })], true],
  ['of two one has been at it for a quarter of an hour', [cluster('a', begun(minutesAgo(1))), cluster('b', begun(minutesAgo(15)))], true],
  ['of two one is of another site', [cluster('a', begun(minutesAgo(1))), cluster('b', begun(minutesAgo(1)), { site: 'osl2' })], true],
])('a turn where two at a time are made, and %s: %s', (_, others, may) => {
  const mine = cluster('mine')
  expect(openTurns().take(mine, site, cached(...others, mine), now)).toBe(may)
})

test('a turn that was given counts before the cache shows it, is not given twice, and lapses after a minute', () => {
  const turns = openTurns()
  const [a, b, c] = [cluster('a'), cluster('b'), cluster('c')]
  const all = cached(a, b, c)
  expect([a, b, c, a].map((x) => turns.take(x, site, all, now))).toEqual([true, true, false, true])
  expect(turns.take(c, site, all, new Date(now.getTime() + 61_000))).toBe(true)
})

test('what was begun is never held up', () => {
  expect(openTurns().take(cluster('mine', begun(minutesAgo(60))), { ...site, spec: { ...site.spec, clustersAtOnce: 1 } }, cached(cluster('a', begun(minutesAgo(1)))), now)).toBe(true)
})
