/** What apply() is given: writes of declared kinds under the controller's name and the lease's fence, and outside calls. */
import { controllerOf, keyOf, keyText, resourceName, type Kind, type Resource } from '../api/meta/index.ts'
import { isApplied } from './applied.ts'
import { exclusiveKinds, writesStatus } from './declared.ts'
import type { Effects } from './effects.ts'
import { failureError, isAlreadyExists } from './errors.ts'
import type { EventSink } from './events.ts'
import type { Metrics } from './metrics.ts'
import type { Applied, Resources, WriteOptions } from './resources.ts'
import type { ApplyContext, Cached, Controller, Log } from './shapes.ts'
import { isSamePart, type Part } from './status-part.ts'

/** What one pass has written so far. */
export interface PassState {
  /** The controller's part of status as the server has it now. */
  part: Part | undefined
  recorded: Readonly<Record<string, unknown>>
}

export interface ContextOptions {
  readonly controller: Controller
  readonly object: Resource
  readonly state: PassState
  /** The part as it will be said of a pass that has recorded this and goes well; undefined: nothing may be said before the end. */
  readonly saying: ((recorded: Part) => Part) | undefined
  readonly cached: Cached
  readonly resources: Resources
  readonly effects: Effects
  readonly write: WriteOptions
  readonly events: EventSink | undefined
  readonly metrics: Metrics
  readonly log: Log
  readonly now: Date
  readonly signal: AbortSignal
}

const another = (kind: Kind<any>, applied: Applied, owner: string | undefined): Error =>
  failureError({ code: 409, reason: 'Conflict', message: `${kind.kind} ${keyText(keyOf(applied))} exists and belongs to ${owner ?? 'nobody'}` })

export const createContext = (o: ContextOptions): ApplyContext => {
  const { controller, object, state, cached, resources, effects, write } = o
  const writable = new Set(exclusiveKinds(controller).map(resourceName))
  const demandWritable = (kind: Kind<any>): void => {
    if (!writable.has(resourceName(kind))) throw new Error(`${controller.name} writes ${kind.kind} without declaring it; add exclusive(${kind.kind}) to writes`)
  }
  const demandOutside = (what: string): void => {
    if (controller.outside.length === 0) throw new Error(`${controller.name} calls outside (${what}) without declaring it; add it to outside`)
    if (controller.isReleased?.(cached.get(controller.for, keyOf(object)) ?? object, cached) === true)
      throw failureError({ code: 409, reason: 'Conflict', message: `${what}: ${controller.for.kind} ${keyText(keyOf(object))} was released meanwhile; nothing outside is touched for it` })
  }
  const ownerIn = (a: Applied): string | undefined => a.metadata.ownerReferences?.find((r) => r.controller === true)?.uid
  /** What this pass wrote is newer than the cache. */
  const written = new Set<string>()
  const nameOf = (kind: Kind<any>, a: Applied | Resource): string => `${kind.kind} ${keyText(keyOf(a))}`

  return {
    cached, now: o.now, signal: o.signal, log: o.log,
    async apply<R extends Resource>(kind: Kind<R>, applied: Applied): Promise<R> {
      demandWritable(kind)
      const existing = cached.get(kind, keyOf(applied))
      const owner = ownerIn(applied)
      if (existing !== undefined && owner !== undefined && controllerOf(existing)?.uid !== owner) throw another(kind, applied, controllerOf(existing)?.name)
      const name = nameOf(kind, applied)
      if (existing !== undefined && !written.has(name) && isApplied(existing, applied, write.manager)) return existing
      written.add(name)
      return (await effects.write('apply', name, kind, () => resources.apply(kind, applied, write)))!
    },
    async create<R extends Resource>(kind: Kind<R>, applied: Applied): Promise<R> {
      demandWritable(kind)
      written.add(nameOf(kind, applied))
      return (await effects.write('create', nameOf(kind, applied), kind, async () => {
        try {
          return await resources.create(kind, applied, write)
        } catch (error) {
          if (!isAlreadyExists(error)) throw error
          // Ours from before a crash or an unclear answer, or somebody else's.
          const existing = await resources.get(kind, keyOf(applied))
          if (existing === undefined) throw error
          const owner = ownerIn(applied)
          if (owner === undefined || controllerOf(existing)?.uid !== owner) throw another(kind, applied, controllerOf(existing)?.name)
          return existing
        }
      }))!
    },
    async delete<R extends Resource>(kind: Kind<R>, target: R): Promise<void> {
      demandWritable(kind)
      written.add(nameOf(kind, target))
      await effects.write('delete', nameOf(kind, target), kind, () =>
        resources.delete(kind, keyOf(target), { ...write, uid: target.metadata.uid, propagation: 'Background' }))
    },
    async record(fields) {
      if (!writesStatus(controller)) throw new Error(`${controller.name} records without declaring it; add status(${controller.for.kind}) to writes`)
      // Something is under way: until it settles, a restart must look at once (rule E4).
      const { observed: _, ...before } = state.part ?? {}
      state.recorded = { ...state.recorded, ...fields }
      const part: Part = { ...before, ...fields, ...o.saying?.(state.recorded) }
      // Nothing changes: the server would answer with a version that somebody else's write has.
      if (isSamePart(state.part, part)) return
      await effects.write('record', Object.keys(fields).join(', '), controller.for, () =>
        resources.applyStatus(controller.for, { metadata: { ...keyOf(object), uid: object.metadata.uid }, status: part }, write))
      state.part = part
    },
    creating(what, timeoutMs, call) { demandOutside(what); return effects.outside('creating', what, timeoutMs, call) },
    changing(what, timeoutMs, call) { demandOutside(what); return effects.outside('changing', what, timeoutMs, call) },
    duplicate(what) { o.metrics.duplicates.inc({ controller: controller.name, what }) },
    event(type, reason, message) { o.events?.emit({ about: object, type, reason, message, controller: controller.name }) },
  }
}
