/** Reads a control plane: its machines by slot, its servers as Nova has them, and etcd as etcd itself says (rules T1, T2). */
import type { Cluster, Machine } from '../../api/index.ts'
import { Machine as MachineKind, Site as SiteKind } from '../../api/index.ts'
import { controllerOf } from '../../api/meta/index.ts'
import type { EtcdMember, EtcdStatus } from '../../drivers/talos/talos.ts'
import type { ObserveContext } from '../../engine/shapes.ts'
import { demandProject } from '../view.ts'
import type { Ports } from '../ports.ts'
import { hasContact, isPlaced, machinesIn } from '../reads.ts'
import { serverRole } from '../machine/role.ts'

/** What one control-plane server answers when it is asked whether it holds etcd data. */
export interface Answer {
  readonly serverId: string
  readonly machine: string | undefined
  readonly address: string | undefined
  /** `silent`: it did not answer, so nothing may be concluded. `booting`: nor was it asked; its Machine tries for the first contact, and that wakes us. */
  readonly data: 'yes' | 'no' | 'silent' | 'booting'
  /** The instance id that the node itself gives. */
  readonly instanceId: string | undefined
  readonly hostname: string | undefined
}

export interface Etcd {
  readonly members: readonly EtcdMember[]
  readonly statuses: readonly (EtcdStatus & { readonly machine: string })[]
  readonly clusterIds: readonly string[]
}

export interface Seen {
  readonly kind: 'seen'
  readonly deleting: boolean
  readonly machines: readonly Machine[]
  readonly workers: number
  readonly hasSecrets: boolean
  readonly hasAddresses: boolean
  /** Asked before bootstrap is done, and while etcd does not answer. */
  readonly answers: readonly Answer[]
  /** The server that was asked to bootstrap: GET by id answered 404. */
  readonly isBootstrapServerGone: boolean
  /** Read only after bootstrap; undefined while it does not answer. */
  readonly etcd: Etcd | undefined
  readonly readyNodes: ReadonlySet<string>
  readonly apiReady: boolean
  readonly cluster: Cluster
}
export type Observed = Seen | { readonly kind: 'blocked'; readonly reason: 'WaitingForNetwork'; readonly message: string; readonly deleting: boolean }

/** Whether control-plane machines can be made: each has a port, and what it is made with is there. */
export const hasSlots = (cluster: Cluster): boolean => isPlaced(cluster) && (cluster.status?.endpoint?.slots?.length ?? 0) >= cluster.spec.controlPlane.replicas

const quietly = async <T>(call: () => Promise<T>): Promise<T | undefined> => { try { return await call() } catch { return undefined } }

/** Every server that carries the mark of this cluster's control plane in Nova, known to us or not. */
const ask = async (ports: Ports, cluster: Cluster, machines: readonly Machine[], context: ObserveContext): Promise<readonly Answer[]> => {
  const secrets = await ports.secrets.get(cluster.metadata.uid)
  const site = context.cached.get(SiteKind, { namespace: '', name: cluster.spec.site })
  if (secrets === undefined || site === undefined) return []
  const siteCloud = await ports.clouds.open(site, cluster.metadata.namespace ?? '')
  demandProject(siteCloud, cluster)
  const listing = await siteCloud.cloud.compute.servers.list(context.lastEffectAt, context.isRoutine)
  const role = serverRole('controlplane', cluster.metadata.uid)
  const servers = listing.items.filter((s) => s.mark?.site === ports.installation && s.mark.role === role && s.status !== 'DELETED')
  const answers = await Promise.all(servers.map(async (server): Promise<Answer> => {
    const machine = machines.find((m) => m.metadata.uid === server.mark?.uid)
    const address = server.addresses[0]?.address ?? machine?.status?.address
    const unasked = machine !== undefined && !hasContact(machine) ? 'booting' : address === undefined || server.status !== 'ACTIVE' ? 'silent' : undefined
    if (unasked !== undefined) return { serverId: server.id, machine: machine?.metadata.name, address, data: unasked, instanceId: undefined, hostname: undefined }
    const node = ports.talos.node(cluster, secrets, address!)
    const data = await quietly(() => node.etcdDataExists())
    return { serverId: server.id, machine: machine?.metadata.name, address, data: data === undefined ? 'silent' : data ? 'yes' : 'no', instanceId: undefined, hostname: undefined }
  }))
  // Who they say they are matters only once all have said that they hold nothing.
  if (answers.some((a) => a.data !== 'no')) return answers
  return Promise.all(answers.map(async (a): Promise<Answer> => {
    const node = ports.talos.node(cluster, secrets, a.address!)
    const [instanceId, hostname] = await Promise.all([quietly(() => node.instanceId()), quietly(() => node.hostname())])
    return { ...a, instanceId, hostname }
  }))
}

const isGone = async (ports: Ports, cluster: Cluster, serverId: string, context: ObserveContext): Promise<boolean> => {
  const site = context.cached.get(SiteKind, { namespace: '', name: cluster.spec.site })
  if (site === undefined) return false
  const siteCloud = await ports.clouds.open(site, cluster.metadata.namespace ?? '')
  demandProject(siteCloud, cluster)
  return (await siteCloud.cloud.compute.servers.get(serverId)) === undefined
}

const readEtcd = async (ports: Ports, cluster: Cluster, machines: readonly Machine[]): Promise<Etcd | undefined> => {
  const secrets = await ports.secrets.get(cluster.metadata.uid)
  if (secrets === undefined) return undefined
  const reachable = machines.filter((m) => m.status?.address !== undefined && m.status.serverId !== undefined && m.status.contactAt !== undefined)
  const statuses = (await Promise.all(reachable.map(async (m) => {
    const status = await quietly(() => ports.talos.node(cluster, secrets, m.status!.address!).etcdStatus())
    return status === undefined ? undefined : { ...status, machine: m.metadata.name }
  }))).filter((s) => s !== undefined)
  const one = statuses.find((s) => !s.isLearner)
  const voter = one === undefined ? undefined : reachable.find((m) => m.metadata.name === one.machine)
  const members = voter === undefined ? undefined : await quietly(() => ports.talos.node(cluster, secrets, voter.status!.address!).etcdMembers())
  return members === undefined ? undefined : { members, statuses, clusterIds: [...new Set(statuses.map((s) => s.clusterId))] }
}

export const observe = (ports: Ports) => async (cluster: Cluster, context: ObserveContext): Promise<Observed> => {
  const deleting = cluster.metadata.deletionTimestamp !== undefined
  const machines = context.cached.ownedBy(MachineKind, cluster.metadata.uid).filter((m) => m.spec.role === 'controlplane' && controllerOf(m)?.uid === cluster.metadata.uid)
  const workers = machinesIn(context.cached, cluster).filter((m) => m.spec.role === 'worker').length
  const base = { kind: 'seen', deleting, machines, workers, cluster } as const
  if (deleting) return { ...base, hasSecrets: true, hasAddresses: true, answers: [], isBootstrapServerGone: false, etcd: undefined, readyNodes: new Set(), apiReady: false }
  const { controlPlane } = cluster.status ?? {}
  const hasAddresses = hasSlots(cluster)
  if (!hasAddresses) return { kind: 'blocked', reason: 'WaitingForNetwork', message: 'waits for network and addresses', deleting }
  const secrets = await ports.secrets.get(cluster.metadata.uid)
  const isBootstrapped = controlPlane?.bootstrap?.doneAt !== undefined
  // Before the first of them is heard, none is asked.
  const isHeard = machines.some(hasContact)
  const nodes = secrets !== undefined && isBootstrapped ? await ports.tenants.nodes(cluster, secrets) : undefined
  const asked = isBootstrapped ? undefined : controlPlane?.bootstrap?.serverId
  // A settled, established control plane is watched through its nodes; etcd is asked when something moved.
  const etcd = isBootstrapped || isHeard ? await readEtcd(ports, cluster, machines) : undefined
  return {
    ...base, hasSecrets: secrets !== undefined, hasAddresses,
    answers: !isHeard || (isBootstrapped && etcd !== undefined) ? [] : await ask(ports, cluster, machines, context),
    isBootstrapServerGone: asked !== undefined && (await isGone(ports, cluster, asked, context)),
    etcd,
    readyNodes: new Set(nodes?.filter((n) => n.ready).map((n) => n.name)), apiReady: nodes !== undefined,
  }
}
