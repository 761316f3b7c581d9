import { expect, test } from 'vitest'
import type { Resource } from '../api/meta/index.ts'
import { appliedStatus, isApplied, isSame } from './applied.ts'

const object = (managedFields: NonNullable<Resource['metadata']['managedFields']>): Resource => ({
  apiVersion: 'x/v1', kind: 'Thing',
  metadata: {
    name: 'a', namespace: 'n', uid: 'u', resourceVersion: '7', generation: 1, creationTimestamp: '2026-01-01T00:00:00Z', labels: { mine: '1', theirs: '2' },
    ownerReferences: [{ apiVersion: 'x/v1', kind: 'Owner', name: 'o', uid: 'o-uid', controller: true }], finalizers: ['one', 'two'], managedFields,
  },
  spec: { size: 3, image: 'x', tags: ['a', 'b'] },
  status: { size: 3, other: { deep: 1 }, observed: { mine: 'h1', theirs: 'h2' }, conditions: [{ type: 'A', status: 'True' }, { type: 'B', status: 'False' }] },
})
const entry = (subresource: string | undefined, fieldsV1: Record<string, unknown>) => ({
  manager: 'mine', operation: 'Apply' as const, apiVersion: 'x/v1', fieldsType: 'FieldsV1' as const, fieldsV1, ...(subresource !== undefined && { subresource }),
})

test('the part of a status that a manager applied is read back, without that of others', () => {
  const o = object([entry('status', { 'f:status': { 'f:size': {}, 'f:observed': { 'f:mine': {} }, 'f:conditions': { 'k:{"type":"B"}': { '.': {}, 'f:status': {}, 'f:type': {} } } } })])
  expect(appliedStatus(o, 'mine')).toEqual({ size: 3, observed: { mine: 'h1' }, conditions: [{ type: 'B', status: 'False' }] })
  expect(appliedStatus(o, 'theirs')).toBeUndefined()
})

test('S8 what stands as it was applied is not applied again, and a field less is a difference', () => {
  const o = object([entry(undefined, { 'f:metadata': { 'f:labels': { 'f:mine': {} }, 'f:ownerReferences': { 'k:{"uid":"o-uid"}': {} } }, 'f:spec': { 'f:size': {}, 'f:tags': {} } })])
  const wanted = { metadata: { name: 'a', namespace: 'n', labels: { mine: '1' }, ownerReferences: o.metadata.ownerReferences! }, spec: { size: 3, tags: ['a', 'b'] } }
  expect(isApplied(o, wanted, 'mine')).toBe(true)
  expect(isApplied(o, { ...wanted, spec: { size: 3 } }, 'mine')).toBe(false)
  expect(isApplied(o, { ...wanted, spec: { size: 4, tags: ['a', 'b'] } }, 'mine')).toBe(false)
  expect(isApplied(o, wanted, 'theirs')).toBe(false)
})

test('absent and undefined are the same, null is not', () => {
  expect(isSame({ a: undefined, b: [1] }, { b: [1] })).toBe(true)
  expect(isSame({ a: null }, {})).toBe(false)
  expect(isSame([1, 2], [2, 1])).toBe(false)
})
