import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { quietCollector } from './collect-when-quiet.ts'

const MiB = 1024 * 1024
/** A process that holds `used` and in which `live` of it lives; answers how often it has collected after each look. */
const processWith = (live: number) => {
  const heap = { used: live, collections: 0, trims: 0 }
  const look = quietCollector(() => heap.used * MiB, () => { heap.collections++; heap.used = live }, () => { heap.trims++ })
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

test('freed memory is given back every minute for as long as it is quiet', () => {
  const p = processWith(100)
  const trims = (...busy: readonly number[]): readonly number[] => busy.map((b) => { p.look(b); return p.heap.trims })
  expect(trims(0, 0, 0, 0, 0, 0, 0, 0.5, 0, 0, 0, 0, 0, 0)).toEqual([0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 2])
})

test('and never while there is work', () => {
  const p = processWith(100)
  p.heap.used = 1_000
  expect(p.look(0.2, 0.2, 0.2, 0.2, 0.2)).toEqual([0, 0, 0, 0, 0])
})

test('what it gives back is the nursery too, which supervised processes have large from the start', () => {
  const script = `
    import { getHeapSpaceStatistics } from 'node:v8'
    import { collectAll } from ${JSON.stringify(join(import.meta.dirname, 'collect-when-quiet.ts'))}
    const nursery = () => getHeapSpaceStatistics().find((s) => s.space_name === 'new_space').physical_space_size / 2 ** 20
    let kept = []
    for (let i = 0; i < 400_000; i++) kept[i % 1000] = [i, String(i), { i }]
    const before = nursery()
    collectAll(gc)
    console.log(JSON.stringify([before > 16, nursery() < 4, kept.length]))`
  expect(JSON.parse(execFileSync(process.execPath, ['--expose-gc', '--min-semi-space-size=32', '--max-semi-space-size=32', '--input-type=module', '-e', script], { encoding: 'utf8' }))).toEqual([true, true, 1000])
})
