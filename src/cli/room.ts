/** Whether a cluster with its pools fits what is left of the cloud project's quotas, before any of it is made. The server checks each object by itself. */
import { CloudProject, MachineType, Site, type Cluster, type NodePool } from '../api/index.ts'
import { isForbidden } from '../engine/errors.ts'
import type { Resources } from '../engine/resources.ts'
import { areTrusted, machinesNeed, sentence, sharedNeed, shortages, sum } from '../rules/quota.ts'

/** One sentence for each quota that is short; none where limits are not known. */
export const shortOf = async (r: Resources, cluster: Cluster, pools: readonly Pick<NodePool, 'spec'>[]): Promise<readonly string[]> => {
  const { controlPlane, endpoint, site: name } = cluster.spec
  const ofSite = { fieldSelector: `spec.site=${name}` }
  // Only who runs the installation sees sites and quotas; for others the server checks, object by object.
  const read = await Promise.all([r.get(Site, { namespace: '', name }), r.list(CloudProject, ofSite), r.list(MachineType, ofSite)]).catch((error: unknown) => { if (isForbidden(error)) return undefined; throw error })
  if (read === undefined) return []
  const [site, { items: projects }, { items: types }] = read
  const cloud = projects.find((p) => p.spec.projects.includes(cluster.metadata.namespace ?? ''))
  const found = site?.status?.found
  if (cloud === undefined || found === undefined || !areTrusted(site)) return []
  const machines = (n: number, flavor: string, rootGiB: number) => { const type = types.find((t) => t.spec.flavor === flavor); return type === undefined ? {} : machinesNeed(n, type, rootGiB) }
  const need = sum([
    machines(controlPlane.replicas, controlPlane.machineType, controlPlane.rootVolume.sizeGiB), sharedNeed(found.shape, endpoint.kind === 'nodes' ? undefined : found.loadBalancer),
    ...pools.map(({ spec }) => machines(spec.replicas, spec.machineType, spec.rootVolume.sizeGiB)),
  ])
  return shortages(need, cloud.spec.limits).map((s) => sentence(s, cloud))
}
