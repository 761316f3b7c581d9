import fc from 'fast-check'
import { expect, test } from 'vitest'
import { lookAgainMs } from './look-again.ts'

test('E4 one alone is looked at when it asked to be; who took long, or waits with many, later', () => {
  expect([lookAgainMs(2_000, 10, 0), lookAgainMs(2_000, 10, 299), lookAgainMs(2_000, 10, 3_000), lookAgainMs(2_000, 4_000, 3_000), lookAgainMs(60_000, 10, 3_000)]).toEqual([2_000, 2_000, 20_000, 20_000, 60_000])
})

test('E4 however many wait, their looks are at most 150 a second', () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 100_000 }), fc.double({ min: 0.1, max: 60, noNaN: true }), (waiting, seconds) => waiting / (lookAgainMs(seconds * 1000, 0, waiting) / 1000) <= 150.001))
})
