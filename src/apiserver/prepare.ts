/** From what a caller gave to what may be stored: system metadata, status and generation, defaults and checks, who may write what. */
import type { FieldError, Resource } from '../api/meta/index.ts'
import type { Api } from './api.ts'
import type { Identity } from './identity.ts'
import { fieldErrors } from './schema.ts'
import type { Served } from './served.ts'
import { forbidden, invalid } from './status.ts'
import { copy, equal, isObject, type Mutable } from './values.ts'

const label = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/
const subdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/
const labelKey = /^([a-z0-9]([-a-z0-9.]*[a-z0-9])?\/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/
const labelValue = /^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/
const qualified = /^[a-z0-9.-]+\/[A-Za-z0-9._-]+$|^(foregroundDeletion|orphan|kubernetes)$/

const metadataErrors = (m: Mutable, isLoose: boolean): readonly FieldError[] => {
  const errors: FieldError[] = []
  const { name } = m
  if (typeof name !== 'string' || name === '') errors.push({ field: 'metadata.name', reason: 'FieldValueRequired', message: 'name or generateName is required' })
  else if (!isLoose && (name.length > 253 || !subdomain.test(name))) errors.push({ field: 'metadata.name', reason: 'FieldValueInvalid', message: `"${name.slice(0, 100)}": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character` })
  for (const [k, v] of Object.entries((m['labels'] ?? {}) as Mutable)) {
    if (!labelKey.test(k)) errors.push({ field: 'metadata.labels', reason: 'FieldValueInvalid', message: `"${k}": name part must consist of alphanumeric characters, '-', '_' or '.'` })
    if (typeof v !== 'string' || !labelValue.test(v)) errors.push({ field: 'metadata.labels', reason: 'FieldValueInvalid', message: `"${String(v).slice(0, 100)}": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', at most 63` })
  }
  if (JSON.stringify(m['annotations'] ?? {}).length > 262_144) errors.push({ field: 'metadata.annotations', reason: 'FieldValueTooLong', message: 'at most 262144 bytes' })
  for (const [i, f] of ((m['finalizers'] ?? []) as string[]).entries()) if (!qualified.test(f)) errors.push({ field: `metadata.finalizers[${i}]`, reason: 'FieldValueInvalid', message: `"${f}": a finalizer is domain/name` })
  return errors
}
export const isLabel = (text: string): boolean => text.length <= 63 && label.test(text)

/** Metadata that the server alone decides; what the caller sent of it is dropped. */
export const systemMetadata = (given: Mutable, live: Mutable | undefined, api: Api): Mutable => {
  const { managedFields: _, selfLink: __, resourceVersion: ___, uid: ____, generation: _____, creationTimestamp: ______, deletionTimestamp: _______, deletionGracePeriodSeconds: ________, ...rest } = given
  for (const k of ['labels', 'annotations', 'finalizers', 'ownerReferences']) {
    const v = rest[k]
    if (v === null || (Array.isArray(v) && v.length === 0) || (isObject(v) && Object.keys(v).length === 0)) delete rest[k]
  }
  const before = live?.['metadata'] as Mutable | undefined
  return {
    ...rest, uid: before?.['uid'] ?? api.newUid(), generation: before?.['generation'] ?? 1, creationTimestamp: before?.['creationTimestamp'] ?? seconds(api.now()),
    ...(before?.['deletionTimestamp'] !== undefined && { deletionTimestamp: before['deletionTimestamp'], deletionGracePeriodSeconds: before['deletionGracePeriodSeconds'] }),
  }
}
export const seconds = (d: Date): string => `${d.toISOString().slice(0, 19)}Z`

const hasStatus = (s: Served): boolean => s.kind.status !== undefined
/** A write touches either the main part or the status; the other stays as it is. */
export const keepOtherPart = (object: Mutable, live: Mutable | undefined, served: Served, subresource: string): Mutable => {
  if (subresource === 'status') {
    const meta = { ...(live!['metadata'] as Mutable) }
    return { ...live!, metadata: meta, ...(object['status'] === undefined ? {} : { status: object['status'] }), ...(object['status'] === undefined && { status: undefined }) }
  }
  if (!hasStatus(served)) return object
  const { status: _, ...rest } = object
  return live?.['status'] === undefined ? rest : { ...rest, status: live['status'] }
}

/** The status that an apply may touch when a kind has a status of its own. */
export const ownPart = (object: Mutable, served: Served, subresource: string): Mutable => {
  if (served.kind.status === undefined) return object
  const { status, spec, metadata, ...rest } = object
  const m = metadata as Mutable
  return subresource === 'status' ? { ...rest, metadata: { name: m['name'], namespace: m['namespace'] }, ...(status !== undefined && { status }) } : { ...rest, metadata, ...(spec !== undefined && { spec }) }
}

/** Rule H2: each part has one writer; what is unchanged was not written. */
const checkWriter = (object: Mutable, live: Mutable | undefined, served: Served, identity: Identity): void => {
  if (served.isLoose) return
  const may = (part: 'spec' | 'status'): boolean => {
    const writer = served.kind.writers[part]
    return writer === identity.writer || (identity.writer === 'admin' && writer !== 'site') || (identity.writer === 'site' && writer === 'hub' && part === 'status')
  }
  const name = String((object['metadata'] as Mutable)['name'])
  for (const part of ['spec', 'status'] as const) {
    const isEmpty = (v: unknown): boolean => v === undefined || (isObject(v) && Object.keys(v).length === 0)
    if (equal(object[part], live?.[part]) || (isEmpty(object[part]) && isEmpty(live?.[part])) || may(part)) continue
    throw forbidden(served.kind, name, `${part} of ${served.kind.kind} is written by the ${served.kind.writers[part]} only; you are ${identity.user}`)
  }
}

/**
 * Defaults, validates and completes an object in place of `live`. Answers the object as it would be stored, but for managedFields,
 * which the caller computes from `owned` parts.
 */
export const prepare = (given: Mutable, live: Mutable | undefined, served: Served, identity: Identity, subresource: string, api: Api): Mutable => {
  const { kind } = served
  let object: Mutable = { apiVersion: served.apiVersion, kind: kind.kind, ...given, metadata: systemMetadata(given['metadata'] as Mutable, live, api) }
  object = keepOtherPart(object, live, served, subresource)
  const meta = object['metadata'] as Mutable
  if (live === undefined) {
    if (kind.finalizers !== undefined) meta['finalizers'] = [...new Set([...((meta['finalizers'] as string[] | undefined) ?? []), ...kind.finalizers])]
    const owners = api.admission.owners?.(kind, object as never, api.read) ?? []
    if (owners.length > 0) meta['ownerReferences'] = [...((meta['ownerReferences'] as Mutable[] | undefined) ?? []).filter((r) => !owners.some((o) => o.uid === r['uid'])), ...owners]
  } else if (meta['deletionTimestamp'] !== undefined) {
    const before = new Set((live['metadata'] as Mutable)['finalizers'] as string[] | undefined)
    const added = ((meta['finalizers'] as string[] | undefined) ?? []).filter((f) => !before.has(f))
    if (added.length > 0) throw invalid(kind, String(meta['name']), [{ field: 'metadata.finalizers', reason: 'FieldValueForbidden', message: `no new finalizers can be added if the object is being deleted, found new finalizers ${JSON.stringify(added)}` }])
  }
  const errors: FieldError[] = [...metadataErrors(meta, served.isLoose)]
  // ajv fills defaults in place: the parts may be shared with the live object.
  if (!served.isLoose) {
    if (object['spec'] !== undefined) object['spec'] = copy(object['spec'])
    if (object['status'] !== undefined && subresource === 'status') object['status'] = copy(object['status'])
    const { metadata: _, ...parts } = object
    if (!served.validate(parts)) errors.push(...fieldErrors(served.validate.errors, parts))
    Object.assign(object, parts)
  }
  checkWriter(object, live, served, identity)
  if (errors.length === 0 && subresource !== 'status') {
    errors.push(...(kind.validate?.(object as never, live as never) ?? []))
    if (errors.length === 0) errors.push(...(api.admission.validate?.(kind, object as never, live as unknown as Resource | undefined, api.read) ?? []))
  }
  if (errors.length > 0) throw invalid(kind, String(meta['name'] ?? ''), errors)
  if (live !== undefined && !served.isLoose && subresource !== 'status' && !equal(object['spec'], live['spec'])) meta['generation'] = ((live['metadata'] as Mutable)['generation'] as number) + 1
  if (object['status'] === undefined) delete object['status']
  return object
}
