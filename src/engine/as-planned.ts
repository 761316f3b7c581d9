/** The shapes transform and external are special plans; said here once, so that one pass runs all three. */
import { controllerRef, keyOf, keyText, type Resource } from '../api/meta/index.ts'
import { isApplied } from './applied.ts'
import { settled, waiting, type Outcome } from './outcome.ts'
import type { Applied } from './resources.ts'
import type { Controller, External, Planned, Transform } from './shapes.ts'

type TransformSeen = { readonly apply: readonly Applied[]; readonly remove: readonly Resource[] }
type TransformStep = { readonly kind: 'apply'; readonly object: Applied } | { readonly kind: 'delete'; readonly object: Resource }

const fromTransform = (c: Transform<any, any>): Planned<any, TransformSeen, TransformStep> => {
  /** Our child, in our namespace unless it says another. */
  const complete = (a: Applied, owner: Resource): Applied => ({
    ...a,
    metadata: {
      ...(c.output.namespaced && owner.metadata.namespace !== undefined && { namespace: owner.metadata.namespace }), ...a.metadata,
      ownerReferences: a.metadata.ownerReferences ?? [controllerRef(owner)],
    },
  })
  return {
    ...c, shape: 'planned',
    async observe(object: Resource, { cached }) {
      const wanted = object.metadata.deletionTimestamp !== undefined ? [] : c.transform(object, cached).map((a) => complete(a, object))
      const names = new Set(wanted.map((w) => keyText(keyOf(w))))
      return {
        apply: wanted.filter((w) => {
          const existing = cached.get(c.output, keyOf(w))
          return existing === undefined || !isApplied(existing, w, c.name)
        }),
        remove: cached.ownedBy(c.output, object.metadata.uid).filter((o: Resource) =>
          !names.has(keyText(keyOf(o))) && o.metadata.deletionTimestamp === undefined && o.metadata.managedFields?.some((m) => m.manager === c.name) === true),
      }
    },
    plan: (seen) => ({
      steps: [...seen.apply.map((object) => ({ kind: 'apply', object }) as const), ...seen.remove.map((object) => ({ kind: 'delete', object }) as const)],
      outcome: settled(),
    }),
    async apply(step, _seen, _object, context) {
      if (step.kind === 'apply') await context.apply(c.output, step.object); else await context.delete(c.output, step.object)
    },
    status: () => ({ conditions: [] }),
  }
}

type ExternalSeen = { readonly deleting: boolean; readonly blocked: Outcome | undefined; now: unknown }
type ExternalStep = { readonly kind: 'create' } | { readonly kind: 'update' } | { readonly kind: 'delete' }

/** How often a deletion outside is looked after when nothing wakes us. */
const goneEverySeconds = 5

const fromExternal = (c: External<any, any>): Planned<any, ExternalSeen, ExternalStep> => ({
  ...c, shape: 'planned',
  async observe(object: Resource, context) {
    const deleting = object.metadata.deletionTimestamp !== undefined
    const now = await c.actuator.find(object, context)
    return { deleting, blocked: deleting || now !== undefined ? undefined : c.ready?.(object, context.cached), now }
  },
  plan(seen) {
    if (seen.deleting) return seen.now === undefined ? { steps: [{ kind: 'finish' }], outcome: settled() } : { steps: [{ kind: 'delete' }], outcome: waiting('Deleting', 'waits until it is gone outside', goneEverySeconds) }
    if (seen.blocked !== undefined) return { steps: [], outcome: seen.blocked }
    return { steps: [{ kind: seen.now === undefined ? 'create' : 'update' }], outcome: settled() }
  },
  async apply(step, seen, object, context) {
    switch (step.kind) {
      case 'create': seen.now = await c.actuator.create(object, context); return
      case 'update': seen.now = await c.actuator.update(object, seen.now, context); return
      case 'delete': await c.actuator.delete(object, seen.now, context); return
    }
  },
  status: (object, seen, pass) => c.status(object, seen?.now, pass),
})

export const asPlanned = (c: Controller): Planned<any, any, any> => (c.shape === 'planned' ? c : c.shape === 'transform' ? fromTransform(c) : fromExternal(c))
