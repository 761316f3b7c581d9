import { expect, test } from 'vitest'
import { quietCollector } from './collect-when-quiet.ts'

const MiB = 1024 * 1024
/** A process that holds `used` and in which `live` of it lives; answers how often it has collected after each look. */
const processWith = (live: number) => {
  const heap = { used: live, collections: 0 }
  const look = quietCollector(() => heap.used * MiB, () => { heap.collections++; heap.used = live })
  return { heap, look: (...busy: readonly number[]): readonly number[] => busy.map((b) => { look(b); return heap.collections }) }
}

test('it collects once, when the event loop had little to do for half a minute', () => {
  expect(processWith(100).look(0.5, 0.01, 0.02, 0.5, 0.01, 0.02, 0.03, 0.01, 0.01)).toEqual([0, 0, 0, 0, 0, 0, 1, 1, 1])
})

test('again only when it brings a tenth and some MiB more', () => {
  const p = processWith(100)
  p.look(0, 0, 0)
  p.heap.used = 117
  expect(p.look(0, 0, 0)).toEqual([1, 1, 1])
  p.heap.used = 119
  expect(p.look(0, 0)).toEqual([2, 2])
})

test('and never while there is work', () => {
  const p = processWith(100)
  p.heap.used = 1_000
  expect(p.look(0.2, 0.2, 0.2, 0.2, 0.2)).toEqual([0, 0, 0, 0, 0])
})
