/** Calls of a former holder that reach the cloud after its successor has acted (rule E3): a lease stops nobody who has begun to send. */
import { afterEach, expect, test } from 'vitest'
import { controllers } from './index.ts'
import { makingCalls } from '../../testkit/making-calls.ts'
import { openWorld, type World } from '../../testkit/world.ts'

let world: World | undefined
afterEach(async () => { await world?.close(); world = undefined })

/** Of these the cloud refuses no second one (rule O2). */
const twice = ['networks', 'routers', 'securityGroups', 'serverGroups', 'floatingIps', 'volumes']

/** One cluster of three control planes and one worker, and one of one and one. */
const three = { servers: 4, serverGroups: 1, networks: 1, subnets: 1, routers: 1, ports: 5, securityGroups: 2, securityGroupRules: 7, floatingIps: 1, volumes: 4, loadBalancers: 1, listeners: 2, pools: 2, members: 6, monitors: 2 }
const one = { servers: 2, networks: 1, subnets: 1, routers: 1, ports: 3, securityGroups: 2, securityGroupRules: 7, floatingIps: 1, volumes: 2, loadBalancers: 1, listeners: 2, pools: 2, members: 2, monitors: 2 }

test('E3 each making call of a former holder arrives after its successor acted: every cluster has exactly its objects', async () => {
  const w = world = await openWorld()
  await w.start()
  const held = makingCalls.map((m) => w.cloud.faults.add({ kind: 'held', ...m, times: 1 }))
  // Each cluster is caught in one call or in several that go side by side.
  const names = makingCalls.map((_, i) => `held-${i}`)
  const clusters = await Promise.all(names.map((name, i) => w.makeCluster({ name, controlPlane: i === 0 ? 3 : 1 })))
  await w.until(() => held.every((h) => h.struck === 1), 'all are under way')
  await w.stop()
  await w.start()
  for (const name of names) await w.waitReady(name)
  const want = Object.fromEntries(Object.entries(three).map(([kind, n]) => [kind, n + (names.length - 1) * ((one as Readonly<Record<string, number>>)[kind] ?? 0)]))
  expect(w.left()).toEqual(want)
  for (const h of held) h.remove()
  // What the cloud does not refuse twice is there twice for a moment.
  await w.until(() => twice.every((kind) => w.left()[kind]! > want[kind]!), 'doubles', 1)
  await w.pass(240_000)
  expect(w.left()).toEqual(want)
  for (const name of names) expect(await w.isReady(name)).toBe(true)
  for (const c of clusters) expect(await w.etcdClusterIds(c.metadata.uid)).toHaveLength(1)
  await Promise.all(names.map((name) => w.deleteCluster(name)))
  for (const name of names) await w.waitGone(name)
  expect(w.left()).toEqual({})
}, 300_000)

test('E3 T1 the bootstrap of a former holder arrives after its successor bootstrapped: one etcd', async () => {
  const late: (() => Promise<void>)[] = []
  const w = world = await openWorld({
    controllers: (ports) => controllers({
      ...ports, talos: {
        ...ports.talos,
        node: (...of) => {
          const node = ports.talos.node(...of)
          // The first process's request is on its way, and will not be answered to it.
          return { ...node, bootstrap: () => (late.length > 0 ? node.bootstrap() : new Promise((_done, failed) => { late.push(async () => { await node.bootstrap(); failed(new Error('nobody listens')) }) })) }
        },
      },
    }),
  })
  await w.start()
  const { metadata: { uid } } = await w.makeCluster({ controlPlane: 3 })
  await w.until(() => late.length === 1, 'the bootstrap is under way')
  await w.stop()
  await w.start()
  await w.waitReady()
  const ids = await w.etcdClusterIds(uid)
  expect(ids).toHaveLength(1)
  await expect(late[0]!()).rejects.toThrow(/etcd data directory is not empty|already/i)
  await w.pass(60_000)
  expect(await w.etcdClusterIds(uid)).toEqual(ids)
  expect(await w.isReady()).toBe(true)
}, 120_000)
