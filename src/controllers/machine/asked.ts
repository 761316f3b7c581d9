/**
 * What was asked to go a moment ago. A deletion that was accepted and then failed looks as if nobody had asked (a server in ERROR, a
 * volume in error_deleting): it is asked for once more, but not all the time. In memory: who starts anew may ask one time too many.
 */
const longMs = 60_000

export interface Asked {
  note(request: string, now: Date): void
  has(request: string, now: Date): boolean
}

/** A forced deletion is another request than the one that came before it. */
export const requestOf = (id: string, isForced = false): string => (isForced ? `${id} forced` : id)

export const openAsked = (): Asked => {
  /** Oldest first. */
  const at = new Map<string, number>()
  return {
    note(request, now) {
      for (const [old, when] of at) { if (now.getTime() - when < longMs) break; at.delete(old) }
      at.delete(request)
      at.set(request, now.getTime())
    },
    // A clock that was set back has asked nothing yet.
    has(request, now) {
      const age = now.getTime() - (at.get(request) ?? -Infinity)
      return age >= 0 && age < longMs
    },
  }
}
