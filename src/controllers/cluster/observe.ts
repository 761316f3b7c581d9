/** Reads what all machines of a cluster share: network, groups, server group, and what still stands in the way of going. */
import type { Cluster, Site } from '../../api/index.ts'
import { Site as SiteKind } from '../../api/index.ts'
import { isTrue } from '../../api/meta/index.ts'
import type { Mark, Network, Router, SecurityGroup, SecurityGroupRuleSpec, ServerGroup, Subnet, Marked, Port } from '../../drivers/openstack/cloud.ts'
import type { ObserveContext } from '../../engine/shapes.ts'
import { balancerTraits, controlPlaneIngress, nodeIngress, type Ingress } from '../../rules/node-network.ts'
import { isAbandoned } from '../abandoned.ts'
import { isLeftBehind, sighted, type Intents, type Sight } from '../outside.ts'
import type { Ports, SiteCloud } from '../ports.ts'
import { machinesIn } from '../reads.ts'
import { demandProject } from '../view.ts'
import type { Turns } from './turns.ts'

export type Role = 'network' | 'subnet' | 'router' | 'nodes' | 'control-plane' | 'anti-affinity'

export interface Rules { readonly missing: readonly SecurityGroupRuleSpec[]; readonly extra: readonly string[] }

export interface Seen {
  readonly kind: 'seen'
  readonly site: Site
  readonly siteCloud: SiteCloud
  readonly deleting: boolean
  readonly shape: 'tenant' | 'routed'
  readonly mark: (role: Role) => Mark
  readonly network: Sight<Network>
  readonly subnet: Sight<Subnet>
  readonly router: Sight<Router>
  /** The router's port in our subnet. */
  readonly isAttached: boolean
  readonly nodeGroup: Sight<SecurityGroup>
  readonly controlPlaneGroup: Sight<SecurityGroup>
  readonly nodeRules: Rules
  readonly controlPlaneRules: Rules
  readonly serverGroup: Sight<ServerGroup>
  readonly intents: Intents | undefined
  /** Finalizers of the other controllers, and machines: they go first. */
  readonly before: readonly string[]
  /** Ports in our network, or under our groups, that are not ours, when we want those to go. */
  readonly strangers: readonly string[]
  /** Ids of ports that the cloud itself made on our subnet for our load balancer, and left behind. */
  readonly leftovers: readonly string[]
}
export type Observed = Seen | { readonly kind: 'abandoned'; readonly before: readonly string[] } | { readonly kind: 'blocked'; readonly reason: 'SiteMissing' | 'SiteNotReady' | 'WaitingForTurn'; readonly message: string; readonly deleting: boolean }

const asRule = (i: Ingress, nodeGroupId: string | undefined): SecurityGroupRuleSpec | undefined =>
  i.fromNodes === true && nodeGroupId === undefined ? undefined : {
    direction: 'ingress', etherType: 'IPv4', protocol: i.protocol, portMin: i.port, portMax: i.port,
    remoteCidr: i.cidr ?? null, remoteGroupId: i.fromNodes === true ? nodeGroupId! : null,
  }
const text = (r: SecurityGroupRuleSpec): string => [r.protocol, r.portMin, r.portMax, r.remoteCidr === '0.0.0.0/0' ? null : r.remoteCidr, r.remoteGroupId].join(' ')

const compare = (group: SecurityGroup | undefined, wanted: readonly Ingress[], nodeGroupId: string | undefined): Rules => {
  if (group === undefined) return { missing: [], extra: [] }
  const rules = wanted.map((i) => asRule(i, nodeGroupId)).filter((r) => r !== undefined)
  const have = group.rules.filter((r) => r.direction === 'ingress')
  const haveTexts = new Set(have.map(text))
  const wantedTexts = new Set(rules.map(text))
  return { missing: rules.filter((r) => !haveTexts.has(text(r))), extra: have.filter((r) => !wantedTexts.has(text(r))).map((r) => r.id) }
}

/** Whether who may reach the API is seen to by its load balancer, and not by the groups. */
export const isFilteredByBalancer = ({ status }: Cluster, site: Site | undefined): boolean => {
  const found = site?.status?.found?.loadBalancer
  return (status?.endpoint?.kind ?? (found === undefined ? 'nodes' : 'octavia')) === 'octavia' && balancerTraits(status?.endpoint?.loadBalancerProvider ?? found?.provider ?? '').allowedCIDRs
}

/** Neutron's, for DHCP and metadata: it goes with the network. A router's is somebody's, and does not. */
const isNetworksOwn = (p: Port): boolean => p.deviceOwner.startsWith('network:') && !p.deviceOwner.includes('router')

const absent = { kind: 'absent' } as const

export const observe = (ports: Ports, turns: Turns) => async (cluster: Cluster, context: ObserveContext): Promise<Observed> => {
  const deleting = cluster.metadata.deletionTimestamp !== undefined
  const before = [
    ...(cluster.metadata.finalizers ?? []).filter((f) => f !== 'skerry.dev/site' && f.startsWith('skerry.dev/')).map((f) => f.slice('skerry.dev/'.length)),
    ...machinesIn(context.cached, cluster).map((m) => m.metadata.name),
  ]
  if (isAbandoned(cluster)) return { kind: 'abandoned', before }
  const site = context.cached.get(SiteKind, { namespace: '', name: cluster.spec.site })
  if (site === undefined) return { kind: 'blocked', reason: 'SiteMissing', message: `there is no site ${cluster.spec.site}`, deleting }
  const found = site.status?.found
  if (found === undefined || (!isTrue(site, 'Ready') && cluster.status?.infrastructure?.projectId === undefined))
    return { kind: 'blocked', reason: 'SiteNotReady', message: `site ${cluster.spec.site} is not ready; skerry site get ${cluster.spec.site} says why`, deleting }
  if (!deleting && !turns.take(cluster, site, context.cached, context.now))
    return { kind: 'blocked', reason: 'WaitingForTurn', message: `site ${cluster.spec.site} makes ${site.spec.clustersAtOnce} clusters at a time; this one's turn comes`, deleting }
  const recorded = cluster.status?.infrastructure
  // A credential that was given before the cluster decides in which project it is made, for ever.
  const siteCloud = await ports.clouds.open(site, cluster.metadata.namespace ?? '', recorded?.projectId === undefined)
  demandProject(siteCloud, cluster)
  const { cloud } = siteCloud
  const shape = (recorded?.shape ?? found.shape) as 'tenant' | 'routed'
  const mark = (role: Role): Mark => ({ uid: cluster.metadata.uid, site: ports.installation, role })
  const find = <T extends Marked>(collection: Parameters<typeof sighted<T>>[2], role: Role, id: string | undefined) => sighted(context, siteCloud, collection, mark(role), id, { isIntended: deleting && recorded?.intents?.[role] !== undefined })
  const tenant = shape === 'tenant'
  const [network, subnet, router, nodeGroup, controlPlaneGroup, serverGroup] = await Promise.all([
    tenant ? find<Network>(cloud.network.networks, 'network', recorded?.networkId) : absent,
    tenant ? find<Subnet>(cloud.network.subnets as never, 'subnet', recorded?.subnetId) : absent,
    tenant ? find<Router>(cloud.network.routers as never, 'router', recorded?.routerId) : absent,
    find<SecurityGroup>(cloud.network.securityGroups, 'nodes', recorded?.nodeGroupId),
    find<SecurityGroup>(cloud.network.securityGroups, 'control-plane', recorded?.controlPlaneGroupId),
    cluster.spec.controlPlane.replicas > 1 || recorded?.serverGroupId !== undefined || recorded?.intents?.['anti-affinity'] !== undefined ? find<ServerGroup>(cloud.compute.serverGroups as never, 'anti-affinity', recorded?.serverGroupId) : absent,
  ])
  const all = network.kind === 'seen' || deleting ? (await cloud.network.ports.list(context.lastEffectAt, context.isRoutine)).items : []
  const inNetwork = all.filter((p) => network.kind === 'seen' && p.networkId === network.object.id)
  const isRouterPort = (p: Port) => router.kind === 'seen' && p.deviceId === router.object.id && p.deviceOwner.startsWith('network:') && p.deviceOwner.includes('router')
  const ownRouterPort = inNetwork.find(isRouterPort)
  const isLeftover = (p: Port) => subnet.kind === 'seen' && isLeftBehind(p, subnet.object.id)
  const groupIds = [nodeGroup, controlPlaneGroup].flatMap((g) => (g.kind === 'seen' ? [g.object.id] : []))
  const nodeGroupId = nodeGroup.kind === 'seen' ? nodeGroup.object.id : undefined
  const policy = { allowedCIDRs: cluster.spec.endpoint.allowedCIDRs, egressCIDRs: site.spec.egressCIDRs, nodeCidr: tenant ? cluster.spec.network.nodes : undefined, balancerFilters: isFilteredByBalancer(cluster, site) }
  return {
    kind: 'seen', site, siteCloud, deleting, shape, mark, network, subnet, router, isAttached: ownRouterPort !== undefined, nodeGroup, controlPlaneGroup, serverGroup,
    nodeRules: compare(nodeGroup.kind === 'seen' ? nodeGroup.object : undefined, nodeIngress(), nodeGroupId),
    controlPlaneRules: compare(controlPlaneGroup.kind === 'seen' ? controlPlaneGroup.object : undefined, controlPlaneIngress(policy), nodeGroupId),
    intents: recorded?.intents,
    before,
    strangers: deleting ? all.filter((p) => p.mark === undefined && ((inNetwork.includes(p) && !isRouterPort(p) && !isLeftover(p) && !isNetworksOwn(p)) || groupIds.some((id) => p.securityGroupIds.includes(id)))).map((p) => `port ${p.id} (${p.deviceOwner || 'unused'})`) : [],
    leftovers: deleting ? inNetwork.filter(isLeftover).map((p) => p.id) : [],
  }
}
