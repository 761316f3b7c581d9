/** What is in the simulated cloud, judged against what lives in the platform: nothing unowned, nothing missing, nothing twice. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Cluster, Machine, NodePool } from '../src/api/index.ts'
import type { Marked } from '../src/drivers/openstack/cloud.ts'
import type { TalosFacts } from '../src/drivers/talos/sim/index.ts'
import { isNotFound } from '../src/drivers/openstack/errors.ts'
import { openCloud, readCloudsYaml } from '../src/drivers/openstack/index.ts'
import { project, type Server } from './server.ts'

export type Counts = Readonly<Record<string, number>>
/** `sim servers` to how many. */
export const counts = async (server: Server): Promise<Counts> => Object.fromEntries((await Promise.all(server.sites.map(async (site) =>
  Object.entries((await server.admin<{ readonly counts: Counts }>('GET', 'inventory', undefined, site)).counts).map(([kind, n]) => [`${site} ${kind}`, n] as const)))).flat())

interface Found extends Marked { readonly type: string }

/** Every object that can carry a mark, read anew from the cloud with the driver's own eyes. */
const found = async (server: Server, site: string): Promise<readonly Found[]> => {
  const file = join(server.state, 'clouds.yaml')
  const { auth, region } = readCloudsYaml(site, readFileSync(file, 'utf8'), undefined, file)
  const cloud = await openCloud({ auth, region })
  try {
    const { network, compute, volume, loadBalancer } = cloud
    const collections = { servers: compute.servers, serverGroups: compute.serverGroups, networks: network.networks, subnets: network.subnets, routers: network.routers, ports: network.ports, securityGroups: network.securityGroups, floatingIps: network.floatingIps, volumes: volume.volumes, ...(loadBalancer !== undefined && { loadBalancers: loadBalancer.loadBalancers, listeners: loadBalancer.listeners, pools: loadBalancer.pools }) }
    // A cloud whose servers attach to a provider's network has no routers.
    const list = async <T extends Marked>(c: { list(): Promise<{ readonly items: readonly T[] }> }): Promise<readonly T[]> => { try { return (await c.list()).items } catch (error) { if (isNotFound(error)) return []; throw error } }
    const lists = await Promise.all(Object.entries(collections).map(async ([type, c]) => (await list<Marked>(c)).map((o) => ({ ...o, type: `${site} ${type}` }))))
    return lists.flat()
  } finally { await cloud.close() }
}

export interface Judgement { readonly doubles: readonly string[]; readonly unowned: readonly string[]; readonly counts: Counts }

/** Doubles are two live objects of one type with one mark; unowned is what carries the mark of nobody who lives. */
export const judge = async (server: Server): Promise<Judgement> => {
  const objects = (await Promise.all(server.sites.map((site) => found(server, site)))).flat()
  const alive = new Set((await Promise.all([Cluster, NodePool, Machine].map((kind) => server.resources.list(kind as never)))).flatMap((l) => l.items.map((o: { metadata: { uid: string } }) => o.metadata.uid)))
  const marks = new Map<string, string[]>()
  for (const o of objects) if (o.mark !== undefined) { const key = `${o.type} ${o.mark.uid}/${o.mark.role}`; marks.set(key, [...(marks.get(key) ?? []), o.id]) }
  return {
    doubles: [...marks].filter(([, ids]) => ids.length > 1).map(([key, ids]) => `${key}: ${ids.join(', ')}`),
    unowned: objects.filter((o) => o.mark !== undefined && !alive.has(o.mark.uid)).map((o) => `${o.type} ${o.id} of ${o.mark!.uid}/${o.mark!.role}`),
    counts: await counts(server),
  }
}

export const times = (one: Counts, n: number): Counts => Object.fromEntries(Object.entries(one).map(([k, v]) => [k, v * n]))
export const sum = (all: readonly Counts[]): Counts => all.reduce<Record<string, number>>((to, c) => { for (const [k, v] of Object.entries(c)) to[k] = (to[k] ?? 0) + v; return to }, {})
export const difference = (is: Counts, want: Counts): string => Object.keys({ ...is, ...want }).filter((k) => (is[k] ?? 0) !== (want[k] ?? 0)).map((k) => `${k} ${is[k] ?? 0} instead of ${want[k] ?? 0}`).join(', ')

/** Judges again and again until all is as wanted, or the time is over; answers the last judgement and how long it took. */
export const settle = async (server: Server, want: Counts, ms: number): Promise<Judgement & { readonly seconds: number; readonly wrong: string }> => {
  const begun = performance.now()
  for (;;) {
    const j = await judge(server)
    const wrong = [difference(j.counts, want), ...j.doubles.map((d) => `twice: ${d}`), ...j.unowned.map((u) => `unowned: ${u}`)].filter((t) => t !== '').join('; ')
    const seconds = (performance.now() - begun) / 1000
    if (wrong === '' || seconds * 1000 > ms) return { ...j, seconds, wrong }
    await sleep(1000)
  }
}

/** Every etcd that was ever bootstrapped, by cluster, those that went included; asked of the machines, not of the platform (rule T1). */
export const etcdsEver = async (server: Server): Promise<readonly (readonly string[])[]> =>
  Object.values((await server.admin<TalosFacts>('GET', 'guests')).etcdClusterIds).filter((ids) => ids.length > 0)

export const clustersOf = async (server: Server): Promise<readonly Cluster[]> => (await server.resources.list(Cluster, { namespace: project })).items
