/** A start with nothing changed (rule E4): whatever is looked at, and however soon, nothing is written and nothing is called that changes. */
import { afterEach, expect, test } from 'vitest'
import { Cluster, Machine, NodePool } from '../api/index.ts'
import { openWorld, type World } from '../../testkit/world.ts'

let world: World | undefined
afterEach(async () => { await world?.close(); world = undefined })

test('E4 after a start every key is looked at within a second: no status is written, nothing is created or deleted, no list is read again and again', async () => {
  const w = world = await openWorld()
  await w.start()
  await w.makeCluster({ controlPlane: 3, workers: 2 })
  await w.waitReady()
  await w.pass(60_000)
  const versions = async () => (await Promise.all([Cluster, NodePool, Machine].map(async (kind) => (await w.people.list(kind as typeof Cluster)).items))).flat().map((o) => `${o.kind} ${o.metadata.name} ${o.metadata.resourceVersion}`)
  const before = await versions()
  w.forgetCalls()
  await w.start({ startSpreadMs: 1_000 })
  await w.pass(60_000)
  expect(await versions()).toEqual(before)
  expect(w.changes()).toEqual({})
  // One look serves all, and nobody's look keeps lists young: a quota, a group or a balancer is asked for twice, by two who look at it.
  expect([...w.cloud.stats.byRoute].filter(([, calls]) => calls > 2)).toEqual([])
}, 120_000)
