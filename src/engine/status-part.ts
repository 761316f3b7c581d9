/** A controller's part of a status: whole each time, with times that move only with what they say (rules A3, S8). */
import { hash } from 'node:crypto'
import type { Condition, Resource } from '../api/meta/index.ts'
import { isSame } from './applied.ts'
import type { NewCondition, StatusPart } from './shapes.ts'

export type Part = Readonly<Record<string, unknown>>

const conditionsOf = (status: unknown): readonly Condition[] => (status as { readonly conditions?: readonly Condition[] } | undefined)?.conditions ?? []

/** Adds lastTransitionTime (kept while `status` stays; what was said in this pass is newer than the object) and the generation that was looked at. Sorted, so that order is no difference. */
const withTimes = (conditions: readonly NewCondition[], said: Part | undefined, object: Resource, now: Date): readonly Condition[] => {
  const before = [...conditionsOf(said), ...conditionsOf(object.status)]
  const time = `${now.toISOString().slice(0, 19)}Z`
  return conditions.map((c): Condition => {
    const old = before.find((b) => b.type === c.type)
    return { ...c, observedGeneration: c.observedGeneration ?? object.metadata.generation, lastTransitionTime: old?.status === c.status ? old.lastTransitionTime : time }
  }).toSorted((a, b) => (a.type < b.type ? -1 : 1))
}

/** The part as it is applied. `inputs`: the hash of what was acted on; absent while something is under way. `said`: the part as it stands. */
export const wholePart = (part: StatusPart, said: Part | undefined, object: Resource, controller: string, inputs: string | undefined, now: Date): Part => ({
  ...part, conditions: withTimes(part.conditions, said, object, now), ...(inputs !== undefined && { observed: { [controller]: inputs } }),
})

const sorted = (part: Part): Part => (Array.isArray(part['conditions']) ? { ...part, conditions: (part['conditions'] as Condition[]).toSorted((a, b) => (a.type < b.type ? -1 : 1)) } : part)
/** Who has said nothing yet and has nothing to say writes nothing. */
export const isSamePart = (a: Part | undefined, b: Part): boolean => isSame(sorted(a ?? { conditions: [] }), sorted(b))

/** Keys in order, so that equal inputs give equal text. */
const inOrder = (_key: string, value: unknown): unknown =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1))) : value

/** Whoever changes it has the object looked at once, whatever else is as it was. */
export const reconcileAnnotation = 'skerry.dev/reconcile'

/** For comparing within one process, where equal inputs have their keys in one order. */
export const printOf = (object: Resource, inputs: unknown): string =>
  hash('sha1', JSON.stringify([object.metadata.generation, object.metadata.deletionTimestamp, object.metadata.annotations?.[reconcileAnnotation], inputs]), 'base64')
/** The hash kept as `status.observed.<controller>` (rule E4). */
export const hashOf = (object: Resource, inputs: unknown): string =>
  hash('sha256', JSON.stringify([object.metadata.generation, object.metadata.deletionTimestamp ?? null, inputs ?? null], inOrder), 'hex').slice(0, 16)
export const observedHash = (object: Resource, controller: string): string | undefined =>
  (object.status as { readonly observed?: Readonly<Record<string, string>> } | undefined)?.observed?.[controller]

/** The object as it will be when `after` stands in place of `before`: a controller's inputs may name its own part. */
export const withPart = (object: Resource, before: Part | undefined, after: Part): Resource => {
  const status: Record<string, unknown> = { ...(object.status as object | undefined) }
  for (const field in before) if (field !== 'conditions' && field !== 'observed') delete status[field]
  const { conditions: _, observed: __, ...fields } = after
  return { ...object, status: { ...status, ...fields } }
}
