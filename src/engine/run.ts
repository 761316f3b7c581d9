/** Runs controllers: stands by for the lease, acts while it is held, begins anew when it was lost. */
import { setMaxListeners } from 'node:events'
import type { Registry } from 'prom-client'
import { systemClock, type Clock } from './clock.ts'
import { checkControllers } from './declared.ts'
import type { Interpose } from './effects.ts'
import { describe } from './errors.ts'
import type { EventSink } from './events.ts'
import { winLease, type Held, type Leases } from './leases.ts'
import { createMetrics } from './metrics.ts'
import type { BackOff } from './queue.ts'
import type { Resources } from './resources.ts'
import type { Controller, Log } from './shapes.ts'
import { runTerm, type RunningTerm } from './term.ts'

export interface RunOptions {
  readonly controllers: readonly Controller[]
  readonly resources: Resources
  readonly leases: Leases
  /** The name of the lease; processes with the same slot take turns. */
  readonly slot: string
  /** Who we are to people who look at the lease; what makes this process unique is added. */
  readonly identity: string
  /** What begins the identities of former processes that are known to have ended: their lease is not waited for (rule E4). */
  readonly endedPlace?: string
  readonly log: Log
  readonly clock?: Clock
  readonly random?: () => number
  /** Where the metrics are kept; an own registry when absent. */
  readonly metrics?: Registry
  readonly events?: EventSink
  /** Observes and plans, and never writes, calls or asks for the lease (rule H3). */
  readonly readOnly?: boolean
  /** Must exceed longestCallMs well, else no call may start. Default 30 s. */
  readonly leaseTtlMs?: number
  /** The longest time-out that creating() and changing() accept. Default 20 s. */
  readonly longestCallMs?: number
  /** Over how long unchanged keys are spread at start (rule E4). Default 10 min. */
  readonly startSpreadMs?: number
  readonly backOff?: BackOff
  /** How long close() lets passes go on before it cuts them off. Default 10 s. */
  readonly closeGraceMs?: number
  /** Stands between passes and their effects; for tests. */
  readonly interpose?: Interpose
}

export interface Running {
  /** Whether the controllers run now: the lease is held and the first lists are there. */
  readonly isActive: boolean
  /** Resolves when nothing waits, nothing runs, and all caches have seen what was written; deadlines may be pending. */
  whenIdle(): Promise<void>
  /** Keys with a deadline or a back-off. */
  readonly delayed: number
  /** Settles when the engine has ended: after close(), or with the fault of its own that it cannot go on after. */
  readonly ended: Promise<void>
  /** Lets passes end, then gives the lease back. */
  close(): Promise<void>
}

/** How long a lease is tried to be given back; it runs out by itself. */
const releaseMs = 5_000
const after = (clock: Clock, ms: number): Promise<void> => new Promise((resolve) => { clock.after(ms, resolve) })

/** Throws at once when the controllers cannot run beside each other. */
export const runControllers = async (o: RunOptions): Promise<Running> => {
  checkControllers(o.controllers)
  const { clock = systemClock, random = Math.random, leaseTtlMs = 30_000, closeGraceMs = 10_000, longestCallMs = 20_000 } = o
  if (leaseTtlMs <= longestCallMs) throw new Error(`a lease of ${leaseTtlMs} ms never outlasts a call of ${longestCallMs} ms`)
  const metrics = createMetrics(o.metrics)
  const closing = new AbortController()
  let term: RunningTerm | undefined
  let idle: (() => void)[] = []
  const onIdle = (): void => {
    const waiting = idle
    idle = []
    for (const call of waiting) call()
  }

  const holder = `${o.identity}-${Math.floor(random() * 2 ** 40).toString(36)}`

  const runOnce = async (held: Held | undefined): Promise<void> => {
    const cut = new AbortController()
    const cutLater = (): void => { cancelCut = clock.after(closeGraceMs, () => { cut.abort(new Error('closing')) }) }
    let cancelCut = (): void => {}
    closing.signal.addEventListener('abort', cutLater)
    const lost = held === undefined ? [] : [held.signal]
    const stopping = AbortSignal.any([closing.signal, ...lost])
    const signal = AbortSignal.any([cut.signal, ...lost])
    // Every pass and every watch may listen.
    setMaxListeners(0, stopping, signal)
    await runTerm({
      controllers: o.controllers, resources: o.resources, held, clock, random, log: o.log, metrics, events: o.events, interpose: o.interpose,
      longestCallMs, startSpreadMs: o.startSpreadMs ?? 600_000, backOff: o.backOff ?? { firstMs: 500, maxMs: 300_000 },
      stopping, signal,
    }, (started) => { term = started }, onIdle)
    term = undefined
    closing.signal.removeEventListener('abort', cutLater)
    cancelCut()
  }

  const main = async (): Promise<void> => {
    if (o.readOnly === true) { await runOnce(undefined); return }
    let { endedPlace } = o
    while (!closing.signal.aborted) {
      const held = await winLease({ leases: o.leases, slot: o.slot, holder, endedPlace, ttlMs: leaseTtlMs, longestCallMs, clock, random, log: o.log, signal: closing.signal })
      if (held === undefined) return
      // From now on our own name is the one of this place.
      endedPlace = undefined
      metrics.leaseHeld.set({ slot: o.slot }, 1)
      await runOnce(held)
      metrics.leaseHeld.set({ slot: o.slot }, 0)
      try { await Promise.race([held.release(), after(clock, releaseMs)]) } catch (error) { o.log.warn({ slot: o.slot, error: describe(error) }, 'could not give the lease back; it runs out by itself') }
    }
  }
  const ended = main()
  // A fault of the engine itself: nothing can go on, and the process must say so.
  ended.catch((error: unknown) => { o.log.error({ error: describe(error), stack: (error as Error).stack }, 'the engine stopped') })

  return {
    get isActive() { return term !== undefined },
    get delayed() { return term?.delayed ?? 0 },
    whenIdle: () => (term?.isIdle === true ? Promise.resolve() : new Promise((resolve) => { idle.push(resolve) })),
    ended,
    async close() {
      closing.abort(new Error('closing'))
      await ended
      onIdle()
    },
  }
}
