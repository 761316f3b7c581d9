/**
 * What is known of one kind: one parsed object a key, indexes by namespace and by controlling owner, and the version up to
 * which it is complete. Objects in it are shared and MUST NOT be changed. `informer.ts` fills it.
 */
import { controllerOf, keyOf, keyText, type Key, type Resource } from '../api/meta/index.ts'

export interface Change {
  readonly before: Resource | undefined
  readonly after: Resource | undefined
}

export interface KindCache {
  get(key: Key): Resource | undefined
  byUid(uid: string): Resource | undefined
  list(namespace?: string): readonly Resource[]
  ownedBy(ownerUid: string): readonly Resource[]
  /** Everything up to here has been seen; -1 before the first list. */
  readonly version: number
  /** Calls once, when `version` has been reached (rule E1). */
  whenPassed(version: number, call: () => void): void
  /** Returns the unsubscribe. */
  onChange(call: (change: Change) => void): () => void
  /** One event of the watch. */
  put(object: Resource): void
  remove(object: Resource): void
  pass(version: number): void
  /** A fresh list: what is not in it is gone. */
  replace(objects: readonly Resource[], version: number): void
}

/** Versions are plain decimal integers below 2⁵³ (rule S1). */
export const versionOf = (o: { readonly metadata: { readonly resourceVersion: string } }): number => Number(o.metadata.resourceVersion)

const byName = (a: Resource, b: Resource): number => (a.metadata.name < b.metadata.name ? -1 : 1)

/** Objects by a group's name, with the list of each group kept until it changes. */
const createIndex = (order?: (a: Resource, b: Resource) => number) => {
  const groups = new Map<string, { readonly objects: Map<string, Resource>; listed: readonly Resource[] | undefined }>()
  return {
    set(group: string, key: string, object: Resource): void {
      let g = groups.get(group)
      if (g === undefined) groups.set(group, (g = { objects: new Map(), listed: undefined }))
      g.objects.set(key, object)
      g.listed = undefined
    },
    delete(group: string, key: string): void {
      const g = groups.get(group)
      if (g === undefined || !g.objects.delete(key)) return
      g.listed = undefined
      if (g.objects.size === 0) groups.delete(group)
    },
    list(group: string): readonly Resource[] {
      const g = groups.get(group)
      if (g === undefined) return []
      return (g.listed ??= order === undefined ? [...g.objects.values()] : [...g.objects.values()].sort(order))
    },
  }
}

export const createCache = (): KindCache => {
  const all = new Map<string, Resource>()
  const uids = new Map<string, Resource>()
  let listed: readonly Resource[] | undefined
  const namespaces = createIndex()
  // In order of names, so that what is made of them does not change with the order of events.
  const owners = createIndex(byName)
  const subscribers = new Set<(change: Change) => void>()
  let waiters: { readonly version: number; readonly call: () => void }[] = []
  let version = -1

  const notify = (before: Resource | undefined, after: Resource | undefined): void => { for (const call of subscribers) call({ before, after }) }

  const store = (key: string, before: Resource | undefined, after: Resource | undefined): void => {
    const ownerBefore = before === undefined ? undefined : controllerOf(before)?.uid
    const ownerAfter = after === undefined ? undefined : controllerOf(after)?.uid
    if (ownerBefore !== undefined && ownerBefore !== ownerAfter) owners.delete(ownerBefore, key)
    if (ownerAfter !== undefined) owners.set(ownerAfter, key, after!)
    listed = undefined
    if (after === undefined) uids.delete(before!.metadata.uid); else uids.set(after.metadata.uid, after)
    const namespace = (after ?? before)!.metadata.namespace ?? ''
    if (after === undefined) { all.delete(key); namespaces.delete(namespace, key) } else { all.set(key, after); namespaces.set(namespace, key, after) }
    notify(before, after)
  }

  const pass = (to: number): void => {
    if (!(to > version)) return
    version = to
    if (waiters.length === 0) return
    const passed = waiters.filter((w) => w.version <= version)
    if (passed.length === 0) return
    waiters = waiters.filter((w) => w.version > version)
    for (const w of passed) w.call()
  }

  return {
    get: (key) => all.get(keyText(key)),
    byUid: (uid) => uids.get(uid),
    list: (namespace) => (namespace === undefined ? (listed ??= [...all.values()]) : namespaces.list(namespace)),
    ownedBy: (uid) => owners.list(uid),
    get version() { return version },
    whenPassed(to, call) { if (version >= to) call(); else waiters.push({ version: to, call }) },
    onChange(call) { subscribers.add(call); return () => { subscribers.delete(call) } },
    put(object) {
      const key = keyText(keyOf(object))
      const before = all.get(key)
      // A name that was given again: the former object went, even if that event was never seen.
      if (before !== undefined && before.metadata.uid !== object.metadata.uid) { store(key, before, undefined); store(key, undefined, object) } else store(key, before, object)
      pass(versionOf(object))
    },
    remove(object) {
      const key = keyText(keyOf(object))
      const before = all.get(key)
      if (before !== undefined) store(key, before, undefined)
      pass(versionOf(object))
    },
    pass,
    replace(objects, to) {
      const keep = new Set(objects.map((o) => keyText(keyOf(o))))
      for (const [key, before] of all) if (!keep.has(key)) store(key, before, undefined)
      for (const object of objects) {
        const key = keyText(keyOf(object))
        const before = all.get(key)
        if (before?.metadata.resourceVersion === object.metadata.resourceVersion && before.metadata.uid === object.metadata.uid) continue
        if (before !== undefined && before.metadata.uid !== object.metadata.uid) { store(key, before, undefined); store(key, undefined, object) } else store(key, before, object)
      }
      pass(to)
    },
  }
}
