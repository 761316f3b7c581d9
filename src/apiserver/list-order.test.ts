import fc from 'fast-check'
import { expect, test } from 'vitest'
import { mergedOrder } from './list-order.ts'

const order = (live: string, applied: string): string => mergedOrder([...live], [...applied]).join('')

test('A3 shared items take the applied order, others stay where they stood', () => {
  expect(order('abc', 'cab')).toBe('cab')
  expect(order('abc', 'zb')).toBe('azbc')
  expect(order('abc', '')).toBe('abc')
  expect(order('', 'ab')).toBe('ab')
  expect(order('abx', 'ba')).toBe('bxa')
})

test('A3 each item of either list is there once, and the applied order is kept', () => {
  const list = fc.uniqueArray(fc.constantFrom(...'abcdefg'), { maxLength: 7 })
  fc.assert(fc.property(list, list, (live, applied) => {
    const merged = mergedOrder(live, applied)
    expect(merged.toSorted()).toEqual([...new Set([...live, ...applied])].toSorted())
    expect(merged.filter((k) => applied.includes(k))).toEqual(applied)
    const ofOthers = live.filter((k) => !applied.includes(k))
    expect(merged.filter((k) => ofOthers.includes(k))).toEqual(ofOthers)
  }))
})
