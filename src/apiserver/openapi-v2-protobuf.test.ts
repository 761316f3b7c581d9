import { expect, test } from 'vitest'
import { encodeSwagger } from './openapi-v2-protobuf.ts'

/** Field numbers and what stands in them; text where it is text, else the fields inside. */
const hex = (b: Buffer): string => b.toString('hex')
const field = (number: number, ...parts: readonly (string | Buffer)[]): Buffer => {
  const body = Buffer.concat(parts.map((p) => (typeof p === 'string' ? Buffer.from(p) : p)))
  // Two bytes of key from field 16 on; bodies here are short.
  const key = number * 8 + 2
  return Buffer.concat([Buffer.from(key > 127 ? [(key % 128) | 128, key >> 7] : [key]), Buffer.from([body.length]), body])
}

test('A1 a schema with bounds, choices, defaults and words of Kubernetes becomes the bytes of gnostic', () => {
  const document = { swagger: '2.0', definitions: { A: { type: 'object', required: ['n'], properties: { n: { type: 'integer', minimum: 1, maxLength: 300, default: [2], enum: [1, 2] } }, additionalProperties: false, 'x-k': { a: 1 } } } }
  const n = Buffer.concat([
    field(22, field(1, 'integer')), Buffer.from([9 * 8 + 1, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f]), Buffer.from([11 * 8, 0xac, 0x02]), field(5, field(2, '[2]')), field(20, field(2, '1')), field(20, field(2, '2')),
  ])
  const a = Buffer.concat([
    field(22, field(1, 'object')), field(19, 'n'), field(25, field(1, field(1, 'n'), field(2, n))), field(21, Buffer.from([2 * 8, 0])), field(31, field(1, 'x-k'), field(2, field(2, '{"a":1}'))),
  ])
  expect(hex(encodeSwagger(document))).toBe(hex(Buffer.concat([field(1, '2.0'), field(9, field(1, field(1, 'A'), field(2, a)))])))
})

test('A1 parameters go by where they are, responses by their code', () => {
  const get = { operationId: 'g', parameters: [{ name: 'q', in: 'query', type: 'string' }, { name: 'p', in: 'path', required: true, type: 'string' }, { name: 'body', in: 'body', schema: { $ref: '#/definitions/A' } }], responses: { 200: { description: 'OK', schema: { $ref: '#/definitions/A' } } } }
  const parameters = [
    field(8, field(1, field(2, field(3, field(4, 'q'), field(2, 'query'), field(6, 'string'))))),
    field(8, field(1, field(2, field(4, field(4, 'p'), field(2, 'path'), Buffer.from([8, 1]), field(5, 'string'))))),
    field(8, field(1, field(1, field(2, 'body'), field(3, 'body'), field(5, field(1, '#/definitions/A'))))),
  ]
  const responses = field(9, field(1, field(1, '200'), field(2, field(1, field(1, 'OK'), field(2, field(1, field(1, '#/definitions/A')))))))
  const operation = Buffer.concat([field(5, 'g'), ...parameters, responses])
  // More than 127 bytes have a length of two.
  const long = (number: number, body: Buffer): Buffer => Buffer.concat([Buffer.from([number * 8 + 2, (body.length % 128) | 128, body.length >> 7]), body])
  expect(operation.length).toBeGreaterThan(127)
  const item = long(2, operation)
  expect(hex(encodeSwagger({ paths: { '/x': { get } } }))).toBe(hex(long(8, long(2, Buffer.concat([field(1, '/x'), long(2, item)])))))
})
