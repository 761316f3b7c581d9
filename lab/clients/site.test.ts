import { expect, test } from 'vitest'
import { deedFor, settleLabel } from './site.ts'

const now = '2026-01-01T00:00:00Z'
const object = (metadata: object, status?: object) => ({ apiVersion: 'skerry.dev/v1alpha1', kind: 'NodePool', metadata: { name: 'a', namespace: 'b', resourceVersion: '7', generation: 2, ...metadata }, spec: {}, ...(status !== undefined && { status }) }) as never

test('what is being deleted loses the site\'s finalizer and keeps the others', () => {
  expect(deedFor(object({ deletionTimestamp: now, finalizers: ['skerry.dev/site', 'x/y'] }), now)).toEqual({ body: { metadata: { resourceVersion: '7', finalizers: ['x/y'] } } })
  expect(deedFor(object({ deletionTimestamp: now, finalizers: ['x/y'] }), now)).toBeUndefined()
})

test('what is to settle is ready once for each generation; anything else is left alone', () => {
  const labels = { [settleLabel]: 'true' }
  expect(deedFor(object({ labels }), now)).toMatchObject({ subresource: 'status', body: { status: { conditions: [{ type: 'Ready', status: 'True', observedGeneration: 2 }] } } })
  expect(deedFor(object({ labels }, { conditions: [{ type: 'Ready', observedGeneration: 2 }] }), now)).toBeUndefined()
  expect(deedFor(object({ labels }, { conditions: [{ type: 'Ready', observedGeneration: 1 }] }), now)).toBeDefined()
  expect(deedFor(object({}), now)).toBeUndefined()
})
