/** Every effect of a pass goes through here: under the lease, counted, and where a test may fail or repeat it. */
import type { Key, Kind, Resource } from '../api/meta/index.ts'
import type { Clock } from './clock.ts'
import { failureError, failureOf, isFenced } from './errors.ts'
import type { Held } from './leases.ts'
import type { Metrics } from './metrics.ts'

export interface Effect {
  readonly controller: string
  readonly key: Key
  readonly verb: 'apply' | 'create' | 'delete' | 'record' | 'status' | 'finalizer' | 'creating' | 'changing'
  readonly what: string
}

/** Stands between a pass and its effects; tests fail, cut off and repeat them. */
export type Interpose = <T>(effect: Effect, perform: () => Promise<T>) => Promise<T>

export interface Effects {
  /** A write of a resource. The fence makes it safe; the answer is noted for rule E1. */
  write<R extends Resource>(verb: Effect['verb'], what: string, kind: Kind<R>, perform: () => Promise<R | undefined>): Promise<R | undefined>
  /** A call outside, where no fence reaches (rule E3). */
  outside<T>(verb: 'creating' | 'changing', what: string, timeoutMs: number, call: (signal: AbortSignal) => Promise<T>): Promise<T>
}

export interface EffectsOptions {
  readonly controller: string
  readonly key: Key
  readonly held: Held
  readonly signal: AbortSignal
  readonly clock: Clock
  readonly metrics: Metrics
  readonly interpose: Interpose | undefined
  readonly longestCallMs: number
  readonly wrote: (kind: Kind<any>, answer: Resource | undefined) => void
  /** A record was answered. */
  readonly recorded: (answer: Resource) => void
  /** A write of the status failed: what stands there is unknown. */
  readonly unclear: () => void
  /** An outside call was answered, or given up. */
  readonly answered: (at: number) => void
}

/** How long after its time-out a call that does not heed its signal is waited for. */
const graceMs = 500

const isUnanswered = (error: unknown): boolean => failureOf(error)?.code === 0 || (error as Error).name === 'TimeoutError' || (error as Error).name === 'AbortError'

export const createEffects = (o: EffectsOptions): Effects => {
  const { controller, key, held, clock, metrics, interpose } = o
  const through = <T>(verb: Effect['verb'], what: string, perform: () => Promise<T>): Promise<T> =>
    interpose === undefined ? perform() : interpose({ controller, key, verb, what }, perform)

  /** Ends with the call, or shortly after its time-out when the call does not. */
  const bounded = async <T>(what: string, timeoutMs: number, call: (signal: AbortSignal) => Promise<T>): Promise<T> => {
    const timeout = new AbortController()
    const cancels: (() => void)[] = [clock.after(timeoutMs, () => { timeout.abort(new DOMException(`${what}: no answer within ${timeoutMs} ms`, 'TimeoutError')) })]
    const signal = AbortSignal.any([timeout.signal, o.signal])
    try {
      return await Promise.race([
        call(signal),
        new Promise<never>((_resolve, reject) => { cancels.push(clock.after(timeoutMs + graceMs, () => { reject(failureError({ code: 0, reason: 'NoAnswer', message: `${what}: no answer within ${timeoutMs} ms` })) })) }),
      ])
    } finally {
      for (const cancel of cancels) cancel()
    }
  }

  return {
    async write(verb, what, kind, perform) {
      o.signal.throwIfAborted()
      metrics.writes.inc({ controller, verb })
      try {
        return await through(verb, what, async () => {
          const answer = await perform()
          o.wrote(kind, answer)
          if (verb === 'record' && answer !== undefined) o.recorded(answer)
          return answer
        })
      } catch (error) {
        if (isFenced(error)) held.lost('the server refused its fence')
        if (verb === 'record' || verb === 'status') o.unclear()
        throw error
      }
    },
    async outside(verb, what, timeoutMs, call) {
      o.signal.throwIfAborted()
      if (timeoutMs > o.longestCallMs) throw new Error(`${controller}: ${what} may take ${timeoutMs} ms, but the longest call of this process is ${o.longestCallMs} ms`)
      return through(verb, what, async () => {
        // Asked here, after anything that stood in between: the call starts now or not at all.
        if (clock.monotonic() < held.effectsFrom) throw failureError({ code: 503, reason: 'FormerHolder', message: `${what}: a call of the former holder may still be under way` })
        if (held.remainingMs() <= timeoutMs) throw failureError({ code: 503, reason: 'LeaseTooShort', message: `${what}: the lease does not outlast the call` })
        let result = 'error'
        try {
          const answer = await bounded(what, timeoutMs, call)
          result = 'ok'
          return answer
        } catch (error) {
          if (o.signal.aborted || isUnanswered(error)) held.abandoned()
          throw error
        } finally {
          o.answered(clock.monotonic())
          metrics.outsideCalls.inc({ controller, verb, result })
        }
      })
    },
  }
}
