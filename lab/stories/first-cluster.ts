/**
 * The story of a first cluster on the lab's real OpenStack and real Talos: a site is added, a cluster of one control plane and two
 * workers is made on a tenant network behind Octavia, used with unmodified kubectl and talosctl, deleted, and nothing is left in
 * the cloud; then the same on a provider network, with root volumes. `./dev lab story first-cluster [tenant|routed] [--keep]`.
 */
import { join } from 'node:path'
import type { Bed } from './bed.ts'
import { cluster, createCluster, isReady, kubernetesVersion, onTheLab, project, say, shapes, talosVersion, type Cluster, type Machine, type OnTheLab, type Shape } from './on-the-lab.ts'
import { answer, echo, isMetadataReached, metadataProbe, tenantOf } from './tenant.ts'

interface Node { readonly metadata: { readonly name: string; readonly labels: Readonly<Record<string, string>> }; readonly status: { readonly nodeInfo: { readonly kubeletVersion: string; readonly osImage: string }; readonly addresses: readonly { readonly type: string; readonly address: string }[]; readonly conditions: readonly { readonly type: string; readonly status: string }[] } }

const workers = 2

/** Says when each thing is seen, in the order in which they come to be. */
async function followToReady({ product, until }: OnTheLab): Promise<void> {
  const get = () => product.get<Cluster>('cluster', cluster, project)
  await until('infrastructure is recorded', 600, async () => (await get())?.status?.infrastructure !== undefined)
  await until('endpoint is known', 600, async () => (await get())?.status?.endpoint?.host)
  await until('three machines have servers', 600, async () => (await product.list<Machine & { status?: { serverId?: string } }>('machines', project)).filter((machine) => machine.status?.serverId !== undefined).length === 1 + workers)
  await until('etcd bootstrapped', 600, async () => (await get())?.status?.controlPlane?.bootstrap?.doneAt)
  await until('add-ons (the pod network) applied', 600, async () => (await get())?.status?.addOns?.applied)
  await until('control-plane machine Ready', 600, async () => (await product.list<Machine>('machines', project)).some((machine) => machine.spec.role === 'controlplane' && isReady(machine)))
  await until('cluster Ready', 900, async () => isReady(await get()))
  await until('pool Ready', 900, async () => isReady(await product.get('nodepool', `${cluster}-workers`, project)))
}

async function use({ product, bed, state, env, done, until }: OnTheLab): Promise<void> {
  const files = { kubeconfig: join(state, 'shop.kubeconfig'), talosconfig: join(state, 'shop.talosconfig') }
  await product.skerry('cluster', 'kubeconfig', cluster, '-n', project, '--output', files.kubeconfig)
  await product.skerry('cluster', 'talosconfig', cluster, '-n', project, '--output', files.talosconfig)
  const tenant = tenantOf({ kubectl: bed.kubectl, talosctl: bed.talosctl, ...files, env: { ...env, PATH: `${product.bin}:${env['PATH'] ?? ''}`, SKERRY_STATE: state } })
  const nodes = await until('kubectl shows three Ready nodes', 600, async () => {
    const { items } = JSON.parse(await tenant.kubectl('get', 'nodes', '-o', 'json')) as { items: Node[] }
    return items.length === 1 + workers && items.every((node) => node.status.conditions.some((one) => one.type === 'Ready' && one.status === 'True')) && items
  })
  const readyAt = Date.now()
  say(`three Ready nodes ${((readyAt - (await firstServerAt(bed))) / 1000).toFixed(0)} s after the first server was asked for (by Nova's clock, to the second)`)
  say(await tenant.kubectl('get', 'nodes', '-o', 'wide'))
  for (const node of nodes) {
    const { kubeletVersion, osImage } = node.status.nodeInfo
    if (kubeletVersion !== kubernetesVersion || !osImage.includes(talosVersion)) throw new Error(`${node.metadata.name} runs ${osImage}, ${kubeletVersion}`)
  }
  const controlPlane = nodes.find((node) => 'node-role.kubernetes.io/control-plane' in node.metadata.labels)
  const address = controlPlane?.status.addresses.find((one) => one.type === 'InternalIP')?.address
  if (address === undefined) throw new Error('no control-plane node with an address')
  const version = await until('talosctl speaks to the control plane', 60, () => tenant.talosctl('-n', address, 'version', '--short'))
  if (!version.includes(talosVersion)) throw new Error(`talosctl version: ${version}`)
  say(await tenant.talosctl('-n', address, 'etcd', 'members'))
  const [first, second] = nodes.filter((node) => node !== controlPlane).map((node) => node.metadata.name)
  await tenant.apply(...echo(first!, second!))
  await until('a pod answers through the API server', 300, () => tenant.kubectl('get', '--raw', '/api/v1/namespaces/default/pods/echo:8080/proxy/'), 2000)
  const answered = await until('a pod on the other worker reaches it by its service name', 300, () => answer(tenant), 2000)
  if (!answered.startsWith('echo ')) throw new Error(`the service answered: ${answered}`)
  done(answered)
  // Rule T5: what the cluster's condition says of the metadata service is what a pod finds.
  await tenant.apply(metadataProbe(first!))
  const reached = await until('a pod has asked the metadata service', 300, async () => { const is = await isMetadataReached(tenant); return is === undefined ? undefined : { is } }, 2000)
  const told = (await product.get<Cluster>('cluster', cluster, project))?.status?.conditions?.find((one) => one.type === 'MetadataReachable')
  if (told === undefined || reached.is !== (told.status === 'True')) throw new Error(`a pod ${reached.is ? 'reached' : 'did not reach'} the metadata service, and the cluster says MetadataReachable ${told?.status ?? 'nothing'}: ${told?.message ?? ''}`)
  done(`it was ${reached.is ? '' : 'not '}answered, as the cluster says: ${told.reason}`)
}

/** When Nova took the first request for a server, in milliseconds. */
async function firstServerAt(bed: Bed): Promise<number> {
  const servers = JSON.parse(await bed.openstack(['server', 'list', '-f', 'json', '-c', 'ID'])) as { ID: string }[]
  const created = await Promise.all(servers.map(async ({ ID }) => Date.parse((JSON.parse(await bed.openstack(['server', 'show', ID, '-f', 'json', '-c', 'created'])) as { created: string }).created)))
  return Math.min(...created)
}

const args = process.argv.slice(2)
const chosen = (Object.keys(shapes) as Shape[]).filter((shape) => args.includes(shape))
for (const shape of chosen.length > 0 ? chosen : (Object.keys(shapes) as Shape[])) await onTheLab(`first-cluster-${shape}`, shape, shape === 'tenant' ? 17443 : 17444, args.includes('--keep'), async (on) => {
  await createCluster(on, 1, workers)
  on.done(`cluster and pool are wanted: 1 control plane, ${workers} workers`)
  await followToReady(on)
  await use(on)
})
say('story first-cluster: all of it worked')
