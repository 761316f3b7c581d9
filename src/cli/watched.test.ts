import { afterEach, expect, test } from 'vitest'
import { Cluster } from '../api/index.ts'
import { failureError } from '../engine/errors.ts'
import type { Resources } from '../engine/resources.ts'
import type { HttpResources } from '../client/index.ts'
import { openMemoryStore } from '../store/memory/memory.ts'
import { follow } from './progress.ts'
import { contextOf, sayReady, startCliBed, type CliBed } from './testing.ts'

let bed: CliBed
afterEach(() => bed.close())

/** A real connection that counts lists, and whose watches are cut after some events. */
const connection = (cutAfter: number) => {
  const counted = { lists: 0, watches: [] as string[], cuts: 0 }
  async function* cut(events: AsyncIterable<unknown>): AsyncGenerator<unknown> {
    let n = 0
    for await (const event of events) {
      yield event
      if (++n >= cutAfter) { counted.cuts++; throw failureError({ code: 0, reason: 'Unreachable', message: 'cut' }) }
    }
  }
  const resources = {
    ...bed.user, list: ((...a) => { counted.lists++; return bed.user.list(...a) }) as Resources['list'],
    watch: ((kind: never, o: { resourceVersion: string }) => { counted.watches.push(o.resourceVersion); return cut(bed.user.watch(kind, o as never)) }) as unknown as Resources['watch'],
  } as HttpResources
  return { counted, resources }
}
const begin = async (cutAfter: number, keep?: number) => {
  bed = await startCliBed(keep === undefined ? {} : { store: openMemoryStore({ keep }), ring: keep })
  const cluster = await bed.user.create(Cluster, { metadata: { name: 'shop', namespace: 'demo' }, spec: { site: 'sto1', release: '2026.4.1', controlPlane: { machineType: 'b2' } } }, { manager: 'test' })
  const { counted, resources } = connection(cutAfter)
  const err: string[] = []
  const followed = follow(contextOf({ resources: () => resources, argv: [], out: [], err }), 'demo', 'shop', 'ready', 20)
  const say = (n: number) => bed.site.applyStatus(Cluster, { metadata: { name: 'shop', namespace: 'demo' }, status: { conditions: [{ type: 'EndpointReady', status: 'False', reason: 'WaitingForNetwork', message: `step ${n}`, lastTransitionTime: '2026-11-25T00:00:00Z' }] } }, { manager: 'test' })
  const heard = async (n: number): Promise<void> => { while (!err.some((l) => l.includes(`step ${n}`))) await new Promise((r) => setTimeout(r, 10)) }
  return { cluster, counted, err, followed, say, heard }
}
const all = ['Ready', 'InfrastructureReady', 'EndpointReady', 'ControlPlaneReady', 'AddOnsReady']

test('a cluster is listed once and then watched: nothing is asked while it is followed', async () => {
  const { cluster, counted, followed, say, heard } = await begin(Infinity)
  for (let n = 0; n < 3; n++) { await say(n); await heard(n) }
  await sayReady(bed, Cluster, cluster, all)
  await followed
  expect([counted.lists, counted.watches.length]).toEqual([3, 3])
})

test('a connection that is cut is taken up where it was: no change is missed, nothing is listed again', async () => {
  const { cluster, counted, err, followed, say, heard } = await begin(1)
  for (let n = 0; n < 3; n++) { await say(n); await heard(n) }
  await sayReady(bed, Cluster, cluster, all)
  await followed
  expect(counted.lists).toBe(3)
  expect(counted.cuts).toBeGreaterThanOrEqual(3)
  expect(err.some((l) => /watch of clusters\.skerry\.dev: cut; it is tried again/.test(l))).toBe(true)
})

test('a version that was compacted meanwhile (410) is listed anew', async () => {
  const { cluster, counted, followed, say, heard } = await begin(1, 20)
  await say(0)
  await heard(0)
  for (let n = 1; n < 60; n++) await say(n)
  await sayReady(bed, Cluster, cluster, all)
  await followed
  expect(counted.lists).toBe(4)
})

test('what is not there is said at once', async () => {
  bed = await startCliBed()
  expect(await bed.run('cluster', 'watch', 'ghost', '-n', 'demo')).toMatchObject({ code: 3 })
})
