/**
 * The story of a first cluster on the lab's real OpenStack and real Talos: a site is added, a cluster of one control plane and two
 * workers is made on a tenant network behind Octavia, used with unmodified kubectl and talosctl, deleted, and nothing is left in
 * the cloud; then the same on a provider network, with root volumes. `./dev lab story first-cluster [tenant|routed] [--keep]`.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { openBed, type Bed } from './bed.ts'
import { cniManifest } from './cni.ts'
import { startProduct, type Product } from './product.ts'
import { steps } from './steps.ts'
import { answer, echo, isMetadataReached, metadataProbe, tenantOf } from './tenant.ts'

interface Condition { readonly type: string; readonly status: string; readonly reason: string; readonly message: string }
interface Cluster {
  readonly status?: { readonly infrastructure?: { readonly networkId?: string; readonly subnetId?: string }; readonly endpoint?: { readonly host?: string; readonly loadBalancerId?: string }; readonly controlPlane?: { readonly bootstrap?: { readonly doneAt?: string } }; readonly addOns?: { readonly applied?: string }; readonly conditions?: readonly Condition[] }
}
interface Machine { readonly metadata: { readonly name: string }; readonly spec: { readonly role: string }; readonly status?: { readonly address?: string; readonly conditions?: readonly Condition[] } }
interface Node { readonly metadata: { readonly name: string; readonly labels: Readonly<Record<string, string>> }; readonly status: { readonly nodeInfo: { readonly kubeletVersion: string; readonly osImage: string }; readonly addresses: readonly { readonly type: string; readonly address: string }[]; readonly conditions: readonly { readonly type: string; readonly status: string }[] } }

const repo = resolve(import.meta.dirname, '../..')
const cache = join(process.env['HOME'] ?? '/root', '.cache/skerry-lab')
const labDir = process.env['SKERRY_LAB_DIR'] ?? join(cache, 'openstack')
const talosDir = process.env['LAB_SHARE'] ?? join(cache, 'talos')
const talosVersion = process.env['TALOS'] ?? 'v1.13.9'
const kubernetesVersion = process.env['K8S'] ?? 'v1.36.3'
/** Addresses of lab/openstack/up.sh. */
const lab = { registry: 'http://198.19.113.1:5001', dns: '198.19.113.1', host: '198.18.77.1/32' }

const shapes = {
  tenant: { site: ['--shape', 'tenant', '--external-network', 'public', '--load-balancer', 'ovn'], endpoint: 'octavia', controlPlaneType: 'm1.small', workerType: 'm1.micro', encapsulated: false },
  // Flavors without a disk: machines boot from root volumes.
  routed: { site: ['--shape', 'routed', '--provider-network', 'provider'], endpoint: 'nodes', controlPlaneType: 'v1.small', workerType: 'v1.micro', encapsulated: true },
} as const
type Shape = keyof typeof shapes

interface Wish { readonly project: string; readonly name: string; readonly site: string; readonly release: string; readonly workers: number }

const ready = (object: { readonly status?: { readonly conditions?: readonly Condition[] } } | undefined): Condition | undefined => object?.status?.conditions?.find((one) => one.type === 'Ready')
const isReady = (object: Parameters<typeof ready>[0]): boolean => ready(object)?.status === 'True'
const say = (line: string): void => console.log(line)

async function tell(shape: Shape, keep: boolean): Promise<void> {
  const { site: siteFlags, endpoint, controlPlaneType, workerType, encapsulated } = shapes[shape]
  const state = await mkdtemp(join(tmpdir(), `skerry-story-${shape}-`))
  const { done, until } = steps(() => performance.now(), say, (ms) => wait(ms))
  say(`story first-cluster, ${shape}: state in ${state}`)
  const bed = await openBed({ name: `first-cluster-${shape}`, enter: join(repo, 'lab/openstack/enter'), labDir, talosDir, workDir: state })
  const before = await bed.holdings()
  if (Object.keys(before).length > 0) throw new Error(`the story's project is not empty: ${JSON.stringify(before)}`)
  const env: NodeJS.ProcessEnv = { PATH: process.env['PATH'], HOME: state, OS_CLIENT_CONFIG_FILE: bed.cloudsFile, SKERRY_LOG_LEVEL: process.env['SKERRY_LOG_LEVEL'] }
  done('an empty OpenStack project')
  const product = await startProduct({ repo, state, port: shape === 'tenant' ? 17443 : 17444, kubectl: bed.kubectl, env })
  const wish: Wish = { project: 'acme', name: 'shop', site: 'lab', release: 'lab-1', workers: 2 }
  try {
    done('skerry serve answers')
    await product.skerry('site', 'add', wish.site, '--yes', '--quiet', '--os-cloud', bed.cloud, ...siteFlags, '--dns', lab.dns, '--mirror', `*=${lab.registry}`, '--egress', lab.host, '--install-disk', '/dev/ubda', '--relaxed-timers')
    await until('site Ready', 600, async () => isReady(await product.get('site', wish.site)))
    const manifest = join(state, 'cni.yaml')
    await writeFile(manifest, await cniManifest(join(repo, 'lab/talos/cni.yaml'), encapsulated))
    await product.skerry('release', 'add', wish.release, '--talos', talosVersion, '--kubernetes', kubernetesVersion, '--cni-manifest', manifest)
    await product.skerry('project', 'create', wish.project)
    await product.skerry('cluster', 'create', wish.name, '-n', wish.project, '--site', wish.site, '--release', wish.release, '--machine-type', controlPlaneType, '--control-plane', '1',
      '--workers', String(wish.workers), '--worker-type', workerType, '--cni', 'release', '--endpoint', endpoint, '--volume-size', '10', '--no-wait')
    done('cluster and pool are wanted: 1 control plane, 2 workers')
    await followToReady(product, wish, until)
    await use(product, bed, wish, state, env, { done, until })
    await product.skerry('cluster', 'delete', wish.name, '-n', wish.project, '--yes', '--no-wait')
    await until('the cluster is gone', 600, async () => (await product.get('cluster', wish.name, wish.project)) === undefined)
    const left = await bed.holdings()
    if (Object.keys(left).length > 0) throw new Error(`left in the cloud: ${JSON.stringify(left)}`)
    done('openstack lists nothing: no server, port, network, router, group, load balancer, floating IP, volume')
  } catch (error) {
    await explain(product, wish)
    say(`logs: ${state}`)
    throw error
  } finally {
    await product.stop()
    if (!keep) await bed.clear()
  }
  if (!keep) await rm(state, { recursive: true })
  done('stopped')
}

/** Says when each thing is seen, in the order in which they come to be. */
async function followToReady(product: Product, wish: Wish, until: ReturnType<typeof steps>['until']): Promise<void> {
  const get = () => product.get<Cluster>('cluster', wish.name, wish.project)
  await until('infrastructure is recorded', 600, async () => (await get())?.status?.infrastructure !== undefined)
  await until('endpoint is known', 600, async () => (await get())?.status?.endpoint?.host)
  await until('three machines have servers', 600, async () => (await product.list<Machine & { status?: { serverId?: string } }>('machines', wish.project)).filter((machine) => machine.status?.serverId !== undefined).length === 1 + wish.workers)
  await until('etcd bootstrapped', 600, async () => (await get())?.status?.controlPlane?.bootstrap?.doneAt)
  await until('add-ons (the pod network) applied', 600, async () => (await get())?.status?.addOns?.applied)
  await until('control-plane machine Ready', 600, async () => (await product.list<Machine>('machines', wish.project)).some((machine) => machine.spec.role === 'controlplane' && isReady(machine)))
  await until('cluster Ready', 900, async () => isReady(await get()))
  await until('pool Ready', 900, async () => isReady(await product.get('nodepool', `${wish.name}-workers`, wish.project)))
}

async function use(product: Product, bed: Bed, wish: Wish, state: string, env: NodeJS.ProcessEnv, { done, until }: ReturnType<typeof steps>): Promise<void> {
  const files = { kubeconfig: join(state, 'shop.kubeconfig'), talosconfig: join(state, 'shop.talosconfig') }
  await product.skerry('cluster', 'kubeconfig', wish.name, '-n', wish.project, '--output', files.kubeconfig)
  await product.skerry('cluster', 'talosconfig', wish.name, '-n', wish.project, '--output', files.talosconfig)
  const tenant = tenantOf({ kubectl: bed.kubectl, talosctl: bed.talosctl, ...files, env: { ...env, PATH: `${product.bin}:${env['PATH'] ?? ''}`, SKERRY_STATE: state } })
  const nodes = await until('kubectl shows three Ready nodes', 600, async () => {
    const { items } = JSON.parse(await tenant.kubectl('get', 'nodes', '-o', 'json')) as { items: Node[] }
    return items.length === 1 + wish.workers && items.every((node) => node.status.conditions.some((one) => one.type === 'Ready' && one.status === 'True')) && items
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
  const workers = nodes.filter((node) => node !== controlPlane).map((node) => node.metadata.name)
  await tenant.apply(...echo(workers[0]!, workers[1]!))
  await until('a pod answers through the API server', 300, () => tenant.kubectl('get', '--raw', '/api/v1/namespaces/default/pods/echo:8080/proxy/'), 2000)
  const answered = await until('a pod on the other worker reaches it by its service name', 300, () => answer(tenant), 2000)
  if (!answered.startsWith('echo ')) throw new Error(`the service answered: ${answered}`)
  done(answered)
  // Rule T5: what the cluster's condition says of the metadata service is what a pod finds.
  await tenant.apply(metadataProbe(workers[0]!))
  const reached = await until('a pod has asked the metadata service', 300, async () => { const is = await isMetadataReached(tenant); return is === undefined ? undefined : { is } }, 2000)
  const told = (await product.get<Cluster>('cluster', wish.name, wish.project))?.status?.conditions?.find((one) => one.type === 'MetadataReachable')
  if (told === undefined || reached.is !== (told.status === 'True')) throw new Error(`a pod ${reached.is ? 'reached' : 'did not reach'} the metadata service, and the cluster says MetadataReachable ${told?.status ?? 'nothing'}: ${told?.message ?? ''}`)
  done(`it was ${reached.is ? '' : 'not '}answered, as the cluster says: ${told.reason}`)
}

/** When Nova took the first request for a server, in milliseconds. */
async function firstServerAt(bed: Bed): Promise<number> {
  const servers = JSON.parse(await bed.openstack(['server', 'list', '-f', 'json', '-c', 'ID'])) as { ID: string }[]
  const created = await Promise.all(servers.map(async ({ ID }) => Date.parse((JSON.parse(await bed.openstack(['server', 'show', ID, '-f', 'json', '-c', 'created'])) as { created: string }).created)))
  return Math.min(...created)
}

async function explain(product: Product, wish: Wish): Promise<void> {
  const quiet = async (what: () => Promise<unknown>): Promise<void> => { try { say(JSON.stringify(await what(), undefined, 1)) } catch (error) { say(String(error)) } }
  await quiet(async () => ready(await product.get('site', wish.site)))
  await quiet(async () => (await product.get<Cluster>('cluster', wish.name, wish.project))?.status)
  await quiet(async () => (await product.list<Machine>('machines', wish.project)).map((machine) => ({ name: machine.metadata.name, ...machine.status })))
}

const args = process.argv.slice(2)
const chosen = (Object.keys(shapes) as Shape[]).filter((shape) => args.includes(shape))
for (const shape of chosen.length > 0 ? chosen : (Object.keys(shapes) as Shape[])) await tell(shape, args.includes('--keep'))
say('story first-cluster: all of it worked')
