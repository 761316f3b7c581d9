import { expect, test } from 'vitest'
import { fakeClock, turns } from '../../../testkit/fake-clock.ts'
import type { Marked } from './cloud.ts'
import { openLister } from './lister.ts'

type Thing = Marked & { readonly status: string }
const thing = (id: string, status = 'ACTIVE', uid = `uid-${id}`): Thing => ({ id, name: id, status, mark: { uid, site: 's', role: 'r' } })

/** A cloud that answers when told to. */
const bed = (options: { readonly manual?: boolean } = {}) => {
  const clock = fakeClock()
  const state = { items: [] as readonly Thing[], calls: [] as number[], background: [] as boolean[], error: undefined as Error | undefined, answers: [] as (() => void)[] }
  const lister = openLister<Thing>((background) => {
    state.calls.push(clock.monotonic())
    state.background.push(background)
    const answer = async (): Promise<readonly Thing[]> => { if (state.error !== undefined) throw state.error; return state.items }
    return options.manual === true ? new Promise((resolve, reject) => { state.answers.push(() => { answer().then(resolve, reject) }) }) : answer()
  }, { clock, pollMs: 2_000, gapMs: 500, idleMs: 180_000, interestMs: 60_000 })
  return { clock, state, lister }
}

test('E4 a thousand who ask at once share one request', async () => {
  const { state, lister } = bed()
  state.items = [thing('a')]
  const listings = await Promise.all(Array.from({ length: 1000 }, () => lister.list()))
  expect(new Set(listings).size).toBe(1)
  expect(state.calls.length).toBe(1)
  expect(await lister.list()).toBe(listings[0])
  expect(state.calls.length).toBe(1)
})

test('E1 a list asked for after an effect begins after it, also when one is under way', async () => {
  const { clock, state, lister } = bed({ manual: true })
  const first = lister.list()
  await clock.advance(100)
  const effect = clock.monotonic()
  const after = lister.list(effect)
  const early = lister.list(effect - 200)
  state.answers.shift()!()
  expect((await first).begunAt).toBe(0)
  expect(await early).toBe(await first)
  await clock.advance(500)
  expect(state.calls).toEqual([0, 500])
  state.answers.shift()!()
  expect((await after).begunAt).toBe(500)
})

test('E1 a list that began in the very moment of the effect does not count', async () => {
  const { clock, state, lister } = bed()
  await clock.advance(10)
  const asked = lister.list(clock.monotonic())
  await clock.advance(500)
  expect((await asked).begunAt).toBeGreaterThan(10)
  expect(state.calls.length).toBe(2)
})

test('E4 changes are told by uid: made, changed, gone, given to another; not what is the same', async () => {
  const { clock, state, lister } = bed()
  const told: string[][] = []
  state.items = [thing('a'), thing('b'), thing('c'), thing('d')]
  const stop = lister.onChange((uids) => told.push([...uids].toSorted()))
  await lister.list(-1)
  await clock.advance(2_000)
  expect(told).toEqual([])
  state.items = [thing('a'), thing('b', 'ERROR'), thing('d', 'ACTIVE', 'uid-other'), thing('e'), { id: 'x', name: 'theirs', status: 'ACTIVE' }]
  await clock.advance(2_000)
  expect(told).toEqual([['uid-b', 'uid-c', 'uid-d', 'uid-e', 'uid-other']])
  await clock.advance(2_000)
  expect(told.length).toBe(1)
  stop()
  expect(clock.timers).toBe(0)
})

test('E4 every two seconds while somebody is interested, every three minutes while nobody is, never for nobody', async () => {
  const { clock, state, lister } = bed()
  expect(clock.timers).toBe(0)
  lister.onChange(() => undefined)
  const first = lister.list(clock.monotonic() - 1)
  await clock.advance(60_000)
  await first
  expect(state.calls.length).toBeGreaterThanOrEqual(30)
  const busy = state.calls.length
  await clock.advance(600_000)
  expect(state.calls.length - busy).toBeLessThanOrEqual(5)
  expect(state.background.every((b) => b)).toBe(true)
  const idle = state.calls.length
  // A routine look takes what the polls brought; who only looks keeps nothing young; who did something waits for what comes of it.
  await lister.list(-Infinity, true)
  await clock.advance(10_000)
  expect(state.calls.length - idle).toBe(0)
  const looked = lister.list()
  await clock.advance(10_000)
  await looked
  expect(state.calls.length - idle).toBe(1)
  expect(state.background.at(-1)).toBe(false)
  const anew = lister.list(Infinity)
  await clock.advance(10_000)
  await anew
  // The one that began in the very moment did not count.
  expect(state.calls.length - idle).toBe(3)
  const acted = lister.list(clock.monotonic())
  await clock.advance(10_000)
  await acted
  expect(state.calls.length - idle).toBe(9)
  lister.close()
  expect(clock.timers).toBe(0)
})

test('E4 lists that nobody waits for and that are due within ten seconds are begun together, and no later than they must', async () => {
  const { clock, state, lister } = bed()
  await clock.advance(4_000)
  lister.onChange(() => undefined)
  await clock.advance(200_000)
  expect(state.calls).toEqual([4_000, 180_000])
  lister.close()
})

test('E2 a list that failed is thrown away: who waited hears of it, nothing is told to be gone, and the next one counts', async () => {
  const { clock, state, lister } = bed()
  const told: string[][] = []
  state.items = [thing('a')]
  lister.onChange((uids) => told.push([...uids]))
  await lister.list()
  state.error = new Error('a page is missing')
  const asked = lister.list(clock.monotonic()).catch((e: unknown) => e)
  await clock.advance(10_000)
  expect(await asked).toBe(state.error)
  state.error = undefined
  await clock.advance(20_000)
  expect(told).toEqual([])
  state.items = []
  await clock.advance(20_000)
  expect(told).toEqual([['uid-a']])
  lister.close()
  await expect(lister.list()).rejects.toThrow('closed')
  await turns()
})
