/** Clouds that do not delete what they are asked to, and what of others stands in the way: nothing is asked for all the time, and who must act is said with the object (rules O7, O9). */
import { afterEach, expect, test } from 'vitest'
import { Machine } from '../api/index.ts'
import { condition, keyOf } from '../api/meta/index.ts'
import { openWorld, type World, type WorldOptions } from '../../testkit/world.ts'
import { controllers } from './index.ts'
import type { Ports } from './ports.ts'

let world: World | undefined
afterEach(async () => { await world?.close(); world = undefined })
const begin = async (options: WorldOptions = {}): Promise<World> => { world = await openWorld(options); await world.start(); return world }
const first = async (w: World): Promise<Machine> => (await w.machines())[0]!
const deletions = (w: World, what: string): number => Object.entries(w.changes()).reduce((n, [call, times]) => n + (call.includes(`DELETE`) && call.includes(what) ? times : 0), 0)
/** Talos answers nobody while this is so. */
const deafWhile = (isDeaf: () => boolean) => (ports: Ports) => controllers({ ...ports, talos: { ...ports.talos, node: (...of) => { const node = ports.talos.node(...of); return isDeaf() ? { ...node, version: () => Promise.reject(new Error('deaf')) } : node } } })

test('O7 T3 a server that was given up and only soft-deleted is forced, and made again', async () => {
  let isDeaf = true
  const w = await begin({ site: { bootTimeout: '1m' }, controllers: deafWhile(() => isDeaf) })
  w.cloud.faults.add({ kind: 'soft-delete' })
  await w.makeCluster({ workers: 0 })
  await w.until(async () => (await first(w))?.status?.failures === 1, 'given up')
  isDeaf = false
  await w.until(() => w.isReady(), 'Ready', 600_000)
}, 60_000)

test('O7 T2 a cloud that deletes softly: a member that has left and is off is not asked to leave again, and is replaced', async () => {
  const w = await begin()
  await w.makeCluster({ controlPlane: 3, workers: 0 })
  await w.waitReady()
  const { metadata } = await first(w)
  w.cloud.faults.add({ kind: 'soft-delete' })
  await w.people.delete(Machine, { namespace: metadata.namespace!, name: metadata.name }, {})
  await w.until(async () => !(await w.machines()).some((m) => m.metadata.uid === metadata.uid), 'machine gone', 600_000)
  await w.until(() => w.isReady(), 'three again')
}, 60_000)

test('O7 one failure counts once, however long its deletion takes', async () => {
  const w = await begin()
  w.cloud.faults.add({ kind: 'server-error', service: 'compute', method: 'POST', path: '/servers$', message: 'no', times: 1 })
  const sticks = w.cloud.faults.add({ kind: 'delete-sticks', service: 'compute', method: 'DELETE', path: '/servers/', times: 1 })
  await w.makeCluster({ workers: 0 })
  await w.until(() => sticks.struck > 0, 'given up')
  await w.pass(180_000)
  expect((await first(w)).status).toMatchObject({ phase: 'Provisioning', failures: 1 })
}, 60_000)

test('O7 a server whose deletion fails each time is asked for once a minute, named with its fault, and goes when it can', async () => {
  const w = await begin()
  await w.makeCluster({ workers: 0 })
  await w.waitReady()
  const { serverId } = (await first(w)).status!
  const fails = w.cloud.faults.add({ kind: 'delete-fails' })
  await w.deleteCluster()
  w.forgetCalls()
  await w.pass(1_200_000)
  expect(deletions(w, '/servers/')).toBeLessThanOrEqual(21)
  expect(condition(await first(w), 'Ready')).toMatchObject({ reason: 'ServerStuckDeleting', fault: 'Cloud', message: expect.stringContaining(`${serverId!} still stands`) })
  fails.remove()
  await w.waitGone()
  expect(w.left()).toEqual({})
}, 60_000)

test('O7 O8 port and volume that name a server that is gone are left and named', async () => {
  const w = await begin()
  await w.makeCluster({ workers: 1 })
  await w.waitReady()
  const worker = (await w.machines()).find((m) => m.spec.role === 'worker')!
  w.cloud.faults.add({ kind: 'delete-leaves' })
  await w.deleteCluster()
  await w.pass(1_200_000)
  const { message } = condition((await w.people.get(Machine, keyOf(worker)))!, 'Ready')!
  for (const id of [worker.status!.portId!, worker.status!.volumeId!, worker.status!.serverId!]) expect(message).toContain(id)
  expect(w.left()).toMatchObject({ volumes: 2 })
}, 60_000)

test('O7 a volume that ends in error_deleting each time is asked for once a minute, and named', async () => {
  const w = await begin()
  await w.makeCluster({ workers: 0 })
  await w.waitReady()
  const { volumeId } = (await first(w)).status!
  w.cloud.faults.add({ kind: 'volume-error', service: 'volume', method: 'DELETE' })
  await w.deleteCluster()
  w.forgetCalls()
  await w.pass(1_200_000)
  expect(deletions(w, '/volumes/')).toBeLessThanOrEqual(21)
  expect(condition(await first(w), 'Ready')).toMatchObject({ reason: 'PortOrVolumeStuck', fault: 'Cloud', message: expect.stringContaining(volumeId!) })
}, 60_000)

test('O7 T6 an API that does not answer holds no machine up: volume and server go, the machine after a while', async () => {
  const w = await begin()
  await w.makeCluster({ workers: 1 })
  await w.waitReady()
  const [controlPlane, worker] = [(await w.machines()).find((m) => m.spec.role === 'controlplane')!, (await w.machines()).find((m) => m.spec.role === 'worker')!]
  expect((await w.asOther('POST', 'compute', `/v2.1/servers/${controlPlane.status!.serverId!}/action`, { 'os-stop': null })).status).toBe(202)
  await w.pass(60_000)
  await w.people.delete(Machine, keyOf(worker), {})
  const still = () => w.people.get(Machine, keyOf(worker))
  const { serverId, volumeId } = worker.status!
  await w.until(async () => condition((await still())!, 'Ready')?.reason === 'Draining', 'its pods have their time', 120_000)
  await w.until(() => !['servers', 'volumes'].some((type) => w.inventory().ids[type]?.some((id) => id === serverId || id === volumeId)), 'server and volume gone', 900_000)
  await w.until(async () => condition((await still())!, 'Ready')?.reason === 'WaitingForApi', 'it says what it waits for', 120_000)
  await w.until(async () => (await still()) === undefined, 'machine gone', 1_200_000)
}, 60_000)

test('O9 a port that OVN leaves behind goes with the cluster', async () => {
  const w = await begin({ octaviaProviders: ['ovn'] })
  const stays = w.cloud.faults.add({ kind: 'monitor-port-stays', service: 'load-balancer', method: 'DELETE' })
  await w.makeCluster({ workers: 0 })
  await w.waitReady()
  await w.deleteCluster()
  await w.waitGone()
  expect([stays.struck > 0, w.left()]).toEqual([true, {}])
}, 60_000)

const strangers: readonly (readonly [string, (w: World, of: { readonly networkId?: string; readonly subnetId?: string; readonly nodeGroupId?: string }) => Promise<string>])[] = [
  ['a router\'s port in our subnet', async (w, { networkId, subnetId }) => {
    const { port } = (await w.asOther('POST', 'network', '/v2.0/ports', { port: { network_id: networkId, fixed_ips: [{ subnet_id: subnetId }] } })).body
    const { router } = (await w.asOther('POST', 'network', '/v2.0/routers', { router: { name: 'theirs' } })).body
    expect((await w.asOther('PUT', 'network', `/v2.0/routers/${router.id}/add_router_interface`, { port_id: port.id })).status).toBe(200)
    return port.id
  }],
  ['a port elsewhere under our security group', async (w, { nodeGroupId }) => {
    const { network } = (await w.asOther('POST', 'network', '/v2.0/networks', { network: { name: 'theirs' } })).body
    return (await w.asOther('POST', 'network', '/v2.0/ports', { port: { network_id: network.id, security_groups: [nodeGroupId] } })).body.port.id
  }],
]
test.each(strangers)('O9 %s is named, and nothing shared is touched', async (_, make) => {
  const w = await begin()
  await w.makeCluster({ workers: 0 })
  await w.waitReady()
  const id = await make(w, (await w.cluster())!.status!.infrastructure!)
  await w.deleteCluster()
  await w.pass(600_000)
  expect(condition((await w.cluster())!, 'InfrastructureReady')).toMatchObject({ reason: 'BlockedBy', fault: 'User', message: expect.stringContaining(id) })
  expect(w.left()).toMatchObject({ subnets: 1, securityGroups: 2 })
}, 60_000)

test.each(['no-valid-host', 'server-error'] as const)('E2 O7 six servers that fail at once (%s) and are given up are no hole in the list: all are made again', async (kind) => {
  const w = await begin()
  const fault = w.cloud.faults.add({ kind, service: 'compute', method: 'POST', path: '/servers$', times: 7 })
  await w.makeCluster({ workers: 6 })
  await w.until(() => fault.struck === 7, 'all of them failed')
  await w.waitReady()
  expect(w.left()['servers']).toBe(7)
}, 60_000)

test('E2 O7 six root volumes that fail at once and are deleted are no hole in the list: all are made again', async () => {
  const w = await begin()
  const fault = w.cloud.faults.add({ kind: 'volume-error', service: 'volume', method: 'POST', times: 7 })
  await w.makeCluster({ workers: 6 })
  await w.until(() => fault.struck === 7, 'all of them failed')
  await w.waitReady()
  expect(w.left()['volumes']).toBe(7)
}, 60_000)

test('O7 a worker is drained although nothing was heard of its cluster\'s nodes since the controllers began', async () => {
  const heard = { isSilent: false, evictions: 0 }
  const silence = async <T>(call: () => Promise<T>, otherwise: () => T): Promise<T> => (heard.isSilent ? otherwise() : call())
  const w = await begin({ controllers: (ports) => controllers({ ...ports, tenants: {
    ...ports.tenants, nodes: (c, s) => silence(() => ports.tenants.nodes(c, s), () => undefined),
    open: (c, s) => silence(async () => { const api = await ports.tenants.open(c, s); return { ...api, evict: async (n: string) => { heard.evictions++; return api.evict(n) } } }, () => { throw new Error('it does not answer') }),
  } }) })
  await w.makeCluster({ workers: 2 })
  await w.waitReady()
  const worker = (await w.machines()).find((m) => m.spec.role === 'worker')!
  await w.stop()
  await w.people.delete(Machine, keyOf(worker), {})
  heard.isSilent = true
  await w.start()
  await w.pass(30_000)
  expect(w.inventory().ids['servers']).toContain(worker.status!.serverId)
  heard.isSilent = false
  await w.until(async () => (await w.people.get(Machine, keyOf(worker))) === undefined, 'it is gone')
  expect(heard.evictions).toBeGreaterThan(0)
}, 60_000)
