/** One call for all who wait (S5): who asks while one is under way gets the next one, which begins after the question. */

export function sharedCall<T>(call: () => Promise<T>): () => Promise<T> {
  let running: Promise<unknown> | undefined
  let next: Promise<T> | undefined
  return () => {
    next ??= (async () => {
      await running?.catch(() => {})
      const mine = next
      next = undefined
      running = mine
      return call()
    })()
    return next
  }
}
