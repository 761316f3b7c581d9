/** What machines and clusters need of a cloud project's quotas, and what is short. Who asks decides what is asked for; nothing here reads. */
import type { CloudProject, Cluster, Machine, MachineType, NodePool, Site } from '../api/index.ts'
import { quotaNames, type QuotaName } from '../api/cloud-project/index.ts'
import { isTrue } from '../api/meta/index.ts'

export type Need = Readonly<Partial<Record<QuotaName, number>>>
export interface Shortage { readonly quota: QuotaName; readonly need: number; readonly left: number; readonly limit: number }

/** Limits are written when they change and looked at all the time: they hold while their site is Ready. */
export const areTrusted = (site: Site | undefined): boolean => site !== undefined && isTrue(site, 'Ready')

export const sum = (needs: readonly Need[]): Need => Object.fromEntries(quotaNames.map((q) => [q, needs.reduce((n, x) => n + (x[q] ?? 0), 0)] as const).filter(([, n]) => n !== 0))

/** How many of each thing that a machine is made of. */
interface Count { readonly servers: number; readonly volumes: number; readonly ports: number }
const whole = (n: number): Count => ({ servers: n, volumes: n, ports: n })
const needOf = (n: Count, type: MachineType, rootGiB: number): Need => ({
  instances: n.servers, cores: n.servers * type.spec.cpus, ramMiB: n.servers * type.spec.memoryMiB, ports: n.ports,
  // Machines of a flavor with a disk boot from that.
  ...(type.spec.diskGiB === 0 && { volumes: n.volumes, volumeGiB: n.volumes * rootGiB }),
})
export const machinesNeed = (n: number, type: MachineType, rootGiB: number): Need => needOf(whole(n), type, rootGiB)

/** What a cluster has once, however many machines; ports: the network's own for metadata, the router's, the balancer's address, and where OVN watches its members from. */
export const sharedNeed = (shape: 'tenant' | 'routed', balancer: Balancer): Need => (shape === 'routed' ? { securityGroups: 2 } : {
  networks: 1, subnets: 1, routers: 1, securityGroups: 2, floatingIps: 1, ports: balancer === undefined ? 2 : balancer.provider === 'ovn' ? 4 : 3, ...(balancer !== undefined && { loadBalancers: 1 }),
})
/** Of a cluster; undefined: it has none. */
export type Balancer = { readonly provider: string } | undefined

/** What was promised to clusters and pools and is not made yet: the cloud does not count it, and it will come. */
export const promised = (o: { readonly clusters: readonly Cluster[]; readonly pools: readonly NodePool[]; readonly machines: readonly Machine[]; readonly shape: 'tenant' | 'routed'; readonly balancerOf: (c: Cluster) => Balancer; readonly typeOf: (flavor: string) => MachineType | undefined }): Need => {
  const missing = (wanted: number, flavor: string, rootGiB: number, made: readonly Machine[]): Need => {
    const type = o.typeOf(flavor)
    const of = (key: 'serverId' | 'volumeId' | 'portId') => Math.max(0, wanted - made.filter((m) => m.status?.[key] !== undefined).length)
    return type === undefined ? {} : needOf({ servers: of('serverId'), volumes: of('volumeId'), ports: of('portId') }, type, rootGiB)
  }
  return sum([
    ...o.clusters.filter((c) => c.metadata.deletionTimestamp === undefined).flatMap((c) => {
      const { controlPlane } = c.spec
      const mine = o.machines.filter((m) => m.metadata.namespace === c.metadata.namespace && m.spec.cluster === c.metadata.name && m.spec.role === 'controlplane')
      return [missing(controlPlane.replicas, controlPlane.machineType, controlPlane.rootVolume.sizeGiB, mine), ...(c.status?.endpoint?.host === undefined ? [sharedNeed(o.shape, o.balancerOf(c))] : [])]
    }),
    ...o.pools.filter((p) => p.metadata.deletionTimestamp === undefined).map((p) =>
      missing(p.spec.replicas, p.spec.machineType, p.spec.rootVolume.sizeGiB, o.machines.filter((m) => m.metadata.namespace === p.metadata.namespace && m.spec.pool === p.metadata.name))),
  ])
}

/** The quotas of which less is left than is needed. Unknown and unlimited ones are never short. */
export const shortages = (need: Need, limits: CloudProject['spec']['limits'], taken: Need = {}): readonly Shortage[] => quotaNames.flatMap((quota) => {
  const limit = limits[quota]
  const wanted = need[quota] ?? 0
  if (limit === undefined || limit.limit < 0 || wanted <= 0) return []
  const left = Math.max(0, limit.limit - limit.used - (taken[quota] ?? 0))
  return wanted > left ? [{ quota, need: wanted, left, limit: limit.limit }] : []
})

const words: Readonly<Record<QuotaName, string>> = {
  instances: 'instances', cores: 'cores', ramMiB: 'MiB of RAM', volumes: 'volumes', volumeGiB: 'GiB of volumes', ports: 'ports', networks: 'networks', subnets: 'subnets', routers: 'routers',
  securityGroups: 'security groups', floatingIps: 'floating IPs', loadBalancers: 'load balancers',
}
/** e.g. `needs 12 cores, 8 of 20 are left in cloud project shop of site sto1; …` */
export const sentence = (s: Shortage, p: CloudProject): string =>
  `quota ${s.quota}: needs ${s.need} ${words[s.quota]}, ${s.left} of ${s.limit} are left in cloud project ${p.spec.projectName} of site ${p.spec.site}; ask for less, free some, or let the site's operator raise the quota`
