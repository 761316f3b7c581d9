/** A watch over the cache that is kept: whatever ended it, rebuilt cache or lost database, another one begins, until it is stopped. */
import type { Cache, OnChange, Watch } from './cache.ts'

export interface Follower {
  /** A watch begins, with what the cache holds now: what changed before is not told. */
  onBegin(): void
  readonly onChanges: OnChange
  /** What changes is not told until the next begins. */
  onEnd?(): void
}

/** Who cannot be followed at the moment is not asked without pause. */
const pauseMs = 100

/** Of all resources together, so that one begin is for all. Answers how it is stopped. */
export const keepWatching = (cache: Pick<Cache, 'version' | 'watch'>, resources: readonly string[], follower: Follower): (() => void) => {
  let watches: readonly Watch[] = []
  let timer: NodeJS.Timeout | undefined

  const stop = (): void => {
    clearTimeout(timer)
    for (const watch of watches) watch.stop()
  }
  const begin = (): void => {
    follower.onBegin()
    watches = resources.map((resource) => cache.watch(resource, undefined, cache.version, follower.onChanges, () => {
      stop()
      timer = setTimeout(begin, pauseMs).unref()
      follower.onEnd?.()
    }))
  }
  begin()
  return stop
}
