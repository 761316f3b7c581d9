/**
 * The watch cache: what the API server reads. Every row of the store, sorted, at one known version, kept current by one tailer
 * that reads the log in order; and the watches fed from it. It proves its freshness (rule S5) and never guesses.
 */
import { isExpired, tooLarge } from './errors.ts'
import { rowIndex, type RowIndex } from './index-of-rows.ts'
import type { Log } from './log.ts'
import { overwritten, undone } from './past.ts'
import type { Change, Row, Store, StoreKey } from './store.ts'
import { openWatchers, type OnChange, type Watch } from './watchers.ts'

export type { OnChange, Watch } from './watchers.ts'

export interface Cache {
  /** All rows are as they were at this version. */
  readonly version: number
  get(key: StoreKey): Row | undefined
  /** In order of (namespace, name); a copy, taken at `version`. The same Row object is returned until the row changes: a WeakMap may hang serialised bytes on it. */
  list(resource: string, namespace?: string): readonly Row[]
  /** As list(), at an earlier version or one that is about to come. Throws isExpired(e) when it is compacted, isTooLarge(e) when it does not come. */
  listAt(version: number, resource: string, namespace?: string): Promise<readonly Row[]>
  /** All rows with this owner uid, of any resource. */
  byOwner(uid: string): readonly Row[]
  /** Until `version` has been reached; throws isTooLarge(e) after `timeoutMs`. */
  waitFor(version: number, timeoutMs: number): Promise<void>
  /** Until everything committed before this call is in the cache (rule S5). Throws isTooLarge(e) when that takes longer than 3 s. */
  fresh(): Promise<void>
  /**
   * Every change after `after`, once, in order, in synchronous calls of `onChange`; never within this call. `onEnd` with isExpired(e):
   * list again. A list and a watch from `version` made without an await between them have no gap.
   */
  watch(resource: string, namespace: string | undefined, after: number, onChange: OnChange, onEnd?: (error: unknown) => void): Watch
  close(): Promise<void>
}

export interface CacheOptions {
  readonly log: Log
  /** Recent changes kept in memory for watches that begin in the past. */
  readonly ring?: number
  /** The store's hints may be lost; this is the longest that one costs. 0: no poll (the memory store loses none). */
  readonly pollMs?: number
}

const page = 1_000
const freshMs = 3_000
const backOffMs = { first: 50, most: 2_000 }

export async function openCache(store: Store, { log, ring = 16_384, pollMs = 1_000 }: CacheOptions): Promise<Cache> {
  const first = await store.snapshot()
  let rows: RowIndex = rowIndex(first.rows)
  let version = first.version
  let closed = false
  const watchers = openWatchers(version, ring, (after, limit) => store.changes(after, limit))
  const waiting = new Set<{ readonly version: number; readonly done: () => void }>()
  const alarm = openAlarm()
  const unsubscribe = store.onChange(alarm.ring)

  function reached(to: number): void {
    version = to
    for (const each of waiting) if (each.version <= to) each.done()
  }

  function apply(changes: readonly Change[]): void {
    const shared = changes.map((change) => applyOne(rows, change))
    version = changes.at(-1)!.version
    watchers.push(shared)
    reached(version)
  }

  async function rebuild(): Promise<void> {
    const again = await store.snapshot()
    rows = rowIndex(again.rows)
    watchers.reset(again.version)
    reached(again.version)
  }

  async function tail(): Promise<void> {
    let backOff = backOffMs.first
    while (!closed) {
      try {
        alarm.clear()
        const changes = await store.changes(version, page)
        if (closed) return
        if (changes.length > 0) apply(changes)
        backOff = backOffMs.first
        if (changes.length < page) await alarm.wait(pollMs)
      } catch (error) {
        if (closed) return
        if (isExpired(error) || isBroken(error)) {
          log.warn({ version, err: error }, 'watch cache is rebuilt from a snapshot')
          await rebuild().catch((err: unknown) => log.warn({ err }, 'watch cache cannot be rebuilt yet'))
        } else log.warn({ version, err: error }, 'watch cache cannot read the log')
        alarm.clear()
        await alarm.wait(backOff)
        backOff = Math.min(2 * backOff, backOffMs.most)
      }
    }
  }

  const waitFor = (wanted: number, timeoutMs: number): Promise<void> => {
    if (wanted <= version) return Promise.resolve()
    return new Promise((resolve, reject) => {
      const settle = (then: () => void): void => {
        waiting.delete(waiter)
        clearTimeout(timer)
        then()
      }
      const waiter = { version: wanted, done: () => settle(resolve) }
      const timer = setTimeout(() => settle(() => reject(tooLarge(wanted, version))), timeoutMs)
      waiting.add(waiter)
      alarm.ring()
    })
  }

  const tailing = tail()
  return {
    get version() {
      return version
    },
    get: (key) => rows.get(key),
    list: (resource, namespace) => rows.list(resource, namespace),
    async listAt(wanted, resource, namespace) {
      await waitFor(wanted, freshMs)
      // One moment: the rows, their version, and what is remembered of the way there.
      const [present, upTo, recent] = [rows.list(resource, namespace), version, watchers.since(wanted)]
      const isWanted = ({ key }: Change): boolean => key.resource === resource && (namespace === undefined || key.namespace === namespace)
      return undone(present, recent === undefined ? await store.overwritten({ after: wanted, upTo, resource, namespace }) : overwritten(recent.filter(isWanted)))
    },
    byOwner: (uid) => rows.byOwner(uid),
    waitFor,
    fresh: async () => waitFor(await store.version(), freshMs),
    watch: watchers.watch,
    async close() {
      closed = true
      unsubscribe()
      alarm.ring()
      watchers.close(new Error('the watch cache is closed'))
      await tailing
    },
  }
}

/** Applies one change and answers it with the cache's own `before`, so that a row is in memory once. */
function applyOne(rows: RowIndex, change: Change): Change {
  const standing = rows.get(change.key)
  if (standing?.version !== change.before?.version)
    throw Object.assign(new Error(`change ${change.version} follows version ${change.before?.version ?? 'none'} of a key that stands at ${standing?.version ?? 'none'}`), { broken: true })
  if (change.after === undefined) rows.remove(change.key)
  else rows.put(change.after)
  return standing === undefined ? change : { ...change, before: standing }
}

/** The log and the rows do not fit together: must not happen; a rebuilt cache is right again, a patched one would hide it. */
const isBroken = (error: unknown): boolean => (error as { broken?: unknown } | undefined)?.broken === true

/** A bell that is not lost: rung before the wait begins, the wait ends at once. */
function openAlarm(): { ring(): void; clear(): void; wait(mostMs: number): Promise<void> } {
  let rung = false
  let wakeUp: (() => void) | undefined
  return {
    ring() {
      rung = true
      wakeUp?.()
    },
    clear() {
      rung = false
    },
    wait: (mostMs) =>
      new Promise((resolve) => {
        if (rung) return resolve()
        const timer = mostMs > 0 ? setTimeout(() => wakeUp?.(), mostMs) : undefined
        wakeUp = () => {
          clearTimeout(timer)
          wakeUp = undefined
          resolve()
        }
      }),
  }
}
