/** Holes in what the cloud shows (rule E2): a Ready cluster stands, nothing is created or deleted, people are told, and all goes on afterwards. */
import { afterEach, expect, test } from 'vitest'
import { CloudProject, Project } from '../api/index.ts'
import { condition, isTrue } from '../api/meta/index.ts'
import type { Fault } from '../drivers/openstack/sim/index.ts'
import { openWorld, passwordOf, type World, type WorldOptions } from '../../testkit/world.ts'
import { controllers } from './index.ts'

let world: World | undefined
afterEach(async () => { await world?.close(); world = undefined })

const readyWorld = async (options: WorldOptions = {}): Promise<World> => {
  world = await openWorld(options)
  await world.start()
  await world.makeCluster({ controlPlane: 3, workers: 2 })
  await world.waitReady()
  await world.pass(20_000)
  return world
}

/** Every object is looked at by the controllers that run, by new ones, and once more when all waiting is over. */
const lookAtAll = async (w: World): Promise<void> => {
  await w.wakeAll()
  await w.pass(20_000)
  await w.start()
  await w.wakeAll()
  await w.pass(90_000)
}

const reasons = async (w: World): Promise<ReadonlySet<string>> => {
  const cluster = (await w.cluster())!
  return new Set([cluster, ...(await w.machines())].flatMap((o) => (o.status?.conditions ?? []).map((c) => c.reason)))
}

/** Keystone still gives tokens: the role is looked at by the services. */
const roleRemoved: readonly Fault[] = (['compute', 'network', 'volume', 'load-balancer'] as const).map((service) => ({ kind: 'role-removed', service }))

const holes: readonly { readonly name: string; readonly faults: readonly Fault[]; readonly reason: string; readonly options?: WorldOptions }[] = [
  { name: 'no cell of Nova can be reached', faults: [{ kind: 'unreachable-cell', cell: 'all' }], reason: 'CloudViewIncomplete' },
  { name: 'the role was removed: 200 and empty', faults: roleRemoved, reason: 'CloudViewIncomplete' },
  { name: 'Nova alone shows nothing', faults: [{ kind: 'role-removed', service: 'compute' }], reason: 'CloudViewIncomplete' },
  { name: 'Cinder alone shows nothing', faults: [{ kind: 'role-removed', service: 'volume' }], reason: 'CloudViewIncomplete' },
  { name: 'Octavia alone shows nothing', faults: [{ kind: 'role-removed', service: 'load-balancer' }], reason: 'CloudViewIncomplete' },
  { name: 'Neutron alone shows nothing', faults: [{ kind: 'role-removed', service: 'network' }], reason: 'CloudViewIncomplete' },
  { name: 'the token counts for another project', faults: [{ kind: 'wrong-project', as: 'other' }], reason: 'CredentialOfAnotherProject' },
  { name: 'the marker between two pages is lost', faults: [{ kind: 'lost-marker' }], reason: 'CloudRefused', options: { pageSize: 2 } },
]

test.each(holes)('E2 $name: 0 creates, 0 deletes, $reason, and Ready again afterwards', async ({ faults, reason, options }) => {
  const w = await readyWorld(options)
  const before = w.inventory()
  w.forgetCalls()
  const standing = faults.map((f) => w.cloud.faults.add(f))
  await lookAtAll(w)
  for (const hole of standing) expect(hole.struck).toBeGreaterThan(0)
  expect(w.changes()).toEqual({})
  expect(await reasons(w)).toContain(reason)
  for (const hole of standing) hole.remove()
  await w.until(() => w.isReady(), 'Ready again', 900_000)
  await w.pass(20_000)
  expect(w.changes()).toEqual({})
  expect(w.inventory()).toEqual(before)
}, 120_000)

test('E2 a credential of another project: 0 creates, 0 deletes, CredentialOfAnotherProject, and Ready again with the right one', async () => {
  const w = await readyWorld()
  const before = w.inventory()
  await w.useCredential(passwordOf('other'))
  w.forgetCalls()
  await w.start()
  await w.wakeAll()
  await w.pass(90_000)
  expect(w.changes()).toEqual({})
  expect(condition((await w.cluster())!, 'InfrastructureReady')).toMatchObject({ status: 'False', reason: 'CredentialOfAnotherProject' })
  await w.useCredential(passwordOf('demo'))
  await w.start()
  await w.until(() => w.isReady(), 'Ready again')
  expect(w.changes()).toEqual({})
  expect(w.inventory()).toEqual(before)
}, 120_000)

test('E2 O9 the role is removed while the only cluster is being deleted: its finalizer stays, and it goes when the role is back', async () => {
  const w = await readyWorld()
  await w.deleteCluster()
  await w.until(async () => (w.left()['servers'] ?? 0) < 5, 'the first server gone')
  const hole = roleRemoved.map((f) => w.cloud.faults.add(f))
  await w.start()
  await w.pass(90_000)
  expect((await w.cluster())?.metadata.finalizers).toContain('skerry.dev/site')
  expect(w.left()).not.toEqual({})
  for (const h of hole) h.remove()
  await w.waitGone()
  expect(w.left()).toEqual({})
}, 120_000)

test('E2 the role is removed when only what all machines share is left: the cluster is not forgotten', async () => {
  const w = await readyWorld()
  const block = w.cloud.faults.add({ kind: 'status', status: 503, service: 'network', method: 'DELETE', path: '/(networks|security-groups)/' })
  await w.deleteCluster()
  await w.until(async () => (w.left()['loadBalancers'] ?? 0) === 0 && (w.left()['ports'] ?? 0) === 0 && (await w.cluster())?.metadata.finalizers?.length === 1, 'only the shared objects left')
  const hole = roleRemoved.map((f) => w.cloud.faults.add(f))
  block.remove()
  await w.start()
  await w.pass(90_000)
  const cluster = await w.cluster()
  expect(cluster?.metadata.finalizers).toContain('skerry.dev/site')
  expect(isTrue(cluster!, 'Ready')).toBe(false)
  for (const h of hole) h.remove()
  await w.waitGone()
  expect(w.left()).toEqual({})
}, 120_000)

test('E2 O9 services take the token for another project\'s when only the network is left: the cluster is not forgotten', async () => {
  const w = await readyWorld()
  const block = w.cloud.faults.add({ kind: 'status', status: 503, service: 'network', method: 'DELETE', path: '/networks/' })
  await w.deleteCluster()
  await w.until(() => Object.keys(w.left()).join() === 'networks', 'only the network left')
  // Keystone is as it was: nothing but the answers themselves says whose they are.
  const hole = (['compute', 'network', 'volume', 'load-balancer'] as const).map((service) => w.cloud.faults.add({ kind: 'wrong-project', as: 'other', service }))
  block.remove()
  await w.pass(120_000)
  expect((await w.cluster())?.metadata.finalizers).toContain('skerry.dev/site')
  expect(Object.keys(w.left())).toEqual(['networks'])
  for (const h of hole) h.remove()
  await w.waitGone()
  expect(w.left()).toEqual({})
}, 120_000)

/** A small cluster that goes while one service shows nothing: the condition names the service, and nothing is forgotten. */
const goesBlind = async (w: World, blind: () => () => void, service: string): Promise<void> => {
  const mend = blind()
  await w.deleteCluster()
  await w.pass(300_000)
  const said = [(await w.cluster())!, ...(await w.machines())].flatMap((o) => o.status?.conditions ?? []).filter((c) => c.reason === 'CloudViewIncomplete').map((c) => c.message)
  expect(said).toContainEqual(expect.stringContaining(service))
  mend()
  await w.waitGone()
  expect(w.left()).toEqual({})
}
const one = [
  { name: 'Nova', service: 'compute', machineType: 'l2.c4r8.100', made: '/servers$' }, { name: 'Cinder', service: 'volume', machineType: 'b2.c4r8', made: '/volumes$' },
  { name: 'Octavia', service: 'load-balancer', machineType: 'b2.c4r8', made: '/loadbalancers$' },
] as const

test.each(one)('E2 O9 $name alone shows nothing while a cluster goes: nothing is forgotten', async ({ name, service, machineType }) => {
  const w = world = await openWorld()
  await w.start()
  await w.makeCluster({ machineType })
  await w.waitReady()
  await goesBlind(w, () => w.cloud.faults.add({ kind: 'role-removed', service }).remove, name)
}, 120_000)

test.each(one)('E2 E3 $name alone shows nothing of what was made and never answered, while the cluster goes: it is not forgotten', async ({ name, service, machineType, made }) => {
  const w = world = await openWorld()
  await w.start()
  const silent = w.cloud.faults.add({ kind: 'silence-after-success', service, method: 'POST', path: made, times: 1 })
  await w.makeCluster({ machineType, workers: 0 })
  await w.until(() => silent.struck > 0, 'made and not answered')
  await goesBlind(w, () => w.cloud.faults.add({ kind: 'role-removed', service }).remove, name)
}, 120_000)

test.each(['seen', 'made and never answered'] as const)('E2 O9 the catalogue loses Octavia while a cluster goes whose balancer was %s: it is not forgotten', async (was) => {
  let isLost = false
  const w = world = await openWorld({
    controllers: (ports) => controllers({ ...ports, clouds: { ...ports.clouds, open: async (...of) => { const { cloud: { loadBalancer, ...cloud }, ...site } = await ports.clouds.open(...of); return { ...site, cloud: { ...cloud, ...(!isLost && loadBalancer !== undefined && { loadBalancer }) } } } } }),
  })
  await w.start()
  const silent = was === 'seen' ? undefined : w.cloud.faults.add({ kind: 'silence-after-success', service: 'load-balancer', method: 'POST', path: '/loadbalancers$', times: 1 })
  await w.makeCluster({ workers: 0 })
  await (silent === undefined ? w.waitReady() : w.until(() => silent.struck > 0, 'made and not answered'))
  await goesBlind(w, () => { isLost = true; return () => { isLost = false } }, 'Octavia')
}, 120_000)

test('E2 a credential that was given before a cluster is the one that it is made with, however young', async () => {
  const w = world = await openWorld()
  await w.people.create(Project, { metadata: { name: 'other' }, spec: {} }, { manager: 'people' })
  await w.start()
  // The site's own credential stands in for the project's, and is in use.
  await w.until(async () => (await w.people.list(CloudProject)).items.some((p) => p.spec.projects.includes('other')), 'both projects seen')
  await w.useCredential(passwordOf('other'), 'other')
  await w.makeCluster({ name: 'young', project: 'other' })
  await w.waitReady('young')
  expect([w.left('demo'), w.left('other')['servers']]).toEqual([{}, 2])
}, 120_000)
