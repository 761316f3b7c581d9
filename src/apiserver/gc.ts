/**
 * Collects what lost its owners or its namespace, finishes foreground and orphaning deletions, empties namespaces, and drops old Events.
 * Everything is a compare-and-swap on what is seen, so that it is safe on every replica; a sweep finds what was missed.
 */
import { keepWatching } from '../store/kept-watch.ts'
import type { Change, Row, StoreKey } from '../store/store.ts'
import type { Api } from './api.ts'
import { afterUpdate } from './apply.ts'
import { namespaceKey, writerOf, type Call } from './call.ts'
import { commit } from './commit.ts'
import type { Identity } from './identity.ts'
import { storedObject } from './objects.ts'
import { namespaceFinalizer, remove, type DeleteWish } from './remove.ts'
import { parseRequest } from './request.ts'
import type { Served } from './served.ts'
import { apiStatusOf } from './status.ts'
import type { Mutable } from './values.ts'

const sweepMs = 300_000
const atOnce = 16
const identity: Identity = { user: 'system:garbage-collector', groups: [], writer: 'hub' }
const finalizersOfOurs = ['foregroundDeletion', 'orphan', namespaceFinalizer] as const

interface Owner { readonly apiVersion: string; readonly kind: string; readonly name: string; readonly uid: string; readonly blockOwnerDeletion?: boolean }
const ownersOf = (row: Row): readonly Owner[] => ((storedObject(row)['metadata'] as Mutable)['ownerReferences'] ?? []) as readonly Owner[]
const keyOf = ({ resource, namespace, name }: StoreKey): StoreKey => ({ resource, namespace, name })
const idOf = (k: StoreKey): string => `${k.resource}\0${k.namespace}\0${k.name}`

/** Answers the stop. */
export const collectGarbage = (api: Api, keepEventsMs: number): (() => void) => {
  const stored = new Map<string, Served>()
  for (const s of api.served.values()) {
    if (!s.verbs.includes('delete')) continue
    const own = s.view?.stored ?? s
    stored.set(own.resource, own)
  }
  const byKind = new Map([...stored.values()].map((s) => [`${s.apiVersion} ${s.kind.kind}`, s]))
  const namespaced = [...stored.values()].filter((s) => s.kind.namespaced)
  const queue = new Map<string, StoreKey>()
  let running = 0
  let stopped = false

  const callFor = (served: Served, key: StoreKey): Call => ({
    api, served, identity, r: { ...parseRequest('DELETE', '/'), verb: 'delete', group: served.kind.group, version: served.kind.version, resource: served.kind.plural, namespace: key.namespace, name: key.name },
    source: '', userAgent: 'garbage-collector', contentType: undefined, body: Buffer.alloc(0), fence: undefined, requestId: 'garbage-collector', warn: () => {},
  })

  /** undefined: of a kind that is not served here, or of another namespace; such an owner counts as there. */
  const ownerKey = (dependent: Row, o: Owner): StoreKey | undefined => {
    const served = byKind.get(`${o.apiVersion} ${o.kind}`)
    if (served === undefined || (served.kind.namespaced && dependent.namespace === '')) return undefined
    return { resource: served.resource, namespace: served.kind.namespaced ? dependent.namespace : '', name: o.name }
  }
  const ownerOf = (dependent: Row, o: Owner): Row | 'unknown' | undefined => {
    const key = ownerKey(dependent, o)
    if (key === undefined) return 'unknown'
    const row = api.cache.get(key)
    return row?.uid === o.uid ? row : undefined
  }

  const drop = async (row: Row, wish: Partial<DeleteWish> = {}): Promise<void> => {
    const served = stored.get(row.resource)
    if (served === undefined || row.deleting) return
    await remove(callFor(served, row), { propagation: undefined, uid: row.uid, resourceVersion: undefined, dryRun: false, ...wish })
  }
  const rewrite = async (row: Row, change: (meta: Mutable) => Mutable): Promise<void> => {
    const served = stored.get(row.resource)
    if (served === undefined) return
    const object = storedObject(row)
    const after = { ...object, metadata: change({ ...(object['metadata'] as Mutable) }) }
    const call = callFor(served, row)
    // Nobody owns any more what is taken out.
    const managedFields = afterUpdate(object, after, served.schema, writerOf(call, 'Update'))
    const metadata: Mutable = { ...after.metadata, managedFields: managedFields.length > 0 ? managedFields : undefined }
    const isFinished = row.deleting && ((metadata['finalizers'] ?? []) as readonly string[]).length === 0
    const done = await commit(call, keyOf(row), row, isFinished ? undefined : { ...object, metadata })
    if (done.kind === 'lost') add(row)
  }
  const withoutFinalizer = (row: Row, finalizer: string): Promise<void> => rewrite(row, (meta) => {
    const { finalizers: _, ...rest } = meta
    const left = row.finalizers.filter((f) => f !== finalizer)
    return left.length === 0 ? rest : { ...rest, finalizers: left }
  })
  const withoutOwners = (row: Row, gone: (o: Owner) => boolean): Promise<void> => rewrite(row, (meta) => {
    const { ownerReferences: _, ...rest } = meta
    const left = ownersOf(row).filter((o) => !gone(o))
    return left.length === 0 ? rest : { ...rest, ownerReferences: left }
  })

  /** Who has owners and none of them is there goes; who has some left forgets the others. */
  const checkOwners = async (row: Row): Promise<void> => {
    const owners = ownersOf(row)
    const missing = owners.filter((o) => ownerOf(row, o) === undefined)
    if (missing.length === 0) return
    if (missing.length < owners.length) await withoutOwners(row, (o) => missing.includes(o))
    else await drop(row)
  }
  const inForeground = async (row: Row): Promise<void> => {
    const dependents = api.cache.byOwner(row.uid)
    const blocking = dependents.filter((d) => ownersOf(d).some((o) => o.uid === row.uid && o.blockOwnerDeletion === true))
    for (const d of dependents) await drop(d, { propagation: 'Foreground' })
    if (blocking.length === 0) await withoutFinalizer(row, 'foregroundDeletion')
  }
  const orphan = async (row: Row): Promise<void> => {
    const dependents = api.cache.byOwner(row.uid)
    for (const d of dependents) await withoutOwners(d, (o) => o.uid === row.uid)
    // What was orphaned shows in the cache first.
    if (dependents.length === 0) await withoutFinalizer(row, 'orphan')
    else add(row)
  }
  /** Made where somebody still saw a namespace that was gone. */
  const isAdrift = ({ resource, namespace }: StoreKey): boolean => {
    const served = stored.get(resource)
    const key = served === undefined ? undefined : namespaceKey(api, served, namespace)
    return key !== undefined && api.cache.get(key) === undefined
  }
  const contentOf = (namespace: string): readonly Row[] => namespaced.flatMap((s) => api.cache.list(s.resource, namespace))
  const empty = async (row: Row): Promise<void> => {
    const content = contentOf(row.name)
    for (const each of content) await drop(each).catch(report)
    if (content.length === 0) await withoutFinalizer(row, namespaceFinalizer)
  }

  const look = async (key: StoreKey): Promise<void> => {
    // Nothing is judged on an old copy.
    await api.cache.fresh()
    const row = api.cache.get(key)
    if (row === undefined || stopped) return
    if (row.deleting && row.finalizers.includes('foregroundDeletion')) return inForeground(row)
    if (row.deleting && row.finalizers.includes('orphan')) return orphan(row)
    if (row.deleting && row.finalizers.includes(namespaceFinalizer) && row.resource === api.namespaces?.resource) return empty(row)
    if (!row.deleting && isAdrift(row)) return drop(row)
    if (!row.deleting && row.ownerUids.length > 0) return checkOwners(row)
  }
  const report = (error: unknown): void => {
    const status = apiStatusOf(error)
    if (stopped || status?.code === 404 || status?.code === 409) return
    api.log.warn({ error: status?.message ?? String(error) }, 'garbage is collected later')
  }
  const add = (key: StoreKey): void => {
    queue.set(idOf(key), keyOf(key))
    if (running < atOnce) { running++; setImmediate(work) }
  }
  const work = (): void => {
    const next = stopped ? undefined : queue.entries().next().value
    if (next === undefined) { running--; return }
    queue.delete(next[0])
    void look(next[1]).catch(report).finally(() => setImmediate(work))
  }

  const onChange = (c: Change): void => {
    if (c.after !== undefined) {
      if (c.after.deleting ? c.after.finalizers.some((f) => (finalizersOfOurs as readonly string[]).includes(f)) : c.before === undefined && (c.after.ownerUids.length > 0 || isAdrift(c.key))) add(c.key)
      return
    }
    for (const d of api.cache.byOwner(c.uid)) add(d)
    if (c.before === undefined) return
    for (const o of c.before.ownerUids.length === 0 ? [] : ownersOf(c.before)) {
      const key = ownerKey(c.before, o)
      if (key !== undefined) add(key)
    }
    if (api.namespaces === undefined) return
    if (c.key.namespace !== '') {
      const namespace = { resource: api.namespaces.resource, namespace: '', name: c.key.namespace }
      if (api.cache.get(namespace)?.deleting === true) add(namespace)
    }
  }

  const sweep = (): void => {
    for (const resource of stored.keys())
      for (const row of api.cache.list(resource)) if (row.ownerUids.length > 0 || (row.deleting && row.finalizers.length > 0) || isAdrift(row)) add(row)
    const before = api.now().getTime() - keepEventsMs
    for (const row of api.cache.list('events')) if (lastSeen(row) < before) void drop(row).catch(report)
  }
  const stopWatching = keepWatching(api.cache, [...stored.keys()], { onBegin: sweep, onChanges: (changes) => { for (const c of changes) onChange(c) } })
  const timer = setInterval(sweep, sweepMs)
  timer.unref()
  return () => {
    stopped = true
    clearInterval(timer)
    queue.clear()
    stopWatching()
  }
}

/** Without parsing the whole of it into the shared cache: there are many, and they are looked at once in a while. */
const lastSeen = (event: Row): number => {
  const o = JSON.parse(event.body) as { readonly lastTimestamp?: string | null; readonly eventTime?: string | null; readonly metadata: { readonly creationTimestamp: string } }
  return Date.parse(o.lastTimestamp ?? o.eventTime ?? o.metadata.creationTimestamp)
}
