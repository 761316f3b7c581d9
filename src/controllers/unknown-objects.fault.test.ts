/** Objects with our mark and an owner that is not known (rule H3): nobody acts in their project until a person has decided. */
import { afterEach, expect, test } from 'vitest'
import { Cluster, Machine, NodePool, Project, Site } from '../api/index.ts'
import { condition } from '../api/meta/index.ts'
import type { Decision, UnknownObject } from '../api/site/index.ts'
import { openWorld, passwordOf, type World, type WorldOptions } from '../../testkit/world.ts'

let world: World | undefined
afterEach(async () => { await world?.close(); world = undefined })

const siteOf = async (w: World): Promise<Site> => (await w.people.list(Site)).items[0]!
const unknownOf = async (w: World): Promise<readonly UnknownObject[]> => (await siteOf(w)).status?.unknownObjects?.items ?? []
const isHeld = async (w: World): Promise<boolean> => condition(await siteOf(w), 'UnknownObjects')?.status === 'True'
const decide = async (w: World, decision: Decision, ids: readonly string[]): Promise<void> => {
  const site = await siteOf(w)
  await w.people.update(Site, { ...site, spec: { ...site.spec, unknownObjects: { ...site.spec.unknownObjects, ...Object.fromEntries(ids.map((id) => [id, decision])) } } }, { manager: 'people' })
}
const whole = {
  servers: 2, networks: 1, subnets: 1, routers: 1, ports: 3, securityGroups: 2, securityGroupRules: 7, floatingIps: 1, volumes: 2, loadBalancers: 1, listeners: 2, pools: 2, members: 2, monitors: 2,
}

/** A cluster stands in the cloud and is forgotten by the database, which is of the minute before it was made. */
const restoredWorld = async (options: WorldOptions = {}): Promise<World> => {
  const w = world = await openWorld(options)
  await w.people.create(Project, { metadata: { name: 'other' }, spec: {} }, { manager: 'people' })
  await w.useCredential(passwordOf('other'), 'other')
  await w.start()
  await w.until(() => w.isSiteReady(), 'site Ready')
  const restore = await w.backup()
  await w.makeCluster({ name: 'lost' })
  await w.waitReady('lost')
  await w.pass(20_000)
  await w.stop()
  await restore()
  expect((await Promise.all([Cluster, NodePool, Machine].map((k) => w.people.list(k as typeof Cluster)))).flatMap((l) => l.items)).toEqual([])
  return w
}

test('H3 the database is restored to before a cluster was made: 0 creates, 0 deletes in its project, told on the Site; another project goes on', async () => {
  const w = await restoredWorld()
  const before = w.inventory()
  await w.start()
  await w.makeCluster({ name: 'new' })
  await w.makeCluster({ name: 'elsewhere', project: 'other' })
  await w.waitReady('elsewhere')
  await w.wakeAll()
  await w.pass(300_000)
  expect(w.inventory()).toEqual(before)
  const site = await siteOf(w)
  expect(condition(site, 'UnknownObjects')).toMatchObject({ status: 'True', reason: 'UnknownObjects', fault: 'Platform', message: expect.stringContaining('skerry site reconcile sim') as string })
  const { count, items } = site.status!.unknownObjects!
  expect(count).toBe(items.length)
  expect(items.toSorted((a, b) => a.kind.localeCompare(b.kind) || a.role.localeCompare(b.role)).map((o) => `${o.kind} ${o.role.replace(/-[0-9a-f]{8}-.*/, '')}`)).toEqual([
    'floating ip api', 'listener api-50000', 'listener api-6443', 'load balancer api', 'network network', 'pool api-50000', 'pool api-6443', 'port cp-0', 'port node', 'router router',
    'security group control-plane', 'security group nodes', 'server controlplane', 'server worker', 'subnet subnet', 'volume root', 'volume root',
  ])
  expect(new Set(items.map((o) => o.project)).size).toBe(1)
  expect(condition((await w.cluster('new'))!, 'InfrastructureReady')).toMatchObject({ status: 'False', reason: 'UnknownObjects', fault: 'Platform' })
  await w.deleteCluster('elsewhere')
  await w.waitGone('elsewhere')
  expect(w.left('other')).toEqual({})
}, 120_000)
