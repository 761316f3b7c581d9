/** A second object with one mark (rule E3), made by nobody whom we know: it goes, the recorded one stays, and it is counted once. */
import { Registry } from 'prom-client'
import { afterEach, expect, test } from 'vitest'
import { descriptionOf, metadataOf, nameOf } from '../drivers/openstack/marks.ts'
import { installation, openWorld, type World } from '../../testkit/world.ts'

let world: World | undefined
afterEach(async () => { await world?.close(); world = undefined })

test('E3 doubles of every controller are deleted, and counted once each (skerry_duplicates_total)', async () => {
  const w = world = await openWorld()
  const metrics = new Registry()
  await w.start({ metrics })
  const cluster = await w.makeCluster()
  await w.waitReady()
  await w.pass(20_000)
  const before = w.inventory()
  const worker = (await w.machines()).find((m) => m.spec.role === 'worker')!
  const mark = (uid: string, role: string) => ({ uid, site: installation, role })
  const neutron = (m: ReturnType<typeof mark>) => ({ name: nameOf(m), description: descriptionOf(m) })
  const { infrastructure } = (await w.cluster())!.status!
  const root = mark(worker.metadata.uid, 'root')
  const made = [
    await w.asOther('POST', 'network', '/v2.0/networks', { network: neutron(mark(cluster.metadata.uid, 'network')) }),
    await w.asOther('POST', 'network', '/v2.0/ports', { port: { ...neutron(mark(cluster.metadata.uid, 'cp-0')), network_id: infrastructure!.networkId } }),
    await w.asOther('POST', 'volume', `/v3/${infrastructure!.projectId}/volumes`, { volume: { name: nameOf(root), size: 40, metadata: metadataOf(root) } }),
  ]
  expect(made.map((m) => Math.floor(m.status / 100))).toEqual([2, 2, 2])
  await w.wakeAll()
  await w.until(() => JSON.stringify(w.inventory()) === JSON.stringify(before), 'the doubles gone')
  await w.wakeAll()
  await w.pass(60_000)
  const { values } = await metrics.getSingleMetric('skerry_duplicates_total')!.get()
  expect(values.map((v) => `${v.labels['controller']} ${v.labels['what']} ${v.value}`).toSorted()).toEqual(['cluster network 1', 'endpoint port 1', 'machine volume 1'])
  expect(await w.isReady()).toBe(true)
}, 120_000)
