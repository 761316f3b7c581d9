/** Reads one machine everywhere it shows: port, volume, server, Talos, its Node, and what it is made from. */
import type { Cluster, Machine, MachineType, Release, Site } from '../../api/index.ts'
import { MachineType as MachineTypeKind, Release as ReleaseKind, Site as SiteKind } from '../../api/index.ts'
import type { Mark, Marked, Port, Server, Volume } from '../../drivers/openstack/cloud.ts'
import type { KubeNode } from '../../drivers/kubernetes/kubernetes.ts'
import type { ObserveContext } from '../../engine/shapes.ts'
import { abandonedMessage, isAbandoned } from '../abandoned.ts'
import { sighted, type Intents, type Sight } from '../outside.ts'
import type { Ports, SiteCloud } from '../ports.ts'
import { clusterOf, isOneHeard, isPlaced } from '../reads.ts'
import { demandProject } from '../view.ts'
import { requestOf, type Asked } from './asked.ts'
import { serverRole } from './role.ts'

export interface Seen {
  readonly kind: 'seen'
  readonly machine: Machine
  readonly cluster: Cluster
  readonly site: Site
  readonly siteCloud: SiteCloud
  readonly type: MachineType | undefined
  readonly release: Release | undefined
  readonly image: string | undefined
  readonly deleting: boolean
  /** The whole cluster goes: nothing is drained, etcd is not left. */
  readonly isClusterGoing: boolean
  /** Of a control plane: its slot's. */
  readonly port: Sight<Port>
  readonly volume: Sight<Volume>
  readonly server: Sight<Server>
  readonly node: KubeNode | undefined
  /** Another of the control plane was heard: the way is open. */
  readonly isOneHeard: boolean
  /** Whether the tenant's API has answered; without it the absence of a node says nothing. */
  readonly isApiSeen: boolean
  /** Talos answered under the cluster's CA and says it is this server. */
  readonly contact: { readonly talosVersion: string } | undefined
  /** Pods that would not leave, with the reason; undefined: not asked. */
  readonly intents: Intents | undefined
  /** Whether this deletion was asked for a moment ago. */
  readonly isAsked: (request: string) => boolean
  readonly mark: (role: string) => Mark
}
export type Observed = Seen
  | { readonly kind: 'blocked'; readonly reason: 'Abandoned' | 'ClusterMissing' | 'SiteMissing' | 'WaitingForEndpoint'; readonly message: string; readonly deleting: boolean; /** Nothing outside is ours to delete. */ readonly holdsNothing: boolean }

const absent = { kind: 'absent' } as const

export const observe = (ports: Ports, asked: Asked) => async (machine: Machine, context: ObserveContext): Promise<Observed> => {
  const deleting = machine.metadata.deletionTimestamp !== undefined
  const recorded = machine.status ?? {}
  const holdsNothing = recorded.portId === undefined && recorded.volumeId === undefined && recorded.serverId === undefined && recorded.intents === undefined
  const cluster = clusterOf(context.cached, machine)
  if (cluster === undefined) return { kind: 'blocked', reason: 'ClusterMissing', message: `there is no cluster ${machine.spec.cluster}`, deleting, holdsNothing }
  if (isAbandoned(cluster)) return { kind: 'blocked', reason: 'Abandoned', message: abandonedMessage, deleting, holdsNothing: true }
  const site = context.cached.get(SiteKind, { namespace: '', name: cluster.spec.site })
  if (site?.status?.found === undefined) return { kind: 'blocked', reason: 'SiteMissing', message: `site ${cluster.spec.site} is missing or was never seen`, deleting, holdsNothing }
  const { endpoint } = cluster.status ?? {}
  if (!deleting && !isPlaced(cluster))
    return { kind: 'blocked', reason: 'WaitingForEndpoint', message: 'waits for the cluster\'s network and addresses', deleting, holdsNothing }
  const siteCloud = await ports.clouds.open(site, cluster.metadata.namespace ?? '')
  demandProject(siteCloud, cluster)
  const { cloud } = siteCloud
  const mark = (role: string): Mark => ({ uid: machine.metadata.uid, site: ports.installation, role })
  const isControlPlane = machine.spec.role === 'controlplane'
  const type = context.cached.list(MachineTypeKind).find((t) => t.spec.site === cluster.spec.site && t.spec.flavor === machine.spec.machineType)
  const find = <T extends Marked>(collection: unknown, m: Mark, id: string | undefined, intent: string) => sighted<T>(context, siteCloud, collection as never, m, id, {
    isIntended: deleting && recorded.intents?.[intent] !== undefined,
    // Cinder's count of what a project uses drifts; it is asked only of what went by itself.
    isLetGo: id !== undefined && (asked.has(requestOf(id), context.now) || asked.has(requestOf(id, true), context.now)),
  })
  const slot = endpoint?.slots?.find((s) => s.slot === machine.spec.slot)
  const [port, volume, server] = await Promise.all([
    isControlPlane
      ? (slot === undefined ? absent : find<Port>(cloud.network.ports, { uid: cluster.metadata.uid, site: ports.installation, role: `cp-${machine.spec.slot ?? 0}` }, slot.portId, 'port'))
      : find<Port>(cloud.network.ports, mark('node'), recorded.portId, 'port'),
    // One that was made, or may have been, goes with its machine whatever became of the flavor.
    type?.spec.diskGiB === 0 || recorded.volumeId !== undefined || recorded.intents?.['volume'] !== undefined ? find<Volume>(cloud.volume.volumes, mark('root'), recorded.volumeId, 'volume') : absent,
    find<Server>(cloud.compute.servers, mark(serverRole(machine.spec.role, cluster.metadata.uid)), recorded.serverId, 'server'),
  ])
  const release = context.cached.get(ReleaseKind, { namespace: '', name: machine.spec.release })
  const secrets = await ports.secrets.get(cluster.metadata.uid)
  const isBootstrapped = cluster.status?.controlPlane?.bootstrap?.doneAt !== undefined
  const isClusterGoing = cluster.metadata.deletionTimestamp !== undefined
  const nodes = secrets !== undefined && isBootstrapped && !isClusterGoing ? await ports.tenants.nodes(cluster, secrets) : undefined
  const serverObject = server.kind === 'seen' ? server.object : undefined
  const address = port.kind === 'seen' ? port.object.fixedIps[0]?.address : undefined
  // The same name on another server's node is the former machine's, never ours: names are used once (rule O1).
  const node = nodes?.find((n) => n.name === machine.metadata.name)
  const contact = serverObject?.status === 'ACTIVE' && recorded.contactAt === undefined && secrets !== undefined && address !== undefined && isControlPlane && !deleting
    ? await talosContact(ports, cluster, secrets, address, serverObject.id) : undefined
  return {
    kind: 'seen', machine, cluster, site, siteCloud, type, release, deleting, isClusterGoing,
    image: site.status.found.images.find((i) => i.talosVersion === release?.spec.talosVersion)?.id,
    port, volume, server, node, isOneHeard: isOneHeard(context.cached, machine), isApiSeen: nodes !== undefined, contact, intents: recorded.intents, mark,
    isAsked: (request) => asked.has(request, context.now),
  }
}

const talosContact = async (ports: Ports, cluster: Cluster, secrets: Parameters<Ports['talos']['node']>[1], address: string, serverId: string): Promise<Seen['contact']> => {
  try {
    const node = ports.talos.node(cluster, secrets, address)
    const [version, instance] = await Promise.all([node.version(), node.instanceId()])
    return instance === serverId ? { talosVersion: version.tag } : undefined
  } catch {
    return undefined
  }
}
