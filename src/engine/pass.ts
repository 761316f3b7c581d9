/** One pass for one key: observe → plan → apply → status. Start, event and deadline run the same code. */
import { resourceName, keyOf, type Kind, type Resource } from '../api/meta/index.ts'
import { appliedStatus } from './applied.ts'
import { createContext, type PassState } from './context.ts'
import { writesStatus } from './declared.ts'
import type { Effects } from './effects.ts'
import { isNotFound } from './errors.ts'
import type { EventSink } from './events.ts'
import { addFinalizer, hasFinalizer, removeFinalizer } from './finalizers.ts'
import type { Metrics } from './metrics.ts'
import { settled, waiting, type Outcome } from './outcome.ts'
import type { Resources, WriteOptions } from './resources.ts'
import type { Cached, Log, Pass, Planned } from './shapes.ts'
import { hashOf, isSamePart, wholePart, withPart, type Part } from './status-part.ts'

export interface PassOptions {
  readonly controller: Planned<any, any, any>
  readonly object: Resource
  /** The hash of what the pass acts on, from the moment at which `object` was read. */
  readonly inputs: string
  readonly cached: Cached
  readonly resources: Resources
  /** undefined: read only; nothing is written and nothing is called. */
  readonly acting: { readonly effects: Effects; readonly write: WriteOptions; /** Milliseconds until outside effects may begin. */ readonly heldBackMs: number } | undefined
  readonly events: EventSink | undefined
  readonly metrics: Metrics
  readonly log: Log
  readonly now: () => Date
  readonly lastEffectAt: number
  readonly isRoutine: boolean
  readonly signal: AbortSignal
}

export type PassEnd =
  | { readonly kind: 'ended'; readonly outcome: Outcome; /** Version of the status as it was written, if it was. */ readonly statusVersion?: number }
  /** Steps are planned, but a call of the former holder may be under way (rule E3). */
  | { readonly kind: 'held-back'; readonly ms: number }
  /** A routine look found something to do, perhaps in what was seen long ago. */
  | { readonly kind: 'look-anew' }
  | { readonly kind: 'failed'; readonly error: unknown; readonly step?: string; readonly statusVersion?: number }

/** The state of a pass that failed before it had an outcome. */
const failed = waiting('Failed', 'the last pass failed and is tried again', 0)

export const runPass = async (o: PassOptions): Promise<PassEnd> => {
  const { controller, object, cached, resources, acting, log, signal } = o
  const isDeleting = object.metadata.deletionTimestamp !== undefined
  // Deleted, and we are done with it, or never began.
  if (isDeleting && controller.finalizer !== undefined && !hasFinalizer(object, controller.finalizer)) return { kind: 'ended', outcome: settled() }

  const state: PassState = { part: appliedStatus(object, controller.name), recorded: {} }
  let seen: unknown
  let outcome: Outcome = failed
  let problem: { readonly step?: string; readonly error: unknown } | undefined
  let isFinished = false

  try {
    seen = await controller.observe(object, { cached, now: o.now(), lastEffectAt: o.lastEffectAt, isRoutine: o.isRoutine, signal, log })
    signal.throwIfAborted()
    const plan = controller.plan(seen, o.now())
    const steps = plan.steps as readonly { readonly kind: string }[]
    if (steps.length > 0) log[acting === undefined ? 'info' : 'debug']({ steps: steps.map((s) => s.kind), outcome: plan.outcome }, acting === undefined ? 'plan, read only' : 'plan')
    if (acting === undefined) return { kind: 'ended', outcome: plan.outcome }
    if (steps.length > 0 && o.isRoutine) return { kind: 'look-anew' }
    if (steps.length > 0 && controller.outside.length > 0 && acting.heldBackMs > 0) return { kind: 'held-back', ms: acting.heldBackMs }
    // What is under way is said with the record of it: one write instead of two. That something is done is said when it is.
    const saying = plan.outcome.kind !== 'waiting' ? undefined : (recorded: Part): Part => {
      const now = o.now()
      return wholePart(controller.status(object, seen, { outcome: plan.outcome, recorded, now }), state.part, object, controller.name, undefined, now)
    }
    const context = createContext({ controller, object, state, saying, cached, resources, effects: acting.effects, write: acting.write, events: o.events, metrics: o.metrics, log, now: o.now(), signal })
    let isMarked = controller.finalizer === undefined || hasFinalizer(object, controller.finalizer)
    for (const step of steps) {
      try {
        signal.throwIfAborted()
        if (step.kind === 'finish') {
          if (isDeleting && controller.finalizer !== undefined) await removeFinalizer(controller, controller.finalizer, object, resources, acting.effects, acting.write)
          isFinished = true
          break
        }
        if (!isMarked && !isDeleting) {
          await addFinalizer(controller, controller.finalizer!, object, resources, acting.effects, acting.write)
          isMarked = true
        }
        await controller.apply(step, seen, object, context)
      } catch (error) {
        problem = { step: step.kind, error }
        break
      }
    }
    outcome = plan.outcome
  } catch (error) {
    problem = { error }
  }

  if (signal.aborted || acting === undefined) return problem === undefined ? { kind: 'ended', outcome } : { kind: 'failed', ...problem }
  let statusVersion: number | undefined
  if (!isFinished && writesStatus(controller)) {
    try {
      statusVersion = await writeStatus(o, acting, state, seen, { outcome, ...(problem !== undefined && { error: problem }), recorded: state.recorded, now: o.now() }, o.inputs)
    } catch (error) {
      problem ??= { step: 'status', error }
    }
  }
  return problem === undefined
    ? { kind: 'ended', outcome, ...(statusVersion !== undefined && { statusVersion }) }
    : { kind: 'failed', ...problem, ...(statusVersion !== undefined && { statusVersion }) }
}

/** The hash of what was acted on, with the controller's own part as it will be. None when an input moved during the pass: it wakes the key again. */
const inputsAfter = ({ controller, object, cached }: PassOptions, before: Part | undefined, after: Part, atStart: string): string | undefined => {
  if (controller.inputs === undefined) return atStart
  if (hashOf(object, controller.inputs(object, cached)) !== atStart) return undefined
  const then = withPart(object, appliedStatus(object, controller.name) ?? before, after)
  return hashOf(then, controller.inputs(then, cached))
}

/** Writes the controller's part unless it stands there already (rule S8); the version that was written. */
const writeStatus = async (o: PassOptions, acting: NonNullable<PassOptions['acting']>, state: PassState, seen: unknown, pass: Pass, inputs: string): Promise<number | undefined> => {
  const { controller, object, resources } = o
  const isAtRest = pass.error === undefined && pass.outcome.kind !== 'waiting'
  const said = controller.status(object, seen, pass)
  const part = wholePart(said, state.part, object, controller.name, isAtRest ? inputsAfter(o, state.part, said, inputs) : undefined, pass.now)
  if (isSamePart(state.part, part)) return undefined
  try {
    const answer = await acting.effects.write('status', controller.name, controller.for as Kind<Resource>, () =>
      resources.applyStatus(controller.for as Kind<Resource>, { metadata: { ...keyOf(object), uid: object.metadata.uid }, status: part }, acting.write))
    return Number(answer!.metadata.resourceVersion)
  } catch (error) {
    // It went meanwhile: nobody is left to be told.
    if (isNotFound(error)) return undefined
    throw new Error(`writing the status of ${resourceName(controller.for)}`, { cause: error })
  }
}
