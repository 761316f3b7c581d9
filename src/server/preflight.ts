/** Whether what is asked for fits into what is left of the cloud project's quotas. What is not known, or not fresh, refuses nothing: the cloud itself still does. */
import { CloudProject, Cluster, Machine, MachineType, NodePool, Site } from '../api/index.ts'
import type { FieldError, Kind, Resource } from '../api/meta/index.ts'
import type { Reader } from '../apiserver/index.ts'
import { areTrusted, machinesNeed, promised, sentence, sharedNeed, shortages, sum, type Balancer, type Need, type Shortage } from '../rules/quota.ts'

interface Asked { readonly need: Need; readonly field: string }

const errorsOf = (cluster: Cluster, namespace: string, asked: readonly Asked[], read: Reader): readonly FieldError[] => {
  const standing = read.get(Site, { namespace: '', name: cluster.spec.site })
  const found = standing?.status?.found
  const cloud = read.list(CloudProject).filter((p) => p.spec.site === cluster.spec.site && p.spec.projects.includes(namespace)).toSorted((a, b) => b.spec.since.localeCompare(a.spec.since))[0]
  if (found === undefined || cloud === undefined || !areTrusted(standing)) return []
  const { limits, projects, site } = cloud.spec
  const need = sum(asked.map((a) => a.need))
  // Whether it fits at all is cheap to say; who else was promised something is asked for only where there is a limit.
  if (!Object.keys(need).some((q) => (limits[q as keyof typeof limits]?.limit ?? -1) >= 0)) return []
  const ofProjects = <R extends Resource>(kind: Kind<R>): readonly R[] => projects.flatMap((p) => read.list(kind, p))
  const clusters = ofProjects(Cluster).filter((c) => c.spec.site === site)
  const names = new Set(clusters.map((c) => `${c.metadata.namespace}/${c.metadata.name}`))
  const isTheirs = (o: NodePool | Machine): boolean => names.has(`${o.metadata.namespace}/${o.spec.cluster}`)
  const taken = promised({
    clusters, pools: ofProjects(NodePool).filter(isTheirs), machines: ofProjects(Machine).filter(isTheirs), shape: found.shape, balancerOf: (c) => balancerOf(c, found.loadBalancer),
    typeOf: (flavor) => typeOf(read, site, flavor),
  })
  const say = (s: Shortage): FieldError => ({ field: asked.find((a) => (a.need[s.quota] ?? 0) > 0)!.field, reason: 'FieldValueForbidden', message: sentence(s, cloud) })
  return shortages(need, limits, taken).map(say)
}

const balancerOf = (c: Cluster, found: Balancer): Balancer => (c.spec.endpoint.kind === 'nodes' ? undefined : found)
const typeOf = (read: Reader, site: string, flavor: string): MachineType | undefined => read.list(MachineType).find((t) => t.spec.site === site && t.spec.flavor === flavor)

export const clusterFits = (object: Cluster, old: Cluster | undefined, read: Reader): readonly FieldError[] => {
  const more = object.spec.controlPlane.replicas - (old?.spec.controlPlane.replicas ?? 0)
  const type = typeOf(read, object.spec.site, object.spec.controlPlane.machineType)
  const found = read.get(Site, { namespace: '', name: object.spec.site })?.status?.found
  if (more <= 0 || type === undefined || found === undefined) return []
  return errorsOf(object, object.metadata.namespace ?? '', [
    { need: machinesNeed(more, type, object.spec.controlPlane.rootVolume.sizeGiB), field: 'spec.controlPlane.replicas' },
    ...(old === undefined ? [{ need: sharedNeed(found.shape, balancerOf(object, found.loadBalancer)), field: 'spec.endpoint.kind' }] : []),
  ], read)
}

export const poolFits = (object: NodePool, old: NodePool | undefined, owner: Cluster, read: Reader): readonly FieldError[] => {
  const more = object.spec.replicas - (old?.spec.replicas ?? 0)
  const type = typeOf(read, owner.spec.site, object.spec.machineType)
  if (more <= 0 || type === undefined) return []
  return errorsOf(owner, object.metadata.namespace ?? '', [{ need: machinesNeed(more, type, object.spec.rootVolume.sizeGiB), field: 'spec.replicas' }], read)
}
