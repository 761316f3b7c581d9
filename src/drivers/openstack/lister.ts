/**
 * One shared list for each type of object in a project (rule E4): whoever asks shares a request; while somebody waits for changes
 * the list is read every two seconds, else every few minutes, and differences wake the owners of what changed. Calls grow with
 * projects, not with servers. A list that failed is thrown away (rule E2).
 */
import equal from 'fast-deep-equal'
import type { Clock } from './budget.ts'
import type { Listing, Marked } from './cloud.ts'

export interface ListerOptions {
  readonly clock: Clock
  /** Between two lists while somebody is interested. Default 2 s. */
  readonly pollMs?: number
  /** Between two that somebody waits for. Default a quarter of pollMs, and never less than twice what the last one took. */
  readonly gapMs?: number
  /** While nobody is. Default 3 min. */
  readonly idleMs?: number
  /** How long somebody's last effect counts as interest. Default 1 min. */
  readonly interestMs?: number
  /** A background list failed. */
  readonly failed?: (error: unknown) => void
}

export interface Lister<T extends Marked> {
  list(after?: number, isRoutine?: boolean): Promise<Listing<T>>
  onChange(changed: (uids: ReadonlySet<string>) => void): () => void
  close(): void
}

const longestGapMs = 4_000
/** Lists that nobody waits for are begun together when they are due within so much of `idleMs`: the first of them runs through code and data that are cold, the others do not. */
const round = 1 / 18

/** `background`: nobody waits for it. */
export type Fetch<T> = (background: boolean) => Promise<readonly T[]>

export const openLister = <T extends Marked>(fetch: Fetch<T>, options: ListerOptions): Lister<T> => {
  const { clock, pollMs = 2_000, idleMs = 180_000, interestMs = 60_000 } = options
  const roundMs = idleMs * round
  const shortestGapMs = options.gapMs ?? pollMs / 4
  const listeners = new Set<(uids: ReadonlySet<string>) => void>()
  interface Waiter { readonly after: number; readonly resolve: (l: Listing<T>) => void; readonly reject: (e: unknown) => void }
  let waiters: Waiter[] = []
  let last: Listing<T> | undefined
  let byId = new Map<string, T>()
  let running = false
  let begunAt = -Infinity
  let tookMs = 0
  /** A large project's lists are dear: they are asked for less often. */
  const gapMs = (): number => Math.max(shortestGapMs, Math.min(tookMs * 2, longestGapMs))
  let failures = 0
  let interestedUntil = -Infinity
  let cancel: (() => void) | undefined
  let closed = false

  /** Tells whose objects changed. What is as it was stays the object that it was, so that keeping a list young leaves nothing behind. */
  const compare = (fetched: readonly T[]): readonly T[] => {
    const next = new Map<string, T>()
    const changed = new Set<string>()
    const note = (o: T | undefined): void => { if (last !== undefined && o?.mark !== undefined) changed.add(o.mark.uid) }
    const items = fetched.map((is) => {
      const was = byId.get(is.id)
      const isSame = was !== undefined && equal(was, is)
      if (!isSame) { note(was); note(is) }
      const item = isSame ? was : is
      next.set(item.id, item)
      return item
    })
    for (const [id, was] of byId) if (!next.has(id)) note(was)
    byId = next
    if (changed.size > 0) for (const l of listeners) l(changed)
    return items
  }

  const run = async (): Promise<void> => {
    running = true
    begunAt = clock.monotonic()
    const mine = begunAt
    try {
      const fetched = await fetch(waiters.length === 0)
      if (closed) return
      tookMs = clock.monotonic() - mine
      failures = 0
      const listing: Listing<T> = { items: compare(fetched), begunAt: mine }
      last = listing
      const served = waiters.filter((w) => w.after < mine)
      waiters = waiters.filter((w) => w.after >= mine)
      for (const w of served) w.resolve(listing)
    } catch (error) {
      failures++
      const failed = waiters.filter((w) => w.after < mine)
      waiters = waiters.filter((w) => w.after >= mine)
      if (failed.length === 0) options.failed?.(error)
      for (const w of failed) w.reject(error)
    } finally {
      running = false
      schedule()
    }
  }

  /** Sets the one timer to when the next list is due, or runs it now. */
  const schedule = (): void => {
    cancel?.()
    cancel = undefined
    if (running || closed) return
    const now = clock.monotonic()
    let due: number
    if (waiters.length > 0) due = begunAt + (failures > 0 ? Math.min(gapMs() * 2 ** failures, 10_000) : gapMs())
    else if (listeners.size === 0) return
    else if (now < interestedUntil) due = begunAt + Math.min(pollMs * 2 ** failures, Math.max(idleMs, pollMs))
    else due = Math.floor((begunAt + idleMs) / roundMs) * roundMs
    if (due <= now) void run()
    else cancel = clock.after(due - now, schedule)
  }

  /** A routine look needs no more than the polls bring; whoever may act needs to see what is there now. */
  const isFresh = (l: Listing<T>, now: number, isRoutine: boolean): boolean => now - l.begunAt <= (isRoutine ? idleMs : pollMs) + Math.max(pollMs, 2 * tookMs)

  return {
    list(after = -Infinity, isRoutine = false) {
      const now = clock.monotonic()
      // Who did something waits for what comes of it. Who only looks, be it at what is there from now on, must not keep every list young.
      if (after > now - interestMs && after <= now) interestedUntil = now + interestMs
      if (closed) return Promise.reject(new Error('the cloud\'s client was closed'))
      if (last !== undefined && last.begunAt > after && isFresh(last, now, isRoutine)) {
        const answer = last
        schedule()
        return Promise.resolve(answer)
      }
      return new Promise((resolve, reject) => {
        waiters.push({ after: Math.min(after, now), resolve, reject })
        schedule()
      })
    },
    onChange(changed) {
      listeners.add(changed)
      schedule()
      return () => { listeners.delete(changed); if (listeners.size === 0 && waiters.length === 0) { cancel?.(); cancel = undefined } }
    },
    close() {
      closed = true
      cancel?.()
      listeners.clear()
      for (const w of waiters) w.reject(new Error('the cloud\'s client was closed'))
      waiters = []
    },
  }
}
