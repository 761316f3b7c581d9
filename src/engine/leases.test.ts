import { expect, test } from 'vitest'
import { fakeClock } from '../../testkit/fake-clock.ts'
import { openMemoryStore } from '../store/memory/memory.ts'
import { winLease, type Leases } from './leases.ts'
import type { Log } from './shapes.ts'

const log: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
const longestCallMs = 10_000

const open = () => {
  const clock = fakeClock()
  const store = openMemoryStore({ now: () => clock.monotonic() })
  const stop = new AbortController()
  const win = (holder: string, endedPlace?: string, leases: Leases = store.leases) => winLease({ leases, slot: 's', holder, endedPlace, ttlMs: 30_000, longestCallMs, clock, random: () => 0.5, log, signal: stop.signal })
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

test('E4 a lease that had been over for longer than the longest call is not waited for', async () => {
  const { clock, store, win } = open()
  await store.leases.acquire('s', 'crashed', 30_000)
  await clock.advance(30_000 + longestCallMs / 2)
  const second = (await win('b'))!
  expect(second.effectsFrom - clock.monotonic()).toBe(longestCallMs / 2)
  await clock.advance(30_000)
  await second.release()
  expect((await win('c'))!.effectsFrom).toBeLessThanOrEqual(clock.monotonic())
})

test('E4 the lease of a process that is known to have ended is over at once, and its longest call is waited for', async () => {
  const { clock, store, win } = open()
  await store.leases.acquire('s', 'here/1', 30_000)
  await clock.advance(5_000)
  const second = (await win('here/2', 'here/'))!
  expect(second.fence.epoch).toBe(2)
  expect(second.effectsFrom - clock.monotonic()).toBe(longestCallMs)
})

test('E3 the lease of another place is waited for', async () => {
  const { clock, store, win } = open()
  await store.leases.acquire('s', 'there/1', 30_000)
  const second = win('here/1', 'here/')
  await clock.advance(29_000)
  expect(await store.leases.acquire('s', 'who', 1)).toEqual({ kind: 'taken', holder: 'there/1' })
  await clock.advance(10_000)
  expect((await second)!.effectsFrom).toBeGreaterThanOrEqual(30_000 + longestCallMs)
})

test('E3 a former process is ended once: later the name of the place is our own', async () => {
  const { clock, store, win } = open()
  const said: string[] = []
  const held = win('here/1', 'here/', {
    ...store.leases,
    async end(...a) { said.push('end'); await store.leases.end(...a) },
    async acquire(...a) {
      const answer = await store.leases.acquire(...a)
      if (said.push('acquire') === 2) throw new Error('the answer was lost')
      return answer
    },
  })
  await clock.advance(10_000)
  expect((await held)!.fence.epoch).toBe(1)
  expect(said).toEqual(['end', 'acquire', 'acquire'])
})

test('E3 who gave a call up and released leaves the longest call from then to be waited for', async () => {
  const { clock, win } = open()
  const first = (await win('a'))!
  first.abandoned()
  await clock.advance(3_000)
  await first.release()
  const second = (await win('b'))!
  expect(second.effectsFrom - clock.monotonic()).toBe(longestCallMs - 3_000)
})

test('E4 who released with all calls answered leaves nothing to be waited for', async () => {
  const { clock, win } = open()
  const first = (await win('a'))!
  first.abandoned()
  await clock.advance(longestCallMs + 1)
  await first.release()
  expect((await win('b'))!.effectsFrom).toBeLessThanOrEqual(clock.monotonic())
})

test('E3 who releases while it holds back for a former holder passes the rest of that on', async () => {
  const { clock, store, win } = open()
  await store.leases.acquire('s', 'here/1', 30_000)
  const second = (await win('here/2', 'here/'))!
  await clock.advance(4_000)
  await second.release()
  expect((await win('c'))!.effectsFrom).toBe(second.effectsFrom)
})

test('E3 a holder that was taken over, or could not renew, knows it', async () => {
  const { clock, store, win } = open()
  const held = (await win('a'))!
  await store.leases.release({ slot: 's', holder: 'a', epoch: 1 }, 0)
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
