/** Objects with our mark and an owner that is not known (rule H3): nobody acts in their project until a person has decided. */
import { afterEach, expect, test } from 'vitest'
import { Cluster, Machine, NodePool, Project, Site } from '../api/index.ts'
import { condition } from '../api/meta/index.ts'
import type { Decision, UnknownObject } from '../api/site/index.ts'
import { installation, openWorld, passwordOf, type World, type WorldOptions } from '../../testkit/world.ts'

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
  const past = await w.snapshot()
  await w.makeCluster({ name: 'lost' })
  await w.waitReady('lost')
  await w.pass(20_000)
  await w.restore(past)
  expect((await Promise.all([Cluster, NodePool, Machine].map((k) => w.people.list(k as typeof Cluster)))).flatMap((l) => l.items)).toEqual([])
  return w
}

test('H3 the database is restored to before a cluster was made: 0 creates, 0 deletes in its project, told on the Site; another project goes on', async () => {
  const w = await restoredWorld()
  const before = w.inventory()
  w.forgetCalls()
  await w.start()
  await w.makeCluster({ name: 'new' })
  await w.pass(120_000)
  expect(w.changes()).toEqual({})
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

test('H3 deleted by a person: all but one decided still holds the project, then nothing of the lost cluster is left and the new one is Ready', async () => {
  const w = await restoredWorld()
  await w.start()
  await w.makeCluster({ name: 'new' })
  await w.until(() => isHeld(w), 'told')
  // A security group that nothing uses any more when the servers are gone.
  const ids = (await unknownOf(w)).map((o) => o.id)
  const [one, others] = [ids.at(-1)!, ids.slice(0, -1)]
  await decide(w, 'delete', others)
  await w.until(async () => (await unknownOf(w)).length === 1, 'the others gone')
  await w.pass(120_000)
  expect((await unknownOf(w)).map((o) => o.id)).toEqual([one])
  expect(await isHeld(w)).toBe(true)
  expect(condition((await w.cluster('new'))!, 'InfrastructureReady')?.reason).toBe('UnknownObjects')
  await decide(w, 'delete', [one])
  await w.waitReady('new')
  await w.pass(60_000)
  expect(condition(await siteOf(w), 'UnknownObjects')).toMatchObject({ status: 'False', reason: 'Idle' })
  expect(w.left()).toEqual(whole)
}, 120_000)

test('H3 left by a person: it stays as it is and is told no more, also by new controllers, and the new cluster is Ready', async () => {
  const w = await restoredWorld()
  const before = w.inventory()
  await w.start()
  await w.makeCluster({ name: 'new' })
  await w.until(() => isHeld(w), 'told')
  await decide(w, 'leave', (await unknownOf(w)).map((o) => o.id))
  await w.waitReady('new')
  await w.start()
  await w.wakeAll()
  await w.pass(120_000)
  expect([await isHeld(w), await unknownOf(w)]).toEqual([false, []])
  await w.deleteCluster('new')
  await w.waitGone('new')
  expect(w.inventory()).toEqual(before)
}, 120_000)

test('H3 adopted: the newer backup brings the owners back, they take what carries their marks, and nothing is created or deleted', async () => {
  const w = world = await openWorld()
  await w.start()
  await w.until(() => w.isSiteReady(), 'site Ready')
  const older = await w.snapshot()
  await w.makeCluster()
  await w.waitReady()
  await w.pass(20_000)
  const newer = await w.snapshot()
  await w.restore(older)
  // A start looks at once, though nothing of the Site changed and nobody wants to act.
  await w.start({ startSpreadMs: 600_000 })
  await w.until(() => isHeld(w), 'told', 10_000)
  await w.restore(newer)
  const before = w.inventory()
  w.forgetCalls()
  await w.start()
  await w.wakeAll()
  await w.pass(120_000)
  expect([await isHeld(w), await w.isReady(), w.changes(), w.inventory()]).toEqual([false, true, {}, before])
}, 120_000)

test.each([
  { name: 'the role is removed', faults: (['compute', 'network', 'volume', 'load-balancer'] as const).map((service) => ({ kind: 'role-removed', service }) as const) },
  { name: 'no cell of Nova can be reached', faults: [{ kind: 'unreachable-cell', cell: 'all' } as const] },
])('H3 E2 $name while objects are undecided: unseen is not gone, the project stays held', async ({ faults }) => {
  const w = await restoredWorld()
  const before = w.inventory()
  await w.start()
  await w.makeCluster({ name: 'new' })
  await w.until(() => isHeld(w), 'told')
  const told = await unknownOf(w)
  const holes = faults.map((f) => w.cloud.faults.add(f))
  await w.wakeAll()
  await w.pass(120_000)
  await w.start()
  await w.pass(300_000)
  for (const h of holes) expect(h.struck).toBeGreaterThan(0)
  expect(await unknownOf(w)).toEqual(told)
  for (const h of holes) h.remove()
  await w.pass(300_000)
  expect([await isHeld(w), w.inventory()]).toEqual([true, before])
}, 120_000)

test('H3 a second copy of this installation appears: who wants to act finds it and has it told at once, the standing cluster stays Ready, and a decision wakes who waits', async () => {
  const w = world = await openWorld()
  await w.start()
  await w.makeCluster()
  await w.waitReady()
  await w.pass(120_000)
  await w.asOther('POST', 'network', '/v2.0/security-groups', { security_group: { name: 'a copy made this', description: `skerry-uid:6a1e0000-0000-4000-8000-000000000000 skerry-site:${installation} skerry-role:nodes` } })
  const before = w.inventory()
  const [pool] = (await w.people.list(NodePool)).items
  await w.people.update(NodePool, { ...pool!, spec: { ...pool!.spec, replicas: 2 } }, { manager: 'people' })
  const held = async (): Promise<boolean> => (await w.machines()).some((m) => condition(m, 'Ready')?.reason === 'UnknownObjects')
  await w.until(held, 'the new machine is held', 60_000)
  await w.until(() => isHeld(w), 'told', 10_000)
  expect((await unknownOf(w)).map((o) => `${o.kind} ${o.role}`)).toEqual(['security group nodes'])
  // Long enough for the pauses between its attempts to grow to minutes.
  await w.pass(1_200_000)
  expect([w.inventory(), condition((await w.cluster())!, 'Ready')?.status]).toEqual([before, 'True'])
  await decide(w, 'leave', (await unknownOf(w)).map((o) => o.id))
  await w.until(() => (w.left()['servers'] ?? 0) === 3, 'the third server', 10_000)
  await w.waitReady()
}, 120_000)

/** What the Site and the clusters ever said, as a watcher hears it. */
const listen = (w: World): { readonly heard: string[]; end(): void } => {
  const heard: string[] = []
  const ending = new AbortController()
  for (const kind of [Site, Cluster, Machine] as readonly (typeof Cluster)[]) void (async () => {
    const { resourceVersion } = await w.people.list(kind)
    for await (const e of w.people.watch(kind, { resourceVersion, signal: ending.signal }))
      if (e.type !== 'BOOKMARK') heard.push(...(e.object.status?.conditions ?? []).filter((c) => c.reason === 'UnknownObjects').map((c) => `${kind.kind} ${e.object.metadata.name}: ${c.message}`))
  })().catch(() => undefined)
  return { heard, end: () => { ending.abort() } }
}

test.each([
  { name: 'without faults', faults: [] },
  { name: 'answers of creations lost', faults: [{ kind: 'silence-after-success', method: 'POST', times: 3 }] },
  { name: 'creations done 40 s late', faults: [{ kind: 'late-effect', afterMs: 40_000, method: 'POST', service: 'network', times: 3 }] },
  { name: 'services that fail now and then', faults: [{ kind: 'status', status: 503, probability: 0.05 }] },
] as const)('H3 clusters made and deleted $name, with old lists and new controllers in between: nobody says UnknownObjects', async ({ faults }) => {
  const w = world = await openWorld({ pollMs: 10_000 })
  await w.start()
  await w.until(() => w.isSiteReady(), 'site Ready')
  const { heard, end } = listen(w)
  const looking = async (isSo: () => Promise<boolean>, what: string): Promise<void> => {
    await w.until(async () => { await w.wakeAll(); expect(heard).toEqual([]); return isSo() }, what)
  }
  // Another installation's is not ours to judge.
  const stranger = await w.asOther('POST', 'network', '/v2.0/security-groups', { security_group: { name: 'theirs', description: 'skerry-uid:6a1e0000-0000-4000-8000-000000000000 skerry-site:22222222-bbbb-4bbb-8bbb-222222222222 skerry-role:nodes' } })
  expect(stranger.status).toBe(201)
  for (const f of faults) w.cloud.faults.add(f)
  await w.makeCluster({ name: 'a' })
  await w.makeCluster({ name: 'b' })
  await w.waitReady('a')
  await w.start()
  await w.deleteCluster('a')
  await looking(() => w.isGone('a'), 'a gone')
  await w.waitReady('b')
  await w.deleteCluster('b')
  await looking(() => w.isGone('b'), 'b gone')
  await w.wakeAll()
  await w.pass(120_000)
  end()
  expect(heard).toEqual([])
  expect(w.left()).toEqual({ securityGroups: 1, securityGroupRules: 2 })
}, 300_000)
