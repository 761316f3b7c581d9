/** Intents of creations that are not answered, while others are refused or what they were made from goes (rule E3). */
import { afterEach, expect, test } from 'vitest'
import { defaultFlavors } from '../drivers/openstack/sim/options.ts'
import { openWorld, type World } from '../../testkit/world.ts'

let world: World | undefined
afterEach(async () => { await world?.close(); world = undefined })
const begin = async (): Promise<World> => { world = await openWorld(); await world.start(); return world }

const late = { kind: 'late-effect', afterMs: 40_000, method: 'POST', times: 1 } as const
const refused = { kind: 'status', status: 400, method: 'POST' } as const
const router = { service: 'network', path: '/routers$' } as const

const goesWhole = async (w: World): Promise<void> => {
  await w.deleteCluster()
  await w.waitGone()
  await w.pass(120_000)
  expect(w.left()).toEqual({})
}

test.each([
  { what: 'a router, while the network beside it is refused', unanswered: router, no: { service: 'network', path: '/networks$' } },
  { what: 'a router, while the subnet is refused later', unanswered: router, no: { service: 'network', path: '/subnets$' } },
  { what: 'a floating IP, while the ports beside it are refused', unanswered: { service: 'network', path: '/floatingips$' }, no: { service: 'network', path: '/ports$' } },
] as const)('E3 $what: what comes late does not outlive the cluster', async ({ unanswered, no }) => {
  const w = await begin()
  const [one, other] = [w.cloud.faults.add({ ...late, ...unanswered }), w.cloud.faults.add({ ...refused, ...no })]
  await w.makeCluster({ workers: 0 })
  await w.until(() => one.struck > 0 && other.struck > 0, 'one unanswered, one refused')
  await goesWhole(w)
}, 60_000)

test('E3 a router that is not answered is not asked for a second time within the minute, though the subnet is refused', async () => {
  const w = await begin()
  const [one, other] = [w.cloud.faults.add({ ...late, ...router }), w.cloud.faults.add({ ...refused, service: 'network', path: '/subnets$', times: 1 })]
  await w.makeCluster({ workers: 0 })
  await w.until(() => one.struck > 0 && other.struck > 0, 'router unanswered, subnet refused')
  w.forgetCalls()
  await w.pass(35_000)
  expect(w.changes()).not.toHaveProperty('network POST /v2.0/routers')
}, 60_000)

test('E3 O9 a root volume that comes late goes with its machine, though its flavor went before', async () => {
  const w = await begin()
  const volume = w.cloud.faults.add({ ...late, service: 'volume', path: '/volumes$' })
  await w.makeCluster({ workers: 0 })
  await w.until(() => volume.struck > 0, 'volume unanswered')
  const flavors = defaultFlavors as unknown as { name: string }[]
  const at = flavors.findIndex((f) => f.name === 'b2.c4r8')
  const [flavor] = flavors.splice(at, 1)
  try {
    await w.wakeAll()
    await goesWhole(w)
  } finally { flavors.splice(at, 0, flavor!) }
}, 60_000)
