import { expect, test } from 'vitest'
import type { Row } from '../store/store.ts'
import { objectOf, passingObjectOf, storedObject } from './objects.ts'
import { serve } from './served.ts'
import { LabCluster } from './testing/lab-kind.ts'

const served = serve(LabCluster)
const row = (version: number): Row => ({
  resource: served.resource, namespace: 'shop', name: `c${version}`, uid: `${version}`, version, labels: {}, ownerUids: [], finalizers: [], deleting: false,
  body: `{"apiVersion":"lab.skerry.test/v1","kind":"Cluster","metadata":{"name":"c${version}"},"spec":{"site":"sto1"}}`,
})

test('a long list, whose objects are looked at once, drives none out that is asked for again', () => {
  const mine = row(1)
  const object = storedObject(mine)
  for (let version = 2; version < 5_000; version++) passingObjectOf(served, row(version))
  expect(storedObject(mine)).toBe(object)
  expect(passingObjectOf(served, mine)).toBe(object)
  expect(passingObjectOf(served, row(7))).toEqual(objectOf(served, row(7)))
})
