/**
 * How many clusters of a site are made at the same time. A thousand that are asked for together would all wait for each other and
 * all come at the end; so each waits for its turn and is then made as fast as if it were alone.
 */
import type { Cluster as ClusterResource, Site } from '../../api/index.ts'
import { Cluster } from '../../api/index.ts'
import type { Cached } from '../../engine/shapes.ts'

/** A cluster that takes longer has a trouble of its own, and others do not wait for it. */
const longestMs = 15 * 60_000
/** Within this a turn that was given shows in the cache, or its pass failed and asks again. */
const shownMs = 60_000

const hasBegun = (c: ClusterResource): boolean => c.status?.infrastructure?.projectId !== undefined
const isBeingMade = (c: ClusterResource, now: Date): boolean => {
  const begunAt = c.status?.infrastructure?.begunAt
  return begunAt !== undefined && c.metadata.deletionTimestamp === undefined && c.status?.controlPlane?.established !== true && now.getTime() - Date.parse(begunAt) < longestMs
}

export interface Turns {
  /** Whether the cluster may be begun now, or was before. */
  take(cluster: ClusterResource, site: Site, cached: Cached, now: Date): boolean
}

export const openTurns = (): Turns => {
  /** Given and not yet seen in the cache, with the time. */
  const given = new Map<string, number>()
  return {
    take(cluster, site, cached, now) {
      const { uid } = cluster.metadata
      if (hasBegun(cluster)) return true
      const ofSite = cached.list(Cluster).filter((c) => c.spec.site === site.metadata.name)
      const making = new Set(ofSite.filter((c) => isBeingMade(c, now)).map((c) => c.metadata.uid))
      for (const [other, at] of given) if (making.has(other) || now.getTime() - at > shownMs) given.delete(other)
      const mayBegin = given.has(uid) || new Set([...making, ...given.keys()]).size < site.spec.clustersAtOnce
      if (mayBegin) given.set(uid, now.getTime())
      return mayBegin
    },
  }
}
