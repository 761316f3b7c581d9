/** What a controller declared is all it can touch: reads and writes of other kinds throw, and two writers of one part are refused. */
import { resourceName, type Key, type Kind, type Resource } from '../api/meta/index.ts'
import type { KindCache } from './cache.ts'
import type { Cached, Controller, Write } from './shapes.ts'

/** Its own kind, what it reads, what it writes. */
export const readableKinds = (c: Controller): readonly Kind<any>[] => {
  const kinds = new Map<string, Kind<any>>()
  for (const k of [c.for, ...c.reads.map((r) => r.kind), ...exclusiveKinds(c)]) kinds.set(resourceName(k), k)
  return [...kinds.values()]
}
export const exclusiveKinds = (c: Controller): readonly Kind<any>[] => c.writes.filter((w) => w.mode === 'exclusive').map((w) => w.kind)
export const writesStatus = (c: Controller): boolean => c.writes.some((w) => w.mode === 'status' && resourceName(w.kind) === resourceName(c.for))

const overlaps = (a: Write, b: Write): boolean => a.mode === b.mode && resourceName(a.kind) === resourceName(b.kind) && (a.part === b.part || a.part === '*' || b.part === '*')

/** Throws when the controllers cannot run beside each other. */
export const checkControllers = (controllers: readonly Controller[]): void => {
  const names = new Set<string>()
  for (const c of controllers) {
    // The name is the field manager and the key in status.observed.
    if (!/^[a-z][a-z0-9-]*$/.test(c.name)) throw new Error(`controller "${c.name}": a name is lower case letters, digits and "-"`)
    if (names.has(c.name)) throw new Error(`two controllers are called ${c.name}`)
    names.add(c.name)
    for (const w of c.writes) if (w.mode === 'status' && resourceName(w.kind) !== resourceName(c.for)) throw new Error(`${c.name} writes the status of ${w.kind.kind}, but governs ${c.for.kind}; a controller writes the status of its own kind only`)
    if (c.shape === 'transform' && !exclusiveKinds(c).some((k) => resourceName(k) === resourceName(c.output))) throw new Error(`${c.name}: its output ${c.output.kind} is not among its writes`)
  }
  const finalizers = new Map<string, string>()
  for (const c of controllers) {
    if (c.finalizer === undefined) continue
    const id = `${resourceName(c.for)} ${c.finalizer}`
    if (finalizers.has(id)) throw new Error(`${finalizers.get(id)} and ${c.name} share the finalizer ${c.finalizer}; one would remove the other's`)
    finalizers.set(id, c.name)
  }
  controllers.forEach((a, i) => {
    for (const b of controllers.slice(i + 1)) for (const x of a.writes) for (const y of b.writes) if (overlaps(x, y))
      throw new Error(`${a.name} and ${b.name} both write ${x.mode === 'status' ? 'the status' : 'objects'} of ${x.kind.kind}, part "${x.part}"; each part has one writer`)
  })
}

export type Caches = ReadonlyMap<string, KindCache>

/** The caches, but only those of these kinds. */
export const cachedView = (controller: string, caches: Caches, kinds: readonly Kind<any>[]): Cached => {
  const allowed = new Set(kinds.map(resourceName))
  const open = (kind: Kind<any>): KindCache => {
    const resource = resourceName(kind)
    const cache = allowed.has(resource) ? caches.get(resource) : undefined
    if (cache === undefined) throw new Error(`${controller} reads ${kind.kind} without declaring it; add it to reads`)
    return cache
  }
  return {
    get: <R extends Resource>(kind: Kind<R>, key: Key) => open(kind).get(key) as R | undefined,
    byUid: <R extends Resource>(kind: Kind<R>, uid: string) => open(kind).byUid(uid) as R | undefined,
    list: <R extends Resource>(kind: Kind<R>, namespace?: string) => open(kind).list(namespace) as readonly R[],
    ownedBy: <R extends Resource>(kind: Kind<R>, ownerUid: string) => open(kind).ownedBy(ownerUid) as readonly R[],
  }
}
