/** What every part of the API server works with: its options, made whole. */
import type { Registry } from 'prom-client'
import type { FieldError, Kind, OwnerReference, Resource } from '../api/meta/index.ts'
import type { Cache } from '../store/cache.ts'
import type { Log } from '../store/log.ts'
import type { CacheView, Scope } from '../store/scoped-cache.ts'
import type { Store } from '../store/store.ts'
import type { FlowControlOptions } from './flow-control.ts'
import type { ChainIdentity } from './audit/export.ts'
import type { Trail } from './audit/trail.ts'
import type { EventBudget } from './event-budget.ts'
import type { Authenticate, Authorize, Identity } from './identity.ts'
import type { Patience } from './respond.ts'
import type { Served } from './served.ts'

/** Reads what the cache holds. */
export interface Reader {
  get<R extends Resource>(kind: Kind<R>, key: { readonly namespace: string; readonly name: string }): R | undefined
  list<R extends Resource>(kind: Kind<R>, namespace?: string): readonly R[]
}

/** Checks and completes objects against others; runs on a copy, before the write. */
export interface Admission {
  /** After the schema and the kind's own checks. May throw API errors. */
  validate?(kind: Kind<any>, object: Resource, old: Resource | undefined, read: Reader, identity: Identity): readonly FieldError[]
  /** Owners that an object has, whatever the caller says; added when they are missing. */
  owners?(kind: Kind<any>, object: Resource, read: Reader): readonly OwnerReference[]
  /** Why it may not be deleted now. */
  refuseDeletion?(kind: Kind<any>, object: Resource, read: Reader, identity: Identity): string | undefined
}

/** What a subresource decided about its object. It is the server's own word: any part may change, whoever writes it otherwise. */
export interface Decision {
  /** The object as it is to stand. Throws API errors to refuse. Asked again with what stands there when somebody else was faster. */
  change(live: Resource): Resource
  readonly events: readonly { readonly type: 'Normal' | 'Warning'; readonly reason: string; readonly message: string }[]
  /** For the audit record; holds no secret. */
  readonly note: string
}
export interface SubresourceRequest {
  readonly identity: Identity
  readonly object: Resource
  readonly body: unknown
  readonly read: Reader
  readonly now: Date
  /** Stores the decision: the object, the Events and the audit record in one transaction. */
  decide(decision: Decision): Promise<Resource>
  /** Writes the audit record now, before an effect that is outside the store; else it is written behind the subresource, before the answer. */
  tell(note: string): Promise<void>
  /** What that later record is to say; holds no secret. */
  note(text: string): void
}
/** Answers with the body of a 201. Throws API errors (`status.ts`). */
export type Subresource = (request: SubresourceRequest) => Promise<unknown>

export interface ApiOptions {
  readonly store: Store
  /** Of that store, where somebody else reads it too; closed with the server. Default: an own one. */
  readonly cache?: Cache
  readonly kinds: readonly Kind<any>[]
  /** The kind that Namespaces are a view of; absent: the built-in `namespaces`, or a kind of that name among `kinds`, or nothing checks namespaces. */
  readonly namespaceKind?: Kind<any>
  /** Which built-in kinds are served besides. */
  readonly builtins?: readonly ('namespaces' | 'events' | 'leases')[]
  readonly authenticate: Authenticate
  readonly authorize: Authorize
  /** The second line (rule A5): what may be told to this identity, whatever `authorize` said; undefined: everything. */
  readonly scopeOf?: (identity: Identity) => Scope | undefined
  /** Calls back when rights of somebody became others; watches are then authorised again (rule A4). Answers how to stop that. */
  readonly onAccessChange?: (wake: () => void) => () => void
  /** How often a watch is authorised again without a reason. Default 60 s. */
  readonly reauthorizeMs?: number
  readonly admission?: Admission
  /** By `clusters/kubeconfig`; POST only. */
  readonly subresources?: Readonly<Record<string, Subresource>>
  /** Of the audit that the store keeps. Absent: it cannot be exported. */
  readonly chain?: ChainIdentity
  /** How long refusals that repeat are counted before they are told. Default 60 s. */
  readonly repeatsMs?: number
  readonly version: { readonly major: string; readonly minor: string; readonly gitVersion: string }
  readonly log: Log
  readonly now?: () => Date
  readonly newUid?: () => string
  readonly random?: () => number
  /** Counted into, and served at /metrics to whom `authorize` lets. */
  readonly metrics?: Registry
  /** Who is refused with 429, and who waits. Absent: nobody; for simulators, and tests of something else. */
  readonly flowControl?: FlowControlOptions
  /** Default: half a minute for a body, a minute for a reader. */
  readonly patience?: Partial<Patience>
  /** Whether this server collects what lost its owners. Default true. */
  readonly collectGarbage?: boolean
  /** Whether an object may have only so many Events (`event-budget.ts`). Default false: a simulated tenant's are its own. */
  readonly limitEvents?: boolean
  /** How long Events are kept. Default 24 h. */
  readonly keepEventsMs?: number
  /** Longest time that a lost hint of the store costs. 0: no poll, for the memory store, which loses none. */
  readonly pollMs?: number
  /** Recent changes kept for watches that begin in the past. Default 16384; a simulator of thousands keeps few. */
  readonly ring?: number
  /** Bytes waiting for a slow watcher before it is dropped. Default 4 MiB. */
  readonly slowWatcherBytes?: number
  /** How often idle watches get a bookmark. Default 30 s. */
  readonly bookmarkMs?: number
}

export interface Api extends Required<Pick<ApiOptions, 'store' | 'authorize' | 'log' | 'now' | 'newUid' | 'random' | 'version' | 'slowWatcherBytes' | 'bookmarkMs' | 'reauthorizeMs'>> {
  /** Of a request: the part that may be told to who asks. */
  readonly cache: CacheView
  /** undefined: `cache` is whole. */
  readonly scope: Scope | undefined
  readonly admission: Admission
  readonly subresources: Readonly<Record<string, Subresource>>
  /** By `group/version/plural`. */
  readonly served: ReadonlyMap<string, Served>
  /** What namespaces are; undefined: not checked. */
  readonly namespaces: Served | undefined
  readonly read: Reader
  readonly metrics: Registry | undefined
  readonly collectsGarbage: boolean
  readonly patience: Patience
  /** undefined: Events are not limited. */
  readonly eventBudget: EventBudget | undefined
  readonly trail: Trail
  readonly chain: ChainIdentity | undefined
}
