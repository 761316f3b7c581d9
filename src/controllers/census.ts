/**
 * Whose everything in a project is (rule H3): looks through it for objects that carry our installation's mark and an owner that is
 * not known here, and keeps everybody from acting there until a person has decided. Not: what is told of it, what is deleted (`site/`).
 */
import type { Site as SiteResource } from '../api/index.ts'
import { Cluster, Machine, Site } from '../api/index.ts'
import type { UnknownObject, UnknownObjectKind } from '../api/site/index.ts'
import type { Cloud, Collection, Marked } from '../drivers/openstack/cloud.ts'
import type { ApplyContext, Cached } from '../engine/shapes.ts'
import type { Ports, SiteCloud } from './ports.ts'
import { demandSight, ViewError } from './view.ts'

/** How old a look may be when something is about to be made or deleted: what is unknown comes with a restored database or a second installation, not by the second. */
const freshMs = 60_000

export const collections = (cloud: Cloud): ReadonlyMap<UnknownObjectKind, Collection<Marked, never>> => new Map([
  ['load balancer', cloud.loadBalancer?.loadBalancers], ['listener', cloud.loadBalancer?.listeners], ['pool', cloud.loadBalancer?.pools], ['floating ip', cloud.network.floatingIps],
  ['server', cloud.compute.servers], ['volume', cloud.volume.volumes], ['port', cloud.network.ports], ['router', cloud.network.routers], ['subnet', cloud.network.subnets],
  ['network', cloud.network.networks], ['security group', cloud.network.securityGroups], ['server group', cloud.compute.serverGroups],
].filter(([, c]) => c !== undefined) as never)

/** Whether a mark's owner is known: what is made in a cloud is a cluster's or a machine's. */
const isKnown = (cached: Cached, uid: string): boolean => cached.byUid(Cluster, uid) !== undefined || cached.byUid(Machine, uid) !== undefined

export const undecided = (site: SiteResource | undefined, objects: readonly UnknownObject[]): readonly UnknownObject[] => objects.filter((o) => site?.spec.unknownObjects?.[o.id] === undefined)

export interface Look { readonly cached: Cached; readonly now: Date; /** Monotonic ms: lists count that began later (rule E1). */ readonly after?: number }

export interface Census {
  /** Looks through a project now. */
  take(site: SiteCloud, look: Look): Promise<readonly UnknownObject[]>
  /** Throws while something in the project is undecided, or cannot be looked through. */
  demandDecided(site: SiteCloud, look: Look): Promise<void>
  /** Called with a site's name when a look found other objects than the one before. Returns the unsubscribe. */
  onChange(changed: (site: string) => void): () => void
}

export const openCensus = (ports: Ports): Census => {
  const last = new Map<string, { readonly at: number; readonly objects: Promise<readonly UnknownObject[]> }>()
  const listeners = new Set<(site: string) => void>()
  const reported = (cached: Cached, site: SiteCloud): readonly UnknownObject[] =>
    (cached.get(Site, { namespace: '', name: site.site })?.status?.unknownObjects?.items ?? []).filter((o) => o.project === site.projectId)

  /**
   * An owner is in the caches before it acts, so who is not there when a list has ended was deleted before, or is not known. An
   * owner goes when all that is its own was answered 404 (rule O9): what a GET that begins now still finds has an owner that is not known.
   */
  const search = async (site: SiteCloud, before: readonly UnknownObject[], { cached, after }: Look): Promise<readonly UnknownObject[]> => {
    await demandSight(site)
    const kinds = collections(site.cloud)
    const listed = await Promise.all([...kinds].map(async ([kind, collection]) => (await collection.list(after)).items.flatMap((o): readonly UnknownObject[] => (o.mark?.site === ports.installation
      ? [{ id: o.id, kind, name: o.name, project: site.projectId, owner: o.mark.uid, role: o.mark.role, ...(o.createdAt !== undefined && { createdAt: o.createdAt }) }] : []))))
    const isUnknown = (o: UnknownObject): boolean => !isKnown(cached, o.owner)
    const suspects = listed.flat().filter(isUnknown)
    const [seen, earlier] = [new Set(suspects.map((o) => o.id)), new Set(before.map((o) => o.id))]
    // Found before and not listed is unseen, and not yet gone (rule E2).
    const ask = [...suspects.filter((o) => !earlier.has(o.id)), ...before.filter((o) => isUnknown(o) && !seen.has(o.id))]
    const there = await Promise.all(ask.map(async (o) => ((await kinds.get(o.kind)?.get(o.id)) === undefined ? [] : [o])))
    return [...suspects.filter((o) => earlier.has(o.id)), ...there.flat()]
  }

  const keyOf = (site: SiteCloud): string => `${site.site}/${site.projectId}`
  const ids = (list: readonly UnknownObject[]): string => list.map((o) => o.id).toSorted().join(' ')

  const take = async (site: SiteCloud, look: Look): Promise<readonly UnknownObject[]> => {
    const key = keyOf(site)
    const former = last.get(key)
    const objects = (async () => {
      const before = await former?.objects.catch(() => undefined) ?? []
      const found = await search(site, [...new Map([...reported(look.cached, site), ...before].map((o) => [o.id, o])).values()], look)
      if (ids(found) !== ids(before)) for (const changed of listeners) changed(site.site)
      return found
    })()
    const mine = { at: look.now.getTime(), objects }
    last.set(key, mine)
    try { return await objects } catch (error) {
      // A look that failed says nothing: what the former one saw stands.
      if (last.get(key) === mine) { if (former === undefined) last.delete(key); else last.set(key, former) }
      throw error
    }
  }

  return {
    take,
    async demandDecided(site, look) {
      const have = last.get(keyOf(site))
      const isFresh = have !== undefined && look.now.getTime() - have.at < freshMs
      // One service that is out of reach does not stop the others where all was once looked through.
      const objects = isFresh ? await have.objects : await take(site, look).catch((error: unknown) => { if (have === undefined || !ports.errors.isUnavailable(error)) throw error; return have.objects })
      const [first] = undecided(look.cached.get(Site, { namespace: '', name: site.site }), objects).filter((o) => !isKnown(look.cached, o.owner))
      if (first !== undefined) throw new ViewError('UnknownObjects', `project ${site.projectId} holds objects of this installation whose owner is not known here, ${first.kind} ${first.id} among them; nothing is created or deleted there until a person decides: skerry site reconcile ${site.site}`)
    },
    onChange: (changed) => { listeners.add(changed); return () => listeners.delete(changed) },
  }
}

/** A controller's steps, each begun only while all that is ours in the project has a known owner or a person's decision. */
export const whenDecided = <Step, Seen extends object, R>(census: Census, apply: (step: Step, seen: Seen, object: R, context: ApplyContext) => Promise<void>) =>
  async (step: Step, seen: Seen, object: R, context: ApplyContext): Promise<void> => {
    if ('siteCloud' in seen) await census.demandDecided(seen.siteCloud as SiteCloud, context)
    await apply(step, seen, object, context)
  }
