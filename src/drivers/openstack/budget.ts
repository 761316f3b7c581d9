/** Calls to one cloud: a token bucket shared by all who work with it (rule E4). */
export interface Budget { take(signal?: AbortSignal): Promise<void> }

/** `perSecond` on average, `burst` at once. Waits in order. */
export const tokenBucket = (perSecond: number, burst: number, now: () => number = () => performance.now()): Budget => {
  let tokens = burst
  let at = now()
  let turn: Promise<void> = Promise.resolve()
  const refill = (): void => { const t = now(); tokens = Math.min(burst, tokens + ((t - at) / 1000) * perSecond); at = t }
  return {
    take: (signal) => {
      refill()
      if (tokens >= 1) { tokens -= 1; return Promise.resolve() }
      turn = turn.then(async () => {
        for (refill(); tokens < 1; refill()) {
          signal?.throwIfAborted()
          await new Promise((r) => setTimeout(r, Math.max(1, ((1 - tokens) / perSecond) * 1000)))
        }
        tokens -= 1
      }).catch(() => undefined)
      return turn
    },
  }
}
