import { afterEach, beforeEach, expect, test } from 'vitest'
import { Registry } from 'prom-client'
import { everyStepFails } from '../../testkit/every-step-fails.ts'
import { turns } from '../../testkit/fake-clock.ts'
import { isTrue } from '../api/meta/index.ts'
import type { Interpose } from './effects.ts'
import type { Lease } from './leases.ts'
import type { Controller } from './shapes.ts'
import { shelf, shop } from './testing/controllers.ts'
import { closed, controllersOf, deleteShop, editShop, getShelves, getShop, isShopReady, makeShop, openWorld, until, type TestWorld } from './testing/world.ts'

const logKept = 100
let w: TestWorld
beforeEach(async () => { w = await openWorld({ keep: logKept }) })
afterEach(async () => { await w.close() })

const isReady = (): Promise<boolean> => isShopReady(w)

test('E1 after a watch that was away too long the cache is listed anew and nothing is missed', async () => {
  const metrics = new Registry()
  await makeShop(w, 1)
  const running = await w.start({ metrics })
  await until(w.clock, running, isReady)
  // Time stands still: nobody watches again before the log has lost what they saw last.
  await w.restartApi()
  await editShop(w, { shelves: 3 })
  for (let i = 0; i < 3 * logKept; i++) await editShop(w, { shelves: 3 }, { n: String(i) })
  await w.restartApi()
  await until(w.clock, running, async () => (await getShop(w))?.status?.ready === 3)
  const restarts = await metrics.getSingleMetricAsString('skerry_watch_restarts_total')
  for (const resource of ['shops', 'shelves']) expect(restarts).toContain(`resource="${resource}.test.skerry.dev",why="expired"`)
})

test('E3 a creating call does not start when the lease does not outlast it', async () => {
  await makeShop(w, 1)
  const first = await w.start({ controllers: [shop()] })
  await first.whenIdle()
  await closed(w.clock, first)
  await w.clock.advance(60_000)
  // Renewals hang: the lease is ours still, but not for long.
  const late = await w.start({ leases: { ...w.leases, renew: () => new Promise(() => {}) }, controllers: [slowShelf(w)], longestCallMs: 20_000 })
  await until(w.clock, late, () => w.complaints.length > 0 || w.remarks.some((r) => r.includes('does not outlast')))
  expect(w.warehouse.made).toEqual([])
})
/** Looks at its shelf only when 15 of the lease's 30 s are gone, then wants a call of 20 s. */
const slowShelf = (world: TestWorld): Controller => {
  const base = shelf(world.warehouse)
  return {
    ...base, observe: async (o, c) => { await new Promise<void>((resolve) => { world.clock.after(15_000, resolve) }); return base.observe(o, c) },
    apply: async (step, _s, o, c) => { if (step.kind === 'create') await c.creating('board', 20_000, () => world.warehouse.create(o.metadata.uid)) },
  }
}

test('E3 a new holder acts outside only after the longest call of the former one', async () => {
  await w.leases.acquire('controllers', 'crashed', 1)
  await w.clock.advance(10)
  await makeShop(w, 1)
  const running = await w.start()
  await until(w.clock, running, async () => (await getShelves(w)).length === 1)
  await running.whenIdle()
  await w.clock.advance(9_000)
  await running.whenIdle()
  expect(w.warehouse.made).toEqual([])
  await until(w.clock, running, isReady)
  expect(w.warehouse.made.length).toBe(1)
})

test('E6 who lost the lease cannot write, stops, and begins anew as a new holder', async () => {
  await makeShop(w, 1)
  let lease: Lease | undefined
  const running = await w.start({ leases: { ...w.leases, async acquire(...args) { const a = await w.leases.acquire(...args); if (a.kind === 'held') lease = a.lease; return a } } })
  await until(w.clock, running, isReady)
  // Taken away behind its back: its next write is the first to tell.
  await w.leases.release(lease!, 0)
  await w.leases.acquire('controllers', 'other', 20_000)
  const before = (await getShelves(w)).length
  await editShop(w, { shelves: 2 })
  await turns(50)
  expect([before, (await getShelves(w)).length, running.isActive]).toEqual([1, 1, false])
  await until(w.clock, running, async () => (await getShop(w))?.status?.ready === 2)
})

test('a lost lease ends what is being observed', async () => {
  await makeShop(w, 1)
  let ended: unknown
  const shops = shop()
  const running = await w.start({ leases: { ...w.leases, renew: async () => false }, controllers: [{ ...shops, observe: (_o, c) => new Promise((_resolve, reject) => { c.signal.addEventListener('abort', () => { ended ??= c.signal.reason; reject(c.signal.reason as Error) }) }) }] })
  await turns(20)
  await w.clock.advance(6_000)
  expect(String(ended)).toContain('lease controllers lost')
  void running
})

const scenario = (prepare: (world: TestWorld) => Promise<void>, isSettled: (world: TestWorld) => Promise<boolean>, check: (world: TestWorld) => Promise<void>) => ({
  async build() {
    const world = await openWorld()
    await prepare(world)
    return {
      clock: world.clock, start: (interpose: Interpose) => world.start({ interpose }),
      isSettled: () => isSettled(world), check: () => check(world), close: () => world.close(),
    }
  },
})
const boardsMatch = async (world: TestWorld): Promise<void> => {
  expect([...world.warehouse.boards.values()].map((b) => b.mark).toSorted()).toEqual((await getShelves(world)).map((s) => s.metadata.uid).toSorted())
}

test('E3 whichever step of making fails, dies after its effect, or is done twice: every shelf has one board in the end', async () => {
  const effects = await everyStepFails(scenario(
    async (world) => { await makeShop(world, 2) },
    async (world) => {
      const shelves = await getShelves(world)
      const s = await getShop(world)
      return s !== undefined && isTrue(s, 'Ready') && shelves.length === 2 && shelves.every((x) => isTrue(x, 'Ready'))
    },
    boardsMatch,
  ))
  expect(effects).toContain('creating board (shelf town/corner-0)')
}, 240_000)

test('E3 whichever step of deleting fails, dies after its effect, or is done twice: nothing is left', async () => {
  await everyStepFails(scenario(
    async (world) => {
      await makeShop(world, 2)
      const running = await world.start({ controllers: controllersOf(world.warehouse) })
      await until(world.clock, running, async () => { const s = await getShop(world); return s !== undefined && isTrue(s, 'Ready') })
      await closed(world.clock, running)
      await deleteShop(world)
    },
    async (world) => (await getShop(world)) === undefined && (await getShelves(world)).length === 0,
    boardsMatch,
  ))
}, 240_000)
