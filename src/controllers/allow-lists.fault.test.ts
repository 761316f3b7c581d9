/** Allow-lists that work (rule O6): what cannot be enforced refuses the cluster, what is changed is enforced anew. */
import { afterEach, expect, test } from 'vitest'
import { Cluster, Site } from '../api/index.ts'
import { failureOf } from '../engine/errors.ts'
import { openWorld, type World, type WorldOptions } from '../../testkit/world.ts'

let world: World | undefined
afterEach(async () => { await world?.close(); world = undefined })
const begin = async (options: WorldOptions): Promise<World> => {
  world = await openWorld(options)
  await world.start()
  const w = world
  await w.until(() => w.isSiteReady(), 'site Ready')
  return world
}
const vendor: WorldOptions = { octaviaProviders: ['vendor'], site: { loadBalancerProvider: 'vendor' } }
const create = (w: World, name: string, endpoint: object) => w.people.create(Cluster, { metadata: { name, namespace: 'demo' }, spec: { site: 'sim', release: '2026.4.1', controlPlane: { replicas: 1, machineType: 'b2.c4r8' }, endpoint } }, { manager: 'people' })
  .then(() => [], (error: unknown) => failureOf(error)?.details?.causes?.map((c) => `${c.field}: ${c.message ?? ''}`) ?? [String(error)])
const change = (w: World, allowedCIDRs: readonly string[]) => w.people.request({ method: 'PATCH', path: '/apis/skerry.dev/v1alpha1/namespaces/demo/clusters/first', contentType: 'application/merge-patch+json', body: { spec: { endpoint: { allowedCIDRs } } } })
const prefer = async (w: World, loadBalancerProvider: string): Promise<void> => {
  await w.people.request({ method: 'PATCH', path: '/apis/skerry.dev/v1alpha1/sites/sim', contentType: 'application/merge-patch+json', body: { spec: { loadBalancerProvider } } })
  await w.until(async () => (await w.people.get(Site, { namespace: '', name: 'sim' }))?.status?.found?.loadBalancer?.provider === loadBalancerProvider, `the site prefers ${loadBalancerProvider}`)
}

test('O6 a balancer that neither filters nor keeps the source address: refused at the field, and nodes are a way out', async () => {
  const w = await begin(vendor)
  expect(await create(w, 'a', { allowedCIDRs: ['192.0.2.0/24'] })).toEqual([expect.stringMatching(/^spec\.endpoint\.allowedCIDRs: .*provider vendor of site sim.*endpoint\.kind: nodes/)])
  expect(await create(w, 'b', { kind: 'octavia' })).toEqual([expect.stringMatching(/^spec\.endpoint\.kind: /)])
  expect(await create(w, 'c', { kind: 'nodes', allowedCIDRs: ['192.0.2.0/24'] })).toEqual([])
}, 60_000)

test('O6 amphora: a changed list is in the listener soon, and a site that prefers another provider since does not change what stands', async () => {
  const w = await begin({ octaviaProviders: ['amphora', 'ovn'] })
  await w.makeCluster({ workers: 0 })
  await w.waitReady()
  const allowed = async () => Object.fromEntries(((await w.asOther('GET', 'load-balancer', '/v2.0/lbaas/listeners')).body.listeners as { protocol_port: number; allowed_cidrs: string[] | null }[]).map((l) => [l.protocol_port, l.allowed_cidrs?.toSorted() ?? null]))
  const own = ['10.250.0.0/24', '127.0.0.0/8']
  expect(await allowed()).toEqual({ 6443: null, 50000: own })
  await change(w, ['192.0.2.0/24'])
  await w.pass(20_000)
  expect(await allowed()).toEqual({ 6443: [...own, '192.0.2.0/24'], 50000: own })
  await prefer(w, 'ovn')
  await change(w, [])
  await w.pass(20_000)
  expect(await allowed()).toEqual({ 6443: null, 50000: own })
  expect(await strangers(w)).toEqual([])
}, 60_000)

test('O6 ovn: a changed list is in the control plane\'s group soon', async () => {
  const w = await begin({ octaviaProviders: ['ovn'] })
  await w.makeCluster({ workers: 0 })
  await w.waitReady()
  expect(await strangers(w)).toEqual(['0.0.0.0/0'])
  await change(w, ['192.0.2.0/24'])
  await w.pass(20_000)
  expect(await strangers(w)).toEqual(['127.0.0.0/8', '192.0.2.0/24'])
}, 60_000)

test('O6 a provider network on which no security group holds: the site says so, and no cluster is made until it is guarded', async () => {
  const w = await begin({ shape: 'routed' })
  const [network] = (await w.asOperator('GET', 'network', '/v2.0/networks?name=provider')).body.networks as { id: string }[]
  const guard = async (isGuarded: boolean): Promise<void> => {
    expect((await w.asOperator('PUT', 'network', `/v2.0/networks/${network!.id}`, { network: { port_security_enabled: isGuarded } })).status).toBe(200)
    await w.pass(10_000)
    await w.wakeAll()
    await w.until(async () => (await w.isSiteReady()) === isGuarded, 'the site has seen it')
  }
  await guard(false)
  expect(await w.condition(Site, { namespace: '', name: 'sim' }, 'Ready')).toMatchObject({ status: 'False', reason: 'NetworkUnguarded', fault: 'Cloud', message: expect.stringContaining('network provider has port_security_enabled: false') as string })
  const before = w.inventory()
  expect(await create(w, 'first', {})).toEqual([])
  await w.pass(120_000)
  expect(await w.condition(Cluster, { namespace: 'demo', name: 'first' }, 'Ready')).toMatchObject({ status: 'False' })
  expect(w.inventory()).toEqual(before)
  await guard(true)
  await w.waitReady()
}, 60_000)

/** Who from outside the cluster's network may reach the API at the nodes themselves. */
const strangers = async (w: World) => ((await w.asOther('GET', 'network', '/v2.0/security-group-rules')).body.security_group_rules as { port_range_min: number | null; remote_ip_prefix: string | null }[])
  .filter((r) => r.port_range_min === 6443 && r.remote_ip_prefix !== '10.250.0.0/24').map((r) => r.remote_ip_prefix ?? '0.0.0.0/0').toSorted()
