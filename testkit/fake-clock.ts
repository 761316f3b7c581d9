/** A clock that stands still until a test moves it. Timers fire in order; between two of them real input and output gets its turn. */
import type { Clock } from '../src/engine/clock.ts'

export interface FakeClock extends Clock {
  /** Moves on by `ms`, firing what falls due on the way. */
  advance(ms: number): Promise<void>
  /** Moves to the next timer and fires it; false when there is none within `ms`. */
  advanceToNext(ms?: number): Promise<boolean>
  readonly timers: number
}

/** Lets callbacks of what is ready run: promises, and sockets of this process. */
export const turns = async (n = 3): Promise<void> => { for (let i = 0; i < n; i++) await new Promise((resolve) => { setImmediate(resolve) }) }

export const fakeClock = (start = '2026-01-05T08:00:00Z'): FakeClock => {
  const began = Date.parse(start)
  let elapsed = 0
  let serial = 0
  const timers = new Map<number, { readonly at: number; readonly call: () => void }>()
  const next = (until: number): number | undefined => {
    let best: number | undefined
    for (const [id, t] of timers) if (t.at <= until && (best === undefined || t.at < timers.get(best)!.at)) best = id
    return best
  }
  const fire = async (id: number): Promise<void> => {
    const timer = timers.get(id)!
    timers.delete(id)
    elapsed = Math.max(elapsed, timer.at)
    timer.call()
    await turns()
  }
  return {
    now: () => new Date(began + elapsed),
    monotonic: () => elapsed,
    after(ms, call) {
      const id = serial++
      timers.set(id, { at: elapsed + Math.max(0, ms), call })
      return () => { timers.delete(id) }
    },
    async advance(ms) {
      const until = elapsed + ms
      await turns()
      for (let id = next(until); id !== undefined; id = next(until)) await fire(id)
      elapsed = until
      await turns()
    },
    async advanceToNext(ms = Infinity) {
      await turns()
      const id = next(elapsed + ms)
      if (id === undefined) return false
      await fire(id)
      return true
    },
    get timers() { return timers.size },
  }
}
