/** From bytes to an object of a kind: media types, unknown fields by validation level, required identity. */
import { isUtf8 } from 'node:buffer'
import { metadataTypeErrors } from './metadata.ts'
import { parseProtobuf, protobufType } from './protobuf.ts'
import type { RequestInfo } from './request.ts'
import { pruneUnknown } from './schema.ts'
import type { Served } from './served.ts'
import { badRequest, invalid, unreadablePatch, unsupportedMediaType, type ApiError } from './status.ts'
import { guard, isObject, parseJson, parseYaml, shown, type Json, type Mutable } from './values.ts'

export const bodyTypes = ['application/json', 'application/yaml', protobufType] as const
export const applyType = 'application/apply-patch+yaml'
export const patchTypes = ['application/json-patch+json', 'application/merge-patch+json', applyType] as const

export const mediaType = (contentType: string | undefined): string => (contentType ?? '').split(';')[0]!.trim().toLowerCase()

/** The text of a body. Bytes that are no UTF-8 would silently become something else. */
export const textIn = (body: Buffer, contentType: string | undefined): string => {
  const charset = /;\s*charset\s*=\s*"?([^";\s]*)/i.exec(contentType ?? '')?.[1] ?? 'utf-8'
  if (!/^(utf-?8|us-ascii)$/i.test(charset)) throw unsupportedMediaType(`${mediaType(contentType)}; charset=${charset.slice(0, 40)}`, bodyTypes)
  if (!isUtf8(body)) throw badRequest('the body is not UTF-8')
  return body.toString('utf8')
}

/** `onTwice` hears of fields that stand twice in JSON; without it they are refused. */
export const parseBody = (body: Buffer, contentType: string | undefined, onTwice?: (path: string) => void): Json => {
  const type = mediaType(contentType)
  if (type === '' || type === 'application/json' || type === '*/*') return parseJson(textIn(body, contentType), onTwice)
  if (type === 'application/yaml') return parseYaml(textIn(body, contentType))
  if (type === protobufType) {
    const value = parseProtobuf(body)
    guard(value)
    return value
  }
  throw unsupportedMediaType(type, bodyTypes)
}

export const demandObject = (v: Json): Mutable => {
  if (!isObject(v)) throw badRequest('the body is not an object')
  return v as Mutable
}

/** How an object came: sent whole, made by a patch of what stands there, or applied. */
export type Form = 'sent' | 'patched' | 'applied'
const unreadable = (form: Form, message: string): ApiError => (form === 'patched' ? unreadablePatch(message) : badRequest(message))

/** Takes unknown fields out of the object. What is said of them: an error (Strict, and of an apply always: it would own them), warnings (Warn, the default), nothing (Ignore). */
export const checkFields = (object: Mutable, served: Served, r: RequestInfo, form: Form): readonly string[] => {
  const level = form === 'applied' ? 'Strict' : levelOf(r)
  const problems = pruneUnknown(object, served.schema).map((f) => `unknown field "${f}"`)
  if (level === 'Strict' && problems.length > 0) throw unreadable(form, `${served.kind.kind} in version "${served.kind.version}" cannot be handled as a ${served.kind.kind}: strict decoding error: ${problems.slice(0, 50).join(', ')}`)
  return level === 'Warn' ? problems : []
}
export const levelOf = (r: RequestInfo): string => r.query.get('fieldValidation') || 'Warn'

/** The path says what it must be, and what it is where the object does not say. */
const checkKind = (object: Mutable, { kind, apiVersion }: Served, r: RequestInfo, form: Form): void => {
  if (form === 'patched' && (object['apiVersion'] === undefined || object['kind'] === undefined)) throw unreadablePatch('apiVersion and kind are missing')
  object['apiVersion'] ??= apiVersion
  object['kind'] ??= kind.kind
  const given = { apiVersion: object['apiVersion'] as unknown, kind: object['kind'] as unknown }
  if (given.apiVersion === apiVersion && given.kind === kind.kind) return
  const name = isObject(object['metadata']) ? shown(object['metadata']['name'] ?? r.name) : r.name
  const wrong = (field: 'apiVersion' | 'kind', wanted: string) =>
    invalid({ group: shown(given.apiVersion).split('/').slice(0, -1).join('/'), plural: kind.plural, kind: shown(given.kind) }, name, [{ field, reason: 'FieldValueInvalid', message: `${JSON.stringify(given[field]).slice(0, 100)}: must be ${wanted}` }])
  const isNamed = typeof given.apiVersion === 'string' && typeof given.kind === 'string'
  if (isNamed && form !== 'applied' && given.apiVersion === apiVersion) throw wrong('kind', kind.kind)
  if (isNamed && form === 'patched') throw wrong('apiVersion', apiVersion)
  throw badRequest(`the object provided is ${shown(given.kind)} of ${shown(given.apiVersion)}, expected ${kind.kind} of ${apiVersion}`)
}

/** apiVersion, kind, name and namespace must be the path's; metadata must be of its types. */
export const checkIdentity = (object: Mutable, served: Served, r: RequestInfo, form: Form): void => {
  checkKind(object, served, r, form)
  if (!isObject((object['metadata'] ??= {}))) throw unreadable(form, 'metadata is not an object')
  const meta = object['metadata'] as Mutable
  emptyNulls(meta)
  const [misshapen] = metadataTypeErrors(meta)
  if (misshapen !== undefined) throw unreadable(form, `${misshapen.field}: ${misshapen.message}`)
  if (served.kind.namespaced) {
    meta['namespace'] ??= r.namespace
    if (meta['namespace'] === '') meta['namespace'] = r.namespace
    if (meta['namespace'] !== r.namespace) throw badRequest(`the namespace of the provided object does not match the namespace sent on the request (${shown(meta['namespace'])} and ${r.namespace})`)
  } else if (meta['namespace'] !== undefined && meta['namespace'] !== '') throw badRequest(`namespace is not allowed on ${served.kind.kind}`)
  else delete meta['namespace']
  if (r.name === '' || (form === 'applied' && meta['name'] === undefined)) return
  if (meta['name'] !== r.name) throw badRequest(`the name of the object (${shown(meta['name'] ?? '')}) does not match the name on the URL (${r.name})`)
}
/** A part that is null is absent; labels and annotations are texts, of which null is the empty one. */
const emptyNulls = (meta: Mutable): void => {
  for (const [k, v] of Object.entries(meta)) if (v === null) delete meta[k]
  for (const part of ['labels', 'annotations']) {
    if (isObject(meta[part])) meta[part] = Object.fromEntries(Object.entries(meta[part]).map(([k, v]) => [k, v === null ? '' : v]))
  }
}
