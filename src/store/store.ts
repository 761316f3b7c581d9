/**
 * The port of the store: one order of versions, atomic writes over several objects, the change log, leases, sealed secrets.
 * Two implementations under one contract suite: PostgreSQL (the truth) and memory (simulators only). Bodies are opaque JSON text.
 */
import type { Audit } from './audit.ts'

export interface StoreKey {
  /** `clusters.skerry.dev` */
  readonly resource: string
  /** Empty for cluster-scoped kinds. */
  readonly namespace: string
  readonly name: string
}

/** One object as stored. Shape: rule S9. */
export interface Row extends StoreKey {
  readonly uid: string
  readonly version: number
  /** JSON text without metadata.resourceVersion; `withVersion` (body.ts) splices it in. */
  readonly body: string
  readonly labels: Readonly<Record<string, string>>
  readonly ownerUids: readonly string[]
  readonly finalizers: readonly string[]
  readonly deleting: boolean
}

export type NewRow = Omit<Row, 'version'>

/** One key's part of a transaction. `expect`: the version that must stand there now, or `absent`. `row: undefined` removes it. */
export type Operation = { readonly key: StoreKey; readonly expect: number | 'absent'; readonly row: NewRow | undefined }

export interface Transaction {
  readonly operations: readonly Operation[]
  /** Passes whole or not at all; each operation gets a version of its own, in order. */
  /** JSON text of the audit record, byte for byte what is chained (rule S12); shape: `src/api/audit`. */
  readonly audit?: string
  readonly fence?: { readonly slot: string; readonly epoch: number }
}

export type Committed =
  | { readonly kind: 'committed'; readonly versions: readonly number[] }
  /** The first key whose comparison failed, and what stands there. */
  | { readonly kind: 'conflict'; readonly key: StoreKey; readonly current: Row | undefined }
  /** The lease named by the fence is not held with that epoch any more. */
  | { readonly kind: 'fenced' }
  /** It would change an object that a newer version of the program wrote (rule S11). */
  | { readonly kind: 'newer' }

/** One change, as the log keeps it (rule S4). Exactly one of: added (no before), modified (both), deleted (no after). */
export interface Change {
  readonly version: number
  readonly key: StoreKey
  readonly uid: string
  readonly before: Row | undefined
  readonly after: Row | undefined
}

/** That there is something new. A hint: it may be lost, and the poll is the truth. */
export interface News {
  /** The log goes up to here at least. */
  readonly upTo: number
  /** Written by this program, which therefore need not read it back: all that the log holds above `after`, in order, up to `upTo`. */
  readonly own?: { readonly after: number; readonly changes: readonly OwnChange[] }
}

/** `stood`: the version that it followed; undefined: there was no object. */
export interface OwnChange {
  readonly version: number
  readonly key: StoreKey
  readonly stood: number | undefined
  readonly after: Row | undefined
}

/** A key that changed, and its row before the first change of a span; undefined: there was none. */
export interface Earlier {
  readonly key: StoreKey
  readonly row: Row | undefined
}

export interface Lease {
  readonly slot: string
  readonly holder: string
  /** Grows with each new holder. */
  readonly epoch: number
}

export interface Leases {
  /** Takes the slot when it is free or expired, or ours already. `ttlMs` counts on the database's clock. */
  acquire(slot: string, holder: string, ttlMs: number): Promise<{ readonly kind: 'held'; readonly lease: Lease; /** what was left of the former holder's lease when it was taken; below 0: how long it had been over */ readonly previousTtlMs: number } | { readonly kind: 'taken'; readonly holder: string }>
  /** false: lost. */
  renew(lease: Lease, ttlMs: number): Promise<boolean>
  /** Gives it back. `leftMs`: what is left of it for a successor to wait for; below 0: it counts as over for so long. */
  release(lease: Lease, leftMs: number): Promise<void>
  /** Ends the lease of whoever's name begins with `place`. The caller MUST know that all those processes have ended. */
  end(slot: string, place: string): Promise<void>
}

/** Sealed bytes by id; never in the API (rule T7). The caller seals; the store never sees the key. */
export interface Sealed {
  get(id: string): Promise<Buffer | undefined>
  /** Writes only when absent; answers what stands there afterwards. */
  putIfAbsent(id: string, sealed: Buffer): Promise<Buffer>
  /** Writes or replaces, in one: whoever reads meanwhile gets the old bytes or the new ones. Of two at once the later stands. */
  put(id: string, sealed: Buffer): Promise<void>
  delete(id: string): Promise<void>
}

export interface Store {
  /** Group commit (rule S2). Throws an error with `unclear: true` when it cannot be known within 5 s (rule S3). */
  commit(transaction: Transaction): Promise<Committed>
  /** The counter now; one query is shared by all who wait (rule S5). */
  version(): Promise<number>
  /** All rows of all resources and the version at which that was so, in one snapshot. */
  snapshot(): Promise<{ readonly version: number; readonly rows: readonly Row[] }>
  /** The changes after a version, in order, at most `limit`. Throws with `expired: true` below the floor. */
  changes(after: number, limit: number): Promise<readonly Change[]>
  /** The same for whoever is far behind: those who follow do not wait for it. */
  history(after: number, limit: number): Promise<readonly Change[]>
  /** What the changes after `after`, up to `upTo`, have overwritten first, of one resource (rule S6). Throws with `expired: true` below the floor. */
  overwritten(span: { readonly after: number; readonly upTo: number; readonly resource: string; readonly namespace: string | undefined }): Promise<readonly Earlier[]>
  /** 32 random bytes that all who work with this store share: to sign what one of them gives out and another takes back. */
  tokenKey(): Promise<Buffer>
  /** The highest schema number that this program knows, and the one it writes now: what all servers that are there understand (rule S11). */
  readonly schema: { readonly known: number; readonly agreed: number }
  /** Lowest version from which changes() answers. */
  floor(): Promise<number>
  /** Returns the unsubscribe. */
  onChange(tell: (news: News) => void): () => void
  readonly leases: Leases
  readonly sealed: Sealed
  /** undefined: this store keeps no audit. */
  readonly audit: Audit | undefined
  close(): Promise<void>
}
