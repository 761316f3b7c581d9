/** A cluster that is given up (rule O9): it goes from here, nothing outside is touched any more, and every id that stays is told. */
import { afterEach, expect, test } from 'vitest'
import { Cluster } from '../api/index.ts'
import type { Inventory } from '../drivers/openstack/sim/index.ts'
import { openWorld, type World } from '../../testkit/world.ts'

let world: World | undefined
afterEach(async () => { await world?.close(); world = undefined })
const begin = async (): Promise<World> => {
  world = await openWorld()
  await world.start()
  return world
}
const readyWorld = async (): Promise<World> => {
  const w = await begin()
  await w.makeCluster({ controlPlane: 3, workers: 2 })
  await w.waitReady()
  return w
}
const told = async (w: World): Promise<readonly string[]> =>
  ((await w.people.request({ method: 'GET', path: '/api/v1/namespaces/demo/events' })) as { readonly items: readonly { readonly reason: string; readonly message: string }[] }).items.filter((e) => e.reason === 'Abandoned').map((e) => e.message)
/** The cloud's own view of what it holds for people: what hangs on a load balancer or a group is not recorded, and goes with it. */
const idsIn = (i: Inventory): readonly string[] => Object.entries(i.ids).filter(([kind]) => recorded.has(kind)).flatMap(([, ids]) => ids).toSorted()
const recorded = new Set(['servers', 'volumes', 'ports', 'networks', 'subnets', 'routers', 'securityGroups', 'serverGroups', 'loadBalancers', 'floatingIps'])
const goneQuietly = async (w: World): Promise<void> => {
  w.forgetCalls()
  await w.waitGone()
  await w.pass(300_000)
  expect(w.changes()).toEqual({})
}

test('O9 a Ready cluster that is abandoned goes with pools and machines; nothing outside changes, and every id is in the Events', async () => {
  const w = await readyWorld()
  const before = w.inventory()
  const preview = await w.abandonCluster('moved away', { dryRun: true })
  expect(await told(w)).toEqual([])
  expect(await w.isReady()).toBe(true)
  const left = await w.abandonCluster('moved away')
  await goneQuietly(w)
  expect(w.inventory()).toEqual(before)
  expect(left).toEqual(preview)
  const messages = await told(w)
  expect(messages.filter((m) => m === 'anna abandoned the cluster: moved away').length).toBe(1)
  const text = messages.join('\n')
  // The balancer's own port goes with the balancer.
  expect(idsIn(before).filter((id) => !text.includes(id)).length).toBe(1)
  expect(left.filter((l) => !text.includes(l))).toEqual([])
}, 120_000)

test('O9 a cluster whose cloud does not answer any more is abandoned', async () => {
  const w = await readyWorld()
  const faults = (['compute', 'network', 'volume', 'load-balancer', 'identity'] as const).map((service) => w.cloud.faults.add({ kind: 'status', status: 503, service }))
  await w.deleteCluster()
  await w.pass(5_000)
  expect((await w.cluster())?.metadata.finalizers).toContain('skerry.dev/site')
  const before = w.inventory()
  await w.abandonCluster('the cloud is no more')
  await goneQuietly(w)
  for (const f of faults) f.remove()
  await w.pass(60_000)
  expect(w.inventory()).toEqual(before)
}, 120_000)

test.each([
  ['its machines go', { service: 'network', method: 'DELETE', path: '/ports/' }],
  ['its network goes', { service: 'network', method: 'DELETE', path: '/(security-groups|routers)/' }],
] as const)('O9 abandoned while %s: a pass that has begun deletes nothing more', async (_when, at) => {
  const w = await readyWorld()
  const slow = w.cloud.faults.add({ kind: 'slow', ms: 10_000, ...at })
  await w.deleteCluster()
  await w.until(() => slow.struck > 0, 'the first slow deletion')
  await w.abandonCluster('stop')
  await goneQuietly(w)
  expect(w.left()).not.toEqual({})
}, 120_000)

test('O9 abandoned while it is made: nothing more is made, and what was begun and not answered is told', async () => {
  const w = await begin()
  const silent = w.cloud.faults.add({ kind: 'late-effect', afterMs: 40_000, service: 'volume', method: 'POST', path: '/volumes$' })
  await w.makeCluster()
  await w.until(() => silent.struck > 1, 'volumes asked for')
  const machines = await w.machines()
  const left = await w.abandonCluster('a mistake')
  await goneQuietly(w)
  expect(left.filter((l) => l.startsWith('perhaps the volume')).length).toBe(2)
  for (const m of machines) expect(left.join()).toContain(m.metadata.uid)
  expect(await w.people.get(Cluster, { namespace: 'demo', name: 'first' })).toBeUndefined()
}, 120_000)
