import { expect, test } from 'vitest'
import { fakeClock } from '../../testkit/fake-clock.ts'
import { openMemoryStore } from '../store/memory/memory.ts'
import { winLease } from './leases.ts'
import type { Log } from './shapes.ts'

const log: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
const longestCallMs = 10_000

const open = () => {
  const clock = fakeClock()
  const store = openMemoryStore({ now: () => clock.monotonic() })
  const stop = new AbortController()
  const win = (holder: string) => winLease({ leases: store.leases, slot: 's', holder, ttlMs: 30_000, longestCallMs, clock, random: () => 0.5, log, signal: stop.signal })
  return { clock, store, stop, win }
}

test('E3 the first holder of all acts at once', async () => {
  const { clock, win } = open()
  const held = (await win('a'))!
  expect(held.fence).toEqual({ slot: 's', epoch: 1 })
  expect(held.effectsFrom).toBeLessThanOrEqual(clock.monotonic())
})

test('E3 a lease is renewed by itself and never believed to last longer than the database says', async () => {
  const { clock, win } = open()
  const held = (await win('a'))!
  await clock.advance(300_000)
  expect(held.signal.aborted).toBe(false)
  expect(held.remainingMs()).toBeGreaterThan(20_000)
  expect(held.remainingMs()).toBeLessThanOrEqual(30_000)
})

test('E3 a new holder waits for the longest call of the former one', async () => {
  const { clock, store, win } = open()
  await store.leases.acquire('s', 'crashed', 30_000)
  const second = win('b')
  await clock.advance(40_000)
  const held = (await second)!
  expect(held.fence.epoch).toBe(2)
  expect(held.effectsFrom).toBeGreaterThanOrEqual(30_000 + longestCallMs)
})

test('E3 who released with a call unanswered leaves the rest of the lease to be waited for', async () => {
  const { clock, win } = open()
  const first = (await win('a'))!
  first.abandoned()
  await first.release()
  const second = (await win('b'))!
  expect(second.effectsFrom - clock.monotonic()).toBeGreaterThan(longestCallMs + 20_000)
})

test('E3 who released with all calls answered leaves only the longest call', async () => {
  const { clock, win } = open()
  const first = (await win('a'))!
  await clock.advance(20_000)
  await first.release()
  const second = (await win('b'))!
  expect(second.effectsFrom - clock.monotonic()).toBeLessThanOrEqual(longestCallMs + 1)
})

test('E3 a holder that was taken over, or could not renew, knows it', async () => {
  const { clock, store, win } = open()
  const held = (await win('a'))!
  await store.leases.release({ slot: 's', holder: 'a', epoch: 1 })
  await clock.advance(6_000)
  expect(held.signal.aborted).toBe(true)
  expect(held.remainingMs()).toBe(0)
})

test('E3 a holder that was stopped for longer than its lease has nothing left when it wakes', async () => {
  const { clock, store } = open()
  // Renewals that are never answered stand for a process that cannot run.
  const held = (await winLease({
    leases: { ...store.leases, renew: () => new Promise(() => {}) }, slot: 's', holder: 'a', ttlMs: 30_000, longestCallMs, clock, random: () => 0.5, log, signal: new AbortController().signal,
  }))!
  await clock.advance(29_999)
  expect(held.signal.aborted).toBe(false)
  expect(held.remainingMs()).toBe(1)
  await clock.advance(1)
  expect(held.signal.aborted).toBe(true)
})
