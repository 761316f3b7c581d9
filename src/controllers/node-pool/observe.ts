/** Reads a pool's machines by state. */
import type { Cluster, Machine, NodePool } from '../../api/index.ts'
import { Machine as MachineKind } from '../../api/index.ts'
import type { ObserveContext } from '../../engine/shapes.ts'
import { clusterOf } from '../reads.ts'

export interface Seen {
  readonly pool: NodePool
  readonly cluster: Cluster | undefined
  readonly deleting: boolean
  /** Not being deleted. */
  readonly staying: readonly Machine[]
  readonly leaving: readonly Machine[]
  readonly ready: readonly Machine[]
}

export const observe = async (pool: NodePool, context: ObserveContext): Promise<Seen> => {
  const machines = context.cached.ownedBy(MachineKind, pool.metadata.uid)
  const staying = machines.filter((m) => m.metadata.deletionTimestamp === undefined)
  return {
    pool, cluster: clusterOf(context.cached, pool), deleting: pool.metadata.deletionTimestamp !== undefined,
    staying, leaving: machines.filter((m) => m.metadata.deletionTimestamp !== undefined), ready: staying.filter((m) => m.status?.phase === 'Running'),
  }
}
