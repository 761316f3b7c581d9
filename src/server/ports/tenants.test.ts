import { afterEach, beforeEach, expect, test } from 'vitest'
import { fakeClock, type FakeClock } from '../../../testkit/fake-clock.ts'
import type { Cluster } from '../../api/index.ts'
import type { NodesChange, Ports } from '../../controllers/ports.ts'
import { openKubernetes, type KubernetesDriver } from '../../drivers/kubernetes/index.ts'
import { nodeCalled, serverName, startTestCluster, type TestCluster } from '../../drivers/kubernetes/testing.ts'
import type { SecretsBundle } from '../../drivers/talos/talos.ts'
import { openTenants } from './tenants.ts'

const minute = 60_000
let bed: TestCluster
let clock: FakeClock
let driver: KubernetesDriver
let tenants: Ports['tenants']
let cluster: Cluster
let secrets: SecretsBundle
let signed: number
let changes: NodesChange[]
beforeEach(async () => {
  bed = await startTestCluster()
  bed.api.registerNode(nodeCalled('w1'))
  bed.api.nodeReady('w1', true)
  await bed.cluster.settled()
  clock = fakeClock()
  driver = openKubernetes({ log: { info() {}, warn() {} }, clock, random: () => 0 })
  signed = 0
  const { server, ca, clientCert, clientKey } = bed.access
  tenants = openTenants(driver, async () => { signed++; return { crt: clientCert, key: clientKey, renewAt: clock.monotonic() + 40 * minute } }, () => clock.monotonic())
  changes = []
  tenants.onNodes((c) => { changes.push(c) })
  const { hostname, port } = new URL(server)
  // The name in the certificate is made of the uid.
  cluster = { metadata: { uid: `${serverName.split('.')[1]!}-0000` }, status: { endpoint: { host: hostname, port: Number(port) }, controlPlane: { established: true } } } as Cluster
  secrets = { certs: { k8s: { crt: ca } } } as SecretsBundle
})
afterEach(async () => { await driver.close(); await bed.close() })

const readiness = async (): Promise<readonly boolean[] | undefined> => (await tenants.nodes(cluster, secrets))?.map((n) => n.ready)
const atRest = async (): Promise<void> => {
  await readiness()
  await clock.advance(3 * minute)
  await expect.poll(() => bed.connections.open).toBe(0)
}

test('E4 of a cluster that stands nothing is said before its nodes were seen', async () => {
  expect(await readiness()).toEqual([true])
  expect(changes.map((c) => [c.nodes.size, c.changed])).toEqual([[1, undefined]])
})

test('E4 whoever asks for the nodes of a cluster that rested gets those of now, and only what changed is told', async () => {
  await atRest()
  bed.api.nodeReady('w1', false)
  bed.api.registerNode(nodeCalled('w2'))
  await bed.cluster.settled()
  expect(await Promise.all([readiness(), readiness()])).toEqual([[false, false], [false, false]])
  expect(changes.map((c) => c.changed)).toEqual([undefined, new Set(['w1', 'w2'])])
})

test('E4 a call to a cluster that rested begins its watch again', async () => {
  await atRest()
  await (await tenants.open(cluster, secrets)).cordon('w1')
  await expect.poll(() => changes.at(-1)?.nodes.get('w1')?.unschedulable).toBe(true)
  expect(bed.connections.total).toBe(3)
})

test('T8 the certificate of a cluster that nobody asks about is renewed all the same', async () => {
  await atRest()
  const after = async (lists: number): Promise<number> => {
    for (let i = 0; i < lists; i++) {
      const { total } = bed.connections
      await clock.advance(3 * minute)
      await expect.poll(() => [bed.connections.total, bed.connections.open]).toEqual([total + 1, 0])
    }
    return signed
  }
  expect([await after(12), await after(1)]).toEqual([1, 2])
})

test('a cluster that is forgotten is not asked again', async () => {
  await atRest()
  tenants.forget(cluster)
  await clock.advance(10 * minute)
  expect(bed.connections.total).toBe(1)
})
