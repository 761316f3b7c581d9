/** Simulated machines with the simulated Kubernetes behind them, used by both real drivers. */
import { afterEach, expect, test } from 'vitest'
import { openKubernetes } from '../../kubernetes/index.ts'
import { createKubernetesSim } from '../../kubernetes/sim/index.ts'
import { openTalos } from '../client.ts'
import { reference } from '../config/reference.ts'
import { renderMachineConfig } from '../config/render.ts'
import { packUserData } from '../config/user-data.ts'
import { newSecretsBundle } from '../pki/bundle.ts'
import { newOwnKubernetesClient } from '../pki/clients.ts'
import { plainFabric, plainServer } from './bench.ts'
import { createTalosGuests } from './index.ts'

const closing: (() => Promise<unknown> | void)[] = []
afterEach(async () => { for (const close of closing.splice(0).toReversed()) await close() })

test('a control plane and a worker come up and both drivers see them', async () => {
  const silent = () => {}
  const log = { debug: silent, info: silent, warn: silent, error: silent }
  const secrets = await newSecretsBundle({ now: new Date(Date.now() - 60_000), serviceAccountKey: 'ecdsa' })
  const fabric = plainFabric()
  const kubernetes = createKubernetesSim({ log })
  const guests = createTalosGuests({ kubernetes, clock: { now: () => new Date(), after: (ms, call) => { const t = setTimeout(call, ms); return () => { clearTimeout(t) } } } })
  const talos = openTalos({ now: () => new Date() })
  const driver = openKubernetes({ log })
  closing.push(() => kubernetes.close(), () => { guests.close() }, () => talos.close(), () => driver.close())
  fabric.aliases.set('10.6.0.5', '10.6.0.11')
  for (const [i, role] of (['controlplane', 'worker'] as const).entries()) {
    const input = reference(secrets)[role]!
    const config = renderMachineConfig({ ...input, cluster: { ...input.cluster, certSANs: ['127.0.0.1'] }, machine: { hostname: `m-${i}`, labels: { pool: 'a' }, taints: [] } })
    plainServer(guests, { serverId: `server-${i}`, name: `m-${i}`, address: `10.6.0.${11 + i}`, fabric, userData: Buffer.from(packUserData(config).base64, 'base64') })
  }
  const [apid, api] = await Promise.all([fabric.expose('net', '10.6.0.11', 50_000), fabric.expose('net', '10.6.0.11', 6443)])
  closing.push(() => apid.close(), () => api.close())
  const node = talos.node({ endpoint: apid.endpoint, cluster: 'c', secrets, role: 'os:admin' })
  await expect.poll(() => node.etcdDataExists().catch(() => undefined), { timeout: 10_000, interval: 20 }).toBe(false)
  await node.bootstrap()
  const own = newOwnKubernetesClient(secrets, new Date())
  const tenant = driver.connect('c', { server: `https://${api.endpoint}`, serverName: 'api.0d1b9c3e.skerry.internal', ca: secrets.certs.k8s.crt, clientCert: own.crt, clientKey: own.key })
  await expect.poll(async () => (await tenant.nodes().catch(() => [])).filter((n) => n.ready).map((n) => [n.name, n.internalIps, n.kubeletVersion, n.osImage, n.labels['pool']]).toSorted(), { timeout: 10_000, interval: 20 })
    .toEqual([['m-0', ['10.6.0.11'], 'v1.36.3', 'Talos (v1.13.9)', 'a'], ['m-1', ['10.6.0.12'], 'v1.36.3', 'Talos (v1.13.9)', 'a']])
  expect(await tenant.readyz()).toBe(true)
})
