/** What is in the simulated cloud, judged against what lives in the platform: nothing unowned, nothing missing, nothing twice. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Cluster, Machine, NodePool } from '../src/api/index.ts'
import type { Marked } from '../src/drivers/openstack/cloud.ts'
import { openCloud, readCloudsYaml } from '../src/drivers/openstack/index.ts'
import { project, type Server } from './server.ts'

export type Counts = Readonly<Record<string, number>>
export const counts = async (server: Server): Promise<Counts> => (await server.admin<{ readonly counts: Counts }>('GET', 'inventory')).counts

interface Found extends Marked { readonly type: string }

/** Every object that can carry a mark, read anew from the cloud with the driver's own eyes. */
const found = async (server: Server): Promise<readonly Found[]> => {
  const file = join(server.state, 'clouds.yaml')
  const { auth, region } = readCloudsYaml('sim', readFileSync(file, 'utf8'), undefined, file)
  const cloud = await openCloud({ auth, region })
  try {
    const { network, compute, volume, loadBalancer } = cloud
    const collections = { servers: compute.servers, serverGroups: compute.serverGroups, networks: network.networks, subnets: network.subnets, routers: network.routers, ports: network.ports, securityGroups: network.securityGroups, floatingIps: network.floatingIps, volumes: volume.volumes, ...(loadBalancer !== undefined && { loadBalancers: loadBalancer.loadBalancers, listeners: loadBalancer.listeners, pools: loadBalancer.pools }) }
    const lists = await Promise.all(Object.entries(collections).map(async ([type, c]) => (await c.list()).items.map((o) => ({ ...o, type }))))
    return lists.flat()
  } finally { await cloud.close() }
}

export interface Judgement { readonly doubles: readonly string[]; readonly unowned: readonly string[]; readonly counts: Counts }

/** Doubles are two live objects of one type with one mark; unowned is what carries the mark of nobody who lives. */
export const judge = async (server: Server): Promise<Judgement> => {
  const objects = await found(server)
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

export const clustersOf = async (server: Server): Promise<readonly Cluster[]> => (await server.resources.list(Cluster, { namespace: project })).items
