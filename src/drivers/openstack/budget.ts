/** How many calls one cloud gets: a token bucket shared by all credentials of the cloud. People first, then work, then background (rule E4). */

export interface Clock {
  now(): Date
  monotonic(): number
  /** Calls once after `ms`; returns the cancel. */
  after(ms: number, call: () => void): () => void
}

export const systemClock: Clock = {
  now: () => new Date(),
  monotonic: () => performance.now(),
  after: (ms, call) => { const timer = setTimeout(call, ms); return () => { clearTimeout(timer) } },
}

export type Priority = 'people' | 'work' | 'background'
const order: readonly Priority[] = ['people', 'work', 'background']

export interface Budget {
  /** Resolves when the call may be made; rejects with the signal's reason. First come, first served within a priority. */
  take(priority: Priority, signal?: AbortSignal): Promise<void>
  /** No call before that long from now: the cloud asked for it. */
  hold(ms: number): void
  /** From now on. */
  pace(perSecond: number, burst: number): void
  readonly waiting: number
}

export interface BudgetOptions { readonly clock: Clock; readonly perSecond: number; readonly burst: number }

export const openBudget = ({ clock, ...first }: BudgetOptions): Budget => {
  let { perSecond, burst } = first
  interface Waiter { readonly go: () => void }
  const queues: Readonly<Record<Priority, Set<Waiter>>> = { people: new Set(), work: new Set(), background: new Set() }
  let level = burst
  let filledAt = clock.monotonic()
  let heldUntil = 0
  let cancel: (() => void) | undefined

  const fill = (): void => {
    const now = clock.monotonic()
    level = Math.min(burst, level + ((now - filledAt) / 1000) * perSecond)
    filledAt = now
  }
  const waiting = (): number => order.reduce((n, p) => n + queues[p].size, 0)
  const serve = (): void => {
    cancel?.()
    cancel = undefined
    fill()
    const held = heldUntil - clock.monotonic()
    // A little less than one counts: refilling is in floating point.
    while (held <= 0 && level >= 0.999_999 && waiting() > 0) {
      const queue = queues[order.find((p) => queues[p].size > 0)!]
      const first = queue.values().next().value!
      queue.delete(first)
      level--
      first.go()
    }
    if (waiting() > 0) cancel = clock.after(Math.max(held, ((1 - level) / perSecond) * 1000, 1), serve)
  }

  return {
    take: (priority, signal) => new Promise((resolve, reject) => {
      if (signal?.aborted === true) { reject(signal.reason as Error); return }
      const abort = (): void => { queues[priority].delete(waiter); reject(signal!.reason as Error) }
      const waiter: Waiter = { go: () => { signal?.removeEventListener('abort', abort); resolve() } }
      signal?.addEventListener('abort', abort, { once: true })
      queues[priority].add(waiter)
      serve()
    }),
    pace(rate, atOnce) { fill(); level = Math.min(level + Math.max(0, atOnce - burst), atOnce); perSecond = rate; burst = atOnce; serve() },
    hold(ms) { heldUntil = Math.max(heldUntil, clock.monotonic() + ms) },
    get waiting() { return waiting() },
  }
}

/** `perSecond` on average, `burst` at once. */
export const tokenBucket = (perSecond: number, burst: number, clock: Clock = systemClock): Budget => openBudget({ clock, perSecond, burst })
