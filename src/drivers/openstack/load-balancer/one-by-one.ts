/** Calls below one load balancer go one after another, and wait while Octavia is still at work on it (rule O3). */
import type { Clock } from '../budget.ts'
import { isImmutable, openstackError } from '../errors.ts'

export interface OneByOne {
  /** Runs `call` when those before it have ended; repeats it when Octavia calls the load balancer immutable, once that is over. */
  below<T>(loadBalancerId: string, call: () => Promise<T>, signal?: AbortSignal): Promise<T>
}

/** Provisioning status of a load balancer; undefined when it is gone. */
export type Ask = (loadBalancerId: string) => Promise<string | undefined>

export interface OneByOneOptions {
  readonly clock: Clock
  readonly ask: Ask
  /** Between two looks at a load balancer that is immutable. */
  readonly lookMs: number
  /** After so long the call fails as transient: the next pass goes on. */
  readonly patienceMs: number
}

export const openOneByOne = ({ clock, ask, lookMs, patienceMs }: OneByOneOptions): OneByOne => {
  const tails = new Map<string, Promise<void>>()

  const sleep = (ms: number, signal: AbortSignal | undefined): Promise<void> => new Promise((resolve) => {
    const end = (): void => { cancel(); signal?.removeEventListener('abort', end); resolve() }
    const cancel = clock.after(ms, end)
    signal?.addEventListener('abort', end, { once: true })
  })
  const perform = async <T>(loadBalancerId: string, call: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> => {
    const isGivenUp = (): boolean => signal?.aborted === true
    const until = clock.monotonic() + patienceMs
    for (;;) {
      // Not sent, so nothing is unclear.
      if (isGivenUp()) throw openstackError({ kind: 'transient', service: 'load-balancer', status: 0, type: 'NotSent' }, `load balancer ${loadBalancerId}: given up while waiting for its turn`)
      try { return await call() } catch (error) {
        if (!isImmutable(error)) throw error
        for (;;) {
          if (clock.monotonic() >= until) throw error
          await sleep(lookMs, signal)
          if (isGivenUp()) break
          const status = await ask(loadBalancerId)
          if (status?.startsWith('PENDING') === true) continue
          if (status === 'ACTIVE') break
          throw error
        }
      }
    }
  }

  return {
    below(loadBalancerId, call, signal) {
      const before = tails.get(loadBalancerId) ?? Promise.resolve()
      const mine = before.then(() => perform(loadBalancerId, call, signal))
      const tail = mine.then(() => undefined, () => undefined)
      tails.set(loadBalancerId, tail)
      void tail.then(() => { if (tails.get(loadBalancerId) === tail) tails.delete(loadBalancerId) })
      return mine
    },
  }
}
