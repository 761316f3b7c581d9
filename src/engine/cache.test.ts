import { expect, test } from 'vitest'
import type { Resource } from '../api/meta/index.ts'
import { createCache, type Change } from './cache.ts'

const object = (name: string, version: number, more: { readonly namespace?: string; readonly owner?: string; readonly uid?: string } = {}): Resource => ({
  apiVersion: 'x/v1', kind: 'Thing', spec: {},
  metadata: {
    name, namespace: more.namespace ?? 'n', uid: more.uid ?? `uid-${name}`, resourceVersion: String(version), generation: 1, creationTimestamp: '2026-01-01T00:00:00Z',
    ...(more.owner !== undefined && { ownerReferences: [{ apiVersion: 'x/v1', kind: 'Owner', name: 'o', uid: more.owner, controller: true }] }),
  },
})
const names = (list: readonly Resource[]): string[] => list.map((o) => o.metadata.name).toSorted()
const change = ({ before, after }: Change): string => `${before?.metadata.resourceVersion ?? '-'}>${after?.metadata.resourceVersion ?? '-'}`

test('objects are found by key, by namespace and by controlling owner, also after they changed', () => {
  const cache = createCache()
  cache.replace([object('a', 1, { owner: 'o1' }), object('b', 2, { namespace: 'm' })], 5)
  cache.put(object('a', 6, { owner: 'o2' }))
  expect([names(cache.list()), names(cache.list('m')), names(cache.ownedBy('o1')), names(cache.ownedBy('o2'))]).toEqual([['a', 'b'], ['b'], [], ['a']])
  cache.remove(object('a', 7, { owner: 'o2' }))
  expect([cache.get({ namespace: 'n', name: 'a' }), names(cache.ownedBy('o2')), cache.version]).toEqual([undefined, [], 7])
})

test('a fresh list tells only of what differs, and of what is gone', () => {
  const cache = createCache()
  cache.replace([object('a', 1), object('b', 2), object('c', 3)], 5)
  const changes: string[] = []
  cache.onChange((c) => changes.push(change(c)))
  cache.replace([object('a', 1), object('b', 8)], 9)
  expect(changes).toEqual(['3>-', '2>8'])
})

test('a name that was given again is a deletion and an addition', () => {
  const cache = createCache()
  cache.put(object('a', 1))
  const changes: string[] = []
  cache.onChange((c) => changes.push(change(c)))
  cache.put(object('a', 4, { uid: 'another' }))
  expect(changes).toEqual(['1>-', '->4'])
})

test('E1 who waits for a version is called when it has been passed, by an event, a bookmark or a list', () => {
  const cache = createCache()
  const called: number[] = []
  for (const v of [3, 5, 8]) cache.whenPassed(v, () => called.push(v))
  cache.put(object('a', 4))
  cache.pass(5)
  cache.replace([], 9)
  expect(called).toEqual([3, 5, 8])
})
