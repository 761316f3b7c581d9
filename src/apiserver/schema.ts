/** A kind's zod schemas as one structural JSON schema: for validation and defaults (ajv), unknown fields, apply, and OpenAPI. */
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv'
import { z } from 'zod'
import { apiVersionOf, type FieldError, type Kind } from '../api/meta/index.ts'
import { isObject, type Json, type JsonObject, type Mutable } from './values.ts'

export interface Schema {
  readonly type?: string
  readonly description?: string
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly items?: Schema
  readonly additionalProperties?: Schema | boolean
  readonly default?: unknown
  readonly 'x-kubernetes-list-type'?: 'map' | 'set' | 'atomic'
  readonly 'x-kubernetes-list-map-keys'?: readonly string[]
  readonly 'x-kubernetes-map-type'?: 'atomic' | 'granular'
  readonly 'x-kubernetes-preserve-unknown-fields'?: boolean
  readonly [k: string]: unknown
}

const anything: Schema = { 'x-kubernetes-preserve-unknown-fields': true }
const isBound = (n: unknown): boolean => n === 9007199254740991 || n === -9007199254740991

/** zod's output made structural: no bounds of safe integers, no `additionalProperties: false`, int-or-string by name. */
const structural = (s: unknown): Schema => {
  if (!isObject(s)) return anything
  const out: Mutable = {}
  for (const [k, v] of Object.entries(s)) {
    if ((k === 'minimum' || k === 'maximum') && isBound(v)) continue
    if (k === '$schema' || k === 'propertyNames' || (k === 'additionalProperties' && v === false)) continue
    if (k === 'properties' && isObject(v)) out[k] = Object.fromEntries(Object.entries(v).map(([n, p]) => [n, structural(p)]))
    else if (k === 'items' || (k === 'additionalProperties' && isObject(v))) out[k] = structural(v)
    else out[k] = v
  }
  if (out['additionalProperties'] !== undefined && isObject(out['additionalProperties']) && Object.keys(out['additionalProperties']).length === 0) out['additionalProperties'] = anything
  if (out['type'] === undefined && out['properties'] === undefined && out['items'] === undefined) out['x-kubernetes-preserve-unknown-fields'] = true
  return out
}
const fromZod = (t: z.ZodType): Schema => structural(z.toJSONSchema(t, { target: 'openapi-3.0', io: 'input', unrepresentable: 'any' }))

const strings: Schema = { type: 'object', additionalProperties: { type: 'string' } }
const text: Schema = { type: 'string' }
/** ObjectMeta with the list types that server-side apply needs. */
export const metadataSchema: Schema = {
  type: 'object',
  properties: {
    name: text, generateName: text, namespace: text, uid: text, resourceVersion: text, selfLink: text, generation: { type: 'integer' }, creationTimestamp: { type: 'string', nullable: true },
    deletionTimestamp: { type: 'string', nullable: true }, deletionGracePeriodSeconds: { type: 'integer' }, labels: strings, annotations: strings,
    finalizers: { type: 'array', items: text, 'x-kubernetes-list-type': 'set' },
    ownerReferences: {
      type: 'array', 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['uid'],
      items: { type: 'object', required: ['apiVersion', 'kind', 'name', 'uid'], 'x-kubernetes-map-type': 'atomic', properties: { apiVersion: text, kind: text, name: text, uid: text, controller: { type: 'boolean' }, blockOwnerDeletion: { type: 'boolean' } } },
    },
    managedFields: { type: 'array', 'x-kubernetes-list-type': 'atomic', items: { type: 'object', properties: { manager: text, operation: text, apiVersion: text, time: text, fieldsType: text, fieldsV1: anything, subresource: text } } },
  },
}

/** A kind as it is served; made once for each Kind and shared by all servers in the process. */
export interface Compiled {
  readonly kind: Kind<any>
  readonly schema: Schema
  readonly apiVersion: string
  /** Fills in defaults in place. */
  readonly validate: ValidateFunction
  readonly isLoose: boolean
}

// Shared by all kinds; ajv's own log would print to the console.
const ajv = new Ajv({ allErrors: true, useDefaults: true, strict: false, logger: false, validateFormats: false })
for (const keyword of ['x-kubernetes-list-type', 'x-kubernetes-list-map-keys', 'x-kubernetes-map-type', 'x-kubernetes-preserve-unknown-fields', 'x-kubernetes-group-version-kind', 'nullable']) {
  try { ajv.addKeyword(keyword) } catch { /* known already */ }
}

const compiledKinds = new WeakMap<Kind<any>, Compiled>()

/** A kind whose fields stand beside metadata, and not in spec and status, brings them as `root` in its schema's meta. */
export const compile = (kind: Kind<any>): Compiled => {
  const have = compiledKinds.get(kind)
  if (have !== undefined) return have
  const spec = fromZod(kind.spec)
  const isLoose = spec['x-kubernetes-preserve-unknown-fields'] === true && spec.properties === undefined
  const schema: Schema = isLoose
    ? { type: 'object', description: kind.description, properties: { apiVersion: text, kind: text, metadata: metadataSchema }, 'x-kubernetes-preserve-unknown-fields': true }
    : {
      type: 'object', description: kind.description, ...(spec.required !== undefined && { required: ['spec'] }),
      properties: { apiVersion: text, kind: text, metadata: { ...metadataSchema, description: 'Standard object metadata.' }, spec, ...(kind.status !== undefined && { status: fromZod(kind.status) }) },
    }
  const compiled = { kind, schema, apiVersion: apiVersionOf(kind), validate: ajv.compile(schema), isLoose }
  compiledKinds.set(kind, compiled)
  return compiled
}

const fieldOf = (e: ErrorObject): string => {
  const path = e.instancePath.slice(1).split('/').filter((p) => p !== '').map((p) => p.replaceAll('~1', '/').replaceAll('~0', '~'))
  let field = ''
  for (const p of path) field += /^\d+$/.test(p) ? `[${p}]` : field === '' ? p : `.${p}`
  return e.keyword === 'required' ? `${field === '' ? '' : `${field}.`}${(e.params as { missingProperty: string }).missingProperty}` : field
}
const at = (v: unknown, pointer: string): unknown => pointer.slice(1).split('/').filter((p) => p !== '').reduce((o: any, p) => o?.[p.replaceAll('~1', '/').replaceAll('~0', '~')], v)

/** What ajv found, in the words of Kubernetes. */
export const fieldErrors = (errors: readonly ErrorObject[] | null | undefined, value: unknown): readonly FieldError[] => (errors ?? []).map((e) => {
  const field = fieldOf(e)
  const given = JSON.stringify(at(value, e.instancePath))?.slice(0, 100) ?? 'nothing'
  switch (e.keyword) {
    case 'required': return { field, reason: 'FieldValueRequired', message: '' }
    case 'enum': return { field, reason: 'FieldValueNotSupported', message: `${given}: supported values: ${(e.params as { allowedValues: unknown[] }).allowedValues.map((v) => JSON.stringify(v)).join(', ')}` }
    case 'maxLength': return { field, reason: 'FieldValueTooLong', message: `${given}: ${e.message ?? ''}` }
    default: return { field, reason: 'FieldValueInvalid', message: `${given}: ${field} in body ${e.message ?? ''}` }
  }
})

/** Paths of fields that the schema does not have; they are taken out of `value`. */
export const pruneUnknown = (value: Mutable, schema: Schema, path = ''): readonly string[] => {
  const found: string[] = []
  if (schema['x-kubernetes-preserve-unknown-fields'] === true && schema.properties === undefined) return found
  if (schema.properties !== undefined) {
    for (const k of Object.keys(value)) {
      const sub = schema.properties[k]
      const here = path === '' ? k : `${path}.${k}`
      if (sub === undefined) {
        if (schema['x-kubernetes-preserve-unknown-fields'] === true || isObject(schema.additionalProperties)) continue
        delete value[k]
        found.push(here)
      } else found.push(...pruneValue(value[k] as Json, sub, here))
    }
  } else if (isObject(schema.additionalProperties)) {
    for (const k of Object.keys(value)) found.push(...pruneValue(value[k] as Json, schema.additionalProperties as Schema, path === '' ? k : `${path}.${k}`))
  }
  return found
}
const pruneValue = (v: Json, schema: Schema, path: string): readonly string[] =>
  Array.isArray(v) ? (schema.items === undefined ? [] : v.flatMap((x, i) => pruneValue(x as Json, schema.items!, `${path}[${i}]`))) : isObject(v) ? pruneUnknown(v as JsonObject as Mutable, schema, path) : []
