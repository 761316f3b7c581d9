/**
 * The story of the Talos driver alone: two machines on the provider network, made with the `openstack` command from what
 * `renderMachineConfig` gives, become a cluster by the driver's calls, under its own certificates; then each call is asked of the real
 * node, also those that must be refused (rules T1, T3). No server of Skerry runs. `./dev lab story talos-driver [--keep]`
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { openTalos } from '../../src/drivers/talos/client.ts'
import { renderMachineConfig } from '../../src/drivers/talos/config/render.ts'
import { packUserData } from '../../src/drivers/talos/config/user-data.ts'
import { classify } from '../../src/drivers/talos/errors.ts'
import { newSecretsBundle } from '../../src/drivers/talos/pki/bundle.ts'
import { newOwnKubernetesClient, newOwnTalosClient, talosconfigText } from '../../src/drivers/talos/pki/clients.ts'
import type { MachineConfigInput } from '../../src/drivers/talos/talos.ts'
import { openBed } from './bed.ts'
import { steps } from './steps.ts'
import { answer, echo, tenantOf } from './tenant.ts'

const repo = resolve(import.meta.dirname, '../..')
const cache = join(process.env['HOME'] ?? '/root', '.cache/skerry-lab')
const workDir = await mkdtemp(join(tmpdir(), 'skerry-story-config-'))
const { done, until } = steps(() => performance.now(), (line) => console.log(line), (ms) => wait(ms))
const bed = await openBed({ name: 'talos-driver', enter: join(repo, 'lab/openstack/enter'), labDir: process.env['SKERRY_LAB_DIR'] ?? join(cache, 'openstack'), talosDir: process.env['LAB_SHARE'] ?? join(cache, 'talos'), workDir })

/** Fails the story unless the driver's answer is what the real thing must give. */
function same(what: string, have: unknown, want: unknown): void {
  if (!isDeepStrictEqual(have, want)) throw new Error(`${what}: ${JSON.stringify(have)} instead of ${JSON.stringify(want)}`)
  done(`${what}: ${JSON.stringify(have)}`)
}
const kindOf = (call: Promise<unknown>): Promise<string> => call.then(() => 'answered', (error: unknown) => classify(error))
const closing: (() => Promise<void>)[] = []

try {
  await bed.openstack(['security', 'group', 'create', 'nodes', '-f', 'json'])
  for (const rule of [['--remote-ip', '198.18.77.1/32'], ['--remote-group', 'nodes']]) await bed.openstack(['security', 'group', 'rule', 'create', '--ingress', '--protocol', 'any', ...rule, 'nodes', '-f', 'json'])
  const address = async (name: string): Promise<string> =>
    (JSON.parse(await bed.openstack(['port', 'create', '--network', 'provider', '--security-group', 'nodes', name, '-f', 'json'])) as { fixed_ips: { ip_address: string }[] }).fixed_ips[0]!.ip_address
  const [cp, worker] = [await address('shop-cp-aaaaa'), await address('shop-w-bbbbb')]
  done(`addresses first: ${cp}, ${worker}`)

  const now = new Date()
  const secrets = await newSecretsBundle({ now })
  const endpointName = 'api.0d1b9c3e.skerry.internal'
  const input = (role: 'controlplane' | 'worker', hostname: string): MachineConfigInput => ({
    role, secrets,
    cluster: { name: 'shop', endpointName, endpointAddresses: [cp], certSANs: [endpointName, cp], podCidrs: ['10.244.0.0/16'], serviceCidrs: ['10.96.0.0/12'], nodeCidr: '198.19.100.0/24', cni: 'none', allowSchedulingOnControlPlanes: false },
    release: { talosVersion: 'v1.13.9', kubernetesVersion: 'v1.36.3', installerImage: 'ghcr.io/siderolabs/installer:v1.13.9', images: {} },
    site: { ntp: [], dns: ['198.19.113.1'], registryMirrors: { '*': { endpoints: ['http://198.19.113.1:5001'], skipFallback: true } }, trustedRoots: [], timeSyncDisabled: true, relaxedTimers: true, installDisk: '/dev/ubda', sysctls: {} },
    machine: { hostname, labels: { 'skerry.dev/pool': role }, taints: [] },
  })
  const boot = async (role: 'controlplane' | 'worker', name: string, flavor: string): Promise<void> => {
    const userData = Buffer.from(packUserData(renderMachineConfig(input(role, name))).base64, 'base64')
    await bed.openstack(['server', 'create', '--image', 'talos-v1.13.9', '--flavor', flavor, '--config-drive', 'true', '--user-data', '/dev/stdin', '--port', name, name, '-f', 'json'], userData)
  }
  await Promise.all([boot('controlplane', 'shop-cp-aaaaa', 'm1.small'), boot('worker', 'shop-w-bbbbb', 'm1.micro')])
  done('two servers accepted')

  const files = { kubeconfig: join(workDir, 'kubeconfig'), talosconfig: join(workDir, 'talosconfig') }
  const ours = newOwnTalosClient(secrets, 'os:admin', now)
  await writeFile(files.talosconfig, talosconfigText({ cluster: 'shop', endpoints: [cp], nodes: [cp], secrets, crt: ours.crt, key: ours.key }), { mode: 0o600 })
  const client = newOwnKubernetesClient(secrets, now)
  const encode = (pem: string): string => Buffer.from(pem).toString('base64')
  await writeFile(files.kubeconfig, JSON.stringify({
    apiVersion: 'v1', kind: 'Config', 'current-context': 'shop', contexts: [{ name: 'shop', context: { cluster: 'shop', user: 'us' } }],
    clusters: [{ name: 'shop', cluster: { server: `https://${cp}:6443`, 'tls-server-name': endpointName, 'certificate-authority-data': encode(secrets.certs.k8s.crt) } }],
    users: [{ name: 'us', user: { 'client-certificate-data': encode(client.crt), 'client-key-data': encode(client.key) } }],
  }), { mode: 0o600 })
  const tenant = tenantOf({ kubectl: bed.kubectl, talosctl: bed.talosctl, ...files, env: { PATH: process.env['PATH'], HOME: workDir } })
  const talos = openTalos({ now: () => new Date() })
  closing.push(() => talos.close())
  const at = (node: string | undefined, role: 'os:admin' | 'os:operator' | 'os:reader', bundle = secrets) => talos.node({ endpoint: `${cp}:50000`, ...(node !== undefined && { node }), cluster: bundle === secrets ? 'shop' : 'other', secrets: bundle, role })
  const node = at(undefined, 'os:admin')

  await until('first contact: a handshake under our authority', 240, () => talos.handshake(`${cp}:50000`, secrets))
  const other = await newSecretsBundle({ now, serviceAccountKey: 'ecdsa' })
  same('a handshake under another authority', await talos.handshake(`${cp}:50000`, other), false)
  same('a call under another authority', await kindOf(at(undefined, 'os:admin', other).version()), 'certificate')
  same('version', await until('version answered', 120, () => node.version()), { tag: 'v1.13.9', platform: 'openstack' })
  same('host name', await node.hostname(), 'shop-cp-aaaaa')
  const serverId = (JSON.parse(await bed.openstack(['server', 'show', 'shop-cp-aaaaa', '-f', 'json'])) as { id: string }).id
  same("the node's instance id is Nova's server id", await node.instanceId(), serverId)
  same('etcd has no data before bootstrap', await until('etcd data can be asked for', 240, async () => ({ exists: await node.etcdDataExists() })), { exists: false })
  same('etcd data, as reader', await kindOf(at(undefined, 'os:reader').etcdDataExists()), 'answered')
  same('bootstrap, as operator', await kindOf(at(undefined, 'os:operator').bootstrap()), 'permission')
  await until('bootstrap accepted', 240, async () => { await node.bootstrap(); return true })
  await until('etcd has data', 60, () => node.etcdDataExists())
  const again = await kindOf(node.bootstrap())
  done(`a second bootstrap is refused as ${again}`)
  const [member, ...rest] = await until('etcd lists its members', 240, () => node.etcdMembers())
  same('members', [member?.hostname, member?.isLearner, rest], ['shop-cp-aaaaa', false, []])
  const status = await until('etcd status', 60, () => node.etcdStatus())
  same('etcd status', [status.memberId, status.leader, status.isLearner, status.errors, /^[0-9a-f]{16}$/.test(status.clusterId)], [member?.id, member?.id, false, [], true])
  done(`etcd cluster ${status.clusterId}`)
  await until('kube-apiserver ready, to our client certificate, by the endpoint\'s name', 600, () => tenant.kubectl('get', '--raw', '/readyz'))
  const cni = (await readFile(join(repo, 'lab/talos/cni.yaml'), 'utf8')).replace('{name: ENCAP, value: ""}', '{name: ENCAP, value: ipip}')
  await writeFile(join(workDir, 'cni.yaml'), cni)
  await until('pod network applied', 60, () => tenant.kubectl('apply', '--server-side', '-f', join(workDir, 'cni.yaml')))
  for (const node of ['shop-cp-aaaaa', 'shop-w-bbbbb']) await until(`node ${node} Ready`, 600, () => tenant.kubectl('wait', '--for=condition=Ready', `node/${node}`, '--timeout=1s'))
  console.log(await tenant.kubectl('get', 'nodes', '-o', 'wide', '--show-labels'))
  const workerNode = at(worker, 'os:reader')
  same('the worker through the control plane', [await workerNode.hostname(), (await workerNode.version()).tag], ['shop-w-bbbbb', 'v1.13.9'])
  same('healthy services', (await node.services()).filter((one) => one.healthy === true).map((one) => one.id).toSorted().join(' ').includes('etcd kubelet'), true)
  done(`kernel log: ${(await node.dmesg(1)).slice(0, 100)}`)
  same('what talosctl says', (await tenant.talosctl('version', '--short')).includes('v1.13.9'), true)
  await tenant.apply(...echo('shop-w-bbbbb', 'shop-w-bbbbb'))
  await until('a pod answers through the API server', 300, () => tenant.kubectl('get', '--raw', '/api/v1/namespaces/default/pods/echo:8080/proxy/'))
  console.log(await until('it is reached by its service name', 300, () => answer(tenant)))
} catch (error) {
  const console_ = await bed.openstack(['console', 'log', 'show', 'shop-cp-aaaaa', '--lines', '40']).catch(String)
  console.log(console_)
  throw error
} finally {
  for (const close of closing) await close()
  if (!process.argv.includes('--keep')) { await bed.clear(); done('cleared') }
}
if (!process.argv.includes('--keep')) await rm(workDir, { recursive: true })
console.log('story talos-driver: all of it worked')
