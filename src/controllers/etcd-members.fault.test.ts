/** Machines of a control plane that are to go: never more than one at a time, and none before etcd has let go of it (rules O7, T2). */
import { afterEach, expect, test } from 'vitest'
import { Cluster, Machine } from '../api/index.ts'
import { keyOf } from '../api/meta/index.ts'
import { controllers } from './index.ts'
import { openWorld, type Snapshot, type World, type WorldOptions } from '../../testkit/world.ts'

let world: World | undefined
afterEach(async () => { await world?.close(); world = undefined })
/** Three members, Ready. */
const begin = async (options: WorldOptions = {}): Promise<World> => {
  const w = world = await openWorld(options)
  await w.start()
  await w.makeCluster({ controlPlane: 3, workers: 0 })
  await w.waitReady()
  return w
}
const members = async (w: World) => (await w.machines()).filter((m) => m.spec.role === 'controlplane').toSorted((a, b) => a.spec.slot! - b.spec.slot!)
const remove = (w: World, m: Machine) => w.people.delete(Machine, keyOf(m), { manager: 'people' })
/** It is gone and another in its place, in the same etcd. */
const replaced = async (w: World, ...gone: readonly Machine[]): Promise<void> => {
  const uid = (await w.cluster())!.metadata.uid
  const ids = await w.etcdClusterIds(uid)
  await w.until(async () => (await members(w)).length === 3 && !(await members(w)).some((m) => gone.some((g) => g.metadata.uid === m.metadata.uid)) && (await w.isReady()), 'replaced')
  expect(await w.etcdClusterIds(uid)).toEqual(ids)
  expect(w.left()['servers']).toBe(3)
}

test('T2 two that are deleted together go one after the other', async () => {
  const w = await begin()
  const [, b, c] = await members(w)
  await Promise.all([remove(w, b!), remove(w, c!)])
  let fewest = 3
  await w.until(async () => { fewest = Math.min(fewest, w.left()['servers'] ?? 0); return (await members(w)).every((m) => m.metadata.uid !== b!.metadata.uid && m.metadata.uid !== c!.metadata.uid) && (await w.isReady()) }, 'both replaced')
  expect(fewest).toBe(2)
  await replaced(w, b!, c!)
}, 120_000)

test('O7 T2 one whose Node is not there leaves etcd all the same', async () => {
  let hidden: string | undefined
  const w = await begin({ controllers: (ports) => controllers({ ...ports, tenants: { ...ports.tenants, nodes: async (c, s) => (await ports.tenants.nodes(c, s))?.filter((n) => n.name !== hidden) } }) })
  const [, , c] = await members(w)
  hidden = c!.metadata.name
  await remove(w, c!)
  await replaced(w, c!)
}, 120_000)

test('O7 the server of one that left goes, also when Nova refuses at first', async () => {
  const w = await begin()
  const [a] = await members(w)
  const no = w.cloud.faults.add({ kind: 'status', status: 503, service: 'compute', method: 'DELETE', path: '/servers/', times: 4 })
  await remove(w, a!)
  await replaced(w, a!)
  expect(no.struck).toBe(4)
}, 120_000)

test('O7 T2 one whose server somebody deleted is taken out of etcd by the others', async () => {
  const w = await begin()
  const [, b] = await members(w)
  expect((await w.asOther('DELETE', 'compute', `/v2.1/servers/${b!.status!.serverId!}`)).status).toBe(204)
  await w.pass(60_000)
  await remove(w, b!)
  await replaced(w, b!)
}, 120_000)

test('T2 while another is silent nobody goes, and the conditions say why; when it is back, it goes on', async () => {
  const w = await begin()
  const [a, b] = await members(w)
  const power = async (action: 'os-stop' | 'os-start') => { expect((await w.asOther('POST', 'compute', `/v2.1/servers/${a!.status!.serverId!}/action`, { [action]: null })).status).toBe(202) }
  await power('os-stop')
  await w.pass(60_000)
  await remove(w, b!)
  await w.pass(600_000)
  expect(w.left()['servers']).toBe(3)
  expect(await w.condition(Machine, keyOf(b!), 'Ready')).toMatchObject({ status: 'False', reason: 'WaitingForControlPlane' })
  expect(await w.condition(Cluster, { namespace: 'demo', name: 'first' }, 'ControlPlaneReady')).toMatchObject({ status: 'False', reason: 'EtcdUnhealthy', message: expect.stringContaining(`${b!.metadata.name} is to go, and etcd cannot spare it`) as string })
  await power('os-start')
  await replaced(w, b!)
}, 120_000)

test('T2 the only member is not deleted, but with its cluster', async () => {
  const w = world = await openWorld()
  await w.start()
  await w.makeCluster({ controlPlane: 1, workers: 0 })
  await w.waitReady()
  const [only] = await members(w)
  await expect(remove(w, only!)).rejects.toMatchObject({ status: { code: 403, message: expect.stringContaining('holds the only copy of the data of cluster first') as string } })
  await w.deleteCluster()
  await w.waitGone()
  expect(w.left()).toEqual({})
}, 60_000)

test('T1 the only member\'s server is deleted by somebody, and its disk with it: nothing is bootstrapped again, and the condition says what is lost', async () => {
  const w = world = await openWorld()
  await w.start()
  const { metadata: { uid } } = await w.makeCluster({ controlPlane: 1, workers: 0, machineType: 'l2.c4r8.100' })
  await w.waitReady()
  const ids = await w.etcdClusterIds(uid)
  const [only] = await members(w)
  expect((await w.asOther('DELETE', 'compute', `/v2.1/servers/${only!.status!.serverId!}`)).status).toBe(204)
  await w.until(async () => (await w.condition(Cluster, { namespace: 'demo', name: 'first' }, 'ControlPlaneReady'))?.reason === 'EtcdDataLost', 'it is said')
  await w.pass(900_000)
  expect(await w.etcdClusterIds(uid)).toEqual(ids)
  await w.deleteCluster()
  await w.waitGone()
  expect(w.left()).toEqual({})
}, 60_000)

test('T4 T2 without a balancer the way goes through another slot when the first one\'s machine goes, and the floating IP with it', async () => {
  const w = world = await openWorld()
  await w.start()
  await w.until(() => w.isSiteReady(), 'site Ready')
  await w.people.create(Cluster, { metadata: { name: 'first', namespace: 'demo' }, spec: { site: 'sim', release: '2026.4.1', controlPlane: { replicas: 3, machineType: 'b2.c4r8' }, endpoint: { kind: 'nodes' } } }, { manager: 'people' })
  await w.waitReady()
  const [first] = await members(w)
  await remove(w, first!)
  await replaced(w, first!)
}, 120_000)

test.each([false, true])('T4 T2 on a routed site the way goes through another slot when the first one\'s server is lost; controllers that began anew: %s', async (restarted) => {
  const w = world = await openWorld({ shape: 'routed' })
  await w.start()
  await w.makeCluster({ controlPlane: 3, workers: 0, machineType: 'b2.c2r4' })
  await w.waitReady()
  const [first] = await members(w)
  expect((await w.asOther('DELETE', 'compute', `/v2.1/servers/${first!.status!.serverId!}`)).status).toBe(204)
  if (restarted) { await w.stop(); await w.start() } else await w.pass(60_000)
  await remove(w, first!)
  await replaced(w, first!)
}, 120_000)

test('T1 restored to before the bootstrap while the members start again: lost is said, and taken back when etcd answers', async () => {
  let past: Snapshot | undefined
  let isStarting = false
  const w = world = await openWorld({ controllers: (ports) => controllers({ ...ports, talos: { ...ports.talos, node: (...of) => {
    const node = ports.talos.node(...of)
    return isStarting ? { ...node, etcdStatus: async () => { throw new Error('it starts') } } : node
  } } }) })
  let isAsked = false
  await w.start({ interpose: async (effect, perform) => {
    if (effect.controller === 'control-plane' && effect.verb === 'creating') isAsked = true
    if (effect.controller === 'control-plane' && effect.verb === 'record' && !isAsked) past = await w.snapshot()
    return perform()
  } })
  await w.makeCluster({ controlPlane: 1, workers: 0 })
  await w.waitReady()
  await w.stop()
  await w.restore(past!)
  isStarting = true
  await w.start()
  await w.pass(900_000)
  expect(await w.condition(Cluster, { namespace: 'demo', name: 'first' }, 'ControlPlaneReady')).toMatchObject({ status: 'False', reason: 'EtcdDataLost' })
  isStarting = false
  await w.waitReady()
}, 60_000)
