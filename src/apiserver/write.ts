/** Create, update, patch, apply, delete: each a change of a copy, compared and stored, done again when somebody was faster (rule S2). */
import { randomBytes } from 'node:crypto'
import { applyPatch, type Operation as PatchOperation } from 'rfc6902'
import type { Row, StoreKey } from '../store/store.ts'
import type { Api } from './api.ts'
import { afterUpdate, apply as applyFields, duplicateItems, type Writer } from './apply.ts'
import { checkFields, checkIdentity, demandObject, mediaType, parseBody, patchTypes } from './decode.ts'
import type { Identity } from './identity.ts'
import { objectOf, rowFor, storedObject } from './objects.ts'
import { ownPart, prepare, seconds } from './prepare.ts'
import { isTrue, type RequestInfo } from './request.ts'
import type { Served } from './served.ts'
import { alreadyExists, badRequest, conflict, fenced, forbidden, internal, modified, notFound, success, timeout, unavailable, unsupportedMediaType, type Status } from './status.ts'
import { copy, equal, isObject, parseJson, parseYaml, type Mutable } from './values.ts'
import { isUnavailable, isUnclear } from '../store/errors.ts'

export interface Call {
  readonly api: Api
  readonly served: Served
  readonly r: RequestInfo
  readonly identity: Identity
  readonly userAgent: string
  readonly contentType: string | undefined
  readonly body: string
  readonly fence: { readonly slot: string; readonly epoch: number } | undefined
  warn(message: string): void
}
export interface Written { readonly code: number; readonly object: Mutable | Status; readonly version?: number }

const keyOf = (c: Call, name = c.r.name): StoreKey => ({ resource: c.served.resource, namespace: c.served.kind.namespaced ? c.r.namespace : '', name })
const storedAs = (c: Call): Served => (c.served.view === undefined ? c.served : { ...c.served, ...c.served.view.stored, view: undefined })
const isDryRun = (r: RequestInfo): boolean => r.query.getAll('dryRun').includes('All')
const managerOf = (c: Call): string => c.r.query.get('fieldManager') || c.userAgent.split('/')[0] || 'unknown'
const writerOf = (c: Call, operation: Writer['operation']): Writer => ({ manager: managerOf(c).slice(0, 128), operation, subresource: c.r.subresource === 'status' ? 'status' : '', apiVersion: c.served.apiVersion, time: seconds(c.api.now()) })

const withTimesOf = (o: Mutable): unknown => {
  const m = o['metadata'] as Mutable
  return { ...o, metadata: { ...m, resourceVersion: undefined, managedFields: (m['managedFields'] as Mutable[] | undefined)?.map((e) => ({ ...e, time: undefined })) } }
}
/** Rule S8: the same but for times in managedFields. */
const isNoChange = (a: Mutable, b: Mutable): boolean => equal(withTimesOf(a), withTimesOf(b))

/** What stands there: the cache may lag, so "nothing" is believed only after the counter was read. */
const liveRow = async (c: Call, key: StoreKey): Promise<Row | undefined> => {
  const row = c.api.cache.get(key)
  if (row !== undefined) return row
  await c.api.cache.fresh()
  return c.api.cache.get(key)
}

/** One compare-and-swap. `undefined` after: removed. Answers the version, or the row that stood in the way. */
const store = async (c: Call, key: StoreKey, live: Row | undefined, after: Mutable | undefined): Promise<{ readonly version: number } | { readonly lost: Row | undefined }> => {
  const row = after === undefined ? undefined : rowFor(storedAs(c), after)
  try {
    const done = await c.api.store.commit({ operations: [{ key, expect: live === undefined ? 'absent' : live.version, row }], ...(c.fence !== undefined && { fence: c.fence }) })
    if (done.kind === 'fenced') throw fenced(c.served.kind, key.name)
    return done.kind === 'conflict' ? { lost: done.current } : { version: done.versions[0]! }
  } catch (error) {
    if (isUnclear(error)) throw timeout('it is not known whether the write was made; look before you try again')
    if (isUnavailable(error)) throw unavailable('the database is out of reach; try again')
    throw error
  }
}

const view = (c: Call, o: Mutable): Mutable => (c.served.view === undefined ? o : c.served.view.toView(o))
const withVersion = (o: Mutable, version: number): Mutable => ({ ...o, metadata: { ...(o['metadata'] as Mutable), resourceVersion: String(version) } })

const checkNamespace = (c: Call): void => {
  const { namespaces, cache } = c.api
  if (!c.served.kind.namespaced || namespaces === undefined) return
  const row = cache.get({ resource: namespaces.resource, namespace: '', name: c.r.namespace })
  if (row === undefined) throw notFound({ group: '', plural: 'namespaces' }, c.r.namespace)
  if (row.deleting) throw forbidden(c.served.kind, '', `unable to create new content in namespace ${c.r.namespace} because it is being terminated`)
}

export const create = async (c: Call): Promise<Written> => {
  const given = demandObject(parseBody(c.body, c.contentType))
  checkIdentity(given, c.served, c.r)
  for (const w of checkFields(given, c.body, c.served, c.r)) c.warn(w)
  if (c.served.kind.namespaced && c.api.namespaces !== undefined && c.api.cache.get({ resource: c.api.namespaces.resource, namespace: '', name: c.r.namespace }) === undefined) await c.api.cache.fresh()
  checkNamespace(c)
  const meta = given['metadata'] as Mutable
  if (typeof meta['resourceVersion'] === 'string' && meta['resourceVersion'] !== '') throw badRequest('resourceVersion should not be set on objects to be created')
  const prefix = meta['name'] === undefined || meta['name'] === '' ? (meta['generateName'] as string | undefined) : undefined
  for (let attempt = 0; ; attempt++) {
    if (prefix !== undefined) meta['name'] = prefix.slice(0, 58) + randomName()
    const object = await newObject(c, given)
    const name = String((object['metadata'] as Mutable)['name'])
    const key = keyOf(c, name)
    if (isDryRun(c.r)) {
      if ((await liveRow(c, key)) !== undefined) throw alreadyExists(c.served.kind, name)
      return { code: 201, object: view(c, object) }
    }
    const done = await store(c, key, undefined, object)
    if ('version' in done) return { code: 201, object: view(c, withVersion(object, done.version)), version: done.version }
    if (prefix === undefined || attempt >= 7) throw alreadyExists(c.served.kind, name)
  }
}
const randomName = (): string => [...randomBytes(5)].map((b) => 'bcdfghjklmnpqrstvwxz2456789'[b % 27]).join('')

const newObject = async (c: Call, given: Mutable): Promise<Mutable> => {
  const served = storedAs(c)
  const stored = c.served.view === undefined ? given : c.served.view.fromView(given, undefined)
  // References to what was made a moment ago on another replica: look again with a fresh cache before refusing.
  const make = () => prepare(copy(stored), undefined, served, c.identity, '', c.api)
  let object: Mutable
  try { object = make() } catch { await c.api.cache.fresh(); object = make() }
  const managed = afterUpdate(undefined, object, served.schema, writerOf(c, 'Update'))
  return { ...object, metadata: { ...(object['metadata'] as Mutable), ...(managed.length > 0 && { managedFields: managed }) } }
}

/** What a caller's precondition in the object says. */
const checkPrecondition = (c: Call, given: Mutable, live: Mutable): boolean => {
  const { resourceVersion, uid } = (given['metadata'] ?? {}) as Mutable
  const m = live['metadata'] as Mutable
  if (typeof uid === 'string' && uid !== '' && uid !== m['uid']) throw conflict(c.served.kind, c.r.name, `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${String(m['uid'])}`)
  if (typeof resourceVersion !== 'string' || resourceVersion === '') return false
  if (resourceVersion !== m['resourceVersion']) throw modified(c.served.kind, c.r.name)
  return true
}

/**
 * Changes an object that is there. `change` gets what the client sees and answers what it wants (as the client sees it); with a
 * precondition a lost comparison is 409, without one it is done again on the new copy.
 */
const change = async (c: Call, mutate: (live: Mutable) => { readonly wanted: Mutable; readonly managedFields?: readonly object[] }): Promise<Written> => {
  const served = storedAs(c)
  const key = keyOf(c)
  let row = await liveRow(c, key)
  for (let attempt = 0; attempt < 30; attempt++) {
    if (row === undefined) throw notFound(c.served.kind, c.r.name)
    const live = storedObject(row)
    const { wanted, managedFields } = mutate(view(c, live))
    let isExact: boolean
    try { isExact = checkPrecondition(c, wanted, live) } catch (error) {
      // The cache may lag behind the version that the caller has seen.
      const seen = row.version
      await c.api.cache.fresh()
      row = c.api.cache.get(key)
      if (row !== undefined && row.version !== seen) continue
      throw error
    }
    const stored = c.served.view === undefined ? wanted : c.served.view.fromView(wanted, live)
    const object = prepare(stored, live, served, c.identity, c.r.subresource, c.api)
    const meta = object['metadata'] as Mutable
    const managed = managedFields ?? afterUpdate(live, object, served.schema, writerOf(c, 'Update'))
    if (managed.length > 0) meta['managedFields'] = managed
    else delete meta['managedFields']
    const isFinished = meta['deletionTimestamp'] !== undefined && ((meta['finalizers'] as string[] | undefined) ?? []).length === 0
    if (!isFinished && isNoChange(live, object)) return { code: 200, object: view(c, live), version: row.version }
    if (isDryRun(c.r)) return { code: 200, object: view(c, withVersion(object, row.version)) }
    const done = await store(c, key, row, isFinished ? undefined : object)
    if ('version' in done) return { code: 200, object: view(c, withVersion(object, done.version)), version: done.version }
    if (isExact) throw done.lost === undefined ? notFound(c.served.kind, c.r.name) : modified(c.served.kind, c.r.name)
    row = done.lost
  }
  throw timeout('the object is being changed too often; try again')
}

export const update = async (c: Call): Promise<Written> => {
  const given = demandObject(parseBody(c.body, c.contentType))
  checkIdentity(given, c.served, c.r)
  for (const w of checkFields(given, c.body, c.served, c.r)) c.warn(w)
  return change(c, () => ({ wanted: copy(given) }))
}

export const mergePatch = (target: unknown, patch: unknown): unknown => {
  if (!isObject(patch)) return patch
  const out: Mutable = isObject(target) ? { ...target } : {}
  for (const [k, v] of Object.entries(patch)) {
    if (v === null) delete out[k]
    else out[k] = mergePatch(out[k], v)
  }
  return out
}

export const patch = async (c: Call): Promise<Written> => {
  const type = mediaType(c.contentType)
  switch (type) {
    case 'application/apply-patch+yaml': return applyPatchYaml(c)
    case 'application/merge-patch+json': {
      const body = demandObject(parseJson(c.body))
      return change(c, (live) => ({ wanted: patched(c, mergePatch(copy(live), body) as Mutable) }))
    }
    case 'application/json-patch+json': {
      const operations = parseJson(c.body)
      if (!Array.isArray(operations)) throw badRequest('a JSON patch is a list of operations')
      if (operations.length > 10_000) throw badRequest('a JSON patch has at most 10000 operations')
      return change(c, (live) => {
        const wanted = copy(live)
        const failed = applyPatch(wanted, operations as unknown as PatchOperation[]).find((e) => e !== null)
        if (failed !== undefined && failed !== null) {
          if (failed.name === 'TestError') throw Object.assign(badRequest(''), { apiStatus: { ...invalidPatch(c, `the test operation failed: ${failed.message}`) } })
          throw Object.assign(badRequest(''), { apiStatus: { ...invalidPatch(c, failed.message) } })
        }
        return { wanted: patched(c, wanted) }
      })
    }
    default: throw unsupportedMediaType(type, patchTypes)
  }
}
const invalidPatch = (c: Call, message: string): Status => ({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', reason: 'Invalid', message: `the server rejected our request due to an error in our request: ${message}`, details: { name: c.r.name, kind: c.served.kind.plural }, code: 422 })
const patched = (c: Call, wanted: Mutable): Mutable => {
  checkIdentity(wanted, c.served, c.r)
  for (const w of checkFields(wanted, undefined, c.served, c.r)) c.warn(w)
  return wanted
}

const applyPatchYaml = async (c: Call): Promise<Written> => {
  const manager = c.r.query.get('fieldManager')
  if (manager === null || manager === '') throw badRequest('PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch')
  const given = demandObject(parseYaml(c.body))
  checkIdentity(given, c.served, c.r)
  for (const w of checkFields(given, c.body, c.served, c.r)) c.warn(w)
  const meta = given['metadata'] as Mutable
  if (meta['managedFields'] !== undefined && (meta['managedFields'] as unknown[]).length > 0) throw badRequest('metadata.managedFields must be nil')
  const served = storedAs(c)
  const twice = duplicateItems(given, served.schema)
  if (twice !== undefined) throw badRequest(`failed to create typed patch object: ${twice}: duplicate entries for key`)
  const force = isTrue(c.r.query.get('force') ?? 'false')
  const w = writerOf(c, 'Apply')
  const precondition = { resourceVersion: meta['resourceVersion'], uid: meta['uid'] }
  if ((await liveRow(c, keyOf(c))) === undefined) {
    if (c.r.subresource !== '') throw notFound(c.served.kind, c.r.name)
    if (precondition.uid !== undefined) throw conflict(c.served.kind, c.r.name, `uid mismatch: the provided object specified uid ${String(precondition.uid)}, and no existing object was found`)
    const created = await createByApply(c, given, w)
    if (created !== undefined) return created
  }
  return change(c, (live) => {
    const stored = c.served.view === undefined ? live : c.served.view.fromView(live, undefined)
    const { object, managedFields } = applyFields(stored, ownPart(given, served, c.r.subresource), served.schema, w, force)
    const m = live['metadata'] as Mutable
    const wanted = { ...(c.r.subresource === 'status' ? {} : {}), ...object, apiVersion: c.served.apiVersion, kind: c.served.kind.kind, metadata: { ...(object['metadata'] as Mutable | undefined), name: m['name'], namespace: m['namespace'], ...precondition } }
    return { wanted: c.served.view === undefined ? wanted : { ...wanted, ...view(c, { ...wanted, apiVersion: '', kind: '' }) }, managedFields }
  })
}

const createByApply = async (c: Call, given: Mutable, w: Writer): Promise<Written | undefined> => {
  checkNamespace(c)
  const served = storedAs(c)
  const stored = c.served.view === undefined ? given : c.served.view.fromView(given, undefined)
  const { object: merged, managedFields } = applyFields(undefined, ownPart(stored, served, ''), served.schema, w, true)
  const meta = stored['metadata'] as Mutable
  const make = () => prepare({ ...copy(merged), metadata: { ...((merged['metadata'] as Mutable | undefined) ?? {}), name: meta['name'], namespace: meta['namespace'] } }, undefined, served, c.identity, '', c.api)
  let object: Mutable
  try { object = make() } catch { await c.api.cache.fresh(); object = make() }
  object['metadata'] = { ...(object['metadata'] as Mutable), ...(managedFields.length > 0 && { managedFields }) }
  if (isDryRun(c.r)) return { code: 201, object: view(c, object) }
  const done = await store(c, keyOf(c), undefined, object)
  return 'version' in done ? { code: 201, object: view(c, withVersion(object, done.version)), version: done.version } : undefined
}

/** What DELETE was asked: in the body, or in the query. */
interface DeleteWish { readonly propagation: 'Background' | 'Foreground' | 'Orphan'; readonly uid: string | undefined; readonly resourceVersion: string | undefined; readonly dryRun: boolean }
export const deleteWish = (c: Call): DeleteWish => {
  const body = c.body.trim() === '' ? {} : demandObject(parseBody(c.body, c.contentType))
  const policy = (c.r.query.get('propagationPolicy') ?? body['propagationPolicy'] ?? (isTrue(c.r.query.get('orphanDependents') ?? 'false') || body['orphanDependents'] === true ? 'Orphan' : 'Background')) as string
  if (!['Background', 'Foreground', 'Orphan'].includes(policy)) throw badRequest(`propagationPolicy: Unsupported value: "${policy}": supported values: "Background", "Foreground", "Orphan"`)
  const preconditions = (body['preconditions'] ?? {}) as Mutable
  return { propagation: policy as DeleteWish['propagation'], uid: preconditions['uid'] as string | undefined, resourceVersion: preconditions['resourceVersion'] as string | undefined, dryRun: isDryRun(c.r) || (body['dryRun'] as string[] | undefined)?.includes('All') === true }
}

/** Marks or removes one object. `name` differs from the path in a deletecollection. */
export const remove = async (c: Call, wish: DeleteWish, name = c.r.name): Promise<Written> => {
  const key = keyOf(c, name)
  let row = await liveRow(c, key)
  for (let attempt = 0; attempt < 30; attempt++) {
    if (row === undefined) throw notFound(c.served.kind, name)
    const live = storedObject(row)
    const meta = live['metadata'] as Mutable
    if (wish.uid !== undefined && wish.uid !== row.uid) throw conflict(c.served.kind, name, `Precondition failed: UID in precondition: ${wish.uid}, UID in object meta: ${row.uid}`)
    if (wish.resourceVersion !== undefined && wish.resourceVersion !== String(row.version)) throw conflict(c.served.kind, name, `Precondition failed: ResourceVersion in precondition: ${wish.resourceVersion}, ResourceVersion in object meta: ${row.version}`)
    const refusal = row.deleting ? undefined : c.api.admission.refuseDeletion?.(storedAs(c).kind, live as never, c.api.read)
    if (refusal !== undefined) throw forbidden(c.served.kind, name, refusal)
    const extra = wish.propagation === 'Foreground' ? ['foregroundDeletion'] : wish.propagation === 'Orphan' ? ['orphan'] : []
    const finalizers = [...new Set([...row.finalizers, ...(row.deleting ? [] : extra)])]
    if (finalizers.length === 0) {
      if (wish.dryRun) return { code: 200, object: success(c.served.kind, name, row.uid) }
      const done = await store(c, key, row, undefined)
      if ('version' in done) return { code: 200, object: success(c.served.kind, name, row.uid), version: done.version }
      row = done.lost
      continue
    }
    if (row.deleting) return { code: 200, object: objectOf(c.served, row), version: row.version }
    const after = { ...live, metadata: { ...meta, finalizers, deletionTimestamp: seconds(c.api.now()), deletionGracePeriodSeconds: 0, generation: (meta['generation'] as number) + 1 } }
    if (wish.dryRun) return { code: 200, object: view(c, after) }
    const done = await store(c, key, row, after)
    if ('version' in done) return { code: 200, object: view(c, withVersion(after, done.version)), version: done.version }
    row = done.lost
  }
  throw internal('the object is being changed too often')
}
