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
  /** Before the first look at a load balancer that is being changed; then twice that, then four times. */
  readonly lookMs: number
  /** After so long the call fails as transient: the next pass goes on. */
  readonly patienceMs: number
}

export const openOneByOne = ({ clock, ask, lookMs, patienceMs }: OneByOneOptions): OneByOne => {
  /** Whether the last call that was let go was accepted. */
  const tails = new Map<string, Promise<boolean>>()

  const sleep = (ms: number, signal: AbortSignal | undefined): Promise<void> => new Promise((resolve) => {
    const end = (): void => { cancel(); signal?.removeEventListener('abort', end); resolve() }
    const cancel = clock.after(ms, end)
    signal?.addEventListener('abort', end, { once: true })
  })
  /** Looks, less and less often, until Octavia is done; false when it is not in time, or never will be. */
  const isFree = async (loadBalancerId: string, until: number, signal: AbortSignal | undefined): Promise<boolean> => {
    for (let ms = lookMs; clock.monotonic() < until; ms = Math.min(ms * 2, 4 * lookMs)) {
      await sleep(ms, signal)
      if (signal?.aborted === true) return true
      const status = await ask(loadBalancerId)
      if (status?.startsWith('PENDING') !== true) return status === 'ACTIVE'
    }
    return false
  }
  /** `isChanging`: the call before was accepted, so that the next would only hear that the balancer is immutable. */
  const perform = async <T>(loadBalancerId: string, call: () => Promise<T>, signal: AbortSignal | undefined, isChanging: boolean): Promise<T> => {
    const until = clock.monotonic() + patienceMs
    if (isChanging) await isFree(loadBalancerId, until, signal)
    for (;;) {
      // Not sent, so nothing is unclear.
      if (signal?.aborted === true) throw openstackError({ kind: 'transient', service: 'load-balancer', status: 0, type: 'NotSent' }, `load balancer ${loadBalancerId}: given up while waiting for its turn`)
      try { return await call() } catch (error) { if (!isImmutable(error) || !(await isFree(loadBalancerId, until, signal))) throw error }
    }
  }

  return {
    below(loadBalancerId, call, signal) {
      const before = tails.get(loadBalancerId) ?? Promise.resolve(false)
      const mine = before.then((isChanging) => perform(loadBalancerId, call, signal, isChanging))
      const tail = mine.then(() => true, () => false)
      tails.set(loadBalancerId, tail)
      const forget = (): void => { if (tails.get(loadBalancerId) === tail) tails.delete(loadBalancerId) }
      // Who comes just after it was accepted finds Octavia at work.
      void tail.then((isAccepted) => { if (isAccepted) clock.after(lookMs, forget); else forget() })
      return mine
    },
  }
}
