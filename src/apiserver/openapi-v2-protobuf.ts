/**
 * OpenAPI v2 as client-go asks for it: the protobuf of gnostic, and nothing else will do. Field numbers: openapiv2/OpenAPIv2.proto of
 * github.com/google/gnostic-models. Values of no fixed type travel as YAML, and JSON is YAML.
 */
import { isObject, type Mutable } from './values.ts'

export const openapiV2Type = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf'
/** Clients ask with an `@` before the version, which Go no longer takes for a media type. */
export const asksForProtobuf = (accept: string | undefined): boolean => accept?.includes('application/com.github.proto-openapi.spec.v2') === true

/** A field with its number and what stands in it. */
type Field = (number: number, value: any) => Buffer

const varint = (n: number): Buffer => {
  const bytes: number[] = []
  let rest = n
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128)
  return Buffer.from([...bytes, rest])
}
const framed = (number: number, ...parts: readonly Buffer[]): Buffer => {
  const body = Buffer.concat(parts)
  return Buffer.concat([varint(number * 8 + 2), varint(body.length), body])
}

const text: Field = (number, value) => framed(number, Buffer.from(String(value)))
const bool: Field = (number, value) => Buffer.concat([varint(number * 8), varint(value === true ? 1 : 0)])
const int: Field = (number, value) => Buffer.concat([varint(number * 8), varint(Number(value))])
const double: Field = (number, value) => {
  const bytes = Buffer.alloc(8)
  bytes.writeDoubleLE(Number(value))
  return Buffer.concat([varint(number * 8 + 1), bytes])
}
const any: Field = (number, value) => framed(number, text(2, JSON.stringify(value)))
const many = (field: Field): Field => (number, values: readonly unknown[]) => Buffer.concat(values.map((one) => field(number, one)))
const inside = (at: number, field: Field): Field => (number, value) => framed(number, field(at, value))
/** A map is a list of pairs: the name is 1, the value 2. */
const pairs = (at: number, field: Field, entries: readonly (readonly [string, unknown])[]): readonly Buffer[] => entries.map(([name, value]) => framed(at, text(1, name), field(2, value)))
const map = (at: number, field: Field): Field => (number, value: object) => framed(number, ...pairs(at, field, Object.entries(value)))

type Fields = Readonly<Record<string, readonly [number, Field]>>
const isExtension = (name: string): boolean => name.startsWith('x-')
const contents = (fields: Fields, extensions: number, value: object): readonly Buffer[] => [
  ...Object.entries(value).flatMap(([name, one]) => {
    const field = Object.hasOwn(fields, name) ? fields[name] : undefined
    return field === undefined || one === undefined ? [] : [field[1](field[0], one)]
  }),
  ...pairs(extensions, any, Object.entries(value).filter(([name]) => isExtension(name))),
]
const message = (fields: Fields, extensions: number): Field => (number, value: object) => framed(number, ...contents(fields, extensions, value))

/** Schemas are made of schemas. */
const schema: Field = (number, value: object) => framed(number, ...contents(schemaFields, 31, value))
const schemaFields: Fields = {
  $ref: [1, text], format: [2, text], title: [3, text], description: [4, text], default: [5, any], multipleOf: [6, double], maximum: [7, double], exclusiveMaximum: [8, bool], minimum: [9, double],
  exclusiveMinimum: [10, bool], maxLength: [11, int], minLength: [12, int], pattern: [13, text], maxItems: [14, int], minItems: [15, int], uniqueItems: [16, bool], maxProperties: [17, int], minProperties: [18, int],
  required: [19, many(text)], enum: [20, many(any)], additionalProperties: [21, (number, value) => framed(number, isObject(value) ? schema(1, value) : bool(2, value))],
  type: [22, inside(1, text)], items: [23, inside(1, schema)], allOf: [24, many(schema)], properties: [25, map(1, schema)],
}

const bodyParameter = message({ description: [1, text], name: [2, text], in: [3, text], required: [4, bool], schema: [5, schema] }, 6)
const pathParameter = message({ required: [1, bool], in: [2, text], description: [3, text], name: [4, text], type: [5, text], uniqueItems: [19, bool] }, 22)
const queryParameter = message({ required: [1, bool], in: [2, text], description: [3, text], name: [4, text], type: [6, text], uniqueItems: [20, bool] }, 23)
const parameter: Field = (number, value: { readonly in: string }) => framed(number, framed(1, value.in === 'body' ? bodyParameter(1, value) : framed(2, value.in === 'path' ? pathParameter(4, value) : queryParameter(3, value))))

const response = message({ description: [1, text], schema: [2, inside(1, schema)] }, 5)
const operation = message({
  tags: [1, many(text)], description: [3, text], operationId: [5, text], produces: [6, many(text)], consumes: [7, many(text)], parameters: [8, many(parameter)], responses: [9, map(1, inside(1, response))],
}, 13)
const pathItem = message({ get: [2, operation], put: [3, operation], post: [4, operation], delete: [5, operation], patch: [8, operation], parameters: [9, many(parameter)] }, 10)

/** A whole document. */
export const encodeSwagger = (document: Mutable): Buffer => Buffer.concat(contents({
  swagger: [1, text], info: [2, message({ title: [1, text], version: [2, text] }, 7)], paths: [8, map(2, pathItem)], definitions: [9, map(1, schema)],
}, 16, document))
