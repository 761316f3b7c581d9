/** OpenAPI v3, one document for each group and version, and v2, one for all; made when first asked for (rule A1). */
import { createHash } from 'node:crypto'
import type { Api } from './api.ts'
import { encodeSwagger } from './openapi-v2-protobuf.ts'
import { swagger, type V3Document } from './openapi-v2.ts'
import { metadataSchema } from './schema.ts'
import type { Served } from './served.ts'

const query = (name: string, type: string, description: string) => ({ name, in: 'query', description, schema: { type, uniqueItems: true } })
const writeOptions = [
  query('dryRun', 'string', 'All: everything but the write itself is done.'), query('fieldManager', 'string', 'Who writes, for managedFields.'),
  query('fieldValidation', 'string', 'Ignore, Warn or Strict: what is said of unknown and duplicate fields.'),
]
const patchOptions = [...writeOptions, query('force', 'boolean', 'Of an apply: take over what others own.')]
const listOptions = [
  query('allowWatchBookmarks', 'boolean', 'Send bookmarks in a watch.'), query('continue', 'string', 'From the last page.'), query('fieldSelector', 'string', 'Only objects with these fields.'),
  query('labelSelector', 'string', 'Only objects with these labels.'), query('limit', 'integer', 'Objects in a page.'), query('resourceVersion', 'string', 'Not older than this version.'),
  query('resourceVersionMatch', 'string', 'How the version is to be understood.'), query('sendInitialEvents', 'boolean', 'Begin a watch with what is there.'), query('timeoutSeconds', 'integer', 'How long a watch may last.'), query('watch', 'boolean', 'Watch.'),
]
const deleteOptions = [query('dryRun', 'string', 'All.'), query('gracePeriodSeconds', 'integer', 'Not used by these kinds.'), query('orphanDependents', 'boolean', 'The old way to say Orphan.'), query('propagationPolicy', 'string', 'Background, Foreground or Orphan.')]
const getOptions = [query('resourceVersion', 'string', 'Not older than this version.')]
const path = (name: string) => ({ name, in: 'path', required: true, description: name === 'name' ? 'name of the object' : 'project', schema: { type: 'string', uniqueItems: true } })

const schemaName = (s: Served): string => `${(s.kind.group === '' ? 'io.k8s.api.core' : s.kind.group.split('.').toReversed().join('.'))}.${s.kind.version}.${s.kind.kind}`
const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` })
const metaName = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta'

const operation = (s: Served, action: string, id: string, parameters: readonly object[], body?: { readonly types: readonly string[]; readonly isOptions?: boolean }, list = false) => ({
  operationId: `${action}${s.kind.group.split('.')[0] ?? ''}${s.kind.version}${id}`, tags: [`${s.kind.group || 'core'}_${s.kind.version}`], description: `${action} ${s.kind.kind}`, parameters,
  ...(body !== undefined && { requestBody: { required: body.isOptions !== true, content: Object.fromEntries(body.types.map((t) => [t, { schema: t.includes('patch') || body.isOptions === true ? { type: 'object' } : ref(schemaName(s)) }])) } }),
  responses: { 200: { description: 'OK', content: { 'application/json': { schema: ref(list ? `${schemaName(s)}List` : schemaName(s)) } } }, 401: { description: 'Unauthorized' }, default: { description: 'Status', content: { 'application/json': { schema: { type: 'object' } } } } },
  'x-kubernetes-action': action, 'x-kubernetes-group-version-kind': { group: s.kind.group, version: s.kind.version, kind: s.kind.kind },
})
const objectTypes = { types: ['application/json', 'application/yaml'] }
/** A DeleteOptions, which may be left out. */
const deleteTypes = { types: ['application/json', 'application/yaml'], isOptions: true }
const patchTypes = { types: ['application/json-patch+json', 'application/merge-patch+json', 'application/apply-patch+yaml'] }

const pathsOf = (s: Served): Record<string, object> => {
  const root = `${s.kind.group === '' ? '/api' : `/apis/${s.kind.group}`}/${s.kind.version}`
  const scope = s.kind.namespaced ? '/namespaces/{namespace}' : ''
  const place = s.kind.namespaced ? [path('namespace')] : []
  const id = `${s.kind.namespaced ? 'Namespaced' : ''}${s.kind.kind}`
  const one = [path('name'), ...place]
  if (!s.verbs.includes('get')) return { [`${root}/${s.kind.plural}`]: { get: operation(s, 'list', id, listOptions, undefined, true) } }
  const paths: Record<string, object> = {
    [`${root}${scope}/${s.kind.plural}`]: {
      get: operation(s, 'list', id, listOptions, undefined, true), post: operation(s, 'post', id, writeOptions, objectTypes), delete: operation(s, 'deletecollection', `Collection${id}`, [...deleteOptions, ...listOptions.filter((o) => o.name !== 'watch')]),
      parameters: place,
    },
    [`${root}${scope}/${s.kind.plural}/{name}`]: {
      get: operation(s, 'get', id, getOptions), put: operation(s, 'put', id, writeOptions, objectTypes), patch: operation(s, 'patch', id, patchOptions, patchTypes), delete: operation(s, 'delete', id, deleteOptions, deleteTypes), parameters: one,
    },
  }
  if (s.kind.namespaced) paths[`${root}/${s.kind.plural}`] = { get: operation(s, 'list', `${s.kind.kind}ForAllNamespaces`, listOptions, undefined, true) }
  for (const sub of [...(s.kind.status !== undefined ? ['status'] : []), ...(s.kind.scale !== undefined ? ['scale'] : [])])
    paths[`${root}${scope}/${s.kind.plural}/{name}/${sub}`] = { get: operation(s, 'get', `${id}${sub}`, getOptions), put: operation(s, 'put', `${id}${sub}`, writeOptions, objectTypes), patch: operation(s, 'patch', `${id}${sub}`, patchOptions, patchTypes), parameters: one }
  return paths
}

const document = (api: Api, list: readonly Served[]): object => {
  const gvk = (s: Served, kind: string) => [{ group: s.kind.group, version: s.kind.version, kind }]
  const schemas: Record<string, object> = { [metaName]: { ...metadataSchema, description: 'Standard object metadata.' } }
  for (const s of list) {
    const { properties, ...rest } = s.schema
    schemas[schemaName(s)] = {
      ...rest, 'x-kubernetes-group-version-kind': gvk(s, s.kind.kind),
      properties: { ...properties, apiVersion: { type: 'string', description: 'Version of this form of the object.' }, kind: { type: 'string', description: 'What the object is.' }, metadata: { allOf: [ref(metaName)], description: 'Standard object metadata.', default: {} } },
    }
    schemas[`${schemaName(s)}List`] = { type: 'object', required: ['items'], 'x-kubernetes-group-version-kind': gvk(s, `${s.kind.kind}List`), properties: { apiVersion: { type: 'string' }, kind: { type: 'string' }, metadata: { type: 'object' }, items: { type: 'array', items: ref(schemaName(s)) } } }
  }
  return { openapi: '3.0.0', info: { title: 'Skerry', version: api.version.gitVersion }, paths: Object.assign({}, ...list.map(pathsOf)) as object, components: { schemas } }
}

/** `v3` by `api/v1`, `apis/skerry.dev/v1alpha1`. */
interface Documents { readonly v3: ReadonlyMap<string, () => string>; v2(): string; v2Protobuf(): Buffer }

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
  const id = `${api.version.gitVersion} ${served.map(idOf).join(' ')}`
  const have = documents.get(id)
  if (have !== undefined) return have
  const lists = Map.groupBy(served, (s) => (s.kind.group === '' ? `api/${s.kind.version}` : `apis/${s.kind.group}/${s.kind.version}`))
  const v3 = new Map([...lists].map(([name, list]) => [name, once(() => JSON.stringify(document(api, list)))] as const))
  const inV2 = () => swagger([...v3.values()].map((text) => JSON.parse(text()) as V3Document))
  const all = { v3, v2: once(() => JSON.stringify(inV2())), v2Protobuf: once(() => encodeSwagger(inV2())) }
  documents.set(id, all)
  return all
}

export const openapiIndex = (api: Api): object => ({
  paths: Object.fromEntries([...documentsOf(api).v3].map(([id, text]) => [id, { serverRelativeURL: `/openapi/v3/${id}?hash=${createHash('sha256').update(text()).digest('hex').slice(0, 32).toUpperCase()}` }])),
})
export const openapiDocument = (api: Api, id: string): string | undefined => documentsOf(api).v3.get(id)?.()
export const openapiV2 = (api: Api): string => documentsOf(api).v2()
export const openapiV2Protobuf = (api: Api): Buffer => documentsOf(api).v2Protobuf()
