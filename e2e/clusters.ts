/** Small clusters of one worker and one control-plane node or three, made and deleted through the API by somebody who tries again when it does not answer. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Cluster, Machine, NodePool } from '../src/api/index.ts'
import { isAlreadyExists, isUnavailable } from '../src/engine/errors.ts'
import { project, release, type Server } from './server.ts'

const by = { manager: 'e2e' }
const patienceMs = 120_000

/** Tries again while the platform does not answer. */
export const insist = async <T>(attempt: () => Promise<T>): Promise<T> => {
  const deadline = performance.now() + patienceMs
  for (;;) {
    try { return await attempt() } catch (error) {
      if (!isUnavailable(error) || performance.now() > deadline) throw error
      await sleep(250)
    }
  }
}
/** A create whose answer was lost is asked again; that it exists then is an acknowledgement too. */
const create = (attempt: () => Promise<unknown>): Promise<void> => insist(async () => { try { await attempt() } catch (error) { if (!isAlreadyExists(error)) throw error } })

export interface Wish { readonly site?: string; readonly controlPlane?: number; readonly machineType?: string }

/** Resolves when the server has acknowledged the cluster and its pool. */
export const createCluster = async ({ resources }: Server, name: string, { site = 'sim', controlPlane = 1, machineType = 'b2.c2r4' }: Wish = {}): Promise<void> => {
  await create(() => resources.create(Cluster, { metadata: { name, namespace: project }, spec: { site, release, controlPlane: { replicas: controlPlane, machineType } } } as never, by))
  await create(() => resources.create(NodePool, { metadata: { name: `${name}-workers`, namespace: project }, spec: { cluster: name, replicas: 1, machineType } } as never, by))
}
export const deleteCluster = ({ resources }: Server, name: string): Promise<unknown> => insist(() => resources.delete(Cluster, { namespace: project, name }, by))

export const isReady = (cluster: Cluster): boolean => cluster.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') === true

/** Seconds until it holds; undefined when the time was over first. */
export const until = async (ms: number, holds: () => Promise<boolean>, everyMs = 250): Promise<number | undefined> => {
  const begun = performance.now()
  for (;;) {
    if (await holds().catch(() => false)) return (performance.now() - begun) / 1000
    if (performance.now() - begun > ms) return undefined
    await sleep(everyMs)
  }
}
/** The cluster and every machine of its pool. */
export const readyWithin = (server: Server, name: string, ms: number): Promise<number | undefined> => until(ms, async () => {
  const key = { namespace: project, name }
  const [cluster, pool] = await Promise.all([server.resources.get(Cluster, key), server.resources.get(NodePool, { namespace: project, name: `${name}-workers` })])
  return cluster !== undefined && isReady(cluster) && pool !== undefined && pool.status?.readyReplicas === pool.spec.replicas
})
export const goneWithin = (server: Server, name: string, ms: number): Promise<number | undefined> => until(ms, async () => (await server.resources.get(Cluster, { namespace: project, name })) === undefined)

/** Why it is not Ready: conditions that do not hold, in words. */
export const complaint = async ({ resources }: Server, name: string): Promise<string> => {
  const cluster = await insist(() => resources.get(Cluster, { namespace: project, name }))
  if (cluster === undefined) return 'not there'
  const machines = (await insist(() => resources.list(Machine, { namespace: project }))).items.filter((m) => m.spec.cluster === name)
  const said = [cluster, ...machines].flatMap((o: Cluster | Machine) => o.status?.conditions?.filter((c) => c.type.endsWith('Ready') && c.status !== 'True').map((c) => `${o === cluster ? '' : `${o.metadata.name} `}${c.type} ${c.reason}: ${c.message}`) ?? [])
  return said.length === 0 ? 'no conditions' : said.join('; ')
}
