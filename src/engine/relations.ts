/** How a change of one kind's object names the keys that must look again; constructors for `reads`. */
import { apiVersionOf, controllerOf, keyOf, resourceName, type Key, type Kind, type OwnerReference, type Resource } from '../api/meta/index.ts'
import type { Cached, Read } from './shapes.ts'

const isOf = (ref: OwnerReference | undefined, kind: Kind<any>): ref is OwnerReference => ref !== undefined && ref.kind === kind.kind && ref.apiVersion === apiVersionOf(kind)

/** Ours itself; the engine adds it always, so it is only needed for the graph. */
export const itself = <R extends Resource>(kind: Kind<R>): Read<R> => ({ kind, relation: 'itself', wakes: (o) => [keyOf(o)] })

/** Objects of `kind` that `mine` controls wake their owner. */
export const ownedBy = <R extends Resource>(kind: Kind<R>, mine: Kind<any>): Read<R> => ({
  kind, relation: 'owned',
  wakes: (o) => {
    const owner = controllerOf(o)
    return isOf(owner, mine) ? [{ namespace: mine.namespaced ? (o.metadata.namespace ?? '') : '', name: owner.name }] : []
  },
})

/** An object of `kind` wakes all of ours that it controls. */
export const ownerOf = <R extends Resource>(kind: Kind<R>, mine: Kind<any>): Read<R> => ({
  kind, relation: 'owner', wakes: (o, cached) => cached.ownedBy(mine, o.metadata.uid).map(keyOf),
})

/**
 * An object of `kind` wakes those of ours that name it: `refersTo(Site, Cluster, (c) => [{ namespace: '', name: c.spec.site }])`.
 * Looks through ours in the object's namespace, or through all of ours when `kind` has none.
 */
export const refersTo = <R extends Resource, M extends Resource>(kind: Kind<R>, mine: Kind<M>, names: (mine: M) => readonly Key[]): Read<R> => ({
  kind, relation: 'referred to',
  wakes: (o, cached: Cached) => {
    const key = keyOf(o)
    return cached.list(mine, kind.namespaced && mine.namespaced ? key.namespace : undefined)
      .filter((m) => names(m).some((k) => k.name === key.name && k.namespace === key.namespace)).map(keyOf)
  },
})

/** An object of `kind` names the one of ours that it concerns: `named(Machine, (m) => ({ namespace: m.metadata.namespace!, name: m.spec.cluster }))`. */
export const named = <R extends Resource>(kind: Kind<R>, relation: string, names: (object: R) => Key | undefined): Read<R> => ({
  kind, relation,
  wakes: (o) => {
    const key = names(o)
    return key === undefined ? [] : [key]
  },
})

/** Read, but never a reason to look again: what was made from it does not change with it. */
export const quietly = <R extends Resource>(kind: Kind<R>): Read<R> => ({ kind, relation: 'looked up', wakes: () => [] })

/** Every object of `kind` wakes all of ours. For kinds of few objects that change seldom. */
export const every = <R extends Resource>(kind: Kind<R>, mine: Kind<any>): Read<R> => ({
  kind, relation: resourceName(kind), wakes: (_o, cached) => cached.list(mine).map(keyOf),
})
