/**
 * OpenAPI v2 (Swagger), made of the documents of OpenAPI v3: kubectl checks the items of a List with it and with nothing else. What v2 cannot say is left out.
 * Whether a field may be there is all that is asked of it, so `oneOf`, `anyOf` and `nullable` become "anything".
 */
import { isObject, type Mutable } from './values.ts'

const inV2 = (ref: string): string => ref.replace('#/components/schemas/', '#/definitions/')
const dropped = new Set(['nullable', 'oneOf', 'anyOf', 'not'])
const structure = new Set(['type', 'properties', 'required'])

const schemaIn = (s: unknown): Mutable => {
  if (!isObject(s)) return {}
  const { allOf } = s as { allOf?: readonly { readonly $ref: string }[] }
  // One reference with words beside it.
  if (allOf?.length === 1) return { $ref: inV2(allOf[0]!.$ref), ...(s['description'] !== undefined && { description: s['description'] }) }
  // Of what may hold anything v2 would say that it holds nothing but what is named.
  const isOpen = s['x-kubernetes-preserve-unknown-fields'] === true || ['oneOf', 'anyOf', 'not'].some((k) => s[k] !== undefined)
  const out: Mutable = {}
  for (const [k, v] of Object.entries(s)) {
    if (dropped.has(k) || (isOpen && structure.has(k))) continue
    if (k === '$ref') out[k] = inV2(String(v))
    else if (k === 'properties' && isObject(v)) out[k] = Object.fromEntries(Object.entries(v).map(([name, one]) => [name, schemaIn(one)]))
    else if (k === 'items' || (k === 'additionalProperties' && isObject(v))) out[k] = schemaIn(v)
    else out[k] = v
  }
  return out
}

interface V3Parameter { readonly schema: { readonly type: string; readonly uniqueItems?: boolean }; readonly [k: string]: unknown }
const parameterIn = ({ schema, ...rest }: V3Parameter): object => ({ ...rest, type: schema.type, ...(schema.uniqueItems === true && { uniqueItems: true }) })

interface V3Content { readonly content: Readonly<Record<string, { readonly schema: object }>> }
interface V3Operation { readonly parameters?: readonly V3Parameter[]; readonly requestBody?: V3Content & { readonly required?: boolean }; readonly responses: Readonly<Record<string, { readonly description: string } & Partial<V3Content>>>; readonly [k: string]: unknown }

const schemaOf = (content: V3Content['content']): Mutable => schemaIn(Object.values(content)[0]?.schema)

const operationIn = ({ parameters = [], requestBody, responses, ...rest }: V3Operation): object => ({
  ...rest,
  consumes: requestBody === undefined ? ['*/*'] : Object.keys(requestBody.content), produces: ['application/json'],
  parameters: [...(requestBody === undefined ? [] : [{ name: 'body', in: 'body', required: requestBody.required === true, schema: schemaOf(requestBody.content) }]), ...parameters.map(parameterIn)],
  responses: Object.fromEntries(Object.entries(responses).map(([code, { description, content }]) => [code, { description, ...(content !== undefined && { schema: schemaOf(content) }) }])),
})

const pathIn = (item: Readonly<Record<string, unknown>>): object => Object.fromEntries(Object.entries(item).map(([k, v]) => [k, k === 'parameters' ? (v as readonly V3Parameter[]).map(parameterIn) : operationIn(v as V3Operation)]))

export interface V3Document { readonly info: { readonly title: string; readonly version: string }; readonly paths: Readonly<Record<string, Readonly<Record<string, unknown>>>>; readonly components: { readonly schemas: Readonly<Record<string, object>> } }

/** All groups in one document. */
export const swagger = (documents: readonly V3Document[]): Mutable => ({
  swagger: '2.0', info: documents[0]?.info ?? { title: '', version: '' },
  paths: Object.fromEntries(documents.flatMap((d) => Object.entries(d.paths).map(([path, item]) => [path, pathIn(item)]))),
  definitions: Object.fromEntries(documents.flatMap((d) => Object.entries(d.components.schemas).map(([name, s]) => [name, schemaIn(s)]))),
})
