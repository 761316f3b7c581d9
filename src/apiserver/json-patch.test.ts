import { expect, test } from 'vitest'
import { applyJsonPatch, isMisfit, parseJsonPatch } from './json-patch.ts'
import { copy, type Json } from './values.ts'

const run = (object: object, ...operations: object[]): unknown => {
  try { return applyJsonPatch(copy(object), parseJsonPatch(operations as unknown as Json)) } catch (e) { return isMisfit(e) ? `misfit: ${(e as Error).message}` : `refused: ${(e as Error).message}` }
}

test.each([
  ['add to a list', [{ a: [1, 3] }, { op: 'add', path: '/a/1', value: 2 }], { a: [1, 2, 3] }],
  ['append', [{ a: [1] }, { op: 'add', path: '/a/-', value: 2 }], { a: [1, 2] }],
  ['add a field', [{}, { op: 'add', path: '/x~1y', value: { b: 1 } }], { 'x/y': { b: 1 } }],
  ['remove', [{ a: 1, b: 2 }, { op: 'remove', path: '/a' }], { b: 2 }],
  ['remove what is not there', [{}, { op: 'remove', path: '/a' }], 'misfit: path /a is not there'],
  ['replace', [{ a: { b: 1 } }, { op: 'replace', path: '/a/b', value: 2 }], { a: { b: 2 } }],
  ['replace what is not there', [{}, { op: 'replace', path: '/a', value: 1 }], { a: 1 }],
  ['replace in a list what is not there', [{ a: [] }, { op: 'replace', path: '/a/0', value: 1 }], 'misfit: path /a/0 is not there'],
  ['test that nothing is there', [{ a: 1 }, { op: 'test', path: '/b', value: null }], { a: 1 }],
  ['test that nothing is there, and something is', [{ a: 1 }, { op: 'test', path: '/a', value: null }], 'misfit: testing value /a failed'],
  ['without a path', [{}, { op: 'remove' }], 'misfit: operation 0: op and path are required'],
  ['move', [{ a: { b: 1 } }, { op: 'move', from: '/a/b', path: '/c' }], { a: {}, c: 1 }],
  ['move into itself', [{ a: { b: 1 } }, { op: 'move', from: '/a', path: '/a/c' }], 'misfit: /a cannot be moved into itself'],
  ['copy', [{ a: [1] }, { op: 'copy', from: '/a', path: '/b' }, { op: 'add', path: '/b/-', value: 2 }], { a: [1], b: [1, 2] }],
  ['test passes', [{ a: { b: [1] } }, { op: 'test', path: '/a', value: { b: [1] } }], { a: { b: [1] } }],
  ['test fails', [{ a: 1 }, { op: 'test', path: '/a', value: 2 }], 'misfit: testing value /a failed'],
  ['into a prototype', [{}, { op: 'add', path: '/__proto__/admin', value: 1 }], 'refused: a field is called __proto__'],
  ['through an inherited field', [{}, { op: 'add', path: '/constructor/prototype/admin', value: 1 }], 'misfit: path /constructor/prototype/admin is not there'],
  ['beyond a list', [{ a: [] }, { op: 'add', path: '/a/1', value: 1 }], 'misfit: path /a/1: no such place in a list of 0'],
  ['unknown operation', [{}, { op: 'frobnicate', path: '/a' }], 'misfit: unknown operation frobnicate'],
] as const)('%s', (_name, [object, ...operations], wanted) => {
  expect(run(object, ...operations)).toEqual(wanted)
  expect(({} as { admin?: unknown }).admin).toBeUndefined()
})

test('copies that double are cut off', () => {
  expect(run({ a: ['x'.repeat(1000)] }, ...Array.from({ length: 40 }, () => ({ op: 'copy', from: '/a', path: '/a/-' })))).toContain('misfit: copies of more than')
})
