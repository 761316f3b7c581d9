/** A story's way from a running lab to a product with a site, a release and a project, and back to an empty cloud. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { openBed, type Bed } from './bed.ts'
import { cniManifest } from './cni.ts'
import { startProduct, type Product } from './product.ts'
import { steps, type Steps } from './steps.ts'

export interface Condition { readonly type: string; readonly status: string; readonly reason: string; readonly message: string }
export interface Cluster {
  readonly status?: { readonly infrastructure?: { readonly networkId?: string; readonly subnetId?: string }; readonly endpoint?: { readonly host?: string; readonly loadBalancerId?: string }; readonly controlPlane?: { readonly bootstrap?: { readonly doneAt?: string }; readonly etcdClusterId?: string }; readonly addOns?: { readonly applied?: string }; readonly conditions?: readonly Condition[] }
}
export interface Machine { readonly metadata: { readonly name: string; readonly uid: string }; readonly spec: { readonly role: string }; readonly status?: { readonly address?: string; readonly conditions?: readonly Condition[] } }

const repo = resolve(import.meta.dirname, '../..')
const cache = join(process.env['HOME'] ?? '/root', '.cache/skerry-lab')
const labDir = process.env['SKERRY_LAB_DIR'] ?? join(cache, 'openstack')
const talosDir = process.env['LAB_SHARE'] ?? join(cache, 'talos')
export const talosVersion = process.env['TALOS'] ?? 'v1.13.9'
export const kubernetesVersion = process.env['K8S'] ?? 'v1.36.3'
/** Addresses of lab/openstack/up.sh. */
const lab = { registry: 'http://198.19.113.1:5001', dns: '198.19.113.1', host: '198.18.77.1/32' }

export const shapes = {
  tenant: { site: ['--shape', 'tenant', '--external-network', 'public', '--load-balancer', 'ovn'], endpoint: 'octavia', controlPlaneType: 'm1.small', workerType: 'm1.micro', encapsulated: false },
  // Flavors without a disk: machines boot from root volumes.
  routed: { site: ['--shape', 'routed', '--provider-network', 'provider'], endpoint: 'nodes', controlPlaneType: 'v1.small', workerType: 'v1.micro', encapsulated: true },
} as const
export type Shape = keyof typeof shapes

const ready = (object: { readonly status?: { readonly conditions?: readonly Condition[] } } | undefined): Condition | undefined => object?.status?.conditions?.find((one) => one.type === 'Ready')
export const isReady = (object: Parameters<typeof ready>[0]): boolean => ready(object)?.status === 'True'
export const say = (line: string): void => console.log(line)

export interface OnTheLab extends Steps {
  readonly shape: Shape
  readonly bed: Bed
  readonly product: Product
  /** Files of this story. */
  readonly state: string
  readonly env: NodeJS.ProcessEnv
}
export const site = 'lab'
export const release = 'lab-1'
export const project = 'acme'
/** The story's only cluster. */
export const cluster = 'shop'

/** `story` makes the cluster; it is deleted, and the cloud is empty as before. `keep`: what a story that broke off made stays for a look. */
export async function onTheLab(name: string, shape: Shape, port: number, keep: boolean, story: (on: OnTheLab) => Promise<void>): Promise<void> {
  const state = await mkdtemp(join(tmpdir(), `skerry-story-${name}-`))
  const { done, until } = steps(() => performance.now(), say, (ms) => wait(ms))
  say(`story ${name}: state in ${state}`)
  const bed = await openBed({ name, enter: join(repo, 'lab/openstack/enter'), labDir, talosDir, workDir: state })
  const before = await bed.holdings()
  if (Object.keys(before).length > 0) throw new Error(`the story's project is not empty: ${JSON.stringify(before)}`)
  const env: NodeJS.ProcessEnv = { PATH: process.env['PATH'], HOME: state, OS_CLIENT_CONFIG_FILE: bed.cloudsFile, SKERRY_LOG_LEVEL: process.env['SKERRY_LOG_LEVEL'] }
  done('an empty OpenStack project')
  const product = await startProduct({ repo, state, port, kubectl: bed.kubectl, env })
  try {
    done('skerry serve answers')
    await product.skerry('site', 'add', site, '--yes', '--quiet', '--os-cloud', bed.cloud, ...shapes[shape].site, '--dns', lab.dns, '--mirror', `*=${lab.registry}`, '--egress', lab.host, '--install-disk', '/dev/ubda', '--relaxed-timers')
    await until('site Ready', 600, async () => isReady(await product.get('site', site)))
    const manifest = join(state, 'cni.yaml')
    await writeFile(manifest, await cniManifest(join(repo, 'lab/talos/cni.yaml'), shapes[shape].encapsulated))
    await product.skerry('release', 'add', release, '--talos', talosVersion, '--kubernetes', kubernetesVersion, '--cni-manifest', manifest)
    await product.skerry('project', 'create', project)
    await story({ shape, bed, product, state, env, done, until })
    await product.skerry('cluster', 'delete', cluster, '-n', project, '--yes', '--no-wait')
    await until('the cluster is gone', 600, async () => (await product.get('cluster', cluster, project)) === undefined)
    const left = await bed.holdings()
    if (Object.keys(left).length > 0) throw new Error(`left in the cloud: ${JSON.stringify(left)}`)
    done('openstack lists nothing: no server, port, network, router, group, load balancer, floating IP, volume')
  } catch (error) {
    await explain(product)
    say(`logs: ${state}`)
    throw error
  } finally {
    await product.stop()
    if (!keep) await bed.clear()
  }
  if (!keep) await rm(state, { recursive: true })
  done('stopped')
}

/** By the command, as a person would. */
export const createCluster = ({ product, shape }: OnTheLab, controlPlane: number, workers: number): Promise<string> => product.skerry('cluster', 'create', cluster, '-n', project, '--site', site, '--release', release,
  '--machine-type', shapes[shape].controlPlaneType, '--control-plane', String(controlPlane), '--workers', String(workers), '--worker-type', shapes[shape].workerType,
  '--cni', 'release', '--endpoint', shapes[shape].endpoint, '--volume-size', '10', '--no-wait')

async function explain(product: Product): Promise<void> {
  const quiet = async (what: () => Promise<unknown>): Promise<void> => { try { say(JSON.stringify(await what(), undefined, 1)) } catch (error) { say(String(error)) } }
  await quiet(async () => ready(await product.get('site', site)))
  await quiet(async () => (await product.get<Cluster>('cluster', cluster, project))?.status)
  await quiet(async () => (await product.list<Machine>('machines', project)).map((machine) => ({ name: machine.metadata.name, ...machine.status })))
}
