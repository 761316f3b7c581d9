/** The one result of a pass. A thrown error is the fourth: transient, retried with exponential back-off. */
export type Outcome =
  /** Nothing to do until an input changes. */
  | { readonly kind: 'settled' }
  /** Something outside must happen first. `afterSeconds` is a deadline for looking again; what it waits for should wake us sooner (rule E4). */
  | { readonly kind: 'waiting'; readonly reason: string; readonly message: string; readonly afterSeconds: number }
  /** Not before the spec (or another input) changes. */
  | { readonly kind: 'refused'; readonly reason: string; readonly message: string }

export const settled = (): Outcome => ({ kind: 'settled' })
export const waiting = (reason: string, message: string, afterSeconds: number): Outcome => ({ kind: 'waiting', reason, message, afterSeconds })
export const refused = (reason: string, message: string): Outcome => ({ kind: 'refused', reason, message })
