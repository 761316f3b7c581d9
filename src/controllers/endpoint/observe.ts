/** Reads where a cluster's API answers: slot ports, floating IP, load balancer with what is below it. */
import type { Cluster, Site } from '../../api/index.ts'
import { Site as SiteKind } from '../../api/index.ts'
import type { FloatingIp, Listener, LoadBalancer, Mark, Marked, Member, Pool, Port } from '../../drivers/openstack/cloud.ts'
import type { ObserveContext } from '../../engine/shapes.ts'
import { balancerTraits, listenerCidrs, vipAddress, whyNotEnforceable } from '../../rules/node-network.ts'
import { abandonedMessage, isAbandoned } from '../abandoned.ts'
import { objectOf, sighted, type Intents, type Sight } from '../outside.ts'
import type { Ports, SiteCloud } from '../ports.ts'
import { liveSlots, machinesIn } from '../reads.ts'
import { balancerOfVip, demandNoVip, demandProject, ViewError } from '../view.ts'

export const apiPorts = [6443, 50000] as const
export type ApiPort = (typeof apiPorts)[number]

export interface Way {
  readonly port: ApiPort
  readonly listener: Sight<Listener>
  readonly pool: Sight<Pool>
  readonly hasMonitor: boolean
  readonly members: readonly Member[]
  readonly allowed: readonly string[] | null
}

export interface Seen {
  readonly kind: 'seen'
  readonly endpoint: 'octavia' | 'nodes'
  /** The nodes were reached through the balancer that is there. */
  readonly isBuilt: boolean
  readonly site: Site
  readonly siteCloud: SiteCloud
  readonly deleting: boolean
  readonly tenant: boolean
  readonly replicas: number
  readonly nodeCidr: string
  readonly networkId: string | undefined
  readonly subnetId: string | undefined
  readonly groupIds: readonly string[]
  readonly podCidrs: readonly string[]
  readonly externalNetworkId: string | undefined
  readonly slots: readonly Sight<Port>[]
  /** Without a balancer: the slot through which the cluster is reached. */
  readonly entry: number
  readonly floatingIp: Sight<FloatingIp>
  readonly loadBalancer: Sight<LoadBalancer>
  /** Empty without Octavia, and while it goes. */
  readonly ways: readonly Way[]
  /** Ports at our VIP whose balancer is not there. */
  readonly strandedVips: readonly string[]
  readonly intents: Intents | undefined
  readonly machines: readonly string[]
  readonly mark: (role: string) => Mark
}
export type Observed = Seen | { readonly kind: 'blocked'; readonly reason: 'Abandoned' | 'SiteMissing' | 'WaitingForNetwork' | 'LoadBalancerMissing' | 'AllowListNotEnforceable'; readonly message: string; readonly deleting: boolean; /** Nothing outside is ours to delete. */ readonly holdsNothing: boolean }

const absent = { kind: 'absent' } as const

export const observe = (ports: Ports) => async (cluster: Cluster, context: ObserveContext): Promise<Observed> => {
  const deleting = cluster.metadata.deletionTimestamp !== undefined
  if (isAbandoned(cluster)) return { kind: 'blocked', reason: 'Abandoned', message: abandonedMessage, deleting, holdsNothing: true }
  const infrastructure = cluster.status?.infrastructure
  const site = context.cached.get(SiteKind, { namespace: '', name: cluster.spec.site })
  const found = site?.status?.found
  const recorded = cluster.status?.endpoint
  const holdsNothing = recorded?.loadBalancerId === undefined && recorded?.floatingIpId === undefined && recorded?.slots === undefined && recorded?.intents === undefined
  if (site === undefined || found === undefined) return { kind: 'blocked', reason: 'SiteMissing', message: `site ${cluster.spec.site} is missing or was never seen`, deleting, holdsNothing }
  if (infrastructure?.projectId === undefined || infrastructure.shape === undefined) return { kind: 'blocked', reason: 'WaitingForNetwork', message: 'waits for the cluster\'s network and groups', deleting, holdsNothing }
  const tenant = infrastructure.shape === 'tenant'
  const asked = cluster.spec.endpoint.kind
  const endpoint = (recorded?.kind ?? (asked === 'auto' ? (tenant && found.loadBalancer !== undefined ? 'octavia' : 'nodes') : asked)) as 'octavia' | 'nodes'
  if (!deleting && endpoint === 'octavia' && found.loadBalancer === undefined)
    return { kind: 'blocked', reason: 'LoadBalancerMissing', message: `site ${site.metadata.name} has no Octavia; use spec.endpoint.kind: nodes`, deleting, holdsNothing }
  // What stands already has the provider that it was made with.
  const unkept = !deleting && endpoint === 'octavia' && recorded?.loadBalancerId === undefined ? whyNotEnforceable(site.metadata.name, found.loadBalancer) : undefined
  if (unkept !== undefined) return { kind: 'blocked', reason: 'AllowListNotEnforceable', message: unkept, deleting, holdsNothing }
  const siteCloud = await ports.clouds.open(site, cluster.metadata.namespace ?? '')
  demandProject(siteCloud, cluster)
  const { cloud } = siteCloud
  const mark = (role: string): Mark => ({ uid: cluster.metadata.uid, site: ports.installation, role })
  const isIntended = (intent: string): boolean => deleting && recorded?.intents?.[intent] !== undefined
  const find = <T extends Marked>(collection: unknown, role: string, id: string | undefined, known: { readonly isExpected?: boolean; readonly isIntended?: boolean }) => sighted<T>(context, siteCloud, collection as never, mark(role), id, known)
  const replicas = Math.max(cluster.spec.controlPlane.replicas, recorded?.slots?.length ?? 0)
  const octavia = endpoint === 'octavia'
  const balancers = cloud.loadBalancer
  if (octavia && balancers === undefined && (!deleting || recorded?.loadBalancerId !== undefined || isIntended('load-balancer')))
    throw new ViewError('CloudViewIncomplete', `the catalogue of site ${site.metadata.name} shows no Octavia any more, so no load balancer is concluded to be gone; the cloud's operator puts its endpoint back`)
  const [slots, floatingIp, loadBalancer] = await Promise.all([
    Promise.all(Array.from({ length: replicas }, (_, i) => find<Port>(cloud.network.ports, `cp-${i}`, recorded?.slots?.find((s) => s.slot === i)?.portId, { isIntended: isIntended(`cp-${i}`) }))),
    tenant ? find<FloatingIp>(cloud.network.floatingIps, 'api', recorded?.floatingIpId, { isIntended: isIntended('floating-ip') }) : absent,
    octavia && balancers !== undefined ? find<LoadBalancer>(balancers.loadBalancers, 'api', recorded?.loadBalancerId, { isIntended: isIntended('load-balancer') }) : absent,
  ])
  const provider = loadBalancer.kind === 'seen' ? loadBalancer.object.provider : found.loadBalancer?.provider
  const policy = { allowedCIDRs: cluster.spec.endpoint.allowedCIDRs, egressCIDRs: site.spec.egressCIDRs, nodeCidr: tenant ? cluster.spec.network.nodes : undefined, balancerFilters: provider !== undefined && balancerTraits(provider).allowedCIDRs }
  const ways: Way[] = []
  // The nodes were reached through it: what has no recorded id of its own was there too.
  const isBuilt = cluster.status?.controlPlane?.bootstrap?.doneAt !== undefined && loadBalancer.kind === 'seen' && loadBalancer.object.id === recorded?.loadBalancerId
  if (octavia && balancers !== undefined && !deleting) {
    for (const port of apiPorts) {
      const allowed = listenerCidrs(policy, port)
      if (loadBalancer.kind === 'absent') {
        ways.push({ port, allowed, listener: absent, pool: absent, hasMonitor: false, members: [] })
        continue
      }
      const [listener, pool] = await Promise.all([find<Listener>(balancers.listeners, `api-${port}`, undefined, { isExpected: isBuilt }), find<Pool>(balancers.pools, `api-${port}`, undefined, { isExpected: isBuilt })])
      // Members are asked for only while something may be missing: a settled endpoint costs no call of its own (rule E4).
      const whole = pool.kind === 'seen' && pool.object.memberIds.length === replicas
      const members = pool.kind === 'seen' && !whole && pool.object.memberIds.length > 0 ? await balancers.members(pool.object.id) : []
      ways.push({ port, allowed, listener, pool, hasMonitor: pool.kind === 'seen' && pool.object.healthMonitorId !== null, members: whole ? wholeMembers(slots) : members })
    }
  }
  // Who is not shown what was below a balancer must still be shown the balancer.
  if (isBuilt && ways.some((w) => w.listener.kind === 'absent' || w.pool.kind === 'absent') && (await balancers!.loadBalancers.list(Infinity)).items.every((lb) => lb.id !== recorded?.loadBalancerId))
    throw new ViewError('CloudViewIncomplete', `Octavia does not show load balancer ${recorded?.loadBalancerId} any more; nothing is made below it until it does`)
  const subnetId = tenant ? infrastructure.subnetId : found.providerNetwork?.subnetId
  const vip = vipAddress(cluster.spec.network.nodes)
  const strandedVips: string[] = []
  if (octavia && balancers !== undefined && loadBalancer.kind === 'absent') {
    const held = (await cloud.network.ports.list(context.lastEffectAt, context.isRoutine)).items.filter((p) => p.fixedIps.some((f) => f.subnetId === subnetId && f.address === vip))
    // Of one that was refused a port may be left; of one that was never answered only who sees can say that it is not there.
    if (isIntended('load-balancer')) demandNoVip(held, () => true)
    for (const p of held) {
      const balancerId = balancerOfVip(p)
      if (balancerId !== undefined && (await balancers.loadBalancers.get(balancerId)) === undefined) strandedVips.push(p.id)
    }
  }
  return {
    kind: 'seen', endpoint, isBuilt, entry: entryOf(cluster, liveSlots(context.cached, cluster), objectOf(floatingIp), slots.map(objectOf)), site, siteCloud, deleting, tenant, replicas, mark, slots, floatingIp, loadBalancer, ways,
    nodeCidr: cluster.spec.network.nodes, podCidrs: cluster.spec.network.pods,
    networkId: tenant ? infrastructure.networkId : found.providerNetwork?.id,
    subnetId, strandedVips,
    groupIds: infrastructure.nodeGroupId !== undefined && infrastructure.controlPlaneGroupId !== undefined ? [infrastructure.nodeGroupId, infrastructure.controlPlaneGroupId] : [],
    externalNetworkId: found.externalNetwork?.id,
    intents: recorded?.intents, machines: machinesIn(context.cached, cluster).map((m) => m.metadata.name),
  }
}

const wholeMembers = (slots: readonly Sight<Port>[]): readonly Member[] => slots.flatMap((s) => (s.kind === 'seen' && s.object.fixedIps[0] !== undefined
  ? [{ id: '', address: s.object.fixedIps[0].address, port: 0, operatingStatus: 'ONLINE', provisioningStatus: 'ACTIVE', adminStateUp: true }] : []))

/** Stays where it is while that slot lives: whoever is connected stays so. Before etcd was whole it is the first one. */
export const entryOf = ({ status }: Pick<Cluster, 'status'>, live: readonly number[], fip: FloatingIp | undefined, slots: readonly (Port | undefined)[]): number => {
  const at = slots.findIndex((p) => p !== undefined && (fip === undefined ? p.fixedIps[0]?.address === status?.endpoint?.host : p.id === fip.portId))
  const current = Math.max(0, at)
  return status?.controlPlane?.established !== true || live.includes(current) ? current : live[0] ?? current
}
