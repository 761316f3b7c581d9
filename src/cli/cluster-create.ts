/** skerry cluster create: what is asked for, what will happen in words, and how it goes. */
import type { Command } from 'commander'
import { parseAllDocuments } from 'yaml'
import { Cluster, NodePool, Release } from '../api/index.ts'
import type { Kind, Resource } from '../api/meta/index.ts'
import { cliError, type Context } from './context.ts'
import { integer, list, writer } from './options.ts'
import { follow } from './progress.ts'
import { shortOf } from './room.ts'

interface CreateOptions {
  readonly site?: string
  readonly release?: string
  readonly machineType?: string
  readonly controlPlane: number
  readonly workers: number
  readonly workerType?: string
  readonly cni: string
  readonly endpoint: string
  readonly allow?: readonly string[]
  readonly nodes?: string
  readonly pods?: string
  readonly services?: string
  readonly volumeType?: string
  readonly volumeSize?: number
  readonly scheduling?: boolean
  readonly file?: string
  readonly dryRun?: boolean
  readonly wait: boolean
  readonly timeout: number
}

interface Wanted { readonly kind: Kind<any>; readonly object: { readonly metadata: { readonly name: string; readonly namespace: string }; readonly spec: unknown } }

const newestRelease = async (context: Context): Promise<string> => {
  const { items } = await context.resources().list(Release)
  const newest = items.map((r) => r.metadata.name).toSorted((a, b) => a.localeCompare(b, 'en', { numeric: true })).at(-1)
  if (newest === undefined) throw cliError('there is no release; an operator adds one: skerry release add', 3)
  return newest
}

const fromFile = async (context: Context, file: string): Promise<readonly Wanted[]> =>
  parseAllDocuments(await context.files.read(file)).filter((d) => d.contents !== null).map((d) => {
    if (d.errors.length > 0) throw cliError(`${file}: ${d.errors[0]!.message.split('\n')[0] ?? ''}`, 2)
    const v = d.toJS() as Partial<Resource>
    const kind = ([Cluster, NodePool] as readonly Kind<any>[]).find((k) => k.kind === v.kind)
    if (kind === undefined) throw cliError(`${file}: kind: ${String(v.kind)} cannot be created here: Cluster and NodePool can`, 2)
    if (typeof v.metadata?.name !== 'string') throw cliError(`${file}: metadata.name: every ${kind.kind} needs one`, 2)
    return { kind, object: { metadata: { ...v.metadata, namespace: v.metadata.namespace ?? context.namespace() }, spec: v.spec } }
  })

const fromOptions = async (context: Context, name: string, o: CreateOptions): Promise<readonly Wanted[]> => {
  const missing = [o.site === undefined ? '--site' : undefined, o.machineType === undefined ? '--machine-type' : undefined].filter((m) => m !== undefined)
  if (missing.length > 0) throw cliError(`${missing.join(' and ')}: needed, or -f FILE (skerry site list and skerry site machine-types SITE show what there is)`, 2)
  const namespace = context.namespace()
  const rootVolume = { ...(o.volumeType !== undefined && { type: o.volumeType }), ...(o.volumeSize !== undefined && { sizeGiB: o.volumeSize }) }
  return [
    { kind: Cluster, object: { metadata: { name, namespace }, spec: {
      site: o.site, release: o.release ?? (await newestRelease(context)), controlPlane: { replicas: o.controlPlane, machineType: o.machineType, rootVolume, ...(o.scheduling === true && { scheduling: true }) },
      network: { cni: o.cni, ...(o.nodes !== undefined && { nodes: o.nodes }), ...(o.pods !== undefined && { pods: [o.pods] }), ...(o.services !== undefined && { services: [o.services] }) },
      endpoint: { kind: o.endpoint, ...(o.allow !== undefined && { allowedCIDRs: o.allow }) },
    } } },
    ...(o.workers === 0 ? [] : [{ kind: NodePool, object: { metadata: { name: `${name}-workers`, namespace }, spec: { cluster: name, replicas: o.workers, machineType: o.workerType ?? o.machineType, rootVolume } } }]),
  ]
}

/** What a creation will do, in words (DESIGN §3: every long action can be previewed). */
const inWords = (cluster: Cluster, pools: readonly NodePool['spec'][]): string => {
  const { controlPlane, endpoint, network, site, release } = cluster.spec
  const workers = pools.reduce((n, p) => n + p.replicas, 0)
  return [
    `cluster ${cluster.metadata.name} in project ${cluster.metadata.namespace ?? ''}, at site ${site}, release ${release}:`,
    '  makes keys of its own, sealed, before anything else',
    `  makes a network ${network.nodes} with a router where the site has them, security groups, ${endpoint.kind === 'nodes' ? 'addresses on the nodes themselves' : 'a load balancer with a floating IP where the site has them'}`,
    `  admits ${endpoint.allowedCIDRs.length === 0 ? 'everybody' : endpoint.allowedCIDRs.join(', ')} to its API`,
    `  makes ${controlPlane.replicas} control-plane machine${controlPlane.replicas === 1 ? '' : 's'} of ${controlPlane.machineType}${workers === 0 ? '' : ` and ${workers} worker${workers === 1 ? '' : 's'} of ${[...new Set(pools.map((p) => p.machineType))].join(', ')}`}, side by side`,
    '  bootstraps etcd once; applies what the release brings; is Ready when every node is',
  ].join('\n')
}

/** With the schema's defaults; what does not fit the schema is for the server to refuse. */
const poolsOf = (objects: readonly Wanted[], cluster: string): readonly Pick<NodePool, 'spec'>[] => objects.flatMap(({ kind, object }) => {
  const read = kind === NodePool ? NodePool.spec.safeParse(object.spec) : undefined
  const spec = read?.success === true ? (read.data as NodePool['spec']) : undefined
  return spec?.cluster === cluster ? [{ spec }] : []
})

/** The cluster as it would be made; throws when the server refuses it, or its pools do not fit with it. */
const previewed = async (context: Context, object: Wanted['object'], pools: readonly Pick<NodePool, 'spec'>[]): Promise<Cluster> => {
  const r = context.resources()
  const whole = await r.create(Cluster, object, { ...writer, dryRun: true })
  // The server has looked at the cluster by itself.
  const short = pools.length === 0 ? [] : await shortOf(r, whole, pools)
  if (short.length > 0) throw cliError(`cluster ${whole.metadata.name} with its pools: ${short.join('\n')}`, 4)
  return whole
}

const createCluster = async (context: Context, name: string | undefined, o: CreateOptions): Promise<void> => {
  if (name === undefined && o.file === undefined) throw cliError('a name is needed, or -f FILE', 2)
  if (name !== undefined && o.file !== undefined) throw cliError(`${name}: names stand in the file; leave one of the two away`, 2)
  const objects = o.file === undefined ? await fromOptions(context, name!, o) : await fromFile(context, o.file)
  const clusters = objects.filter((x) => x.kind === Cluster)
  const r = context.resources()
  const { terminal } = context
  if (o.dryRun === true) {
    if (clusters.length === 0) throw cliError('nothing to preview: no Cluster in the file', 2)
    for (const { object } of clusters) {
      const pools = poolsOf(objects, object.metadata.name)
      const whole = await previewed(context, object, pools)
      terminal.out(inWords(whole, pools.map((p) => p.spec)))
    }
    return
  }
  // Together they may not fit though each does: said before the first is made.
  for (const { object } of clusters) { const pools = poolsOf(objects, object.metadata.name); if (pools.length > 0) await previewed(context, object, pools) }
  for (const { kind, object } of objects) {
    await r.create(kind, object, writer)
    terminal.err(`${kind.singular} ${object.metadata.name} created`)
  }
  if (!o.wait) return
  for (const { object: { metadata } } of clusters) {
    const seconds = await follow(context, metadata.namespace, metadata.name, 'ready', o.timeout)
    terminal.err(`cluster ${metadata.name} is Ready after ${seconds.toFixed(1)} s`)
  }
}

export const addClusterCreate = (cluster: Command, context: Context): void => {
  cluster.command('create').argument('[name]', 'at most 30 characters').description('make a cluster, and show its progress')
    .option('--site <site>', 'where')
    .option('--release <release>', 'bundle of versions; the newest when absent')
    .option('--machine-type <type>', 'flavor of the control plane, and of workers')
    .option('--control-plane <n>', '1, 3 or 5', integer, 3)
    .option('--workers <n>', 'machines of a first pool', integer, 0)
    .option('--worker-type <type>', 'flavor of the workers')
    .option('--cni <cni>', 'flannel, release or none', 'flannel')
    .option('--endpoint <kind>', 'auto, octavia or nodes', 'auto')
    .option('--allow <cidr>', 'who may reach the API; may stand several times', list)
    .option('--nodes <cidr>', 'network of the nodes')
    .option('--pods <cidr>', 'network of the pods')
    .option('--services <cidr>', 'network of the services')
    .option('--volume-type <type>', 'of root volumes')
    .option('--volume-size <GiB>', 'of root volumes', integer)
    .option('--scheduling', 'ordinary pods may run on control-plane nodes')
    .option('-f, --file <file>', 'Cluster and NodePools as YAML; - is standard input')
    .option('--dry-run', 'print the plan in words and do nothing')
    .option('--wait', 'wait until it is Ready (the default)')
    .option('--no-wait', 'do not wait until it is Ready')
    .option('--timeout <seconds>', 'how long to wait', integer, 1800)
    .action((name: string | undefined, o: CreateOptions) => createCluster(context, name, { ...o, wait: o.wait !== false }))
}
