/** Load balancers that Octavia does not finish (rule O5): people are told whose move it is, and Octavia is left in peace. */
import { afterEach, expect, test } from 'vitest'
import { condition } from '../api/meta/index.ts'
import { openWorld, type World } from '../../testkit/world.ts'

let world: World | undefined
afterEach(async () => { await world?.close(); world = undefined })
const begin = async (): Promise<World> => { world = await openWorld(); await world.start(); return world }
const said = async (w: World) => condition((await w.cluster())!, 'EndpointReady')

test('O5 a balancer that stays PENDING_DELETE while its cluster goes: LoadBalancerStuck after 15 minutes', async () => {
  const w = await begin()
  await w.makeCluster({ workers: 0 })
  await w.waitReady()
  w.cloud.faults.add({ kind: 'load-balancer-sticks', service: 'load-balancer', method: 'DELETE', path: '/loadbalancers/' })
  await w.deleteCluster()
  await w.pass(600_000)
  expect(await said(w)).toMatchObject({ reason: 'Deleting' })
  await w.pass(600_000)
  expect(await said(w)).toMatchObject({ reason: 'LoadBalancerStuck', message: expect.stringContaining('is PENDING_DELETE') })
}, 60_000)

test('O5 a balancer that stays PENDING_UPDATE: LoadBalancerStuck after 15 minutes', async () => {
  const w = await begin()
  w.cloud.faults.add({ kind: 'load-balancer-sticks', service: 'load-balancer', method: 'PUT', path: '/members$' })
  await w.makeCluster({ workers: 0 })
  await w.pass(1_200_000)
  expect(await said(w)).toMatchObject({ reason: 'LoadBalancerStuck', message: expect.stringContaining('is PENDING_UPDATE') })
}, 60_000)

test('O3 O5 a balancer whose deletion ends in ERROR each time: LoadBalancerError, asked again once a minute, and gone when Octavia can', async () => {
  const w = await begin()
  await w.makeCluster({ workers: 0 })
  await w.waitReady()
  const broken = w.cloud.faults.add({ kind: 'load-balancer-error', service: 'load-balancer', method: 'DELETE' })
  await w.deleteCluster()
  await w.until(() => broken.struck > 0, 'the first ERROR')
  await w.pass(10_000)
  const before = broken.struck
  await w.pass(600_000)
  expect(broken.struck - before).toBeGreaterThan(5)
  expect(broken.struck - before).toBeLessThanOrEqual(10)
  expect(await said(w)).toMatchObject({ reason: 'LoadBalancerError', message: expect.stringContaining('each minute') })
  broken.remove()
  await w.waitGone()
  expect(w.left()).toEqual({})
}, 60_000)
