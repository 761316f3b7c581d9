/** Finding our own objects in a cloud: adopt before create, doubles, intents, holes in the view (rules E1, E2, E3). */
import type { Cluster as ClusterResource, Machine as MachineResource } from '../api/index.ts'
import { Cluster, Machine } from '../api/index.ts'
import type { Cached, ObserveContext, Pass } from '../engine/shapes.ts'
import type { Collection, Listing, Mark, Marked, Port } from '../drivers/openstack/cloud.ts'
import { isViewIncomplete } from '../rules/view.ts'
import type { Ports, SiteCloud } from './ports.ts'

/** One object of ours, as it was found. */
export type Sight<T> =
  | { readonly kind: 'seen'; readonly object: T; readonly doubles: readonly T[] }
  /** Never made, or gone for sure: GET answered 404 with a token of the recorded project. */
  | { readonly kind: 'absent' }

export const objectOf = <T>(s: Sight<T>): T | undefined => (s.kind === 'seen' ? s.object : undefined)

/** A listing by id and by the uid on its marks, made when it is first asked. */
interface Index<T> { readonly byId: ReadonlyMap<string, T>; readonly byUid: ReadonlyMap<string, readonly T[]> }
const indexes = new WeakMap<object, Index<never>>()
const indexOf = <T extends Marked>({ items }: Listing<T>): Index<T> => {
  const kept = indexes.get(items)
  if (kept !== undefined) return kept
  const made: Index<T> = { byId: new Map(items.map((o) => [o.id, o])), byUid: Map.groupBy(items.filter((o) => o.mark !== undefined), (o) => o.mark!.uid) }
  indexes.set(items, made as Index<never>)
  return made
}
const isMarked = (mark: Mark) => (o: Marked): boolean => o.mark?.uid === mark.uid && o.mark.role === mark.role && o.mark.site === mark.site

/** The recorded object, else the oldest that carries the mark. What is recorded and not listed is asked for by id. */
export const look = async <T extends Marked>(collection: Collection<T, never>, listing: Listing<T>, mark: Mark, recorded: string | undefined): Promise<Sight<T>> => {
  const { byId, byUid } = indexOf(listing)
  const marked = (byUid.get(mark.uid) ?? []).filter(isMarked(mark)).toSorted((a, b) => (a.createdAt ?? '').localeCompare(b.createdAt ?? '') || a.id.localeCompare(b.id))
  const known = recorded === undefined ? undefined : byId.get(recorded) ?? (await collection.get(recorded))
  const object = known ?? marked[0]
  return object === undefined ? { kind: 'absent' } : { kind: 'seen', object, doubles: marked.filter((o) => o.id !== object.id) }
}

/** The OVN provider gives each subnet with a health monitor a port, and keeps it when the balancer goes by cascade. */
export const isLeftBehind = (p: Port, subnetId: string): boolean => p.mark === undefined && p.deviceOwner === 'ovn-lb-hm:distributed' && p.name === `ovn-lb-hm-${subnetId}`

/**
 * Octavia makes the VIP's port first and looks at the quotas of what is below the balancer, and asks its provider, after that: who is
 * refused then has no balancer, and a port that holds the address. The id is that of the balancer.
 */
export const balancerOfVip = (p: Port): string | undefined => (p.mark === undefined ? /^(?:octavia-lb|ovn-lb-vip)-([0-9a-f-]{36})$/.exec(p.name)?.[1] : undefined)

export type Intents = Readonly<Record<string, string>>

/** How long an unclear creation is looked for before it is made again, and how often (rule E3). */
export const lookForMs = 60_000
export const lookEverySeconds = 5

/** Whether a creation that was begun may still come to light. */
export const isPending = (intents: Intents | undefined, role: string, now: Date): boolean => {
  const begun = intents?.[role]
  return begun !== undefined && now.getTime() - Date.parse(begun) < lookForMs
}

/** Creations that failed, by role. The first is the cause. */
export class CreationsFailed extends Error {
  readonly failures: ReadonlyMap<string, unknown>
  constructor(failures: ReadonlyMap<string, unknown>) {
    const [first] = failures.values()
    super((first as Error).message, { cause: first })
    this.failures = failures
  }
}

/** Makes objects side by side; all calls have ended before it is said which failed. `without`: what was intended together with these, and is not begun when one of them fails. */
export const makeEach = async (calls: readonly (readonly [role: string, call: () => Promise<unknown>])[], without: readonly string[] = []): Promise<void> => {
  const ends = await Promise.allSettled(calls.map(async ([, call]) => call()))
  const failures = new Map(ends.flatMap((e, i) => (e.status === 'rejected' ? [[calls[i]![0], e.reason as unknown] as const] : [])))
  const [first] = failures.values()
  if (first !== undefined) throw new CreationsFailed(new Map([...failures, ...without.map((role) => [role, first] as const)]))
}

/**
 * The intents that are still open after a pass: not those now seen, nor one that was recorded in this pass and whose own call clearly
 * failed. A second try that was refused says nothing of the first.
 */
export const openIntents = (existing: Intents | undefined, pass: Pass, seenRoles: ReadonlySet<string>, ports: Ports): Intents | undefined => {
  const failures = pass.error?.error instanceof CreationsFailed ? pass.error.error.failures : undefined
  const isRefused = (role: string): boolean => failures?.has(role) === true && !ports.errors.isUnclear(failures.get(role))
  const begun = Object.entries((pass.recorded['intents'] as Intents | undefined) ?? {}).filter(([role]) => !isRefused(role))
  const open = Object.entries({ ...existing, ...Object.fromEntries(begun) }).filter(([role]) => !seenRoles.has(role))
  return open.length === 0 ? undefined : Object.fromEntries(open)
}

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
    servers: ids(...machines.map((m) => m.status?.serverId)),
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

/** A server whose cell does not answer is unseen (rule E2). */
const isListed = (o: Marked | undefined): boolean => o !== undefined && (o as { status?: string }).status !== 'UNKNOWN'

/** `look`, with the check of E2 when one that is recorded, or `expected` though its id is not recorded, is missing. */
export const sighted = async <T extends Marked>({ cached, lastEffectAt, isRoutine }: ObserveContext, site: SiteCloud, collection: Collection<T, never>, mark: Mark, recorded: string | undefined, expected = false): Promise<Sight<T>> => {
  const listing = await collection.list(lastEffectAt, isRoutine)
  const { byId, byUid } = indexOf(listing)
  if (expected && byUid.get(mark.uid)?.some(isMarked(mark)) !== true) await demandWholeView(cached, site)
  if (recorded === undefined || isListed(byId.get(recorded))) return look(collection, listing, mark, recorded)
  await demandWholeView(cached, site)
  const sight = await look(collection, listing, mark, recorded)
  if (sight.kind === 'seen') return sight
  // Asked once more after it was proven that we see: the hole may have closed in between.
  await demandSight(site)
  return look(collection, await collection.list(now), mark, recorded)
}

/** Side by side; all have ended before the first failure is thrown. */
export const together = async (calls: readonly Promise<unknown>[]): Promise<void> => {
  const failed = (await Promise.allSettled(calls)).find((r) => r.status === 'rejected')
  if (failed !== undefined) throw failed.reason
}
