/** What writers, readers and watchers noted while it happened, and what the database says afterwards. Plain values: `check.ts` judges them. */

/** A write. `value` marks what was written and is used once in a run; a deletion is of one uid. */
export interface Write {
  readonly id: string
  readonly name: string
  readonly wants: { readonly kind: 'put'; readonly value: string } | { readonly kind: 'delete'; readonly uid: string }
  /** ok: answered as made; no: answered as not made; unknown: everything else. */
  readonly outcome: 'ok' | 'no' | 'unknown'
  /** When the answer said so. */
  readonly version?: number
  /** Writes of one transaction. */
  readonly group?: string
}

/** A read without a version, begun after version `after` had been answered to somebody. */
export interface Read {
  readonly id: string
  readonly name: string
  readonly after: number
  /** undefined: it was not there. */
  readonly version: number | undefined
}

export type EventType = 'ADDED' | 'MODIFIED' | 'DELETED'
export type Noted =
  | { readonly kind: 'listed'; readonly version: number; readonly items: ReadonlyMap<string, { readonly version: number; readonly value: string }> }
  | { readonly kind: 'event'; readonly type: EventType; readonly name: string; readonly version: number; readonly value: string }
  | { readonly kind: 'bookmark'; readonly version: number }
  /** The watch ended or was cut, and another one began after this version. */
  | { readonly kind: 'resumed'; readonly version: number }
  /** 410: what follows is a list. */
  | { readonly kind: 'expired' }

export interface Watcher {
  readonly id: string
  /** Only objects of this colour; undefined: all. */
  readonly colour: string | undefined
  readonly notes: readonly Noted[]
}

/** One row of the log. */
export interface Truth {
  readonly version: number
  readonly name: string
  readonly uid: string
  /** undefined: there was, or is, nothing. */
  readonly before: State | undefined
  readonly after: State | undefined
}
export interface State { readonly version: number; readonly value: string; readonly colour: string }

export interface History {
  readonly log: readonly Truth[]
  readonly writes: readonly Write[]
  readonly reads: readonly Read[]
  readonly watchers: readonly Watcher[]
}
