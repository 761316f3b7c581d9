/**
 * Who watches, and the ring of recent changes from which a watch begins. Each watcher gets every change after its version exactly
 * once and in order: it is `behind` (fed from the log or the ring) until one synchronous step takes it to the head, then `live`.
 */
import { expired } from './errors.ts'
import type { Change } from './store.ts'

/** Called with at least one change; everything up to `upTo` that concerns the watcher has then been delivered. Must not block. */
export type OnChange = (changes: readonly Change[], upTo: number) => void

export interface Watch {
  /** Everything up to this version has been delivered: what a bookmark may carry. Grows also when nothing of interest changes. */
  readonly version: number
  stop(): void
}

export interface Watchers {
  /** `namespace` undefined: all. `onEnd` is called at most once, with isExpired(e) when the version is gone or the cache was rebuilt; never after stop(). */
  watch(resource: string, namespace: string | undefined, after: number, onChange: OnChange, onEnd?: (error: unknown) => void): Watch
  /** Every change after `version`, while the ring has them all. */
  since(version: number): readonly Change[] | undefined
  /** The next changes, in order; they become the head. */
  push(changes: readonly Change[]): void
  /** The head jumps: the ring is void, all watches end. */
  reset(version: number): void
  /** Ends all watches. */
  close(error: unknown): void
}

interface Watcher {
  readonly place: string
  readonly wants: (change: Change) => boolean
  readonly onChange: OnChange
  readonly onEnd: (error: unknown) => void
  position: number
  live: boolean
  ended: boolean
}

const page = 1_000
/** The bodies in the ring take at most about twice this, whatever their number; who is further behind is fed from the log. */
const mostCharacters = 16 * 1024 * 1024
const sizeOf = ({ before, after }: Change): number => (before?.body.length ?? 0) + (after?.body.length ?? 0)
const placeOf = (resource: string, namespace: string | undefined): string => (namespace === undefined ? resource : `${resource}\0${namespace}`)

export function openWatchers(version: number, keep: number, older: (after: number, limit: number) => Promise<readonly Change[]>): Watchers {
  const places = new Map<string, Set<Watcher>>()
  let ring: Change[] = []
  let characters = 0
  // Every change above ringFloor up to head is in the ring.
  let ringFloor = version
  let head = version

  function end(watcher: Watcher, error?: unknown): void {
    if (watcher.ended) return
    watcher.ended = true
    const there = places.get(watcher.place)
    there?.delete(watcher)
    if (there?.size === 0) places.delete(watcher.place)
    if (error !== undefined) watcher.onEnd(error)
  }

  /** Invariant: nothing at or below the position is delivered, so nothing is delivered twice. */
  function deliver(watcher: Watcher, changes: readonly Change[], upTo: number): void {
    const news = changes.length > 0 && changes[0]!.version > watcher.position ? changes : changes.filter((change) => change.version > watcher.position)
    watcher.position = Math.max(watcher.position, upTo)
    if (news.length === 0) return
    try {
      watcher.onChange(news, watcher.position)
    } catch (error) {
      end(watcher, error) // one broken watcher does not stop the others
    }
  }

  function endAll(error: unknown): void {
    // Those who are here now: onEnd may begin a new watch.
    const all = [...places.values()].flatMap((there) => [...there])
    for (const watcher of all) end(watcher, error)
  }

  async function catchUp(watcher: Watcher): Promise<void> {
    while (!watcher.ended) {
      if (watcher.position >= ringFloor) {
        const start = firstAfter(ring, watcher.position)
        deliver(watcher, ring.slice(start).filter(watcher.wants), head)
        watcher.live = true
        return
      }
      const changes = await older(watcher.position, page)
      if (watcher.ended) return
      // The log may be ahead of the cache: what lies above the head comes from the ring, later.
      const known = changes.filter((change) => change.version <= head)
      deliver(watcher, known.filter(watcher.wants), known.length < changes.length || changes.length === 0 ? head : known.at(-1)!.version)
    }
  }

  return {
    watch(resource, namespace, after, onChange, onEnd = () => {}) {
      const watcher: Watcher = {
        place: placeOf(resource, namespace),
        wants: ({ key }) => key.resource === resource && (namespace === undefined || key.namespace === namespace),
        onChange, onEnd, position: after, live: false, ended: false,
      }
      const there = places.get(watcher.place)
      if (there === undefined) places.set(watcher.place, new Set([watcher]))
      else there.add(watcher)
      // Not in this call: the caller has no handle yet.
      queueMicrotask(() => void catchUp(watcher).catch((error: unknown) => end(watcher, error)))
      return {
        get version() {
          return watcher.live ? Math.max(watcher.position, head) : watcher.position
        },
        stop: () => end(watcher),
      }
    },
    since: (after) => (after < ringFloor ? undefined : ring.slice(firstAfter(ring, after))),
    push(changes) {
      const last = changes.at(-1)
      if (last === undefined) return
      for (const change of changes) {
        ring.push(change)
        characters += sizeOf(change)
      }
      while (ring.length > 2 * keep || (characters > 2 * mostCharacters && ring.length > 1)) {
        const from = ring.length - Math.min(keep, ring.length >>> 1)
        ringFloor = ring[from - 1]!.version
        ring = ring.slice(from)
        characters = ring.reduce((sum, change) => sum + sizeOf(change), 0)
      }
      for (const [place, group] of grouped(changes))
        for (const watcher of places.get(place) ?? []) if (watcher.live) deliver(watcher, group, last.version)
      head = last.version
    },
    reset(to) {
      const from = head
      ring = []
      characters = 0
      ringFloor = to
      head = to
      endAll(expired(from, to))
    },
    close: endAll,
  }
}

/** The changes by resource and by (resource, namespace), so that a batch costs only those whom it concerns. */
function grouped(changes: readonly Change[]): Map<string, Change[]> {
  const groups = new Map<string, Change[]>()
  for (const change of changes)
    for (const place of [change.key.resource, placeOf(change.key.resource, change.key.namespace)]) {
      const group = groups.get(place)
      if (group === undefined) groups.set(place, [change])
      else group.push(change)
    }
  return groups
}

function firstAfter(sorted: readonly Change[], version: number): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (sorted[middle]!.version <= version) low = middle + 1
    else high = middle
  }
  return low
}
