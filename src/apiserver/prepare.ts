/** From what a caller gave to what may be stored: system metadata, the part that the request may touch, defaults, checks. */
import type { FieldError, Resource } from '../api/meta/index.ts'
import type { Api } from './api.ts'
import type { Call } from './call.ts'
import { duplicateItems } from './duplicates.ts'
import { dropOwnersTwice, immutableErrors, metadataErrors, withoutDomain } from './metadata.ts'
import { newerField } from './newer.ts'
import { fieldErrors } from './schema.ts'
import type { Served } from './served.ts'
import { invalid, unavailable } from './status.ts'
import { copy, equal, isObject, seconds, shown, type Mutable } from './values.ts'
import { checkFinalizers, checkWriter } from './writers.ts'

const optionalParts = ['labels', 'annotations', 'finalizers', 'ownerReferences'] as const
const isEmpty = (v: unknown): boolean => v === undefined || v === null || (Array.isArray(v) ? v.length === 0 : isObject(v) && Object.keys(v).length === 0)

/** Metadata that the server alone decides; what the caller sent of it is dropped. */
const systemMetadata = (given: Mutable, live: Mutable | undefined, api: Api): Mutable => {
  const { managedFields: _, selfLink: __, resourceVersion: ___, uid: ____, generation: _____, creationTimestamp: ______, deletionTimestamp: _______, deletionGracePeriodSeconds: ________, ...rest } = given
  for (const k of optionalParts) if (isEmpty(rest[k])) delete rest[k]
  const before = live?.['metadata'] as Mutable | undefined
  const { generation, deletionTimestamp, deletionGracePeriodSeconds } = before ?? {}
  return {
    ...rest, uid: before?.['uid'] ?? api.newUid(), creationTimestamp: before?.['creationTimestamp'] ?? seconds(api.now()),
    ...(generation !== undefined && { generation }), ...(deletionTimestamp !== undefined && { deletionTimestamp, deletionGracePeriodSeconds }),
  }
}

/** A write touches either the main part or the status; the other stays as it is. */
const keepOtherPart = (object: Mutable, live: Mutable | undefined, served: Served, subresource: string): Mutable => {
  if (subresource === 'status') {
    const { status: _, ...rest } = live!
    return { ...rest, metadata: { ...(live!['metadata'] as Mutable) }, ...(object['status'] !== undefined && { status: object['status'] }) }
  }
  if (served.kind.status === undefined) return object
  const { status: _, ...rest } = object
  return live?.['status'] === undefined ? rest : { ...rest, status: live['status'] }
}

/** What an apply may touch when the kind has a status of its own. */
export const ownPart = (object: Mutable, served: Served, subresource: string): Mutable => {
  if (served.kind.status === undefined) return object
  const { status, ...rest } = object
  if (subresource !== 'status') return rest
  const { name, namespace } = object['metadata'] as Mutable
  return { metadata: { name, namespace }, ...(status !== undefined && { status }) }
}

/** Fills in defaults; ajv does it in place, and the parts may be shared with the live object. */
const complete = (object: Mutable, served: Served): readonly FieldError[] => {
  if (served.isLoose) return []
  const { metadata: _, ...parts } = object
  if (parts['spec'] !== undefined) parts['spec'] = copy(parts['spec'])
  if (parts['status'] !== undefined) parts['status'] = copy(parts['status'])
  const errors = [...(served.validate(parts) ? [] : fieldErrors(served.validate.errors, parts)), ...duplicateItems(parts, served.schema)]
  Object.assign(object, parts)
  return errors
}

/** What `given` becomes in place of `live`, but for managedFields. `served` is the kind that is stored. Throws 403 and 422. */
export const prepare = (given: Mutable, live: Mutable | undefined, c: Call, served: Served): Mutable => {
  const { api, identity } = c
  const { kind } = served
  const isStatus = c.r.subresource === 'status'
  const twice = dropOwnersTwice(given['metadata'] as Mutable)
  if (twice.length > 0) c.warn(`metadata.ownerReferences: entries that stand twice are dropped: ${twice.join(', ')}`)
  for (const f of withoutDomain(given['metadata'] as Mutable)) c.warn(`metadata.finalizers: ${JSON.stringify(f)} should be domain/name, so that no two mean the same`)
  const errors: FieldError[] = [...metadataErrors(given['metadata'] as Mutable, served.isLoose), ...(live === undefined || isStatus ? [] : immutableErrors(given['metadata'] as Mutable, live['metadata'] as Mutable))]
  const object = keepOtherPart({ ...given, apiVersion: served.apiVersion, kind: kind.kind, metadata: systemMetadata(given['metadata'] as Mutable, live, api) }, live, served, c.r.subresource)
  const meta = object['metadata'] as Mutable
  const name = shown(meta['name'])
  if (!isStatus) {
    addOwners(object, served, api)
    checkFinalizers(meta, live, c, served)
  }
  // There may be more of them than a call takes arguments.
  for (const e of complete(object, served)) errors.push(e)
  demandKnown(object, live, served, api.store.schema.agreed)
  checkWriter(object, live, served, identity)
  if (errors.length === 0 && !isStatus) {
    errors.push(...(kind.validate?.(object as never, live as never) ?? []))
    if (errors.length === 0) errors.push(...(api.admission.validate?.(kind, object as never, live as unknown as Resource | undefined, api.read, identity) ?? []))
  }
  if (errors.length > 0) throw invalid(kind, name, errors)
  if (!isStatus) countGeneration(object, live)
  return object
}

/** Rule S11. */
const demandKnown = (object: Mutable, live: Mutable | undefined, served: Served, agreed: number): void => {
  if (served.latest <= agreed) return
  const field = newerField(object, live, served.schema, agreed)
  if (field !== undefined) throw unavailable(`${field} is new, and a server that does not know it is still there; try again when all are of one version`)
}

const addOwners = (object: Mutable, served: Served, api: Api): void => {
  const meta = object['metadata'] as Mutable
  const owners = meta['deletionTimestamp'] === undefined ? (api.admission.owners?.(served.kind, object as never, api.read) ?? []) : []
  const have = (meta['ownerReferences'] ?? []) as readonly Mutable[]
  const missing = owners.filter((o) => !have.some((r) => r['uid'] === o.uid))
  if (missing.length > 0) meta['ownerReferences'] = [...have, ...missing]
}

/** Counts the changes of spec; what has none (Events, ConfigMaps) has no generation. */
const countGeneration = (object: Mutable, live: Mutable | undefined): void => {
  if (object['spec'] === undefined) return
  const meta = object['metadata'] as Mutable
  const before = (live?.['metadata'] as Mutable | undefined)?.['generation'] as number | undefined
  if (before === undefined) meta['generation'] = 1
  else if (!equal(object['spec'], live!['spec'])) meta['generation'] = before + 1
}
