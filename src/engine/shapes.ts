/**
 * The three shapes of a controller. A controller is a plain value: what wakes it, what it may read and write, and its
 * pure and impure functions. `run.ts` runs it; `graph.ts` draws it. A fourth shape is a design discussion.
 */
import type { Condition, Key, Kind, Resource } from '../api/meta/index.ts'
import type { Outcome } from './outcome.ts'
import type { Applied } from './resources.ts'

/** A kind that is read, and how a change of one of its objects names the keys to run. */
export interface Read<R extends Resource = Resource> {
  readonly kind: Kind<R>
  readonly relation: string
  /** Keys of the governed kind that an object of this kind concerns. `index` answers "which of ours name this object". */
  readonly wakes: (object: R, mine: Cached) => readonly Key[]
}

export type Write =
  /** Creates, changes and deletes objects of this kind; nobody else does. */
  | { readonly mode: 'exclusive'; readonly kind: Kind<any>; readonly part: string }
  /** Writes the status of the governed kind, or a named part of it; two controllers never name one part. */
  | { readonly mode: 'status'; readonly kind: Kind<any>; readonly part: string }

export interface Cached {
  get<R extends Resource>(kind: Kind<R>, key: Key): R | undefined
  byUid<R extends Resource>(kind: Kind<R>, uid: string): R | undefined
  /** In no particular order. */
  list<R extends Resource>(kind: Kind<R>, namespace?: string): readonly R[]
  /** By uid of the controlling owner; in order of names. */
  ownedBy<R extends Resource>(kind: Kind<R>, ownerUid: string): readonly R[]
}

/** Given to observe: reads of declared kinds (anything else throws), clocks, and when this key's last outside effect was answered. */
export interface ObserveContext {
  readonly cached: Cached
  readonly now: Date
  /** Monotonic milliseconds; a cloud listing counts only if its request began later (rule E1). -Infinity before the first effect. */
  readonly lastEffectAt: number
  /** Nothing woke the key: what was last seen will do. When such a pass plans a step, the key is looked at anew before anything is done. */
  readonly isRoutine: boolean
  readonly signal: AbortSignal
  readonly log: Log
}

/** Given to apply: writes of declared kinds (anything else throws), each with manager and fence. */
export interface ApplyContext {
  readonly cached: Cached
  readonly now: Date
  readonly signal: AbortSignal
  readonly log: Log
  apply<R extends Resource>(kind: Kind<R>, object: Applied): Promise<R>
  /** Creates; when the name exists with the same controlling owner answers that object, else throws a conflict (rule E1). */
  create<R extends Resource>(kind: Kind<R>, object: Applied): Promise<R>
  delete<R extends Resource>(kind: Kind<R>, object: R): Promise<void>
  /** Writes the controller's own part of the status at once: an intent before an outside call, an id after it (rule E3). Merged over the part's last applied value; where the plan waits, with what status() will say of it. */
  record(status: Readonly<Record<string, unknown>>): Promise<void>
  /**
   * Wraps every outside call that creates: refuses to start when the lease does not outlast `timeoutMs` (rule E3), and marks
   * the time of the answer as this key's last effect. `call` must end within timeoutMs.
   */
  creating<T>(what: string, timeoutMs: number, call: (signal: AbortSignal) => Promise<T>): Promise<T>
  /** The same for calls that change or delete. */
  changing<T>(what: string, timeoutMs: number, call: (signal: AbortSignal) => Promise<T>): Promise<T>
  event(type: 'Normal' | 'Warning', reason: string, message: string): void
  /** Counts a second object with one mark that was found outside (rule E3). `what`: its kind or role, not its id. */
  duplicate(what: string): void
}

export interface Log {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** What status() gets to know of the pass. */
export interface Pass {
  readonly outcome: Outcome
  /** The step or observation that failed, if one did; the pass will be retried. */
  readonly error?: { readonly step?: string; readonly error: unknown }
  /** What `record` wrote in this pass; `seen` is older. */
  readonly recorded: Readonly<Record<string, unknown>>
  readonly now: Date
}

/** A condition without its time; the engine keeps lastTransitionTime while `status` stays (rule S8). */
export type NewCondition = Omit<Condition, 'lastTransitionTime'>

/** The controller's own part of status, whole. `conditions` holds the condition types that this controller owns, all of them each time. */
export interface StatusPart {
  readonly conditions: readonly NewCondition[]
  readonly [field: string]: unknown
}

export interface Plan<Step> {
  readonly steps: readonly Step[]
  readonly outcome: Outcome
}

interface Declared<R extends Resource> {
  readonly name: string
  readonly for: Kind<R>
  readonly reads: readonly Read<any>[]
  readonly writes: readonly Write[]
  /** Driver calls by name, for the graph. */
  readonly outside: readonly string[]
  /** Set before the first outside effect, removed when plan says `finished`. Absent: this controller needs none. */
  readonly finalizer?: string
  /** Passes at the same time. Default 8. */
  readonly concurrency?: number
  /** Seconds before which a pass that failed so is not tried again, whatever wakes it but a change of spec (rule O3). */
  readonly patience?: (error: unknown) => number | undefined
  /** Whether nothing outside may be touched for this object any more, whatever was planned: asked of what is known at the moment before each call of `creating` and `changing`. */
  readonly isReleased?: (object: R, cached: Cached) => boolean
  /**
   * Everything of cached objects that observe, plan and status look at, besides the key's own generation, deletion and status part;
   * hashed. A change of a cached object wakes the key only when this differs from what its last pass began with, and at a restart
   * a key runs at once only when it differs from what it settled on (rule E4). Absent: every change wakes.
   */
  readonly inputs?: (object: R, cached: Cached) => unknown
  /** Subscribes to what happens outside; call wake with keys of ours. Returns the unsubscribe. */
  readonly wakers?: (wake: (key: Key) => void, cached: Cached) => () => void
}

export type StepLike = { readonly kind: string }

export interface Planned<R extends Resource, Seen, Step extends StepLike> extends Declared<R> {
  readonly shape: 'planned'
  /** Reads everything once into one immutable value; decides nothing. */
  observe(object: R, context: ObserveContext): Promise<Seen>
  /** Pure: no await, no log, no throw. During deletion it plans the deletion; the step `{kind: 'finish'}` is the engine's and drops the finalizer. */
  plan(seen: Seen, now: Date): Plan<Step | Finish>
  /** One idempotent function a step; never waits; nothing that can fail comes after the creating call. Steps run in order; the first error ends the pass. */
  apply(step: Step, seen: Seen, object: R, context: ApplyContext): Promise<void>
  /** Pure; runs always, also after an error (seen is then absent when observe failed). */
  status(object: R, seen: Seen | undefined, pass: Pass): StatusPart
}

export type Finish = { readonly kind: 'finish' }

export interface Transform<R extends Resource, Out extends Resource> extends Declared<R> {
  readonly shape: 'transform'
  readonly output: Kind<Out>
  /** What should exist, whole; objects owned by ours that are no longer returned are deleted. */
  transform(object: R, cached: Cached): readonly Applied[]
}

export interface External<R extends Resource, Seen> extends Declared<R> {
  readonly shape: 'external'
  readonly actuator: {
    find(object: R, context: ObserveContext): Promise<Seen | undefined>
    create(object: R, context: ApplyContext): Promise<Seen>
    /** Changes what differs; answers what is seen afterwards. */
    update(object: R, seen: Seen, context: ApplyContext): Promise<Seen>
    delete(object: R, seen: Seen, context: ApplyContext): Promise<void>
  }
  /** What must be so before it is made; undefined = go. */
  ready?(object: R, cached: Cached): Outcome | undefined
  status(object: R, seen: Seen | undefined, pass: Pass): StatusPart
}

export type Controller = Planned<any, any, any> | Transform<any, any> | External<any, any>

export const planned = <R extends Resource, Seen, Step extends StepLike>(c: Omit<Planned<R, Seen, Step>, 'shape'>): Planned<R, Seen, Step> => ({ shape: 'planned', ...c })
export const transform = <R extends Resource, Out extends Resource>(c: Omit<Transform<R, Out>, 'shape'>): Transform<R, Out> => ({ shape: 'transform', ...c })
export const external = <R extends Resource, Seen>(c: Omit<External<R, Seen>, 'shape'>): External<R, Seen> => ({ shape: 'external', ...c })

/** `part` tells apart writers of disjoint objects of one kind (control-plane machines, workers). */
export const exclusive = (kind: Kind<any>, part = '*'): Write => ({ mode: 'exclusive', kind, part })
export const status = (kind: Kind<any>, part = '*'): Write => ({ mode: 'status', kind, part })
