/**
 * A clock that goes by itself, and hops over time in which nobody does anything. Input and output take the time they take, and a
 * call's time limit never ends before its answer had a chance; ten minutes of waiting for a boot cost a test one hop.
 */
import { turns, type FakeClock } from './fake-clock.ts'

export interface HoppingClock extends FakeClock {
  /** How much was hopped over. */
  readonly hopped: number
}

export const hoppingClock = (): HoppingClock => {
  let hopped = 0
  let serial = 0
  const timers = new Map<number, { readonly at: number; readonly call: () => void }>()
  let alarm: { readonly at: number; readonly timeout: NodeJS.Timeout } | undefined
  const monotonic = (): number => performance.now() + hopped
  const nearest = (): number | undefined => {
    let best: number | undefined
    for (const [id, t] of timers) if (best === undefined || t.at < timers.get(best)!.at) best = id
    return best
  }
  const arm = (): void => {
    const id = nearest()
    const at = id === undefined ? undefined : timers.get(id)!.at
    if (alarm?.at === at) return
    if (alarm !== undefined) clearTimeout(alarm.timeout)
    alarm = at === undefined ? undefined : { at, timeout: setTimeout(ring, Math.min(Math.max(0, at - monotonic()), 2 ** 31 - 1)) }
  }
  /** Fires what is due. */
  const ring = (): void => {
    alarm = undefined
    const now = monotonic()
    for (const [id, t] of [...timers].filter(([, x]) => x.at <= now).toSorted(([, a], [, b]) => a.at - b.at)) if (timers.delete(id)) t.call()
    arm()
  }
  const hop = (until: number): void => {
    hopped += Math.max(0, until - monotonic())
    if (alarm !== undefined) clearTimeout(alarm.timeout)
    ring()
  }
  return {
    now: () => new Date(Date.now() + hopped),
    monotonic,
    after(ms, call) {
      const id = serial++
      timers.set(id, { at: monotonic() + Math.max(0, ms), call })
      arm()
      return () => { if (timers.delete(id)) arm() }
    },
    async advanceToNext(ms = Infinity) {
      await turns()
      const id = nearest()
      if (id === undefined || timers.get(id)!.at > monotonic() + ms) return false
      hop(timers.get(id)!.at)
      await turns()
      return true
    },
    async advance(ms) {
      const until = monotonic() + ms
      await turns()
      for (let id = nearest(); id !== undefined && timers.get(id)!.at <= until; id = nearest()) {
        hop(timers.get(id)!.at)
        await turns()
      }
      hop(until)
      await turns()
    },
    get timers() { return timers.size },
    get hopped() { return hopped },
  }
}
