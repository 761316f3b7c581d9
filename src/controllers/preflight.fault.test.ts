/** Quotas before anything is made (rule O3): what does not fit is refused at its field, what is not known refuses nothing. */
import { afterEach, expect, test } from 'vitest'
import { CloudProject, Cluster, NodePool } from '../api/index.ts'
import { failureOf } from '../engine/errors.ts'
import { machinesNeed, sharedNeed, sum } from '../rules/quota.ts'
import { openWorld, type World, type WorldOptions } from '../../testkit/world.ts'

let world: World | undefined
afterEach(async () => { await world?.close(); world = undefined })
const begin = async (options: WorldOptions = {}): Promise<World> => {
  world = await openWorld(options)
  await world.start()
  const w = world
  await w.until(async () => (await seen(w)) !== undefined && (await w.isSiteReady()), 'limits seen')
  return world
}
const seen = async (w: World) => (await w.people.list(CloudProject)).items[0]?.spec
const causes = (work: Promise<unknown>) => work.then(() => [], (error: unknown) => failureOf(error)?.details?.causes?.map((c) => `${c.field}: ${(c.message ?? '').replace('Forbidden: ', '').split(',')[0]}`) ?? [String(error)])

test.each<[string, WorldOptions['quota'] & object, readonly string[]]>([
  ['instances', { instances: 0 }, ['spec.controlPlane.replicas: quota instances: needs 1 instances']],
  ['cores and RAM', { cores: 3, ram: 8191 }, ['spec.controlPlane.replicas: quota cores: needs 4 cores', 'spec.controlPlane.replicas: quota ramMiB: needs 8192 MiB of RAM']],
  ['volumes', { gigabytes: 39 }, ['spec.controlPlane.replicas: quota volumeGiB: needs 40 GiB of volumes']],
  ['ports', { port: 3 }, ['spec.controlPlane.replicas: quota ports: needs 4 ports']],
  ['floating IP, network and router', { floatingip: 0, network: 0, router: 0 }, ['spec.endpoint.kind: quota networks: needs 1 networks', 'spec.endpoint.kind: quota routers: needs 1 routers', 'spec.endpoint.kind: quota floatingIps: needs 1 floating IPs']],
  ['load balancer', { load_balancer: 0 }, ['spec.endpoint.kind: quota loadBalancers: needs 1 load balancers']],
])('O3 too few %s: the cluster is refused at its field, also as a dry run, and nothing is made', async (_, quota, want) => {
  const w = await begin({ quota })
  expect(await causes(w.makeCluster({ workers: 0 }))).toEqual(want)
  const { object } = wish
  expect(await causes(w.people.create(Cluster, object, { manager: 'people', dryRun: true }))).toEqual(want)
  expect(w.left()).toEqual({})
}, 60_000)
const wish = { object: { metadata: { name: 'first', namespace: 'demo' }, spec: { site: 'sim', release: '2026.4.1', controlPlane: { replicas: 1, machineType: 'b2.c4r8' } } } }

test('O3 what was promised a moment ago counts, growing is checked as creating is, and shrinking never refused', async () => {
  const w = await begin({ quota: { instances: 4 } })
  await w.makeCluster({ workers: 2 })
  const pool = async (name: string, replicas: number) => causes(w.people.create(NodePool, { metadata: { name, namespace: 'demo' }, spec: { cluster: 'first', replicas, machineType: 'b2.c4r8' } }, { manager: 'people' }))
  const scale = (replicas: number) => causes(w.people.request({ method: 'PATCH', path: '/apis/skerry.dev/v1alpha1/namespaces/demo/nodepools/first-workers/scale', contentType: 'application/merge-patch+json', body: { spec: { replicas } } }))
  expect(await pool('more', 2)).toEqual(['spec.replicas: quota instances: needs 2 instances'])
  await w.waitReady()
  await w.pass(40_000)
  expect(await pool('more', 2)).toEqual(['spec.replicas: quota instances: needs 2 instances'])
  expect(await scale(4)).toEqual(['spec.replicas: quota instances: needs 2 instances'])
  expect(await scale(3)).toEqual([])
  await w.waitReady()
  w.cloud.setQuota('demo', { instances: 1 })
  await w.pass(40_000)
  expect(await scale(2)).toEqual([])
}, 120_000)

test.each(['amphora', 'ovn'] as const)('O3 what the rule says a cluster needs is what the cloud counts, with %s', async (provider) => {
  const w = await begin({ octaviaProviders: [provider] })
  const before = (await seen(w))!.limits
  await w.makeCluster({ controlPlane: 1, workers: 1 })
  await w.waitReady()
  await w.pass(40_000)
  const after = (await seen(w))!.limits
  const type = { spec: { cpus: 4, memoryMiB: 8192, diskGiB: 0 } } as never
  const need = sum([machinesNeed(2, type, 40), sharedNeed('tenant', { provider })])
  expect(Object.fromEntries(Object.entries(after).map(([q, l]) => [q, l.used - before[q as keyof typeof before]!.used]))).toEqual(need)
}, 120_000)

test('O3 limits are written when they change, and refuse nothing while the site is not Ready', async () => {
  const w = await begin({ quota: { instances: 0 } })
  const first = await seen(w)
  await w.pass(300_000)
  expect(await seen(w)).toEqual(first)
  w.cloud.faults.add({ kind: 'status', status: 503 })
  await w.wakeAll()
  await w.until(async () => !(await w.isSiteReady()), 'the site not Ready')
  await w.stop()
  expect(await causes(w.makeCluster({ workers: 0 }))).toEqual([])
}, 60_000)

test('O3 a service that does not tell its limits leaves those of the others', async () => {
  const w = await begin({ quota: { instances: 0, load_balancer: 0 } })
  w.cloud.faults.add({ kind: 'status', status: 403, service: 'compute', path: '/limits' })
  await w.pass(40_000)
  expect(await causes(w.makeCluster({ workers: 0 }))).toEqual(['spec.endpoint.kind: quota loadBalancers: needs 1 load balancers'])
}, 60_000)
