import { expect, test } from 'vitest'
import { fakeClock } from '../../../../testkit/fake-clock.ts'
import { isBusy, isTransient, isUnclear, openstackError } from '../errors.ts'
import { openOneByOne } from './one-by-one.ts'

const immutable = () => openstackError({ kind: 'transient', service: 'load-balancer', status: 409, type: 'ImmutableObject' }, 'immutable')

test('O3 calls below one load balancer go one after another, also after one that failed; those below others side by side', async () => {
  const clock = fakeClock()
  const queue = openOneByOne({ clock, ask: async () => 'ACTIVE', lookMs: 100, patienceMs: 1_000 })
  const log: string[] = []
  const call = (name: string, ms: number, fails = false) => () => new Promise<string>((resolve, reject) => {
    log.push(`${name} begins`)
    clock.after(ms, () => { log.push(`${name} ends`); if (fails) reject(new Error(name)); else resolve(name) })
  })
  const all = Promise.allSettled([queue.below('a', call('a1', 50, true)), queue.below('a', call('a2', 10)), queue.below('b', call('b1', 20))])
  await clock.advance(200)
  expect((await all).map((r) => r.status)).toEqual(['rejected', 'fulfilled', 'fulfilled'])
  expect(log).toEqual(['a1 begins', 'b1 begins', 'b1 ends', 'a1 ends', 'a2 begins', 'a2 ends'])
})

test('O3 after a call that was accepted the next one looks first: no call is made only to hear that the balancer is immutable', async () => {
  const clock = fakeClock()
  const states = ['PENDING_UPDATE', 'PENDING_UPDATE', 'ACTIVE']
  const looks: number[] = []
  const queue = openOneByOne({ clock, ask: async () => { looks.push(clock.monotonic()); return states.shift() }, lookMs: 100, patienceMs: 5_000 })
  const calls: number[] = []
  const call = async (): Promise<void> => { calls.push(clock.monotonic()) }
  const begun = clock.monotonic()
  await queue.below('a', call)
  await clock.advance(50)
  const second = queue.below('a', call)
  await clock.advance(700)
  await second
  await clock.advance(100)
  await queue.below('a', call)
  expect([looks, calls].map((at) => at.map((ms) => ms - begun))).toEqual([[150, 350, 750], [0, 750, 850]])
})

test('O3 immutable is waited for: the call is repeated once Octavia is done', async () => {
  const clock = fakeClock()
  const states = ['PENDING_UPDATE', 'PENDING_UPDATE', 'ACTIVE']
  const queue = openOneByOne({ clock, ask: async () => states.shift(), lookMs: 100, patienceMs: 5_000 })
  let tries = 0
  const done = queue.below('a', async () => { if (++tries === 1) throw immutable(); return 'made' })
  await clock.advance(700)
  expect([await done, tries, states]).toEqual(['made', 2, []])
})

test('O3 immutable for longer than the patience, or for good, is busy: the next pass goes on', async () => {
  const clock = fakeClock()
  for (const status of ['PENDING_UPDATE', 'ERROR', undefined]) {
    const queue = openOneByOne({ clock, ask: async () => status, lookMs: 100, patienceMs: 1_000 })
    const failed = queue.below('a', async () => { throw immutable() }).catch((e: unknown) => e)
    await clock.advance(2_000)
    expect(isBusy(await failed)).toBe(true)
  }
})

test('E3 a creating call that is given up before its turn was not sent: that is clear', async () => {
  const clock = fakeClock()
  const queue = openOneByOne({ clock, ask: async () => 'PENDING_UPDATE', lookMs: 100, patienceMs: 10_000 })
  const limit = new AbortController()
  let tries = 0
  const failed = queue.below('a', async () => { tries++; throw immutable() }, limit.signal).catch((e: unknown) => e)
  await clock.advance(250)
  limit.abort(new Error('time-out'))
  const error = await failed
  expect([isTransient(error), isUnclear(error), tries]).toEqual([true, false, 1])
})
