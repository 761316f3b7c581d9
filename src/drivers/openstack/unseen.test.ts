import { expect, test } from 'vitest'
import * as fc from 'fast-check'
import { confirmGone, view } from './unseen.ts'

test('E2 what is not listed, and what is UNKNOWN, is unseen and not gone', () => {
  expect(view(['a', 'b', 'c'], [{ id: 'a', status: 'ACTIVE' }, { id: 'b', status: 'UNKNOWN' }, { id: 'x' }])).toEqual({ seen: ['a'], unseen: ['b', 'c'], viewIncomplete: false })
})

test('E2 more than three and more than a tenth unseen stop the project', () => {
  const ids = (n: number) => Array.from({ length: n }, (_, i) => `id-${i}`)
  const incomplete = (known: number, unseen: number) => view(ids(known), ids(known).slice(unseen).map((id) => ({ id }))).viewIncomplete
  expect([incomplete(3, 3), incomplete(4, 4), incomplete(100, 10), incomplete(100, 11), incomplete(1000, 100), incomplete(1000, 101)]).toEqual([false, true, false, true, false, true])
  fc.assert(fc.property(fc.nat(500), fc.nat(500), (known, off) => {
    const unseen = Math.min(off, known)
    expect(incomplete(known, unseen)).toBe(unseen > 3 && unseen > Math.floor(known / 10))
  }))
})

test('E2 an empty list of a project with a handful of objects stops it', () => {
  expect(view(['a', 'b', 'c', 'd', 'e'], [])).toMatchObject({ viewIncomplete: true })
})

test('E2 gone needs a 404 with a token of the project in which it was made; an error is no proof', async () => {
  expect(await confirmGone(async () => undefined, 'a', 'p', 'p')).toBe(true)
  expect(await confirmGone(async () => undefined, 'a', 'p', 'other')).toBe(false)
  expect(await confirmGone(async () => ({ id: 'a' }), 'a', 'p', 'p')).toBe(false)
  await expect(confirmGone(async () => { throw new Error('503') }, 'a', 'p', 'p')).rejects.toThrow('503')
})
