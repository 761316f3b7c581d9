/**
 * Holds one lease: takes it, renews it by a timer of its own, and knows by the monotonic clock how much is left. Everything
 * that acts does so under its signal. A lease does not reach the cloud, so outside effects have rules of their own (rule E3): a
 * lease is over when no call can begin under it any more, and the longest call is waited for from then. It is over when it ran
 * out, when its process is known to have ended, and, given back, since the last call that was given up; never, if all were answered.
 */
import { pause, type Clock } from './clock.ts'
import { describe } from './errors.ts'
import type { Fence } from './resources.ts'
import type { Log } from './shapes.ts'

export interface Lease {
  readonly slot: string
  readonly holder: string
  /** Grows with each new holder. */
  readonly epoch: number
}

/** What the engine needs of the store's leases; the same shape as there. */
export interface Leases {
  /**
   * `previousTtlMs`: what was left of the former holder's lease when it was taken, or when it was given back; below 0: how
   * long it had been over.
   */
  acquire(slot: string, holder: string, ttlMs: number): Promise<{ readonly kind: 'held'; readonly lease: Lease; readonly previousTtlMs: number } | { readonly kind: 'taken'; readonly holder: string }>
  renew(lease: Lease, ttlMs: number): Promise<boolean>
  /** `leftMs`: what is left of it for a successor to wait for; below 0: it counts as over for so long. */
  release(lease: Lease, leftMs: number): Promise<void>
  /** Ends the lease of whoever's name begins with `place`. */
  end(slot: string, place: string): Promise<void>
}

export interface Held {
  readonly fence: Fence
  /** Fires when the lease was lost, ran out, or was given back. */
  readonly signal: AbortSignal
  /** Monotonic milliseconds left. */
  remainingMs(): number
  /** Monotonic time before which no outside effect may begin: a call of the former holder may still be under way. */
  readonly effectsFrom: number
  /** What was learnt elsewhere: the server refused the fence. */
  lost(why: string): void
  /** An outside call was given up without an answer: its effect may still come. */
  abandoned(): void
  /** Gives it back; only when nothing acts under it any more. */
  release(): Promise<void>
}

export interface LeaseOptions {
  readonly leases: Leases
  readonly slot: string
  /** MUST be of this process and this start of it only: the same holder again is not fenced off from itself. */
  readonly holder: string
  /** What begins the names of processes that are known to have ended: none of their calls can begin any more. */
  readonly endedPlace?: string | undefined
  readonly ttlMs: number
  /** The longest time-out of any creating call. */
  readonly longestCallMs: number
  readonly clock: Clock
  readonly random: () => number
  readonly log: Log
  readonly signal: AbortSignal
}

/** How often a lease is renewed, or asked for, within its life. */
const beats = 6

/** Waits until the slot is ours; undefined when the signal fired first. */
export const winLease = async (o: LeaseOptions): Promise<Held | undefined> => {
  const { leases, slot, holder, ttlMs, clock, log, signal } = o
  // Whether the lease may have been taken by a request whose answer was lost; what the former holder had left is then unknown.
  let hasAsked = false
  let isUnclear = false
  let { endedPlace } = o
  while (!signal.aborted) {
    // Counted from before the request, so that our view of the end is never later than the database's.
    let asked = clock.monotonic()
    try {
      if (endedPlace !== undefined) {
        await leases.end(slot, endedPlace)
        endedPlace = undefined
        asked = clock.monotonic()
      }
      hasAsked = true
      const answer = await leases.acquire(slot, holder, ttlMs)
      if (answer.kind === 'held') {
        const previousTtlMs = isUnclear ? ttlMs : answer.previousTtlMs
        if (!signal.aborted) return hold(o, answer.lease, asked, previousTtlMs)
        await leases.release(answer.lease, previousTtlMs)
        return undefined
      }
      log.debug({ slot, holder: answer.holder }, 'standing by')
    } catch (error) {
      isUnclear ||= hasAsked
      log.warn({ slot, error: describe(error) }, 'could not ask for the lease')
    }
    await pause(clock, (ttlMs / beats) * (0.75 + o.random() / 2), signal)
  }
  return undefined
}

const hold = ({ leases, slot, ttlMs, longestCallMs, clock, log }: LeaseOptions, lease: Lease, asked: number, previousTtlMs: number): Held => {
  const ended = new AbortController()
  let endsAt = asked + ttlMs
  // The first holder of all has nobody to wait for.
  const effectsFrom = lease.epoch <= 1 ? -Infinity : asked + previousTtlMs + longestCallMs
  let abandonedAt = -Infinity
  let cancelRenewal = (): void => {}
  let cancelEnd = (): void => {}

  const lost = (why: string): void => {
    if (ended.signal.aborted) return
    cancelRenewal()
    cancelEnd()
    log.warn({ slot, epoch: lease.epoch, why }, 'lease lost')
    ended.abort(new Error(`lease ${slot} lost: ${why}`))
  }
  const watchEnd = (): void => {
    cancelEnd()
    cancelEnd = clock.after(Math.max(0, endsAt - clock.monotonic()), () => { if (clock.monotonic() >= endsAt) lost('it ran out'); else watchEnd() })
  }
  /** Beats go on while an answer is out, so that one lost request does not cost the lease. */
  const renewSoon = (): void => {
    cancelRenewal = clock.after(ttlMs / beats, () => {
      renewSoon()
      const sent = clock.monotonic()
      leases.renew(lease, ttlMs).then((isOurs) => {
        if (ended.signal.aborted) return
        if (!isOurs) { lost('somebody else holds it'); return }
        endsAt = Math.max(endsAt, sent + ttlMs)
        watchEnd()
      }, (error: unknown) => {
        if (!ended.signal.aborted) log.warn({ slot, error: describe(error) }, 'could not renew the lease')
      })
    })
  }
  watchEnd()
  renewSoon()
  log.info({ slot, epoch: lease.epoch }, 'lease held')
  return {
    fence: { slot, epoch: lease.epoch },
    signal: ended.signal,
    remainingMs: () => (ended.signal.aborted ? 0 : endsAt - clock.monotonic()),
    effectsFrom,
    lost,
    abandoned: () => { abandonedAt = clock.monotonic() },
    async release() {
      if (ended.signal.aborted) return
      cancelRenewal()
      cancelEnd()
      ended.abort(new Error(`lease ${slot} given back`))
      // An answered call has no effect any more. Who held back for a former holder passes the rest of that on.
      const since = clock.monotonic()
      await leases.release(lease, Math.round(Math.max(-longestCallMs, abandonedAt - since, effectsFrom - longestCallMs - since)))
    },
  }
}
