import { afterEach, beforeEach, expect, test } from 'vitest'
import { Registry } from 'prom-client'
import { isTrue } from '../api/meta/index.ts'
import { everyStepFails } from '../../testkit/every-step-fails.ts'
import { turns } from '../../testkit/fake-clock.ts'
import { waiting, refused, settled } from './outcome.ts'
import { shelf, shop } from './testing/controllers.ts'
import { Shelf, Shop } from './testing/kinds.ts'
import { closed, controllersOf, deleteShop, editShop, getShelves, getShop, makeShop, openWorld, until, type TestWorld } from './testing/world.ts'
import type { Effect, Interpose } from './effects.ts'
import type { Lease } from './leases.ts'
import { exclusive, external, status, transform, type Controller } from './shapes.ts'

let w: TestWorld
const logKept = 100
beforeEach(async () => { w = await openWorld({ keep: logKept }) })
afterEach(async () => { await w.close() })

const isReady = async (): Promise<boolean> => { const s = await getShop(w); return s !== undefined && isTrue(s, 'Ready') }
/** Writes down every effect. */
const recorder = (): { readonly effects: Effect[]; readonly interpose: Interpose } => {
  const effects: Effect[] = []
  return { effects, interpose: (effect, perform) => { effects.push(effect); return perform() } }
}

test('a shop gets its shelves, each shelf its board, and both say so', async () => {
  await makeShop(w, 3)
  const running = await w.start()
  await until(w.clock, running, isReady)
  const shelves = await getShelves(w)
  expect(shelves.map((s) => [s.metadata.name, isTrue(s, 'Ready'), s.metadata.finalizers])).toEqual([0, 1, 2].map((i) => [`corner-${i}`, true, ['skerry.dev/shelf']]))
  expect([...w.warehouse.boards.values()].map((b) => b.mark).toSorted()).toEqual(shelves.map((s) => s.metadata.uid).toSorted())
  expect((await getShop(w))?.status).toMatchObject({ ready: 3, conditions: [{ type: 'Ready', status: 'True', reason: 'Done', observedGeneration: 1 }] })
  expect(w.complaints).toEqual([])
})

test('a deleted shop goes with its shelves and boards, and each finalizer is removed by its own controller', async () => {
  await makeShop(w, 2)
  const running = await w.start()
  await until(w.clock, running, isReady)
  await deleteShop(w)
  await until(w.clock, running, async () => (await getShop(w)) === undefined)
  expect([await getShelves(w), [...w.warehouse.boards.values()]]).toEqual([[], []])
})

test('S8 a pass that changes nothing writes nothing', async () => {
  await makeShop(w, 2)
  const { effects, interpose } = recorder()
  const running = await w.start({ interpose })
  await until(w.clock, running, isReady)
  effects.length = 0
  const before = await w.version()
  await editShop(w, { shelves: 2 }, { seen: 'yes' })
  await running.whenIdle()
  await w.clock.advance(3_600_000)
  await running.whenIdle()
  expect([effects, (await w.version()) - before]).toEqual([[], 1])
})

test('S8 lastTransitionTime moves only with status', async () => {
  await makeShop(w, 1)
  const running = await w.start()
  await until(w.clock, running, isReady)
  const first = (await getShop(w))!.status!.conditions![0]!
  await w.clock.advance(60_000)
  await editShop(w, { shelves: 2 })
  await until(w.clock, running, async () => (await getShop(w))?.status?.ready === 2 && (await isReady()))
  const second = (await getShop(w))!.status!.conditions![0]!
  expect(second.observedGeneration).toBe(2)
  expect(Date.parse(second.lastTransitionTime)).toBeGreaterThanOrEqual(Date.parse(first.lastTransitionTime) + 60_000)
})

test('E4 at start nothing is done for keys whose inputs are as they were; they are looked at within ten minutes', async () => {
  for (const name of ['a', 'b', 'c']) await makeShop(w, 2, name)
  const first = await w.start()
  await until(w.clock, first, async () => (await w.resources.list(Shop)).items.every((s) => isTrue(s, 'Ready')))
  await closed(w.clock, first)
  const before = await w.version()
  const { effects, interpose } = recorder()
  let observed = 0
  const [shops, shelves] = [shop(), shelf(w.warehouse)]
  const counting: Controller = { ...shops, observe: (o, c) => { observed++; return shops.observe(o, c) } }
  const second = await w.start({ interpose, controllers: [counting, shelves] })
  await second.whenIdle()
  expect([observed, second.delayed]).toEqual([0, 9])
  await w.clock.advance(600_000)
  await second.whenIdle()
  expect([observed, effects, await w.version()]).toEqual([3, [], before])
})

test('E4 at start a key whose spec changed meanwhile is worked on at once', async () => {
  await makeShop(w, 1)
  const first = await w.start()
  await until(w.clock, first, isReady)
  await closed(w.clock, first)
  await editShop(w, { shelves: 2 })
  const second = await w.start()
  await second.whenIdle()
  expect((await getShelves(w)).length).toBe(2)
})

test('E1 a key is not observed before the caches have passed what it wrote', async () => {
  // Shelves' events come only when we let them.
  let release = (): void => {}
  const gate = new Promise<void>((resolve) => { release = resolve })
  const slow = { ...w.resources, watch: ((kind: any, o: any) => (async function* () {
    for await (const e of w.resources.watch<any>(kind, o)) { if (kind === Shelf) await Promise.race([gate, new Promise((r) => { o.signal.addEventListener('abort', r) })]); yield e }
  })()) as typeof w.resources.watch }
  const { effects, interpose } = recorder()
  let observed = 0
  const shops = shop()
  const running = await w.start({ resources: slow, interpose, controllers: [{ ...shops, observe: (o, c) => { observed++; return shops.observe(o, c) } }] })
  await running.whenIdle()
  await makeShop(w, 3)
  while (effects.filter((e) => e.verb === 'status').length === 0) await turns(5)
  for (let i = 0; i < 3; i++) await editShop(w, { shelves: 3 }, { n: String(i) })
  await turns(50)
  expect(observed).toBe(1)
  release()
  await running.whenIdle()
  expect(observed).toBeGreaterThan(1)
  expect(effects.filter((e) => e.verb === 'create').length).toBe(3)
})

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
  await w.leases.release(lease!)
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

test('what was not declared cannot be written', async () => {
  await makeShop(w, 1)
  const shops = shop()
  const running = await w.start({ controllers: [{ ...shops, writes: [status(Shop)] }] })
  await running.whenIdle()
  expect(w.complaints.some((c) => c.includes('shop writes Shelf without declaring it'))).toBe(true)
  expect(await getShelves(w)).toEqual([])
})

test('a refused key is not tried again before an input changes; a failing one is, ever more slowly', async () => {
  await makeShop(w, 1)
  let refusals = 0
  const attempts: number[] = []
  const shops = shop()
  const refusing: Controller = { ...shops, name: 'refusing', finalizer: 'skerry.dev/r', writes: [], plan: () => { refusals++; return { steps: [], outcome: refused('No', 'no') } } }
  const failing: Controller = { ...shops, name: 'failing', finalizer: 'skerry.dev/f', writes: [], observe: async () => { attempts.push(w.clock.monotonic()); throw new Error('broken') } }
  const running = await w.start({ controllers: [refusing, failing] })
  await running.whenIdle()
  await w.clock.advance(8_000)
  await running.whenIdle()
  expect(refusals).toBe(1)
  expect(attempts.map((t) => t - attempts[0]!)).toEqual([0, 500, 1500, 3500, 7500])
})

test('waiting is a deadline: the pass comes back when nothing woke it sooner', async () => {
  await makeShop(w, 1)
  const at: number[] = []
  const shops = shop()
  const running = await w.start({ controllers: [{ ...shops, writes: [], plan: () => { at.push(w.clock.monotonic()); return { steps: [], outcome: at.length < 3 ? waiting('Soon', 'soon', 30) : settled() } } }] })
  await running.whenIdle()
  await w.clock.advance(300_000)
  expect(at.map((t) => t - at[0]!)).toEqual([0, 30_000, 60_000])
})

test('a status stands also after an error, and the retry waits for its back-off', async () => {
  await makeShop(w, 1)
  let observed = 0
  const shops = shop()
  const running = await w.start({ controllers: [{ ...shops, observe: async () => { observed++; throw new Error('broken') } }] })
  await running.whenIdle()
  expect((await getShop(w))?.status?.conditions?.[0]).toMatchObject({ type: 'Ready', status: 'False', reason: 'Failed' })
  expect(observed).toBe(1)
})

test('an object that went meanwhile is not made again by its finalizer', async () => {
  await makeShop(w, 1)
  const shops = shop()
  const running = await w.start({ controllers: [{ ...shops, plan: (seen, now) => { void deleteShop(w); return shops.plan(seen, now) } }] })
  await running.whenIdle()
  await turns(20)
  expect([await getShop(w), await getShelves(w)]).toEqual([undefined, []])
})

test('H3 read only: everything is observed, nothing is written, called or leased', async () => {
  await makeShop(w, 2)
  const before = await w.version()
  const { effects, interpose } = recorder()
  const running = await w.start({ readOnly: true, interpose, leases: { acquire: () => { throw new Error('no') }, renew: () => { throw new Error('no') }, release: () => { throw new Error('no') } } })
  await running.whenIdle()
  expect([effects, (await w.version()) - before, w.complaints]).toEqual([[], 0, []])
})

test('a transform keeps what should exist, changes what differs and removes what is no longer returned', async () => {
  const shelves = transform<Shop, Shelf>({
    name: 'shelves', for: Shop, reads: [], writes: [exclusive(Shelf)], outside: [], output: Shelf,
    transform: (o) => Array.from({ length: o.spec.shelves }, (_, slot) => ({ metadata: { name: `${o.metadata.name}-${slot}`, labels: { of: o.metadata.name } }, spec: { slot } })),
  })
  await makeShop(w, 2)
  const { effects, interpose } = recorder()
  const running = await w.start({ controllers: [shelves], interpose })
  await running.whenIdle()
  expect((await getShelves(w)).map((s) => [s.metadata.name, s.metadata.labels, s.spec])).toEqual([0, 1].map((slot) => [`corner-${slot}`, { of: 'corner' }, { slot }]))
  await editShop(w, { shelves: 1 })
  await until(w.clock, running, async () => (await getShelves(w)).length === 1)
  expect(effects.map((e) => `${e.verb} ${e.what}`)).toEqual(['apply Shelf town/corner-0', 'apply Shelf town/corner-1', 'delete Shelf town/corner-1'])
})

test('an external is found before it is made, and gone before its finalizer is', async () => {
  const one = external<Shop, { readonly id: string }>({
    name: 'sign', for: Shop, reads: [], writes: [status(Shop)], outside: ['warehouse.*'], finalizer: 'skerry.dev/sign',
    actuator: {
      find: async (o) => (await w.warehouse.list()).find((b) => b.mark === o.metadata.uid),
      create: (o, c) => c.creating('sign', 5_000, () => w.warehouse.create(o.metadata.uid)),
      update: async (_o, seen) => seen,
      delete: (_o, seen, c) => c.changing('sign', 5_000, () => w.warehouse.remove(seen.id)),
    },
    status: (_o, seen, pass) => ({ conditions: [{ type: 'Ready', status: seen === undefined || pass.error !== undefined ? 'False' : 'True', reason: 'Done', message: 'there' }] }),
  })
  await makeShop(w, 0)
  const running = await w.start({ controllers: [one] })
  await until(w.clock, running, isReady)
  expect([w.warehouse.made.length, (await getShop(w))?.metadata.finalizers]).toEqual([1, ['skerry.dev/sign']])
  await deleteShop(w)
  await until(w.clock, running, async () => (await getShop(w)) === undefined)
  expect([w.warehouse.made.length, w.warehouse.boards.size]).toEqual([1, 0])
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
})

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
})
