/**
 * A change of an object that is there: computed on a copy, compared and stored, done again when somebody was faster (rule S2).
 * The copy comes from the cache, which may lag, and so may what is beside it: a refusal, or "nothing changed", is believed only when the
 * cache is known to be current. What may have been stored is not tried again (rule S3).
 */
import { isUnclear } from '../store/errors.ts'
import type { NewRow, Operation, Row, StoreKey } from '../store/store.ts'
import { afterUpdate } from './apply.ts'
import { writeRecord } from './audit/write.ts'
import { isDryRun, keyOf, seen, storedAs, withVersion, writerOf, type Call, type Written } from './call.ts'
import { rowFor, storedObject } from './objects.ts'
import { prepare } from './prepare.ts'
import { conflict, fenced, modified, notFound, timeout, tooBig, tooManyRequests, unavailable } from './status.ts'
import { equal, type Mutable } from './values.ts'

const triesAtMost = 50
/** As etcd's limit of a request. */
const objectAtMost = 1.5 * (1 << 20)

/** `row`: what stands there now; none of what was removed. */
export type Committed = { readonly kind: 'stored'; readonly version: number; readonly row: Row | undefined } | { readonly kind: 'lost'; readonly current: Row | undefined }

/** What stands or falls with a write: further rows, and what its audit record says besides. */
export interface Beside { readonly rows: readonly NewRow[]; readonly note: string }

/** One compare-and-swap, with its audit record and the fence of its writer. `after: undefined` removes. */
export const commit = async (c: Call, key: StoreKey, live: Row | undefined, after: Mutable | undefined, beside?: Beside): Promise<Committed> => {
  const row = after === undefined ? undefined : rowFor(storedAs(c), after)
  if (row !== undefined && row.body.length > objectAtMost) throw tooBig(objectAtMost)
  const { kind } = c.served
  const waitSeconds = kind.kind === 'Event' && after !== undefined ? (c.api.eventBudget?.take(after) ?? 0) : 0
  if (waitSeconds > 0) throw tooManyRequests(waitSeconds)
  const audit = c.api.store.audit === undefined ? undefined : writeRecord(c, key, live === undefined ? undefined : storedObject(live), after, beside?.note)
  const done = await c.api.store.commit({
    operations: [
      { key, expect: live === undefined ? 'absent' : live.version, row },
      ...(beside?.rows ?? []).map((r): Operation => ({ key: { resource: r.resource, namespace: r.namespace, name: r.name }, expect: 'absent', row: r })),
    ],
    ...(audit !== undefined && { audit }),
    ...(c.fence !== undefined && { fence: c.fence }),
  })
  switch (done.kind) {
    case 'fenced': throw fenced(kind, key.name)
    case 'newer': throw unavailable(`${key.resource} "${key.name}" was written by a newer version of the server, which can change it; this one cannot`)
    case 'conflict': return { kind: 'lost', current: done.current }
    case 'committed': { const version = done.versions[0]!; return { kind: 'stored', version, row: row && { ...row, version } } }
  }
}

/** The row that stands there, and whether that is known or only what the cache holds. */
export interface Standing { readonly row: Row | undefined; readonly isCurrent: boolean }

export const standing = async (c: Call, key: StoreKey): Promise<Standing> => {
  const row = c.api.cache.get(key)
  return row === undefined ? refreshed(c, key) : { row, isCurrent: false }
}
export const refreshed = async (c: Call, key: StoreKey): Promise<Standing> => {
  await c.api.cache.fresh()
  return { row: c.api.cache.get(key), isCurrent: true }
}

/** Runs `attempt` on what stands there until it settles. It answers a lost comparison, or throws; on a stale copy it is asked again. */
export const settle = async <T>(c: Call, key: StoreKey, attempt: (row: Row, isCurrent: boolean) => Promise<T | { readonly kind: 'lost'; readonly current: Row | undefined } | 'stale'>): Promise<T> => {
  let at = await standing(c, key)
  for (let tries = 0; tries < triesAtMost; tries++) {
    const { row, isCurrent } = at
    if (row === undefined) throw notFound(c.served.kind, key.name)
    let result: Awaited<ReturnType<typeof attempt>>
    try {
      result = await attempt(row, isCurrent)
    } catch (error) {
      if (isCurrent || isUnclear(error)) throw error
      at = await refreshed(c, key)
      continue
    }
    if (result === 'stale') {
      at = await refreshed(c, key)
      continue
    }
    if (isLost(result)) {
      at = { row: result.current, isCurrent: true }
      continue
    }
    return result as T
  }
  throw timeout('the object is being changed too often; try again')
}
const isLost = (v: unknown): v is { readonly kind: 'lost'; readonly current: Row | undefined } => (v as { kind?: unknown }).kind === 'lost'

const withoutTimes = (o: Mutable): unknown => {
  const m = o['metadata'] as Mutable
  return { ...o, metadata: { ...m, resourceVersion: undefined, managedFields: (m['managedFields'] as Mutable[] | undefined)?.map((e) => ({ ...e, time: undefined })) } }
}
/** Rule S8: the same but for times in managedFields. */
const isNoChange = (a: Mutable, b: Mutable): boolean => equal(withoutTimes(a), withoutTimes(b))

export interface Wanted {
  /** In the form that is stored. Its resourceVersion and uid, where given, are preconditions. */
  readonly object: Mutable
  /** Absent: computed from what changed. */
  readonly managedFields?: readonly object[]
}

const checkPrecondition = (c: Call, wanted: Mutable, live: Mutable): void => {
  const { resourceVersion, uid } = (wanted['metadata'] ?? {}) as Mutable
  const m = live['metadata'] as Mutable
  if (typeof uid === 'string' && uid !== '' && uid !== m['uid']) throw conflict(c.served.kind, c.r.name, `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${String(m['uid'])}`)
  if (typeof resourceVersion === 'string' && resourceVersion !== '' && resourceVersion !== m['resourceVersion']) throw modified(c.served.kind, c.r.name)
}

/** Through a subresource nobody says who owns what. */
const saidOfOwners = (c: Call, wanted: Mutable): unknown => (c.r.subresource === '' ? (wanted['metadata'] as Mutable | undefined)?.['managedFields'] : undefined)

/** `mutate` gets the stored object, which it may not change in place, and answers the wanted one. */
export const change = (c: Call, mutate: (live: Mutable) => Wanted): Promise<Written> => {
  const key = keyOf(c)
  const served = storedAs(c)
  return settle<Written>(c, key, async (row, isCurrent) => {
    const live = storedObject(row)
    const wanted = mutate(live)
    checkPrecondition(c, wanted.object, live)
    const object = prepare(wanted.object, live, c, served)
    const meta = object['metadata'] as Mutable
    const managed = wanted.managedFields ?? afterUpdate(live, object, served.schema, writerOf(c, 'Update'), saidOfOwners(c, wanted.object))
    if (managed.length > 0) meta['managedFields'] = managed
    const isFinished = meta['deletionTimestamp'] !== undefined && meta['finalizers'] === undefined
    if (!isFinished && isNoChange(live, object)) return isCurrent ? { code: 200, row } : 'stale'
    if (isDryRun(c.r)) return { code: 200, object: seen(c, withVersion(object, row.version)) }
    const done = await commit(c, key, row, isFinished ? undefined : object)
    if (done.kind === 'lost') return done
    return done.row === undefined ? { code: 200, object: seen(c, withVersion(object, row.version)), version: done.version } : { code: 200, row: done.row }
  })
}
