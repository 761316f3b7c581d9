/** What the census found in all projects of a site: told in its status, deleted where a person said so (rule H3). */
import type { Site } from '../../api/index.ts'
import { Project } from '../../api/index.ts'
import { unknownObjectKinds, type UnknownObject, type UnknownObjects } from '../../api/site/index.ts'
import type { NewCondition, ObserveContext } from '../../engine/shapes.ts'
import { collections, undecided, type Census } from '../census.ts'
import { condition, reasons } from '../conditions.ts'
import { isLeftBehind } from '../outside.ts'
import type { Ports, SiteCloud } from '../ports.ts'

export interface Found { readonly objects: readonly UnknownObject[]; /** By OpenStack project. */ readonly clouds: ReadonlyMap<string, SiteCloud> }

/** A status is read by people and carried to every watcher: the first so many are told, the others when those are decided. */
const told = 100

const byKind = (a: UnknownObject, b: UnknownObject): number => unknownObjectKinds.indexOf(a.kind) - unknownObjectKinds.indexOf(b.kind)

/** Of every project that there is a client for. What cannot be looked through keeps what was told of it. */
export const findUnknown = async (ports: Ports, census: Census, site: Site, context: ObserveContext): Promise<Found> => {
  const { log } = context
  const failed = (error: unknown): undefined => { log.warn({ error: ports.errors.describe(error) }, 'a project of the site could not be looked through'); return undefined }
  const opened = await Promise.all(['', ...context.cached.list(Project).map((p) => p.metadata.name)].map((namespace) => ports.clouds.open(site, namespace).catch(failed)))
  const clouds = new Map(opened.flatMap((c) => (c === undefined ? [] : [[c.projectId, c]])))
  const looks = new Map(await Promise.all([...clouds.values()].map(async (c) => [c.projectId, await census.take(c, { cached: context.cached, now: context.now, after: context.lastEffectAt }).catch(failed)] as const)))
  const kept = (site.status?.unknownObjects?.items ?? []).filter((o) => looks.get(o.project) === undefined)
  return { objects: [...[...looks.values()].flatMap((l) => l ?? []), ...kept], clouds }
}

/** What a person wants deleted, in an order in which it can go. */
export const toDelete = (site: Site, { objects, clouds }: Found): readonly UnknownObject[] =>
  objects.filter((o) => clouds.has(o.project) && site.spec.unknownObjects?.[o.id] === 'delete').toSorted(byKind)

/** One call or a few. What is still used by something else stays until that is gone. */
export const deleteUnknown = async ({ kind, id }: UnknownObject, { cloud }: SiteCloud): Promise<void> => {
  const { compute, network, volume } = cloud
  switch (kind) {
    case 'server': { const s = await compute.servers.get(id); if (s?.status === 'SOFT_DELETED') await compute.servers.forceDelete(id); else if (s?.taskState !== 'deleting') await compute.servers.delete(id); return }
    case 'volume': { const v = await volume.volumes.get(id); if (v?.attachedTo.length === 0 && v.status !== 'deleting') await volume.volumes.delete(id); return }
    case 'port': if ((await network.ports.get(id))?.deviceId === '') await network.ports.delete(id); return
    case 'load balancer': { const lb = await cloud.loadBalancer?.loadBalancers.get(id); if (lb?.provisioningStatus.startsWith('PENDING') === false) await cloud.loadBalancer?.loadBalancers.deleteCascade(id); return }
    case 'router': {
      const inside = (await network.ports.list(Infinity)).items.filter((p) => p.deviceId === id && p.deviceOwner.includes('router_interface'))
      for (const { subnetId } of inside.flatMap((p) => p.fixedIps)) await network.routers.removeInterface(id, subnetId)
      await network.routers.delete(id)
      return
    }
    case 'subnet': {
      for (const p of (await network.ports.list(Infinity)).items.filter((x) => isLeftBehind(x, id))) await network.ports.delete(p.id)
      await network.subnets.delete(id)
      return
    }
    default: await collections(cloud).get(kind)?.delete(id)
  }
}

/** What is told: not what a person said shall stay. */
export const unknownStatus = (site: Site, objects: readonly UnknownObject[]): { readonly unknownObjects?: UnknownObjects } => {
  const items = objects.filter((o) => site.spec.unknownObjects?.[o.id] !== 'leave').toSorted((a, b) => a.project.localeCompare(b.project) || byKind(a, b) || a.id.localeCompare(b.id))
  // Those to be decided first: what is being deleted needs nobody.
  const open = undecided(site, items)
  return items.length === 0 ? {} : { unknownObjects: { count: items.length, items: [...open, ...items.filter((o) => !open.includes(o))].slice(0, told) } }
}

export const unknownCondition = (site: Site, unknown: UnknownObjects | undefined): NewCondition => {
  const open = undecided(site, unknown?.items ?? [])
  if (open.length > 0) {
    const projects = [...new Set(open.map((o) => o.project))]
    return {
      ...condition('UnknownObjects', 'True', 'UnknownObjects', `project ${projects.join(', ')} holds objects with the mark of this installation whose owner is not known here; nothing is created or deleted there until a person decides: skerry site reconcile ${site.metadata.name}`),
      fault: reasons.UnknownObjects,
    }
  }
  return unknown === undefined ? condition('UnknownObjects', 'False', 'Idle', 'the owner of all that carries our mark is known') : condition('UnknownObjects', 'False', 'Deleting', 'what a person wants deleted is being deleted')
}
