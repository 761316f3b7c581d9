/** Whether what a cloud shows of a project, and what it does not, is to be believed (rules E2, H3). Not: finding an object (`outside.ts`). */
import type { Cluster as ClusterResource, Machine as MachineResource } from '../api/index.ts'
import { Cluster, Machine } from '../api/index.ts'
import type { Cloud, Collection, Marked, Port } from '../drivers/openstack/cloud.ts'
import type { Cached } from '../engine/shapes.ts'
import { isViewIncomplete } from '../rules/view.ts'
import type { SiteCloud } from './ports.ts'

/** Thrown when listings and records disagree too much to act (rules E2, H3). */
export class ViewError extends Error {
  readonly reason: 'CloudViewIncomplete' | 'CredentialOfAnotherProject' | 'UnknownObjects'
  constructor(reason: ViewError['reason'], message: string) { super(message); this.reason = reason }
}

/** Throws when the credential is not of the project in which the cluster was made: everything would look gone. */
export const demandProject = (site: SiteCloud, cluster: ClusterResource): void => {
  const recorded = cluster.status?.infrastructure?.projectId
  if (recorded === undefined || recorded === site.projectId) return
  // The next token may be right again.
  site.cloud.identity.logInAnew()
  throw new ViewError('CredentialOfAnotherProject', `the site's credential is for project ${site.projectId}, the cluster was made in ${recorded}; give the site a credential of that project`)
}

/** What must be in the lists of one project of one site now. What may go at any moment because its deletion was asked for is no sign of holes. */
const known = (cached: Cached, siteName: string, projectId: string) => {
  const clusters = cached.list(Cluster).filter((c) => c.spec.site === siteName && c.status?.infrastructure?.projectId === projectId)
  const names = new Set(clusters.map((c) => `${c.metadata.namespace}/${c.metadata.name}`))
  const all: readonly MachineResource[] = cached.list(Machine).filter((m) => names.has(`${m.metadata.namespace}/${m.spec.cluster}`))
  const machines = all.filter((m) => m.metadata.deletionTimestamp === undefined)
  const isGoing = (c: ClusterResource): boolean => c.metadata.deletionTimestamp !== undefined
  // The order of deletion: machines, then addresses, then what all share (rule O9).
  const endpoints = clusters.filter((c) => !isGoing(c) || all.some((m) => m.metadata.namespace === c.metadata.namespace && m.spec.cluster === c.metadata.name))
  const shared = clusters.filter((c) => !isGoing(c) || endpoints.includes(c) || c.metadata.finalizers?.includes('skerry.dev/endpoint') === true)
  const ids = (...list: readonly (string | undefined)[]): string[] => list.filter((i) => i !== undefined)
  return {
    servers: ids(...machines.map((m) => m.status).filter((s) => s?.serverId !== s?.gaveUp?.serverId).map((s) => s?.serverId)),
    volumes: ids(...machines.map((m) => m.status?.volumeId)),
    ports: ids(...machines.filter((m) => m.spec.role === 'worker').map((m) => m.status?.portId), ...endpoints.flatMap((c) => c.status?.endpoint?.slots?.map((s) => s.portId) ?? [])),
    networks: ids(...shared.map((c) => c.status?.infrastructure?.networkId)),
    subnets: ids(...shared.map((c) => c.status?.infrastructure?.subnetId)),
    routers: ids(...shared.map((c) => c.status?.infrastructure?.routerId)),
    serverGroups: ids(...shared.map((c) => c.status?.infrastructure?.serverGroupId)),
    groups: ids(...shared.flatMap((c) => [c.status?.infrastructure?.nodeGroupId, c.status?.infrastructure?.controlPlaneGroupId])),
    loadBalancers: ids(...endpoints.map((c) => c.status?.endpoint?.loadBalancerId)),
    floatingIps: ids(...endpoints.map((c) => c.status?.endpoint?.floatingIpId)),
  }
}

/** For lists that are requested from now on: one from before would not show a hole that has just opened. */
const now = Infinity

/**
 * Called when something recorded was not listed: throws when so much of the project is unseen that the list must have holes.
 * Nova answers 200 without the servers of an unreachable cell; a removed role gives empty lists.
 */
export const demandWholeView = async (cached: Cached, site: SiteCloud): Promise<void> => {
  const { cloud, projectId } = site
  const k = known(cached, site.site, projectId)
  const pairs: readonly (readonly [readonly string[], Collection<Marked, never> | undefined])[] = [
    [k.servers, cloud.compute.servers], [k.volumes, cloud.volume.volumes], [k.ports, cloud.network.ports], [k.networks, cloud.network.networks],
    [k.subnets, cloud.network.subnets], [k.routers, cloud.network.routers], [k.serverGroups, cloud.compute.serverGroups], [k.groups, cloud.network.securityGroups], [k.loadBalancers, cloud.loadBalancer?.loadBalancers], [k.floatingIps, cloud.network.floatingIps],
  ] as never
  let total = 0
  let unseen = 0
  for (const [ids, collection] of pairs) {
    if (ids.length === 0 || collection === undefined) continue
    const listed = new Set((await collection.list(now)).items.filter((o) => (o as { status?: string }).status !== 'UNKNOWN').map((o) => o.id))
    total += ids.length
    unseen += ids.filter((i) => !listed.has(i)).length
  }
  if (isViewIncomplete(total, unseen))
    throw new ViewError('CloudViewIncomplete', 'more of the project\'s known objects are missing from the cloud\'s lists than can have gone by themselves; nothing is created, repaired or deleted until they are seen again')
}

/**
 * Nothing is concluded to be gone by who cannot see. Neutron makes a group `default` for every project when its groups are listed,
 * and nobody can delete it: who is not shown it, or is shown another project's, is shown nothing, whatever the status code (rule E2).
 */
export const demandSight = async (site: SiteCloud): Promise<void> => {
  const groups = await site.cloud.network.securityGroups.list(now)
  if (!groups.items.some((g) => g.name === 'default' && g.projectId === site.projectId))
    throw new ViewError('CloudViewIncomplete', 'the cloud does not even show the project\'s default security group: the credential sees nothing of it, so nothing is concluded to be gone; give it its role in this project back')
}

/**
 * Octavia makes the VIP's port first and looks at the quotas of what is below the balancer, and asks its provider, after that: who is
 * refused then has no balancer, and a port that holds the address. The id is that of the balancer.
 */
export const balancerOfVip = (p: Port): string | undefined => (p.mark === undefined ? /^(?:octavia-lb|ovn-lb-vip)-([0-9a-f-]{36})$/.exec(p.name)?.[1] : undefined)

/** Nova and Cinder also count what a project uses, apart from what they show of it. */
const counters = ({ compute, volume }: Cloud): ReadonlyMap<unknown, { readonly service: string; readonly what: string; count(): Promise<number> }> => new Map([
  [compute.servers, { service: 'Nova', what: 'servers', count: async () => (await compute.quota()).instances.used }],
  [compute.serverGroups, { service: 'Nova', what: 'server groups', count: async () => (await compute.quota()).serverGroups.used }],
  [volume.volumes, { service: 'Cinder', what: 'volumes', count: async () => (await volume.quota()).volumes.used }],
] as never)

/**
 * The same for one type of object: each service is blind by itself. Who counts some and shows none does not see. Octavia counts
 * nothing, but a balancer has its VIP's port in Neutron until it goes. `id`: what was answered 404.
 */
export const demandSightOf = async (site: SiteCloud, collection: Collection<Marked, never>, id: string | undefined): Promise<void> => {
  await demandSight(site)
  const { cloud } = site
  const counter = counters(cloud).get(collection)
  // What goes between the two calls was listed.
  if (counter !== undefined && (await collection.list(now)).items.length === 0 && (await counter.count()) > 0)
    throw new ViewError('CloudViewIncomplete', `${counter.service} counts ${counter.what} in the project and shows none, so none is concluded to be gone; the cloud's operator mends the credential's role there or, when there are none, the count`)
  if (id !== undefined && collection === cloud.loadBalancer?.loadBalancers as unknown) demandNoVip((await cloud.network.ports.list(now)).items, (of) => of === id)
}

/** Throws when one of these balancers, of which Octavia knows nothing, has its VIP's port. */
export const demandNoVip = (ports: readonly Port[], isOf: (balancerId: string) => boolean): void => {
  const vip = ports.find((p) => { const of = balancerOfVip(p); return of !== undefined && isOf(of) })
  if (vip !== undefined)
    throw new ViewError('CloudViewIncomplete', `Octavia does not show load balancer ${balancerOfVip(vip)}, and Neutron shows the port of its VIP, so it is not concluded to be gone; the cloud's operator mends the credential's role in Octavia or, when the balancer is gone, deletes the port: openstack port delete ${vip.id}`)
}
