/**
 * The watch cache: what the API server reads. Every row of the store, sorted, at one known version, kept current in the log's order: by
 * one tailer that reads it, and, where nobody else wrote between, by what this program itself has committed. Watches are fed from it. It
 * proves its freshness (rule S5) and never guesses.
 */
import { isExpired, tooLarge } from './errors.ts'
import { rowIndex, type RowIndex } from './index-of-rows.ts'
import type { Log } from './log.ts'
import { overwritten, undone } from './past.ts'
import type { Change, OwnChange, Row, Store, StoreKey } from './store.ts'
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
  // false: the rows do not fit the log, or the log below is gone; they are built anew.
  let isWhole = true
  let closed = false
  const watchers = openWatchers(version, ring, (after, limit) => store.history(after, limit))
  const waiting = new Set<{ readonly version: number; readonly done: () => void }>()
  const alarm = openAlarm()
  const unsubscribe = store.onChange(({ upTo, own }) => {
    if (upTo <= version) return
    if (own === undefined || own.after !== version || !isWhole) return alarm.ring()
    try {
      apply(own.changes)
    } catch (err) {
      log.warn({ version, err }, 'watch cache cannot take over a commit')
      alarm.ring()
    }
  })

  function reached(to: number): void {
    version = to
    for (const each of waiting) if (each.version <= to) each.done()
  }

  function apply(next: readonly OwnChange[]): void {
    const last = next.at(-1)
    if (last === undefined) return
    isWhole = false
    const changes = next.map((each) => applyOne(rows, each))
    isWhole = true
    version = last.version
    watchers.push(changes)
    reached(version)
  }

  async function rebuild(): Promise<void> {
    const again = await store.snapshot()
    rows = rowIndex(again.rows)
    isWhole = true
    // First: whoever watched is told of the end in this call, and begins again from here.
    version = again.version
    watchers.reset(again.version)
    reached(again.version)
  }

  async function tail(): Promise<void> {
    let backOff = backOffMs.first
    while (!closed) {
      try {
        alarm.clear()
        if (!isWhole) await rebuild()
        const changes = await store.changes(version, page)
        if (closed) return
        // A commit of ours may have come first.
        apply(changes.filter((change) => change.version > version).map(ofLog))
        backOff = backOffMs.first
        if (changes.length < page) await alarm.wait(pollMs)
      } catch (error) {
        if (closed) return
        if (isExpired(error)) isWhole = false
        log.warn({ version, err: error }, isWhole ? 'watch cache cannot read the log' : 'watch cache is rebuilt from a snapshot')
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

  /** What the counter says. */
  const newest = (timeoutMs: number): Promise<number> => new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(tooLarge(undefined, version)), timeoutMs)
    store.version().then(resolve, reject).finally(() => clearTimeout(timer))
  })

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
    async fresh() {
      const until = performance.now() + freshMs
      await waitFor(await newest(freshMs), until - performance.now())
    },
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

const ofLog = ({ version, key, before, after }: Change): OwnChange => ({ version, key, stood: before?.version, after })

/** Applies one change; its `before` is the cache's own row, so that a row is in memory once. A patched cache would hide a misfit. */
function applyOne(rows: RowIndex, { version, key, stood, after }: OwnChange): Change {
  const before = rows.get(key)
  if (before?.version !== stood) throw new Error(`change ${version} follows version ${stood ?? 'none'} of a key that stands at ${before?.version ?? 'none'}`)
  if (after === undefined) rows.remove(key)
  else rows.put(after)
  return { version, key, uid: (after ?? before)!.uid, before, after }
}

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
