/**
 * The port through which controllers, the CLI and tests reach resources (rule E6). `client` implements it over HTTP;
 * nothing here knows how. Errors are asked by predicate (`errors.ts`), never by instanceof.
 */
import type { Key, Kind, ObjectMeta, Resource } from '../api/meta/index.ts'

export interface ListOptions {
  readonly namespace?: string
  readonly labelSelector?: string
  readonly fieldSelector?: string
  /** `0`: whatever the server's cache holds. Absent: everything committed before the call (rule S5). */
  readonly resourceVersion?: string
}

export interface List<R> {
  readonly items: readonly R[]
  readonly resourceVersion: string
}

export type WatchEvent<R> =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: R }
  | { readonly type: 'BOOKMARK'; readonly resourceVersion: string }

/** Slot and epoch of the lease under which a write is made; the server refuses the write of an older holder (rule E6). */
export interface Fence {
  readonly slot: string
  readonly epoch: number
}

export interface WriteOptions {
  /** The field manager. */
  readonly manager: string
  readonly fence?: Fence
  readonly dryRun?: boolean
}

export interface DeleteOptions extends Omit<WriteOptions, 'manager'> {
  readonly manager?: string
  readonly uid?: string
  readonly resourceVersion?: string
  readonly propagation?: 'Background' | 'Foreground' | 'Orphan'
}

/** What is applied: apiVersion and kind come from the Kind. */
export interface Applied {
  readonly metadata: Partial<ObjectMeta> & { readonly name: string }
  readonly spec?: unknown
  readonly status?: unknown
}

export interface Resources {
  /** undefined = 404. */
  get<R extends Resource>(kind: Kind<R>, key: Key): Promise<R | undefined>
  list<R extends Resource>(kind: Kind<R>, options?: ListOptions): Promise<List<R>>
  /** Ends when the server ends it or the signal fires; throws isExpired (410) when the version was compacted. */
  watch<R extends Resource>(kind: Kind<R>, options: ListOptions & { readonly resourceVersion: string; readonly signal: AbortSignal }): AsyncIterable<WatchEvent<R>>
  create<R extends Resource>(kind: Kind<R>, object: Applied, options: WriteOptions): Promise<R>
  /** Server-side apply with force. */
  apply<R extends Resource>(kind: Kind<R>, object: Applied, options: WriteOptions): Promise<R>
  /** Server-side apply on `/status`; `object.metadata.uid`, when given, must match. */
  applyStatus<R extends Resource>(kind: Kind<R>, object: Applied, options: WriteOptions): Promise<R>
  /** Replaces the object; needs metadata.resourceVersion, else a conflict is impossible to see. */
  update<R extends Resource>(kind: Kind<R>, object: R, options: WriteOptions): Promise<R>
  /** undefined when it was gone already; else the object as it stands (with deletionTimestamp while finalizers remain). */
  delete<R extends Resource>(kind: Kind<R>, key: Key, options: DeleteOptions): Promise<R | undefined>
}
