import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { apiStatusOf } from './status.ts'
import { equal, parseJson, parseYaml } from './values.ts'

const refusal = (f: () => unknown): string => { try { f() } catch (e) { return apiStatusOf(e)?.message ?? 'no status' } return 'accepted' }

test('any JSON is read as it is', () => {
  const safe = fc.jsonValue({ maxDepth: 6 }).filter((v) => !JSON.stringify(v).includes('__proto__') && !/(?<![.\de])-?\d{16,19}(?![.\de])/.test(JSON.stringify(v)))
  fc.assert(fc.property(safe, (v) => { expect(parseJson(JSON.stringify(v))).toEqual(JSON.parse(JSON.stringify(v))) }))
})

test('quotation marks, escapes and colons in strings are no fields, and hide none', () => {
  const text = fc.string({ unit: fc.constantFrom('"', '\\', ':', 'a', ' ') })
  const object = fc.dictionary(fc.constantFrom('a', 'b', 'c:d', 'e"'), fc.oneof(text, fc.array(text)))
  fc.assert(fc.property(object, (o) => { expect(parseJson(JSON.stringify(o))).toEqual(o) }))
  const twice = (o: object): string => `{"x":${JSON.stringify(o)},"y":1,"z":${JSON.stringify(o)},"y":2}`
  fc.assert(fc.property(object, (o) => { expect(refusal(() => parseJson(twice(o)))).toBe('strict decoding error: duplicate field "y"') }))
})

test('values are equal when their JSON is, in whatever order: a field that is undefined is none', () => {
  const { value } = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof({ maxDepth: 3 }, fc.constantFrom(0, 1, null, '', undefined), fc.array(tie('value').filter((v) => v !== undefined), { maxLength: 2 }), fc.dictionary(fc.constantFrom('a', 'b', 'constructor'), tie('value'), { noNullPrototype: true })),
  }))
  const read = (v: unknown): unknown => JSON.parse(JSON.stringify({ v }))
  fc.assert(fc.property(value, value, (a, b) => { expect(equal({ v: a }, { v: b })).toBe(isDeepStrictEqual(read(a), read(b))) }), { numRuns: 2_000 })
})

test('a field that stands twice is refused, wherever it stands, and is named', () => {
  expect(refusal(() => parseJson('{"spec":{"a":1,"b":[{"c":1},{"d":2,"d":3}]}}'))).toBe('strict decoding error: duplicate field "spec.b[1].d"')
  expect(refusal(() => parseJson('{"a":1,"\\u0061":2}'))).toBe('strict decoding error: duplicate field "a"')
  expect(refusal(() => parseJson('{"a":{"x":"\\"a\\":1"},"b":{"a":1}}'))).toBe('accepted')
})

test('a field called __proto__ and deep nesting are refused', () => {
  expect(refusal(() => parseJson('{"spec":{"__proto__":{"admin":true}}}'))).toBe('a field is called __proto__')
  expect(refusal(() => parseJson(`${'['.repeat(102)}${']'.repeat(102)}`))).toBe('the object is nested deeper than 100')
})

test('YAML is read; duplicate keys and alias bombs are refused', () => {
  expect(parseYaml('a: 1\nb: {c: "no", d: no}\n')).toEqual({ a: 1, b: { c: 'no', d: 'no' } })
  expect(parseYaml('{"a":1}')).toEqual({ a: 1 })
  expect(refusal(() => parseYaml('a: 1\na: 2\n'))).toContain('duplicate field "a"')
  const bomb = `a: &a [x,x,x,x,x,x,x,x,x]\n${'bcdefgh'.split('').map((l, i) => `${l}: &${l} [${Array(9).fill(`*${'abcdefg'[i]!}`).join(',')}]`).join('\n')}\n`
  expect(refusal(() => parseYaml(bomb))).toContain('no YAML')
})
