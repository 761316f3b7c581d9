/** Checks of an object against others, when it is written: what it names must be there and fit. */
import { Cluster, Machine, MachineType, NodePool, Release, Site } from '../api/index.ts'
import { controllerRef, type FieldError, type OwnerReference, type Resource } from '../api/meta/index.ts'
import type { Admission, Reader } from '../apiserver/index.ts'
import { pack, userDataLimit } from '../drivers/talos/index.ts'
import { whyNotEnforceable } from '../rules/node-network.ts'
import type { Authorization } from './authorization.ts'
import { grantAdmission } from './grant-admission.ts'
import { clusterFits, poolFits } from './preflight.ts'

const machineTypeOf = (read: Reader, site: string, flavor: string, field: string): readonly FieldError[] => {
  const types = read.list(MachineType).filter((t) => t.spec.site === site)
  if (types.some((t) => t.spec.flavor === flavor)) return []
  const names = types.map((t) => t.spec.flavor).toSorted()
  return [{ field, reason: 'FieldValueNotSupported', message: `${flavor} is no machine type of site ${site}: ${names.length === 0 ? 'none is known yet' : names.slice(0, 20).join(', ')}` }]
}

const volumeTypeOf = (site: Site, type: string | undefined, field: string): readonly FieldError[] => {
  const types = site.status?.found?.volumeTypes ?? []
  return type === undefined || types.includes(type) ? [] : [{ field, reason: 'FieldValueNotSupported', message: `${type} is no volume type of site ${site.metadata.name}: ${types.join(', ') || 'none is known yet'}` }]
}

const cluster = (object: Cluster, old: Cluster | undefined, read: Reader): readonly FieldError[] => {
  const site = read.get(Site, { namespace: '', name: object.spec.site })
  if (site === undefined) return [{ field: 'spec.site', reason: 'FieldValueNotSupported', message: `there is no site ${object.spec.site}: ${read.list(Site).map((s) => s.metadata.name).join(', ') || 'none was added yet'}` }]
  const errors: FieldError[] = []
  const release = read.get(Release, { namespace: '', name: object.spec.release })
  if (release === undefined) errors.push({ field: 'spec.release', reason: 'FieldValueNotSupported', message: `there is no release ${object.spec.release}: ${read.list(Release).map((r) => r.metadata.name).join(', ') || 'none was added yet'}` })
  else if (old === undefined && site.status?.found !== undefined && !site.status.found.images.some((i) => i.talosVersion === release.spec.talosVersion))
    errors.push({ field: 'spec.release', reason: 'FieldValueInvalid', message: `site ${object.spec.site} has no image of Talos ${release.spec.talosVersion}; its operator uploads one with skerry site image add` })
  if (old === undefined || old.spec.controlPlane.machineType !== object.spec.controlPlane.machineType) errors.push(...machineTypeOf(read, object.spec.site, object.spec.controlPlane.machineType, 'spec.controlPlane.machineType'))
  if (old === undefined) errors.push(...volumeTypeOf(site, object.spec.controlPlane.rootVolume.type, 'spec.controlPlane.rootVolume.type'))
  if (object.spec.network.cni === 'release' && release !== undefined && release.spec.cni === undefined) errors.push({ field: 'spec.network.cni', reason: 'FieldValueInvalid', message: `release ${object.spec.release} brings no pod network; use flannel or none` })
  const found = site.status?.found
  if (found !== undefined && object.spec.endpoint.kind === 'octavia' && found.loadBalancer === undefined) errors.push({ field: 'spec.endpoint.kind', reason: 'FieldValueNotSupported', message: `site ${object.spec.site} has no load balancer; use nodes` })
  const { endpoint } = object.spec
  const isNew = old === undefined || JSON.stringify(old.spec.endpoint) !== JSON.stringify(endpoint)
  const unkept = isNew && endpoint.kind !== 'nodes' && object.status?.endpoint?.loadBalancerId === undefined ? whyNotEnforceable(object.spec.site, found?.loadBalancer) : undefined
  if (unkept !== undefined) errors.push({ field: endpoint.allowedCIDRs.length > 0 ? 'spec.endpoint.allowedCIDRs' : 'spec.endpoint.kind', reason: 'FieldValueForbidden', message: unkept })
  return errors.length > 0 ? errors : clusterFits(object, old, read)
}

const nodePool = (object: NodePool, old: NodePool | undefined, read: Reader): readonly FieldError[] => {
  const owner = read.get(Cluster, { namespace: object.metadata.namespace ?? '', name: object.spec.cluster })
  if (old !== undefined) return owner === undefined ? [] : poolFits(object, old, owner, read)
  if (owner === undefined) return [{ field: 'spec.cluster', reason: 'FieldValueInvalid', message: `there is no cluster ${object.spec.cluster} in project ${object.metadata.namespace ?? ''}` }]
  if (owner.metadata.deletionTimestamp !== undefined) return [{ field: 'spec.cluster', reason: 'FieldValueInvalid', message: `cluster ${object.spec.cluster} is being deleted` }]
  const site = read.get(Site, { namespace: '', name: owner.spec.site })
  const errors = [...machineTypeOf(read, owner.spec.site, object.spec.machineType, 'spec.machineType'), ...(site === undefined ? [] : volumeTypeOf(site, object.spec.rootVolume.type, 'spec.rootVolume.type'))]
  return errors.length > 0 ? errors : poolFits(object, old, owner, read)
}

/** What every machine of the site is told; by itself it must fit into what a machine can be given (rule T5). */
const site = (object: Site, old: Site | undefined): readonly FieldError[] => {
  const services = JSON.stringify(object.spec.services)
  if (old !== undefined && JSON.stringify(old.spec.services) === services) return []
  const bytes = pack(services).length
  return bytes <= userDataLimit ? [] : [{ field: 'spec.services', reason: 'FieldValueTooLong', message: `is ${bytes} bytes packed; Nova takes ${userDataLimit} with the rest of a machine's configuration. Shorten trusted roots or registry mirrors` }]
}

/** Problems with the fields of an object that is about to be written. */
export const validateReferences = (kind: string, object: Resource, old: Resource | undefined, read: Reader): readonly FieldError[] => {
  if (object.metadata.deletionTimestamp !== undefined) return []
  switch (kind) {
    case 'Cluster': return cluster(object as Cluster, old as Cluster | undefined, read)
    case 'NodePool': return nodePool(object as NodePool, old as NodePool | undefined, read)
    case 'Site': return site(object as Site, old as Site | undefined)
    default: return []
  }
}

/** Owners that an object gets when it is made: a pool goes with its cluster. */
export const ownersOf = (kind: string, object: Resource, read: Reader): readonly OwnerReference[] => {
  if (kind !== 'NodePool') return []
  const owner = read.get(Cluster, { namespace: object.metadata.namespace ?? '', name: (object as NodePool).spec.cluster })
  return owner === undefined ? [] : [{ ...controllerRef(owner), blockOwnerDeletion: false }]
}

/** Why an object may not be deleted now. */
export const refuseDeletion = (kind: string, object: Resource, read: Reader): string | undefined => {
  switch (kind) {
    case 'Cluster': return (object as Cluster).spec.deletionProtection ? `cluster ${object.metadata.name} is protected from deletion; set spec.deletionProtection to false first` : undefined
    case 'Machine': { const member = object as Machine, owner = read.get(Cluster, { namespace: member.metadata.namespace ?? '', name: member.spec.cluster })
      // Of one that never ran, or when the cluster itself goes, nothing is lost.
      return member.spec.role === 'controlplane' && member.status?.contactAt !== undefined && owner !== undefined && owner.metadata.deletionTimestamp === undefined && owner.spec.controlPlane.replicas < 3 && owner.status?.controlPlane?.bootstrap?.doneAt !== undefined
        ? `machine ${member.metadata.name} holds the only copy of the data of cluster ${member.spec.cluster}; let its control plane grow to 3 first, or delete the cluster` : undefined }
    case 'Site': { const used = read.list(Cluster).filter((c) => c.spec.site === object.metadata.name); return used.length > 0 ? `site ${object.metadata.name} has ${used.length} clusters, ${used[0]!.metadata.name} among them; delete them first` : undefined }
    case 'Release': { const used = read.list(Cluster).find((c) => c.spec.release === object.metadata.name) ?? read.list(Machine).find((m) => m.spec.release === object.metadata.name); return used === undefined ? undefined : `release ${object.metadata.name} is used by ${used.kind.toLowerCase()} ${used.metadata.name}` }
    case 'Project': { const used = read.list(Cluster, object.metadata.name); return used.length > 0 ? `project ${object.metadata.name} has ${used.length} clusters, ${used[0]!.metadata.name} among them; delete them first` : undefined }
    default: return undefined
  }
}

/** All of it, as the API server asks. */
export const admissionOf = (authorization: Pick<Authorization, 'demandCover'>, now: () => Date): Admission => {
  const grants = grantAdmission(authorization, now)
  return {
    validate: (kind, object, old, read, identity) => [...validateReferences(kind.kind, object, old, read), ...grants.validate(kind, object, old, read, identity)],
    owners: (kind, object, read) => ownersOf(kind.kind, object, read),
    refuseDeletion: (kind, object, read, identity) => refuseDeletion(kind.kind, object, read) ?? grants.refuseDeletion(kind, object, read, identity),
  }
}
