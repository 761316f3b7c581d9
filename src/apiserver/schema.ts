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

/** Says with which schema number a field came (rule S11). */
export const since = 'x-skerry-since'

/** The schema number of a kind's latest field. */
const latestField = (schema: Schema): number =>
  Math.max(
    typeof schema[since] === 'number' ? schema[since] : 1,
    ...Object.values(schema.properties ?? {}).map(latestField), ...(schema.items === undefined ? [] : [latestField(schema.items)]),
    ...(isObject(schema.additionalProperties) ? [latestField(schema.additionalProperties as Schema)] : []),
  )

const anything: Schema = { 'x-kubernetes-preserve-unknown-fields': true }
const isBound = (n: unknown): boolean => n === 9007199254740991 || n === -9007199254740991

/** Without a prototype: a field called `constructor` is in no schema. */
const named = (entries: Iterable<readonly [string, Schema]>): Readonly<Record<string, Schema>> => Object.assign(Object.create(null) as object, Object.fromEntries(entries)) as Record<string, Schema>

/** zod's output made structural: no bounds of safe integers, no `additionalProperties: false`, int-or-string by name. */
const structural = (s: unknown): Schema => {
  if (!isObject(s)) return anything
  const out: Mutable = {}
  for (const [k, v] of Object.entries(s)) {
    if ((k === 'minimum' || k === 'maximum') && isBound(v)) continue
    if (k === '$schema' || k === 'propertyNames' || (k === 'additionalProperties' && v === false)) continue
    if (k === 'properties' && isObject(v)) out[k] = named(Object.entries(v).map(([n, p]) => [n, structural(p)]))
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
const object = (properties: Readonly<Record<string, Schema>>, more: Schema = {}): Schema => ({ type: 'object', ...more, properties: named(Object.entries(properties)) })

/** ObjectMeta with the list types that server-side apply needs. */
export const metadataSchema: Schema = object({
  name: text, generateName: text, namespace: text, uid: text, resourceVersion: text, selfLink: text, generation: { type: 'integer' }, creationTimestamp: { type: 'string', nullable: true },
  deletionTimestamp: { type: 'string', nullable: true }, deletionGracePeriodSeconds: { type: 'integer' }, labels: strings, annotations: strings,
  finalizers: { type: 'array', items: text, 'x-kubernetes-list-type': 'set' },
  ownerReferences: {
    type: 'array', 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['uid'],
    items: object({ apiVersion: text, kind: text, name: text, uid: text, controller: { type: 'boolean' }, blockOwnerDeletion: { type: 'boolean' } }, { required: ['apiVersion', 'kind', 'name', 'uid'], 'x-kubernetes-map-type': 'atomic' }),
  },
  managedFields: {
    type: 'array', 'x-kubernetes-list-type': 'atomic',
    items: object({ manager: text, operation: text, apiVersion: text, time: text, fieldsType: text, fieldsV1: anything, subresource: text }),
  },
}, { description: 'Standard object metadata.' })

/** A kind as it is served; made once for each Kind and shared by all servers in the process. */
export interface Compiled {
  readonly kind: Kind<any>
  readonly schema: Schema
  readonly apiVersion: string
  /** Fills in defaults in place. */
  readonly validate: ValidateFunction
  readonly isLoose: boolean
  /** The schema number of its latest field (rule S11). */
  readonly latest: number
}

// Shared by all kinds; ajv's own log would print to the console.
const ajv = new Ajv({ allErrors: true, useDefaults: true, strict: false, logger: false, validateFormats: false })
for (const keyword of ['x-kubernetes-list-type', 'x-kubernetes-list-map-keys', 'x-kubernetes-map-type', 'x-kubernetes-preserve-unknown-fields', 'x-kubernetes-group-version-kind', 'nullable', since]) {
  try { ajv.addKeyword(keyword) } catch { /* known already */ }
}

/** Checks the types within metadata, of every kind. */
export const validateMetadata = ajv.compile(metadataSchema)

const compiledKinds = new WeakMap<Kind<any>, Compiled>()

/** A kind whose spec is `z.unknown()` is loose: metadata is checked, everything else is kept as it is. */
export const compile = (kind: Kind<any>): Compiled => {
  const have = compiledKinds.get(kind)
  if (have !== undefined) return have
  const spec = fromZod(kind.spec)
  const isLoose = spec['x-kubernetes-preserve-unknown-fields'] === true && spec.properties === undefined
  const common = { apiVersion: text, kind: text, metadata: metadataSchema }
  const schema = isLoose
    ? object(common, { description: kind.description, 'x-kubernetes-preserve-unknown-fields': true })
    // Without a required field an absent spec is an empty one, so that its defaults are filled in.
    : object({ ...common, spec: spec.required === undefined ? { ...spec, default: {} } : spec, ...(kind.status !== undefined && { status: fromZod(kind.status) }) },
      { description: kind.description, ...(spec.required !== undefined && { required: ['spec'] }) })
  const compiled = { kind, schema, apiVersion: apiVersionOf(kind), validate: ajv.compile(schema), isLoose, latest: latestField(schema) }
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
const errorsAtMost = 32

export const fieldErrors = (errors: readonly ErrorObject[] | null | undefined, value: unknown): readonly FieldError[] => (errors ?? []).slice(0, errorsAtMost).map((e) => {
  const field = fieldOf(e)
  const given = JSON.stringify(at(value, e.instancePath))?.slice(0, 100) ?? 'nothing'
  switch (e.keyword) {
    case 'required': return { field, reason: 'FieldValueRequired', message: '' }
    case 'enum': return { field, reason: 'FieldValueNotSupported', message: `${given}: supported values: ${(e.params as { allowedValues: unknown[] }).allowedValues.map((v) => JSON.stringify(v)).join(', ')}` }
    case 'maxLength': return { field, reason: 'FieldValueTooLong', message: `${given}: ${e.message ?? ''}` }
    case 'maxItems': return { field, reason: 'FieldValueTooMany', message: `${given}: ${e.message ?? ''}` }
    case 'type': return { field, reason: 'FieldValueTypeInvalid', message: `${given}: ${field} in body ${e.message ?? ''}` }
    default: return { field, reason: 'FieldValueInvalid', message: `${given}: ${field} in body ${e.message ?? ''}` }
  }
})

/** Takes what the schema does not have out of `value` and answers the paths. Nulls that a field may not have go silently: null is absent (and so defaulted). */
export const pruneUnknown = (value: Mutable, schema: Schema): readonly string[] => {
  const found: string[] = []
  pruneObject(value, schema, '', found)
  return found
}
const pruneObject = (value: Mutable, schema: Schema, path: string, found: string[]): void => {
  const values = isObject(schema.additionalProperties) ? (schema.additionalProperties as Schema) : undefined
  const keepsUnknown = schema['x-kubernetes-preserve-unknown-fields'] === true
  // A value that may be anything, or one of several things, has no unknown fields; a text or a number has no known ones.
  if (schema.properties === undefined && values === undefined && (keepsUnknown || schema.type === undefined || schema.type === 'object')) return
  for (const k of Object.keys(value)) {
    const sub = schema.properties?.[k] ?? values
    const here = path === '' ? k : `${path}.${k}`
    if (sub === undefined) {
      if (keepsUnknown) continue
      delete value[k]
      found.push(here)
    } else if (value[k] === null && sub['nullable'] !== true && sub['x-kubernetes-preserve-unknown-fields'] !== true) delete value[k]
    else pruneValue(value[k] as Json, sub, here, found)
  }
}
/** Of a list where none belongs. */
const nothing = object({})
const pruneValue = (v: Json, schema: Schema, path: string, found: string[]): void => {
  if (isObject(v)) return pruneObject(v as JsonObject as Mutable, schema, path, found)
  if (!Array.isArray(v) || schema['x-kubernetes-preserve-unknown-fields'] === true || schema.type === undefined) return
  for (const [i, x] of v.entries()) pruneValue(x as Json, schema.items ?? nothing, `${path}[${i}]`, found)
}
