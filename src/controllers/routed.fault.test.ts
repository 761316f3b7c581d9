/** A site whose network is routed: no router, no floating IP, no Octavia, and a Neutron that does not even have their lists. */
import { afterEach, expect, test } from 'vitest'
import { Cluster } from '../api/index.ts'
import { openWorld, type World } from '../../testkit/world.ts'

let world: World | undefined
afterEach(async () => { await world?.close(); world = undefined })

test('O6 on a routed site a cluster of three and one comes, works through its nodes, and goes without a trace', async () => {
  const w = (world = await openWorld({ shape: 'routed' }))
  await w.start()
  await w.until(() => w.isSiteReady(), 'site Ready')
  expect((await w.asOther('GET', 'network', '/v2.0/floatingips')).status).toBe(404)
  const before = w.inventory()
  const made = await w.makeCluster({ controlPlane: 3, machineType: 'b2.c2r4' })
  await w.waitReady()
  expect((await w.cluster())?.status?.endpoint).toMatchObject({ kind: 'nodes' })
  await w.people.delete(Cluster, { namespace: 'demo', name: made.metadata.name }, { manager: 'people' })
  await w.until(async () => (await w.cluster()) === undefined, 'the cluster is gone')
  expect(w.inventory()).toEqual(before)
}, 120_000)
