import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fakeClock } from '../../testkit/fake-clock.ts'
import { createQueue, type Lane } from './queue.ts'

const open = (random = () => 0.5) => {
  const clock = fakeClock()
  return { clock, queue: createQueue({ clock, random, backOff: { firstMs: 100, maxMs: 1000 }, onReady: () => {} }) }
}
const drain = (queue: ReturnType<typeof open>['queue']): string[] => {
  const keys: string[] = []
  for (let next = queue.take(); next !== undefined; next = queue.take()) { keys.push(next.key); queue.done(next.key) }
  return keys
}

test('a key that is added twice is worked on once', () => {
  const { queue } = open()
  queue.add('a', 'events')
  queue.add('a', 'events')
  expect(drain(queue)).toEqual(['a'])
})

test('what arrives during the work brings the key back, and not before the work is done', () => {
  const { queue } = open()
  queue.add('a', 'events')
  queue.take()
  queue.add('a', 'events')
  queue.add('a', 'events')
  expect(queue.take()).toBeUndefined()
  queue.done('a')
  expect(drain(queue)).toEqual(['a'])
})

test('E4 people go before events, and events before background', () => {
  const { queue } = open()
  queue.add('b', 'background')
  queue.add('e', 'events')
  queue.add('p', 'people')
  expect(drain(queue)).toEqual(['p', 'e', 'b'])
})

test('E4 a key in the background moves to the front when a person waits for it', () => {
  const { queue } = open()
  queue.add('a', 'background')
  queue.add('b', 'events')
  queue.add('a', 'people')
  expect(drain(queue)).toEqual(['a', 'b'])
  expect([queue.depth('people'), queue.depth('events'), queue.depth('background')]).toEqual([0, 0, 0])
})

test('E4 people cannot starve the background', () => {
  const { queue } = open()
  queue.add('slow', 'background')
  for (let i = 0; i < 100; i++) queue.add(`p${i}`, 'people')
  expect(drain(queue).indexOf('slow')).toBeLessThan(20)
})

test('the earlier of two deadlines counts, and a pass that starts before cancels it', async () => {
  const { clock, queue } = open()
  queue.addAfter('a', 5000, 'events')
  queue.addAfter('a', 1000, 'events')
  queue.addAfter('a', 9000, 'events')
  queue.addAfter('b', 2000, 'events')
  await clock.advance(1000)
  expect(drain(queue)).toEqual(['a'])
  queue.add('b', 'people')
  expect(drain(queue)).toEqual(['b'])
  await clock.advance(60_000)
  expect(drain(queue)).toEqual([])
})

test('failures back off exponentially up to a limit, with jitter, until forgotten', () => {
  const { queue } = open(() => 1)
  expect([1, 2, 3, 4, 5, 6].map(() => queue.addFailed('a', 'events'))).toEqual([125, 250, 500, 1000, 1250, 1250])
  queue.forget('a')
  expect(queue.addFailed('a', 'events')).toBe(125)
})

test('no key is lost and none is worked on twice at once, whatever the order of calls', () => {
  const key = fc.constantFrom('a', 'b', 'c')
  const lane = fc.constantFrom<Lane>('people', 'events', 'background')
  const call = fc.oneof(fc.tuple(fc.constant('add' as const), key, lane), fc.tuple(fc.constant('take' as const), key, lane), fc.tuple(fc.constant('done' as const), key, lane))
  fc.assert(fc.property(fc.array(call, { maxLength: 60 }), (calls) => {
    const { queue } = open()
    const owed = new Set<string>()
    const working = new Set<string>()
    for (const [verb, k, l] of calls) {
      if (verb === 'add') { queue.add(k, l); owed.add(k) }
      if (verb === 'take') {
        const next = queue.take()
        if (next === undefined) { expect([...owed].every((o) => working.has(o))).toBe(true); continue }
        expect(working.has(next.key)).toBe(false)
        working.add(next.key)
        owed.delete(next.key)
      }
      if (verb === 'done' && working.delete(k)) queue.done(k)
    }
    for (const k of working) queue.done(k)
    expect(new Set(drain(queue))).toEqual(owed)
  }))
})

test('E4 deadlines are counted by lane, once for each key, until they come, are overtaken or moved', async () => {
  const { queue, clock } = open()
  const count = (): readonly number[] => [queue.delayedIn('events'), queue.delayedIn('background')]
  const seen: (readonly number[])[] = []
  queue.addAfter('a', 1_000, 'events')
  queue.addAfter('b', 2_000, 'background')
  seen.push(count())
  queue.addAfter('b', 500, 'events')
  seen.push(count())
  queue.add('a', 'people')
  queue.take()
  seen.push(count())
  await clock.advance(500)
  seen.push(count())
  expect(seen).toEqual([[1, 1], [2, 0], [1, 0], [0, 0]])
})
