/**
 * One lister for each project and type, shared by all (rule E4): a listing is asked for once however many wait, listings are compared,
 * and who is concerned is told. It looks often while somebody works and seldom while nobody does.
 */
import type { Listing, Marked } from './cloud.ts'

export interface Lister<T> {
  list(after?: number): Promise<Listing<T>>
  onChange(changed: (uids: ReadonlySet<string>) => void): () => void
}
export interface ListerOptions {
  /** A listing this old still answers who asks for no particular time. */
  readonly freshMs: number
  /** Between looks while somebody asked within the last minute, and while nobody did. */
  readonly busyMs: number
  readonly idleMs: number
  readonly monotonic: () => number
}
export const defaultLister: ListerOptions = { freshMs: 2_000, busyMs: 2_000, idleMs: 120_000, monotonic: () => performance.now() }
const interestMs = 30_000

/** What of an object is compared; undefined on the object itself means "everything". */
const print = (o: object): string => JSON.stringify(o)

export const openLister = <T extends Marked>(read: () => Promise<readonly T[]>, o: ListerOptions = defaultLister): Lister<T> => {
  const listeners = new Set<(uids: ReadonlySet<string>) => void>()
  let last: Listing<T> | undefined
  let prints = new Map<string, { readonly text: string; readonly uid: string | undefined }>()
  let running: { readonly begunAt: number; readonly listing: Promise<Listing<T>> } | undefined
  let next: Promise<Listing<T>> | undefined
  let askedAt = -Infinity
  let timer: NodeJS.Timeout | undefined

  const compare = (items: readonly T[]): void => {
    const now = new Map<string, { readonly text: string; readonly uid: string | undefined }>()
    const changed = new Set<string>()
    for (const i of items) {
      const text = print(i)
      now.set(i.id, { text, uid: i.mark?.uid })
      if (prints.get(i.id)?.text !== text && i.mark !== undefined) changed.add(i.mark.uid)
    }
    for (const [id, p] of prints) if (!now.has(id) && p.uid !== undefined) changed.add(p.uid)
    prints = now
    if (changed.size > 0) for (const l of listeners) l(changed)
  }
  const schedule = (): void => {
    clearTimeout(timer)
    if (listeners.size === 0) return
    timer = setTimeout(() => { start().catch(() => undefined) }, o.monotonic() - askedAt < interestMs ? o.busyMs : o.idleMs)
    timer.unref()
  }
  const start = (): Promise<Listing<T>> => {
    const begunAt = o.monotonic()
    const listing = read().then((items) => {
      const found = { items, begunAt }
      last = found
      compare(items)
      return found
    }).finally(() => { running = undefined; schedule() })
    running = { begunAt, listing }
    return listing
  }
  return {
    list(after) {
      askedAt = o.monotonic()
      if (last !== undefined && (after === undefined || last.begunAt > after) && askedAt - last.begunAt < o.freshMs) return Promise.resolve(last)
      if (running === undefined) return start()
      if (running.begunAt > (after ?? -Infinity)) return running.listing
      // The one under way began too early: one more, for all who wait.
      next ??= running.listing.catch(() => undefined).then(() => { next = undefined; return running?.listing ?? start() })
      return next
    },
    onChange(l) {
      listeners.add(l)
      if (timer === undefined) schedule()
      return () => { listeners.delete(l); if (listeners.size === 0) clearTimeout(timer) }
    },
  }
}
