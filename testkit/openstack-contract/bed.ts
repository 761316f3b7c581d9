/** What a run of the suite makes and takes away again: marks with a site of its own, found by mark, whatever broke off in between. */
import type { Subject } from './subject.ts'
import type { Network, Subnet } from '../../src/drivers/openstack/cloud.ts'
import { randomUUID } from 'node:crypto'
import type { Cloud, Collection, Mark, Marked, Volume } from '../../src/drivers/openstack/cloud.ts'
import { isConflict, isTransient } from '../../src/drivers/openstack/index.ts'

export interface Marks { readonly site: string; readonly uid: string; mark(role: string): Mark }
export const newMarks = (): Marks => {
  const uid = randomUUID()
  const site = `contract-${uid.slice(0, 8)}`
  return { uid, site, mark: (role) => ({ uid, site, role }) }
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => { setTimeout(resolve, ms) })

/** Asks until there is an answer; a cloud that cannot answer now is asked again. */
export const until = async <T>(what: string, patienceMs: number, ask: () => Promise<T | undefined | false>): Promise<T> => {
  const end = performance.now() + patienceMs
  let reason = ''
  for (let ms = 20; ; ms = Math.min(ms * 2, 1_000)) {
    try {
      const got = await ask()
      if (got !== undefined && got !== false) return got
    } catch (error) {
      if (!isTransient(error)) throw error
      reason = ` (${(error as Error).message})`
    }
    if (performance.now() > end) throw new Error(`not within ${patienceMs} ms: ${what}${reason}`)
    await pause(ms)
  }
}

/** A volume that ended in error is told at once, with what the cloud says of it. */
export const availableVolume = (cloud: Cloud, id: string, patienceMs: number): Promise<Volume> =>
  until(`volume ${id} is available`, patienceMs, async () => {
    const volume = await cloud.volume.volumes.get(id)
    if (volume === undefined || volume.status.startsWith('error')) throw new Error(`volume ${id} is ${volume?.status ?? 'gone'}`)
    return volume.status === 'available' && volume
  })

export const gone = <T extends Marked>(collection: Pick<Collection<T, never>, 'get'>, id: string, patienceMs: number): Promise<true> =>
  until(`${id} is gone`, patienceMs, async () => ((await collection.get(id)) === undefined ? true : undefined))

/** Deletes what the predicate names and waits until GET says 404 (rule O9's order). What is still in use is tried again. */
export const sweep = async (cloud: Cloud, isOurs: (mark: Mark) => boolean, patienceMs: number): Promise<void> => {
  const take = async <T extends Marked>(collection: Collection<T, never>, remove: (o: T) => Promise<void> = (o) => collection.delete(o.id)): Promise<void> => {
    const ours = (await collection.list(performance.now())).items.filter((o) => o.mark !== undefined && isOurs(o.mark))
    await Promise.all(ours.map((o) => until(`${o.name} ${o.id} is gone`, patienceMs, async () => {
      try { await remove(o) } catch (error) { if (!isConflict(error) && !isTransient(error)) throw error }
      return (await collection.get(o.id)) === undefined ? true : undefined
    })))
  }
  const { compute, network, volume, loadBalancer } = cloud
  await Promise.all([
    take(compute.servers as never, async (s) => { await compute.servers.delete(s.id).catch((e: unknown) => { if (!isConflict(e)) throw e }); if ((await compute.servers.get(s.id))?.status === 'SOFT_DELETED') await compute.servers.forceDelete(s.id) }),
    take(network.floatingIps as never),
    ...(loadBalancer === undefined ? [] : [take(loadBalancer.loadBalancers as never, (lb) => loadBalancer.loadBalancers.deleteCascade(lb.id))]),
  ])
  const ports = (await network.ports.list(performance.now())).items
  const networks = new Set((await network.networks.list()).items.filter((n) => n.mark !== undefined && isOurs(n.mark)).map((n) => n.id))
  const routers = (await network.routers.list()).items.filter((r) => r.mark !== undefined && isOurs(r.mark))
  for (const p of ports) {
    const router = routers.find((r) => r.id === p.deviceId)
    if (router !== undefined && p.deviceOwner.startsWith('network:router_interface')) for (const f of p.fixedIps) await network.routers.removeInterface(router.id, f.subnetId)
    // Octavia's noop driver leaves the VIP port behind.
    else if (networks.has(p.networkId) && p.mark === undefined && p.name.startsWith('octavia-lb-')) await network.ports.delete(p.id).catch(() => undefined)
  }
  await Promise.all([take(network.ports as never), take(network.routers as never), take(compute.serverGroups as never), take(volume.volumes as never)])
  await Promise.all([take(network.securityGroups as never), take(network.subnets as never).then(() => take(network.networks as never))])
}

/** Filled before the first test; the parts read it inside tests only. */
export interface Bed {
  subject: Subject
  marks: Marks
  network: Network
  subnet: Subnet
}
