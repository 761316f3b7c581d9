import { expect, test } from 'vitest'
import { fakeClock, turns } from '../../../testkit/fake-clock.ts'
import { openBudget } from './budget.ts'

test('E4 a burst goes at once, then calls go at the rate, people before work before background', async () => {
  const clock = fakeClock()
  const budget = openBudget({ clock, perSecond: 10, burst: 2 })
  const went: string[] = []
  for (const [who, priority] of [['b1', 'background'], ['b2', 'background'], ['b3', 'background'], ['w1', 'work'], ['p1', 'people'], ['w2', 'work'], ['p2', 'people']] as const) void budget.take(priority).then(() => went.push(who))
  await turns()
  expect(went).toEqual(['b1', 'b2'])
  await clock.advance(100)
  expect(went).toEqual(['b1', 'b2', 'p1'])
  await clock.advance(400)
  expect(went).toEqual(['b1', 'b2', 'p1', 'p2', 'w1', 'w2', 'b3'])
  expect(clock.timers).toBe(0)
})

test('who gives up leaves the queue, and a cloud that asks for quiet gets it', async () => {
  const clock = fakeClock()
  const budget = openBudget({ clock, perSecond: 10, burst: 1 })
  await budget.take('work')
  const leaving = new AbortController()
  const left = budget.take('people', leaving.signal).catch((e: unknown) => e)
  const went = budget.take('work')
  leaving.abort(new Error('gone'))
  expect(await left).toEqual(new Error('gone'))
  expect(budget.waiting).toBe(1)
  await clock.advance(100)
  await went
  budget.hold(5_000)
  let held = true
  const after = budget.take('people').then(() => { held = false })
  await clock.advance(4_000)
  expect(held).toBe(true)
  await clock.advance(1_000)
  await after
  await expect(budget.take('work', AbortSignal.abort(new Error('too late')))).rejects.toThrow('too late')
})

test('E4 another pace counts from now on, for those who wait too', async () => {
  const clock = fakeClock()
  const budget = openBudget({ clock, perSecond: 1, burst: 1 })
  await budget.take('work')
  let went = 0
  for (let i = 0; i < 20; i++) void budget.take('work').then(() => went++)
  budget.pace(10, 10)
  await clock.advance(1)
  expect(went).toBe(9)
  await clock.advance(1_000)
  expect(went).toBe(19)
  budget.pace(1, 1)
  await clock.advance(1_000)
  expect([went, budget.waiting]).toEqual([20, 0])
})
