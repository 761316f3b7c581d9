/** skerry cluster …: make, look at, get into, end. */
import type { Command } from 'commander'
import { parseAllDocuments, stringify } from 'yaml'
import { Cluster, Machine, NodePool, Release } from '../api/index.ts'
import type { AccessAnswer } from '../api/access/index.ts'
import type { Kind, Resource } from '../api/meta/index.ts'
import { cliError, type Context } from './context.ts'
import { newKeyAndRequest } from './csr.ts'
import { formats, objectText, parseFormat, print } from './output.ts'
import { follow } from './progress.ts'

const integer = (text: string): number => {
  if (!/^\d+$/.test(text)) throw cliError(`${text} is no number`, 2)
  return Number(text)
}
const list = (text: string, before: readonly string[] = []): readonly string[] => [...before, ...text.split(',').filter((t) => t !== '')]
const output = (c: Command): Command => c.option('-o, --output <format>', formats.join(', '), parseFormat, 'table')
const writer = { manager: 'skerry-cli' } as const

interface CreateOptions {
  readonly site?: string; readonly release?: string; readonly machineType?: string; readonly controlPlane: number; readonly workers: number; readonly workerType?: string; readonly cni: string; readonly endpoint: string
  readonly allow?: readonly string[]; readonly nodes?: string; readonly pods?: string; readonly services?: string; readonly volumeType?: string; readonly volumeSize?: number; readonly scheduling?: boolean; readonly file?: string; readonly dryRun?: boolean; readonly wait: boolean; readonly timeout: number
}

const newestRelease = async (context: Context): Promise<string> => {
  const { items } = await context.resources().list(Release)
  const newest = items.map((r) => r.metadata.name).toSorted((a, b) => a.localeCompare(b, 'en', { numeric: true })).at(-1)
  if (newest === undefined) throw cliError('there is no release; an operator adds one: skerry release add', 3)
  return newest
}

const fromOptions = async (context: Context, name: string, o: CreateOptions): Promise<readonly { readonly kind: Kind<any>; readonly object: { readonly metadata: { readonly name: string; readonly namespace: string }; readonly spec: unknown } }[]> => {
  const namespace = context.namespace()
  if (o.file !== undefined) {
    return parseAllDocuments(await context.files.read(o.file)).map((d) => {
      const v = d.toJS() as Resource
      const kind = ([Cluster, NodePool] as readonly Kind<any>[]).find((k) => k.kind === v?.kind)
      if (kind === undefined) throw cliError(`${o.file!}: only Cluster and NodePool can be created here, not ${String(v?.kind)}`, 2)
      return { kind, object: { metadata: { ...v.metadata, namespace: v.metadata.namespace ?? namespace }, spec: v.spec } }
    })
  }
  if (o.site === undefined || o.machineType === undefined) throw cliError('--site and --machine-type are needed (or -f FILE)', 2)
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
const inWords = (cluster: Cluster, pools: readonly { readonly spec: { readonly replicas: number; readonly machineType: string } }[]): string => {
  const { controlPlane, endpoint, network, site, release } = cluster.spec
  const workers = pools.reduce((n, p) => n + p.spec.replicas, 0)
  return [
    `cluster ${cluster.metadata.name} in project ${cluster.metadata.namespace ?? ''}, at site ${site}, release ${release}:`,
    '  makes keys of its own, sealed, before anything else',
    `  makes a network ${network.nodes} with a router where the site has them, security groups, ${endpoint.kind === 'nodes' ? 'addresses on the nodes themselves' : 'a load balancer with a floating IP where the site has them'}`,
    `  admits ${endpoint.allowedCIDRs.length === 0 ? 'everybody' : endpoint.allowedCIDRs.join(', ')} to its API`,
    `  makes ${controlPlane.replicas} control-plane machine${controlPlane.replicas === 1 ? '' : 's'} of ${controlPlane.machineType}${workers === 0 ? '' : ` and ${workers} worker${workers === 1 ? '' : 's'} of ${[...new Set(pools.map((p) => p.spec.machineType))].join(', ')}`}, side by side`,
    '  bootstraps etcd once; applies what the release brings; is Ready when every node is',
  ].join('\n')
}

const createCluster = async (context: Context, name: string, o: CreateOptions): Promise<void> => {
  const objects = await fromOptions(context, name, o)
  const r = context.resources()
  const { terminal } = context
  if (o.dryRun === true) {
    const cluster = objects.find((x) => x.kind === Cluster)
    if (cluster === undefined) throw cliError('nothing to preview: no Cluster in the file', 2)
    const whole = await r.create(Cluster, cluster.object, { ...writer, dryRun: true })
    terminal.out(inWords(whole, objects.filter((x) => x.kind === NodePool).map((x) => x.object as never)))
    return
  }
  for (const { kind, object } of objects) {
    await r.create(kind, object, writer)
    terminal.err(`${kind.singular} ${object.metadata.name} created`)
  }
  if (!o.wait) return
  const cluster = objects.find((x) => x.kind === Cluster)!.object.metadata
  const seconds = await follow(context, cluster.namespace, cluster.name, 'ready', o.timeout)
  terminal.err(`cluster ${cluster.name} is Ready after ${seconds.toFixed(1)} s`)
}

export const kubeconfigFor = (name: string, a: AccessAnswer, key: string): string => {
  const b64 = (s: string) => Buffer.from(s).toString('base64')
  const contexts = a.servers.map((server, i) => ({ server, id: a.servers.length === 1 ? name : `${name}-${i}` }))
  return stringify({
    apiVersion: 'v1', kind: 'Config', 'current-context': contexts[0]!.id,
    clusters: contexts.map((c) => ({ name: c.id, cluster: { server: c.server, 'tls-server-name': a.serverName, 'certificate-authority-data': b64(a.ca) } })),
    users: [{ name, user: { 'client-certificate-data': b64(a.certificate), 'client-key-data': b64(key) } }],
    contexts: contexts.map((c) => ({ name: c.id, context: { cluster: c.id, user: name } })),
  })
}

const request = async (context: Context, name: string, what: 'kubeconfig' | 'talosconfig', spec: object): Promise<{ readonly answer: AccessAnswer; readonly key: string }> => {
  const { key, csr } = await newKeyAndRequest(what === 'kubeconfig' ? 'P-256' : 'Ed25519')
  const { status } = (await context.resources().post(Cluster, { namespace: context.namespace(), name }, what, { apiVersion: 'skerry.dev/v1alpha1', kind: what === 'kubeconfig' ? 'KubeconfigRequest' : 'TalosconfigRequest', spec: { csr, ...spec } })) as { status: AccessAnswer }
  return { answer: status, key }
}

const deliver = async (context: Context, path: string | undefined, text: string): Promise<void> => {
  if (path === undefined || path === '-') { context.terminal.out(text.trimEnd()); return }
  await context.files.writePrivate(path, text)
  context.terminal.err(`written to ${path}, readable by you only`)
}

const events = async (context: Context, name: string): Promise<void> => {
  const r = context.resources()
  const namespace = context.namespace()
  const machines = await r.list(Machine, { namespace, fieldSelector: `spec.cluster=${name}` })
  const pools = await r.list(NodePool, { namespace, fieldSelector: `spec.cluster=${name}` })
  const names = new Set([name, ...machines.items.map((m) => m.metadata.name), ...pools.items.map((p) => p.metadata.name)])
  const { items } = (await r.request({ method: 'GET', path: `/api/v1/namespaces/${namespace}/events` })) as { items: { lastTimestamp: string; type: string; reason: string; message: string; count: number; involvedObject: { kind: string; name: string } }[] }
  for (const e of items.filter((x) => names.has(x.involvedObject.name)).toSorted((a, b) => a.lastTimestamp.localeCompare(b.lastTimestamp)))
    context.terminal.out(`${e.lastTimestamp}  ${e.type.padEnd(7)}  ${e.reason.padEnd(14)}  ${e.involvedObject.kind.toLowerCase()}/${e.involvedObject.name}  ${e.message}${e.count > 1 ? ` (${e.count} times)` : ''}`)
}

/** All that a helper needs to know of a cluster, and no secret: objects and events as YAML documents. */
const supportBundle = async (context: Context, name: string): Promise<string> => {
  const r = context.resources()
  const namespace = context.namespace()
  const cluster = await r.get(Cluster, { namespace, name })
  if (cluster === undefined) throw cliError(`there is no cluster ${name} in project ${namespace}`, 3)
  const [pools, machines] = await Promise.all([r.list(NodePool, { namespace, fieldSelector: `spec.cluster=${name}` }), r.list(Machine, { namespace, fieldSelector: `spec.cluster=${name}` })])
  const { items } = (await r.request({ method: 'GET', path: `/api/v1/namespaces/${namespace}/events` })) as { items: Resource[] }
  return [cluster, ...pools.items, ...machines.items, ...items].map((o) => objectText(o, 'yaml')).join('\n---\n')
}

export const addCluster = (program: Command, context: Context): void => {
  const cluster = program.command('cluster').description('Kubernetes clusters of a project')
  cluster.command('create').argument('[name]', 'at most 30 characters').description('make a cluster, and show its progress')
    .option('--site <site>', 'where').option('--release <release>', 'bundle of versions; the newest when absent').option('--machine-type <type>', 'flavor of the control plane, and of workers')
    .option('--control-plane <n>', '1, 3 or 5', integer, 3).option('--workers <n>', 'machines of a first pool', integer, 0).option('--worker-type <type>', 'flavor of the workers')
    .option('--cni <cni>', 'flannel, release or none', 'flannel').option('--endpoint <kind>', 'auto, octavia or nodes', 'auto').option('--allow <cidr>', 'who may reach the API; may stand several times', list)
    .option('--nodes <cidr>', 'network of the nodes').option('--pods <cidr>', 'network of the pods').option('--services <cidr>', 'network of the services')
    .option('--volume-type <type>', 'of root volumes').option('--volume-size <GiB>', 'of root volumes', integer).option('--scheduling', 'ordinary pods may run on control-plane nodes')
    .option('-f, --file <file>', 'Cluster and NodePools as YAML').option('--dry-run', 'print the plan in words and do nothing').option('--no-wait', 'do not wait until it is Ready').option('--wait', 'wait until it is Ready').option('--timeout <seconds>', 'how long to wait', integer, 1800)
    .action((name: string | undefined, o: CreateOptions) => {
      if (name === undefined && o.file === undefined) throw cliError('a name is needed (or -f FILE)', 2)
      return createCluster(context, name ?? '', { ...o, wait: o.wait !== false })
    })
  output(cluster.command('list').alias('ls').description('clusters of the project').option('-A, --all-namespaces', 'of all projects')).action((o: { output: never; allNamespaces?: boolean }) => print(context, Cluster, o.output, { allNamespaces: o.allNamespaces === true }))
  output(cluster.command('get').argument('<name>').description('one cluster')).action((name: string, o: { output: never }) => print(context, Cluster, o.output, { name }))
  cluster.command('delete').argument('<name>').description('delete a cluster with everything that was made for it').option('--yes', 'do not ask').option('--no-wait', 'do not wait until it is gone').option('--timeout <seconds>', 'how long to wait', integer, 1800)
    .action(async (name: string, o: { yes?: boolean; wait: boolean; timeout: number }) => {
      const namespace = context.namespace()
      const there = await context.resources().get(Cluster, { namespace, name })
      if (there === undefined) throw cliError(`there is no cluster ${name} in project ${namespace}`, 3)
      if (o.yes !== true && !(await context.confirm(`Delete cluster ${name} of project ${namespace} with all its machines and volumes?`))) throw cliError('not deleted; say --yes where nobody can be asked')
      await context.resources().delete(Cluster, { namespace, name }, { ...writer, uid: there.metadata.uid })
      if (!o.wait) return
      const seconds = await follow(context, namespace, name, 'gone', o.timeout)
      context.terminal.err(`cluster ${name} is gone after ${seconds.toFixed(1)} s`)
    })
  cluster.command('kubeconfig').argument('<name>').description('a kubeconfig for hours; the key is made here and stays here').option('--output <file>', 'where to; - is standard output').option('--ttl <seconds>', 'at most 28800', integer, 28_800).option('--exec-credential', 'answer as an exec credential plugin does')
    .action(async (name: string, o: { output?: string; ttl: number; execCredential?: boolean }) => {
      const { answer, key } = await request(context, name, 'kubeconfig', { expirationSeconds: o.ttl })
      if (o.execCredential === true) {
        context.terminal.out(JSON.stringify({ apiVersion: 'client.authentication.k8s.io/v1', kind: 'ExecCredential', status: { clientCertificateData: answer.certificate, clientKeyData: key, expirationTimestamp: answer.expiresAt } }))
        return
      }
      if (answer.servers.length > 1) context.terminal.err(`one context for each of ${answer.servers.length} addresses: kubectl does not fail over by itself`)
      await deliver(context, o.output, kubeconfigFor(name, answer, key))
    })
  cluster.command('talosconfig').argument('<name>').description('a talosconfig for hours').option('--output <file>', 'where to; - is standard output').option('--ttl <seconds>', 'at most 28800', integer, 28_800).option('--role <role>', 'os:reader or os:operator', 'os:reader')
    .action(async (name: string, o: { output?: string; ttl: number; role: string }) => {
      const { answer, key } = await request(context, name, 'talosconfig', { expirationSeconds: o.ttl, role: o.role })
      const b64 = (s: string) => Buffer.from(s).toString('base64')
      const { items } = await context.resources().list(Machine, { namespace: context.namespace(), fieldSelector: `spec.cluster=${name}` })
      const nodes = items.map((m) => m.status?.address).filter((a) => a !== undefined)
      // Talos names Ed25519 keys in its own way.
      const talosKey = key.replaceAll('PRIVATE KEY', 'ED25519 PRIVATE KEY')
      await deliver(context, o.output, stringify({ context: name, contexts: { [name]: { endpoints: answer.servers, nodes, ca: b64(answer.ca), crt: b64(answer.certificate), key: b64(talosKey) } } }))
    })
  cluster.command('events').argument('<name>').description('what happened to a cluster, its pools and machines').action((name: string) => events(context, name))
  cluster.command('watch').argument('<name>').description('follow a cluster until it is Ready').option('--timeout <seconds>', 'how long', integer, 1800).action(async (name: string, o: { timeout: number }) => { await follow(context, context.namespace(), name, 'ready', o.timeout) })
  cluster.command('support-bundle').argument('<name>').description('objects and events for somebody who helps; holds no secret').option('--output <file>', 'where to').action(async (name: string, o: { output?: string }) => deliver(context, o.output, `${await supportBundle(context, name)}\n`))
}

export const addPool = (program: Command, context: Context): void => {
  const pool = program.command('pool').description('node pools of clusters')
  pool.command('create').argument('<name>').description('make a pool').requiredOption('--cluster <cluster>', 'of which cluster').requiredOption('--machine-type <type>', 'flavor').option('--replicas <n>', 'machines', integer, 1).option('--label <key=value>', 'of the nodes; may stand several times', list)
    .option('--volume-type <type>', 'of root volumes').option('--volume-size <GiB>', 'of root volumes', integer)
    .action(async (name: string, o: { cluster: string; machineType: string; replicas: number; label?: readonly string[]; volumeType?: string; volumeSize?: number }) => {
      await context.resources().create(NodePool, { metadata: { name, namespace: context.namespace() }, spec: {
        cluster: o.cluster, machineType: o.machineType, replicas: o.replicas, labels: Object.fromEntries((o.label ?? []).map((l) => l.split('=', 2) as [string, string])),
        rootVolume: { ...(o.volumeType !== undefined && { type: o.volumeType }), ...(o.volumeSize !== undefined && { sizeGiB: o.volumeSize }) },
      } }, writer)
      context.terminal.err(`pool ${name} created`)
    })
  output(pool.command('list').alias('ls').description('pools of the project').option('--cluster <cluster>', 'of one cluster').option('-A, --all-namespaces', 'of all projects'))
    .action((o: { output: never; cluster?: string; allNamespaces?: boolean }) => print(context, NodePool, o.output, { allNamespaces: o.allNamespaces === true, ...(o.cluster !== undefined && { fieldSelector: `spec.cluster=${o.cluster}` }) }))
  output(pool.command('get').argument('<name>').description('one pool')).action((name: string, o: { output: never }) => print(context, NodePool, o.output, { name }))
  pool.command('scale').argument('<name>').argument('<replicas>', 'machines', integer).description('change how many machines a pool has').action(async (name: string, replicas: number) => {
    const namespace = context.namespace()
    await context.resources().request({ method: 'PATCH', path: `/apis/skerry.dev/v1alpha1/namespaces/${namespace}/nodepools/${encodeURIComponent(name)}`, query: { fieldManager: writer.manager }, contentType: 'application/merge-patch+json', body: { spec: { replicas } } })
    context.terminal.err(`pool ${name} wants ${replicas} machines`)
  })
  pool.command('delete').argument('<name>').description('delete a pool with its machines').option('--yes', 'do not ask').action(async (name: string, o: { yes?: boolean }) => {
    if (o.yes !== true && !(await context.confirm(`Delete pool ${name} with all its machines?`))) throw cliError('not deleted; say --yes where nobody can be asked')
    if ((await context.resources().get(NodePool, { namespace: context.namespace(), name })) === undefined) throw cliError(`there is no pool ${name} in project ${context.namespace()}`, 3)
    await context.resources().delete(NodePool, { namespace: context.namespace(), name }, writer)
    context.terminal.err(`pool ${name} is being deleted`)
  })
}
