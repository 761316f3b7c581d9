/** OpenAPI v3, one document for each group and version, and v2, one for all; made when first asked for (rule A1). */
import { createHash } from 'node:crypto'
import type { Api } from './api.ts'
import { answers, commonSchemas, metaName, ref, scaleName, statusName } from './openapi-answers.ts'
import { encodeSwagger } from './openapi-v2-protobuf.ts'
import { swagger, type V3Document } from './openapi-v2.ts'
import { metadataSchema } from './schema.ts'
import type { Served } from './served.ts'

const query = (name: string, type: string, description: string, more: object = {}) => ({ name, in: 'query', description, schema: { type, uniqueItems: true, ...more } })
const dryRun = query('dryRun', 'string', 'All: everything but the write itself is done.', { enum: ['All'] })
const writeOptions = [
  dryRun, query('fieldManager', 'string', 'Who writes, for managedFields.', { maxLength: 128 }),
  query('fieldValidation', 'string', 'Ignore, Warn or Strict: what is said of unknown fields.', { enum: ['Ignore', 'Warn', 'Strict'] }),
]
const patchOptions = [...writeOptions, query('force', 'boolean', 'Of an apply: take over what others own.')]
const listOptions = [
  query('allowWatchBookmarks', 'boolean', 'Send bookmarks in a watch.'), query('continue', 'string', 'From the last page.'), query('fieldSelector', 'string', 'Only objects with these fields.'),
  query('labelSelector', 'string', 'Only objects with these labels.'), query('limit', 'integer', 'Objects in a page.', { minimum: 0 }), query('resourceVersion', 'string', 'Not older than this version.', { pattern: '^[0-9]{0,15}$' }),
  query('resourceVersionMatch', 'string', 'How the version is to be understood.', { enum: ['Exact', 'NotOlderThan'] }), query('sendInitialEvents', 'boolean', 'Begin a watch with what is there.'), query('timeoutSeconds', 'integer', 'How long a watch may last.', { minimum: 0 }), query('watch', 'boolean', 'Watch.'),
]
const deleteOptions = [dryRun, query('gracePeriodSeconds', 'integer', 'Not used by these kinds.'), query('orphanDependents', 'boolean', 'The old way to say Orphan.'), query('propagationPolicy', 'string', 'Background, Foreground or Orphan.', { enum: ['Background', 'Foreground', 'Orphan'] })]
const getOptions = [query('resourceVersion', 'string', 'Not older than this version.', { pattern: '^[0-9]{0,15}$' })]
const path = (name: string) => ({ name, in: 'path', required: true, description: name === 'name' ? 'name of the object' : 'project', schema: { type: 'string', uniqueItems: true } })

const schemaName = (s: Served): string => `${(s.kind.group === '' ? 'io.k8s.api.core' : s.kind.group.split('.').toReversed().join('.'))}.${s.kind.version}.${s.kind.kind}`

interface Shape { readonly parameters: readonly object[]; readonly answers: object; readonly body?: { readonly types: readonly string[]; readonly schema: object; readonly isOptional?: boolean } }
const operation = (s: Served, action: string, id: string, { parameters, answers: responses, body }: Shape) => ({
  operationId: `${action}${s.kind.group.split('.')[0] ?? ''}${s.kind.version}${id}`, tags: [`${s.kind.group || 'core'}_${s.kind.version}`], description: `${action} ${s.kind.kind}`, parameters,
  ...(body !== undefined && { requestBody: { required: body.isOptional !== true, content: Object.fromEntries(body.types.map((t) => [t, { schema: body.schema }])) } }),
  responses, 'x-kubernetes-action': action, 'x-kubernetes-group-version-kind': { group: s.kind.group, version: s.kind.version, kind: s.kind.kind },
})
const objectTypes = ['application/json', 'application/yaml']
/** A DeleteOptions, which may be left out. */
const deleteBody = { types: objectTypes, schema: { type: 'object' }, isOptional: true }
const patchTypes = ['application/json-patch+json', 'application/merge-patch+json', 'application/apply-patch+yaml']
const patchBody = { types: patchTypes, schema: { type: 'object' } }

/** Get, update and patch, of an object or of a part of it. */
const parts = (s: Served, id: string, schema: object) => ({
  get: operation(s, 'get', id, { parameters: getOptions, answers: answers('get', schema, [200]) }),
  put: operation(s, 'put', id, { parameters: writeOptions, answers: answers('write', schema, [200]), body: { types: objectTypes, schema } }),
  patch: operation(s, 'patch', id, { parameters: patchOptions, answers: answers('write', schema, [200, 201]), body: patchBody }),
})

const pathsOf = (s: Served, subresources: readonly string[]): Record<string, object> => {
  const root = `${s.kind.group === '' ? '/api' : `/apis/${s.kind.group}`}/${s.kind.version}`
  const scope = s.kind.namespaced ? '/namespaces/{namespace}' : ''
  const place = s.kind.namespaced ? [path('namespace')] : []
  const id = `${s.kind.namespaced ? 'Namespaced' : ''}${s.kind.kind}`
  const one = [path('name'), ...place]
  const at = `${root}${scope}/${s.kind.plural}`
  const object = ref(schemaName(s))
  const list = { parameters: listOptions, answers: answers('list', ref(`${schemaName(s)}List`), [200]) }
  if (!s.verbs.includes('get')) return { [`${root}/${s.kind.plural}`]: { get: operation(s, 'list', id, list) } }
  return {
    [at]: {
      get: operation(s, 'list', id, list), post: operation(s, 'post', id, { parameters: writeOptions, answers: answers('write', object, [201]), body: { types: objectTypes, schema: object } }),
      ...(s.verbs.includes('deletecollection') && { delete: operation(s, 'deletecollection', `Collection${id}`, { parameters: [...deleteOptions, ...listOptions.filter((o) => o.name !== 'watch')], answers: answers('write', ref(`${schemaName(s)}List`), [200]) }) }),
      parameters: place,
    },
    [`${at}/{name}`]: { ...parts(s, id, object), delete: operation(s, 'delete', id, { parameters: deleteOptions, body: deleteBody, answers: answers('write', { anyOf: [object, ref(statusName)] }, [200]) }), parameters: one },
    ...(s.kind.namespaced && { [`${root}/${s.kind.plural}`]: { get: operation(s, 'list', `${s.kind.kind}ForAllNamespaces`, list) } }),
    ...(s.kind.status !== undefined && { [`${at}/{name}/status`]: { ...parts(s, `${id}status`, object), parameters: one } }),
    ...(s.kind.scale !== undefined && { [`${at}/{name}/scale`]: { ...parts(s, `${id}scale`, ref(scaleName)), parameters: one } }),
    ...Object.fromEntries(subresources.filter((name) => name.startsWith(`${s.kind.plural}/`)).map((name) => {
      const sub = name.slice(s.kind.plural.length + 1)
      return [`${at}/{name}/${sub}`, { post: operation(s, 'post', `${id}${sub}`, { parameters: [], answers: answers('write', { type: 'object' }, [201]), body: { types: objectTypes, schema: { type: 'object' } } }), parameters: one }]
    })),
  }
}

const document = (api: Api, list: readonly Served[]): object => {
  const gvk = (s: Served, kind: string) => [{ group: s.kind.group, version: s.kind.version, kind }]
  const schemas: Record<string, object> = { [metaName]: { ...metadataSchema, description: 'Standard object metadata.' }, ...commonSchemas }
  for (const s of list) {
    const { properties, ...rest } = s.schema
    schemas[schemaName(s)] = {
      ...rest, 'x-kubernetes-group-version-kind': gvk(s, s.kind.kind),
      properties: { ...properties, apiVersion: { type: 'string', description: 'Version of this form of the object.' }, kind: { type: 'string', description: 'What the object is.' }, metadata: { allOf: [ref(metaName)], description: 'Standard object metadata.', default: {} } },
    }
    schemas[`${schemaName(s)}List`] = { type: 'object', required: ['items'], 'x-kubernetes-group-version-kind': gvk(s, `${s.kind.kind}List`), properties: { apiVersion: { type: 'string' }, kind: { type: 'string' }, metadata: { type: 'object' }, items: { type: 'array', items: ref(schemaName(s)) } } }
  }
  return { openapi: '3.0.0', info: { title: 'Skerry', version: api.version.gitVersion }, paths: Object.assign({}, ...list.map((s) => pathsOf(s, Object.keys(api.subresources)))) as object, components: { schemas } }
}

/** `v3` by `api/v1`, `apis/skerry.dev/v1alpha1`. */
interface Documents { readonly v3: ReadonlyMap<string, () => string>; v2Protobuf(): Buffer }

/** By what is served: servers of the same kinds share their documents. */
const documents = new Map<string, Documents>()
const ids = new WeakMap<Served, number>()
let lastId = 0
const idOf = (s: Served): number => {
  const id = ids.get(s) ?? ++lastId
  ids.set(s, id)
  return id
}

const once = <T>(make: () => T): (() => T) => {
  let made: T | undefined
  return () => (made ??= make())
}

const documentsOf = (api: Api): Documents => {
  const served = [...api.served.values()]
  const id = `${api.version.gitVersion} ${served.map(idOf).join(' ')} ${Object.keys(api.subresources).join(' ')}`
  const have = documents.get(id)
  if (have !== undefined) return have
  const lists = Map.groupBy(served, (s) => (s.kind.group === '' ? `api/${s.kind.version}` : `apis/${s.kind.group}/${s.kind.version}`))
  const v3 = new Map([...lists].map(([name, list]) => [name, once(() => JSON.stringify(document(api, list)))] as const))
  const inV2 = () => swagger([...v3.values()].map((text) => JSON.parse(text()) as V3Document))
  const all = { v3, v2Protobuf: once(() => encodeSwagger(inV2())) }
  documents.set(id, all)
  return all
}

export const openapiIndex = (api: Api): object => ({
  paths: Object.fromEntries([...documentsOf(api).v3].map(([id, text]) => [id, { serverRelativeURL: `/openapi/v3/${id}?hash=${createHash('sha256').update(text()).digest('hex').slice(0, 32).toUpperCase()}` }])),
})
export const openapiDocument = (api: Api, id: string): string | undefined => documentsOf(api).v3.get(id)?.()
export const openapiV2Protobuf = (api: Api): Buffer => documentsOf(api).v2Protobuf()
