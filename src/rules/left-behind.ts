/** What stays in a cloud when a cluster is abandoned (rule O9): every id that its status and its machines' hold, and where to look for more. */
import type { Cluster, Machine } from '../api/index.ts'

export interface LeftBehind {
  /** Of the site's cloud; undefined: nothing was made. */
  readonly projectId: string | undefined
  readonly objects: readonly { readonly kind: string; readonly id: string; /** The machine it belongs to. */ readonly of?: string }[]
  /** Creations that were begun and whose result was never seen. */
  readonly unanswered: readonly { readonly role: string; /** On the object's mark, `skerry-uid:UID`. */ readonly uid: string }[]
}

const shared = [
  ['network', 'networkId'], ['subnet', 'subnetId'], ['router', 'routerId'], ['security group', 'controlPlaneGroupId'], ['security group', 'nodeGroupId'], ['server group', 'serverGroupId'],
] as const
const own = [['server', 'serverId'], ['volume', 'volumeId'], ['port', 'portId']] as const

export const leftBehind = (cluster: Cluster, machines: readonly Machine[]): LeftBehind => {
  const { infrastructure, endpoint } = cluster.status ?? {}
  const slots = endpoint?.slots ?? []
  const slotPorts = new Set(slots.map((s) => s.portId))
  const object = (kind: string, id: string | undefined, of?: string) => (id === undefined ? [] : [{ kind, id, ...(of !== undefined && { of }) }])
  const unanswered = (uid: string, intents: Readonly<Record<string, string>> | undefined) => Object.keys(intents ?? {}).map((role) => ({ role, uid }))
  return {
    projectId: infrastructure?.projectId,
    objects: [
      // A control-plane machine's port is its slot's.
      ...machines.flatMap((m) => own.flatMap(([kind, field]) => (slotPorts.has(m.status?.[field] ?? '') ? [] : object(kind, m.status?.[field], m.metadata.name)))),
      ...object('load balancer', endpoint?.loadBalancerId), ...object('floating IP', endpoint?.floatingIpId), ...slots.flatMap((s) => object('port', s.portId)),
      ...shared.flatMap(([kind, field]) => object(kind, infrastructure?.[field])),
    ],
    unanswered: [...unanswered(cluster.metadata.uid, infrastructure?.intents), ...unanswered(cluster.metadata.uid, endpoint?.intents), ...machines.flatMap((m) => unanswered(m.metadata.uid, m.status?.intents))],
  }
}

/** One line for each. */
export const inWords = (l: LeftBehind): readonly string[] => [
  ...l.objects.map((o) => `${o.kind} ${o.id}${o.of === undefined ? '' : ` (${o.of})`}`),
  ...l.unanswered.map((u) => `perhaps the ${u.role} marked skerry-uid:${u.uid}: its creation was not answered`),
]
