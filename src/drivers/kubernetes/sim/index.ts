/** Simulated tenants' Kubernetes APIs: thousands of clusters in one process, each served over TLS under its own authority. */
import { openCluster, type ClusterOptions, type Log, type SimulatedApi, type SimulatedCluster } from './cluster.ts'
import { openHttp } from './serving.ts'

export type { ClusterOptions, SimulatedApi, SimulatedCluster } from './cluster.ts'
export type { RegisteredNode } from './nodes.ts'

export interface KubernetesSimOptions {
  readonly log: Log
  readonly now?: () => Date
  readonly after?: (ms: number, call: () => void) => () => void
  readonly newUid?: () => string
  readonly random?: () => number
  /** How long an evicted pod takes to end. Default 100. */
  readonly podGraceMs?: number
}

export interface KubernetesSim {
  /** Made at the first call and found again afterwards; further calls add names to its certificate. */
  ensureCluster(id: string, options: ClusterOptions): SimulatedApi
  /** What tests look at. */
  cluster(id: string): SimulatedCluster | undefined
  /** Takes the cluster and all its objects away. */
  forget(id: string): Promise<void>
  close(): Promise<void>
}

const timer = (ms: number, call: () => void) => { const t = setTimeout(call, ms); return () => { clearTimeout(t) } }

export const createKubernetesSim = ({ log, now = () => new Date(), after = timer, newUid = () => crypto.randomUUID(), random = Math.random, podGraceMs = 100 }: KubernetesSimOptions): KubernetesSim => {
  const clusters = new Map<string, SimulatedCluster>()
  const http = openHttp()
  const forget = async (id: string): Promise<void> => { const c = clusters.get(id); clusters.delete(id); await c?.close() }
  return {
    ensureCluster: (id, options) => {
      const have = clusters.get(id)
      if (have !== undefined) { have.reopen(options); return have }
      const made = openCluster(options, { http, log, now, after, newUid, random, podGraceMs })
      clusters.set(id, made)
      return made
    },
    cluster: (id) => clusters.get(id),
    forget,
    close: async () => { await Promise.all([...clusters.keys()].map(forget)) },
  }
}
