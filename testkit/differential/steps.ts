/** The requests of which sequences are made, in short. Objects are of the lab's kind unless a sequence says otherwise. */
import type { Answer } from './subject.ts'
import type { Step } from './sequence.ts'

type Seen = readonly Answer[]
type Part = '' | '/status' | '/scale'
type Body = object | string | ((seen: Seen) => unknown)

const queryOf = (query: string): string => (query === '' ? '' : `?${query}`)
const nameOf = (part: Part): string => (part === '' ? '' : ` ${part.slice(1)}`)

export const cluster = (name: string, spec: object = {}, metadata: object = {}): object => ({ apiVersion: 'lab.skerry.test/v1', kind: 'Cluster', metadata: { name, ...metadata }, spec: { site: 'sto1', ...spec } })

export const create = (body: Body, query = 'fieldManager=creator', type?: string): Step => ({ what: 'POST', method: 'POST', path: queryOf(query), body, ...(type !== undefined && { type }) })
export const update = (name: string, body: Body, query = 'fieldManager=updater', part: Part = ''): Step => ({ what: `PUT${nameOf(part)}`, method: 'PUT', path: `/${name}${part}${queryOf(query)}`, body })
const patch = (how: string, type: string) => (name: string, body: Body, query = `fieldManager=${how}er`, part: Part = ''): Step => ({ what: `PATCH ${how}${nameOf(part)}`, method: 'PATCH', type, path: `/${name}${part}${queryOf(query)}`, body })
export const merge = patch('merge', 'application/merge-patch+json')
export const json = patch('json', 'application/json-patch+json')
export const apply = patch('apply', 'application/apply-patch+yaml')
export const get = (name: string, part: Part = '', query = ''): Step => ({ what: `GET${nameOf(part)}`, method: 'GET', path: `/${name}${part}${queryOf(query)}` })
export const list = (query: string | ((seen: Seen) => string) = ''): Step => ({ what: 'LIST', method: 'GET', path: typeof query === 'string' ? queryOf(query) : (seen) => queryOf(query(seen)) })
/** Of what came after a version (none: of what is there), for a second. */
export const watch = (query: string, after?: (seen: Seen) => string): Step => ({ what: 'WATCH', method: 'GET', isWatch: true, path: (seen) => `?watch=1&timeoutSeconds=1${query === '' ? '' : `&${query}`}${after === undefined ? '' : `&resourceVersion=${after(seen)}`}` })
export const remove = (name: string, body?: Body, query = ''): Step => ({ what: 'DELETE', method: 'DELETE', path: `/${name}${queryOf(query)}`, ...(body !== undefined && { body }) })
export const removeAll = (query = ''): Step => ({ what: 'DELETE collection', method: 'DELETE', path: queryOf(query) })

/** What the server answered at a step (from 1), with changes of its spec and its metadata. */
export const answered = (step: number, spec: object = {}, metadata: object = {}) => (seen: Seen): unknown => {
  const { body } = seen[step - 1]!
  return { ...body, spec: { ...body?.spec, ...spec }, metadata: { ...body?.metadata, ...metadata } }
}
/** The same with the version that the object has by now. */
export const current = (step: number, spec: object = {}, metadata: object = {}) => (seen: Seen): unknown =>
  answered(step, spec, { resourceVersion: seen.findLast((a) => a.body?.kind === 'Cluster')?.body.metadata.resourceVersion, ...metadata })(seen)
export const of = (step: number, field: 'uid' | 'resourceVersion') => (seen: Seen): string => seen[step - 1]?.body?.metadata?.[field] as string

export const table = 'application/json;as=Table;v=v1;g=meta.k8s.io'
export const partial = 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io'
export const partialList = 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io'
/** The same, answered in another form. */
export const as = (step: Step, accept: string, what = /as=(\w+)/.exec(accept)?.[1] ?? accept): Step => ({ ...step, accept, what: `${step.what} as ${what}` })
/** The continue token of a step's answer (from 1), for a query. */
export const token = (step: number) => (seen: Seen): string => encodeURIComponent((seen[step - 1]?.body?.metadata?.continue as string | undefined) ?? '')
