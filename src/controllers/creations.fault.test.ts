/** Creating calls of which nobody hears (rule E3), balancers and servers that end in ERROR (rules O5, O7), a guest that hangs (rule T3). */
import { afterEach, expect, test } from 'vitest'
import { condition } from '../api/meta/index.ts'
import type { Fault, FaultHandle } from '../drivers/openstack/sim/index.ts'
import { mendingCalls } from '../../testkit/making-calls.ts'
import { openWorld, type World, type WorldOptions } from '../../testkit/world.ts'

let world: World | undefined
afterEach(async () => { await world?.close(); world = undefined })
const begin = async (options: WorldOptions = {}): Promise<World> => {
  world = await openWorld(options)
  await world.start()
  return world
}
const goesWhole = async (w: World): Promise<void> => {
  await w.deleteCluster()
  await w.waitGone()
  expect(w.left()).toEqual({})
}

/** One cluster of one control plane and one worker. */
const whole = {
  servers: 2, networks: 1, subnets: 1, routers: 1, ports: 3, securityGroups: 2, securityGroupRules: 7, floatingIps: 1, volumes: 2, loadBalancers: 1, listeners: 2, pools: 2, members: 2, monitors: 2,
}
const creates = [
  { service: 'network', path: '/networks$' }, { service: 'network', path: '/subnets$' }, { service: 'network', path: '/routers$' }, { service: 'network', path: '/ports$' }, { service: 'network', path: '/floatingips$' },
  { service: 'network', path: '/security-groups$' }, { service: 'load-balancer', path: '/loadbalancers$' },
  { service: 'volume', path: '/volumes$' }, { service: 'compute', path: '/servers$' },
] as const
const unclear = [
  { name: 'done and never answered', fault: { kind: 'silence-after-success' } },
  { name: 'done 40 s later, after its time limit', fault: { kind: 'late-effect', afterMs: 40_000 } },
  { name: 'done and the connection reset', fault: { kind: 'reset', when: 'after' } },
  { name: 'reset before it is done', fault: { kind: 'reset', when: 'before' } },
] as const satisfies readonly { readonly name: string; readonly fault: Fault }[]

test.each(unclear)('E3 every kind of creation is once $name: no double is left, the cluster is Ready with exactly its objects', async ({ fault }) => {
  const w = await begin()
  const handles: FaultHandle[] = creates.map((c) => w.cloud.faults.add({ ...fault, ...c, method: 'POST', times: 1 }))
  const cluster = await w.makeCluster()
  await w.waitReady()
  await w.pass(120_000)
  expect(handles.map((h) => h.struck)).toEqual(creates.map(() => 1))
  expect(w.left()).toEqual(whole)
  expect(await w.etcdClusterIds(cluster.metadata.uid)).toHaveLength(1)
  await goesWhole(w)
}, 180_000)

test.each(unclear)('E3 O5 what somebody took from below the balancer is made again by calls each of which is once $name', async ({ fault }) => {
  const w = await begin()
  await w.makeCluster()
  await w.waitReady()
  await w.pass(20_000)
  const lbaas = '/v2/lbaas'
  const all = async (type: string): Promise<readonly { id: string; name: string; default_pool_id: string | null; healthmonitor_id: string | null }[]> => (await w.asOther('GET', 'load-balancer', `${lbaas}/${type}`)).body[type]
  const take = async (type: string, id: string): Promise<void> => {
    await w.until(async () => (await all('loadbalancers')).every((lb) => (lb as unknown as { provisioning_status: string }).provisioning_status === 'ACTIVE'), 'free')
    expect((await w.asOther('DELETE', 'load-balancer', `${lbaas}/${type}/${id}`)).status).toBe(204)
  }
  const [listeners, pools] = [await all('listeners'), await all('pools')]
  const of = <T extends { name: string }>(list: readonly T[], port: number): T => list.find((o) => o.name.endsWith(`-${port}`))!
  const handles = mendingCalls.map((m) => w.cloud.faults.add({ ...fault, service: 'load-balancer', ...m, times: 1 }))
  await take('listeners', of(listeners, 50_000).id)
  await take('healthmonitors', of(pools, 50_000).healthmonitor_id!)
  await take('pools', of(pools, 6443).id)
  await w.wakeAll()
  await w.until(async () => JSON.stringify(w.left()) === JSON.stringify(whole) && handles.every((h) => h.struck === 1), 'whole again')
  await w.pass(120_000)
  expect(w.left()).toEqual(whole)
  const [listenersAfter, poolsAfter] = [await all('listeners'), await all('pools')]
  for (const port of [6443, 50_000]) expect(of(listenersAfter, port).default_pool_id).toBe(of(poolsAfter, port).id)
  await goesWhole(w)
}, 180_000)

test('E3 the cluster is deleted while creations are unanswered and done 40 s later: nothing is left', async () => {
  const w = await begin()
  await w.makeCluster()
  const handles = creates.filter((c) => c.path !== '/security-groups$').map((c) => w.cloud.faults.add({ kind: 'late-effect', afterMs: 40_000, ...c, method: 'POST', times: 1 }))
  await w.until(() => handles[0]!.struck > 0, 'the first late creation')
  await w.deleteCluster()
  await w.waitGone()
  await w.pass(120_000)
  expect(w.left()).toEqual({})
}, 120_000)

test('O5 a load balancer that ends in ERROR is made again with the same address and the same floating IP', async () => {
  const w = await begin()
  const fault = w.cloud.faults.add({ kind: 'load-balancer-error', service: 'load-balancer', method: 'POST', path: '/loadbalancers$', times: 1 })
  await w.makeCluster()
  let host: string | undefined
  const balancers = new Set<string>()
  await w.until(async () => {
    const endpoint = (await w.cluster())?.status?.endpoint
    if (endpoint?.loadBalancerId !== undefined) balancers.add(endpoint.loadBalancerId)
    host ??= endpoint?.host
    return w.isReady()
  }, 'Ready')
  expect(fault.struck).toBe(1)
  expect((await w.cluster())!.status!.endpoint!.host).toBe(host)
  expect(w.left()).toEqual(whole)
  await goesWhole(w)
}, 120_000)

test('O7 T3 a server that ends in ERROR three times: its Machine is Failed with the fault\'s text, and what was made goes with the cluster', async () => {
  const w = await begin()
  const fault = w.cloud.faults.add({ kind: 'server-error', service: 'compute', method: 'POST', path: '/servers$', message: 'the hypervisor said no' })
  await w.makeCluster({ workers: 0 })
  await w.until(async () => (await w.machines())[0]?.status?.phase === 'Failed', 'Failed')
  const [machine] = await w.machines()
  expect(machine!.status).toMatchObject({ failures: 3, fault: 'the hypervisor said no' })
  expect(condition(machine!, 'Ready')).toMatchObject({ status: 'False', reason: 'ServerError', fault: 'Cloud' })
  expect(condition(machine!, 'Ready')!.message).toContain('the hypervisor said no')
  await w.pass(600_000)
  expect(fault.struck).toBe(3)
  expect(w.left()['servers']).toBeUndefined()
  await goesWhole(w)
}, 120_000)

test('O7 a server that ends in ERROR once is made again: no second server, no second volume', async () => {
  const w = await begin()
  w.cloud.faults.add({ kind: 'no-valid-host', service: 'compute', method: 'POST', path: '/servers$', times: 1 })
  await w.makeCluster()
  await w.waitReady()
  await w.pass(60_000)
  expect(w.left()).toEqual(whole)
  await goesWhole(w)
}, 120_000)

test('T3 a guest that hangs at its first boot is healed by a hard reboot; the server stays the same', async () => {
  // A probe of a hung guest takes seconds of the real time.
  const w = await begin({ site: { bootTimeout: '1m' }, pollMs: 10_000 })
  const fault = w.cloud.faults.add({ kind: 'guest-hangs', service: 'compute', method: 'POST', path: '/servers$', times: 2 })
  const cluster = await w.makeCluster()
  const servers = new Set<string>()
  await w.until(async () => { for (const m of await w.machines()) if (m.status?.serverId !== undefined) servers.add(m.status.serverId); return w.isReady() }, 'Ready', 7_200_000)
  expect(fault.struck).toBe(2)
  expect(servers.size).toBe(2)
  expect((await w.machines()).map((m) => m.status?.hardReboots)).toEqual([1, 1])
  expect(w.events.map((e) => e.reason)).toContain('BootTimeout')
  expect(w.left()).toEqual(whole)
  expect(await w.etcdClusterIds(cluster.metadata.uid)).toHaveLength(1)
}, 120_000)

test('what is simulated for a cluster goes with its last disk', async () => {
  const w = await begin()
  const cluster = await w.makeCluster()
  await w.waitReady()
  const [id] = await w.etcdClusterIds(cluster.metadata.uid)
  expect(w.tenant(id!)).toBeDefined()
  await goesWhole(w)
  expect(w.tenant(id!)).toBeUndefined()
}, 120_000)
