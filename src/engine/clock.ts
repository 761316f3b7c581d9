/** Time as a parameter: the wall clock for people, the monotonic one for leases and deadlines, and timers. */
export interface Clock {
  now(): Date
  /** Milliseconds that never go back, and go on while the process is stopped. */
  monotonic(): number
  /** Calls once after `ms`; returns the cancel. */
  after(ms: number, call: () => void): () => void
}

export const systemClock: Clock = {
  now: () => new Date(),
  monotonic: () => performance.now(),
  after: (ms, call) => {
    const timer = setTimeout(call, Math.min(ms, 2 ** 31 - 1))
    return () => { clearTimeout(timer) }
  },
}

/** Resolves after `ms`, or at once when the signal fires. */
export const pause = (clock: Clock, ms: number, signal: AbortSignal): Promise<void> => new Promise((resolve) => {
  if (signal.aborted) { resolve(); return }
  const end = () => { cancel(); signal.removeEventListener('abort', end); resolve() }
  const cancel = clock.after(ms, end)
  signal.addEventListener('abort', end)
})
