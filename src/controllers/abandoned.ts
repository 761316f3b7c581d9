/** A cluster that a person gave up (rule O9): it goes from here, and what is outside stays as it is. */
import type { Cluster, Machine } from '../api/index.ts'
import type { Cached } from '../engine/shapes.ts'
import { clusterOf } from './reads.ts'

export const isAbandoned = (c: Cluster): boolean => c.metadata.deletionTimestamp !== undefined && c.status?.abandoned !== undefined
export const isOfAbandoned = (m: Machine, cached: Cached): boolean => { const c = clusterOf(cached, m); return c !== undefined && isAbandoned(c) }
export const abandonedMessage = 'the cluster was abandoned: nothing outside is touched any more'
