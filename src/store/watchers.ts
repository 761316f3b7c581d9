/**
 * Who watches, and the ring of recent changes from which a watch begins. Each watcher gets every change after its version exactly
 * once and in order: it is behind, and fed at its own pace from the log or the ring, until one synchronous step takes it to the head;
 * then it is live. Whoever is behind holds nothing: what waits for him is in the log.
 */
import { expired, isExpired } from './errors.ts'
import type { Change } from './store.ts'

/**
 * Called with at least one change; everything up to `upTo` that concerns the watcher has then been delivered. Must not block. Of a watcher
 * that is not live what it answers is waited for before it gets more.
 */
export type OnChange = (changes: readonly Change[], upTo: number, isLive: boolean) => void | Promise<void>

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

/** Changes that follow a watcher's position, and how far they reach. */
interface Stretch { readonly changes: readonly Change[]; readonly upTo: number }

/** Of the log, at a time; fewer while bodies are large. */
const page = { least: 64, most: 1_000, characters: 4 * 1024 * 1024 } as const
/** Of the ring, at a time. */
const piece = { changes: 200, characters: 64 * 1024 } as const
/** The bodies in the ring take at most about twice this, whatever their number; who is further behind is fed from the log. */
const mostCharacters = 16 * 1024 * 1024
const sizeOf = ({ before, after }: Change): number => (before?.body.length ?? 0) + (after?.body.length ?? 0)
const placeOf = (resource: string, namespace: string | undefined): string => (namespace === undefined ? resource : `${resource}\0${namespace}`)

export function openWatchers(version: number, keep: number, older: (after: number, limit: number) => Promise<readonly Change[]>): Watchers {
  /** Those below the ring. One reads the log for all of them, and never more than the tailer can bear. */
  const below = new Map<Watcher, { readonly give: (stretch: Stretch) => void; readonly fail: (error: unknown) => void }>()
  let isReading = false
  let limit: number = page.least
  const places = new Map<string, Set<Watcher>>()
  let ring: Change[] = []
  let characters = 0
  // Every change above ringFloor up to head is in the ring.
  let ringFloor = version
  let head = version

  function end(watcher: Watcher, error?: unknown): void {
    if (watcher.ended) return
    watcher.ended = true
    below.delete(watcher)
    const there = places.get(watcher.place)
    there?.delete(watcher)
    if (there?.size === 0) places.delete(watcher.place)
    if (error !== undefined) watcher.onEnd(error)
  }

  /** In the call that makes them the head. Invariant: nothing at or below the position is delivered, so nothing is delivered twice. */
  function deliver(watcher: Watcher, changes: readonly Change[], upTo: number): void {
    const news = changes.length > 0 && changes[0]!.version > watcher.position ? changes : changes.filter((change) => change.version > watcher.position)
    watcher.position = Math.max(watcher.position, upTo)
    if (news.length === 0) return
    try {
      void watcher.onChange(news, watcher.position, true)
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
      const { changes, upTo } = watcher.position < ringFloor ? await fromLog(watcher) : fromRing(watcher.position)
      if (watcher.ended) return
      const news = changes.filter(watcher.wants)
      if (upTo === head && watcher.position >= ringFloor) {
        deliver(watcher, news, head)
        watcher.live = true
        return
      }
      // Its position is what a bookmark may carry: it moves when all before it was taken.
      if (news.length > 0) await watcher.onChange(news, upTo, false)
      watcher.position = upTo
    }
  }

  function fromRing(position: number): Stretch {
    const start = firstAfter(ring, position)
    let stop = start
    for (let size = 0; stop < ring.length && stop - start < piece.changes && size < piece.characters; stop++) size += sizeOf(ring[stop]!)
    return { changes: ring.slice(start, stop), upTo: stop === ring.length ? head : ring[stop - 1]!.version }
  }

  function fromLog(watcher: Watcher): Promise<Stretch> {
    return new Promise((give, fail) => {
      below.set(watcher, { give, fail })
      if (!isReading) void readLog()
    })
  }

  /** Reads on from whoever is furthest behind, for all whom a page concerns (as etcd does for its unsynced watchers). */
  async function readLog(): Promise<void> {
    isReading = true
    while (below.size > 0) {
      const from = Math.min(...[...below.keys()].map((watcher) => watcher.position))
      const known = head
      try {
        const changes = await older(from, limit)
        limit = Math.max(page.least, Math.min(page.most, changes.reduce((sum, change) => sum + sizeOf(change), 0) > page.characters ? limit >>> 1 : limit * 2))
        // The log may be ahead of the cache: what lies above the head comes from the ring, later. Where it holds nothing it is as old as the question.
        const upTo = Math.min(changes.at(-1)?.version ?? known, head)
        for (const [watcher, { give }] of below) {
          if (watcher.position < from || watcher.position >= upTo) continue
          below.delete(watcher)
          give({ changes: changes.slice(firstAfter(changes, watcher.position), firstAfter(changes, upTo)), upTo })
        }
      } catch (error) {
        for (const [watcher, { fail }] of below) {
          if (isExpired(error) && watcher.position > from) continue
          below.delete(watcher)
          fail(error)
        }
      }
    }
    isReading = false
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
