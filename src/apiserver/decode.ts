/** From bytes to an object of a kind: media types, unknown fields by validation level, required identity. */
import { parseProtobuf, protobufType } from './protobuf.ts'
import type { RequestInfo } from './request.ts'
import { pruneUnknown } from './schema.ts'
import type { Served } from './served.ts'
import { badRequest, unsupportedMediaType } from './status.ts'
import { guard, isObject, parseJson, parseYaml, type Json, type Mutable } from './values.ts'

export const bodyTypes = ['application/json', 'application/yaml', protobufType] as const
export const applyType = 'application/apply-patch+yaml'
export const patchTypes = ['application/json-patch+json', 'application/merge-patch+json', applyType] as const

export const mediaType = (contentType: string | undefined): string => (contentType ?? '').split(';')[0]!.trim().toLowerCase()

export const parseBody = (body: Buffer, contentType: string | undefined): Json => {
  const type = mediaType(contentType)
  if (type === '' || type === 'application/json' || type === '*/*') return parseJson(body.toString('utf8'))
  if (type === 'application/yaml') return parseYaml(body.toString('utf8'))
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

/** Takes unknown fields out of the object. What is said of them: an error (Strict, and always of an apply, which would own them), warnings (Warn, the default), nothing (Ignore). */
export const checkFields = (object: Mutable, served: Served, r: RequestInfo, isApplied: boolean): readonly string[] => {
  const level = isApplied ? 'Strict' : r.query.get('fieldValidation') || 'Warn'
  const problems = pruneUnknown(object, served.schema).map((f) => `unknown field "${f}"`)
  if (level === 'Strict' && problems.length > 0) throw badRequest(`${served.kind.kind} in version "${served.kind.version}" cannot be handled as a ${served.kind.kind}: strict decoding error: ${problems.slice(0, 50).join(', ')}`)
  return level === 'Warn' ? problems : []
}

/** apiVersion, kind, name and namespace must be the path's. */
export const checkIdentity = (object: Mutable, served: Served, r: RequestInfo): void => {
  object['apiVersion'] ??= served.apiVersion
  object['kind'] ??= served.kind.kind
  if (object['apiVersion'] !== served.apiVersion || object['kind'] !== served.kind.kind)
    throw badRequest(`the object provided is ${String(object['kind'])} of ${String(object['apiVersion'])}, expected ${served.kind.kind} of ${served.apiVersion}`)
  if (!isObject((object['metadata'] ??= {}))) throw badRequest('metadata is not an object')
  const meta = object['metadata'] as Mutable
  if (served.kind.namespaced) {
    meta['namespace'] ??= r.namespace
    if (meta['namespace'] === '') meta['namespace'] = r.namespace
    if (meta['namespace'] !== r.namespace) throw badRequest(`the namespace of the provided object does not match the namespace sent on the request (${String(meta['namespace'])} and ${r.namespace})`)
  } else if (meta['namespace'] !== undefined && meta['namespace'] !== '') throw badRequest(`namespace is not allowed on ${served.kind.kind}`)
  else delete meta['namespace']
  if (r.name !== '') {
    meta['name'] ??= r.name
    if (meta['name'] !== r.name) throw badRequest(`the name of the object (${String(meta['name'])}) does not match the name on the URL (${r.name})`)
  }
}
