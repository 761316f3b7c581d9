import { afterEach, beforeEach, expect, test } from 'vitest'
import { turns } from '../../testkit/fake-clock.ts'
import { condition, isTrue, keyOf } from '../api/meta/index.ts'
import { failureError } from './errors.ts'
import { refused, settled, waiting } from './outcome.ts'
import type { Controller } from './shapes.ts'
import { reconcileAnnotation } from './status-part.ts'
import { shelf, shop } from './testing/controllers.ts'
import { Shelf, Shop } from './testing/kinds.ts'
import { closed, deleteShop, editShop, getShelves, getShop, isShopReady, makeShop, openWorld, recorder, until, type TestWorld } from './testing/world.ts'

let w: TestWorld
beforeEach(async () => { w = await openWorld() })
afterEach(async () => { await w.close() })

const isReady = (): Promise<boolean> => isShopReady(w)

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

test('S8 that something is done is not said with a record on the way to it', async () => {
  await makeShop(w, 1)
  let said: unknown
  const noting: Controller = {
    ...shop(), plan: (seen: { readonly noted?: true }) => ({ steps: seen.noted === true ? [] : [{ kind: 'note' }], outcome: settled() }), observe: async (o) => ({ noted: o.status?.ready === 1 ? true : undefined }),
    apply: async (_step, _seen, _o, context) => { await context.record({ ready: 1 }); said ??= (await getShop(w))?.status },
    status: () => ({ ready: 1, conditions: [{ type: 'Ready', status: 'True', reason: 'Done', message: 'noted' }] }),
  }
  const running = await w.start({ controllers: [noting] })
  await running.whenIdle()
  expect([said, await isReady()]).toEqual([{ ready: 1 }, true])
})

test('S8 who has nothing to say yet writes nothing', async () => {
  await makeShop(w, 1)
  const { effects, interpose } = recorder()
  const silent: Controller = { ...shop(), plan: () => ({ steps: [], outcome: waiting('Creating', 'not looked at yet', 60) }), status: () => ({ conditions: [] }) }
  const running = await w.start({ controllers: [silent], interpose })
  await running.whenIdle()
  expect([effects, (await getShop(w))?.status]).toEqual([[], undefined])
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

test('S8 E3 what a pass waits for is said with its intent, before the call and in one write; a call that fails is said after it', async () => {
  const said: unknown[] = []
  const standing = async (): Promise<unknown> => (await getShelves(w)).map((s) => { const c = condition(s, 'Ready'); return [c?.status, c?.reason, Object.keys(s.status?.intents ?? {}), s.status?.observed] })
  let failures = 1
  const create = async (mark: string) => {
    said.push(await standing())
    if (failures-- > 0) throw failureError({ code: 400, reason: 'BadRequest', message: 'no' })
    return w.warehouse.create(mark)
  }
  await makeShop(w, 1)
  const { effects, interpose } = recorder()
  const running = await w.start({ controllers: [shop(), shelf({ ...w.warehouse, create }, { lookForMs: 0 })], interpose })
  await until(w.clock, running, isReady)
  expect(said).toEqual([[['False', 'Creating', ['board'], undefined]], [['False', 'Creating', ['board'], undefined]]])
  expect(effects.filter((e) => e.controller === 'shelf' && e.verb !== 'finalizer').map((e) => e.verb)).toEqual(['record', 'creating', 'status', 'record', 'creating', 'status'])
})

test('E4 a routine look that finds something to do looks anew before it does anything', async () => {
  await makeShop(w, 1)
  const first = await w.start()
  await until(w.clock, first, isReady)
  await closed(w.clock, first)
  const looks: (readonly [isRoutine: boolean, lastEffectAt: number])[] = []
  const shelves = shelf({ ...w.warehouse, list: async () => (looks.length === 1 ? [] : w.warehouse.list()) })
  const { effects, interpose } = recorder()
  // The first look, a routine one, sees the board as missing; it is back when the key is looked at anew.
  const watched: Controller = { ...shelves, observe: (o, c) => { looks.push([c.isRoutine, c.lastEffectAt]); return shelves.observe(o, c) } }
  const second = await w.start({ interpose, controllers: [shop(), watched] })
  await w.clock.advance(600_000)
  await second.whenIdle()
  // No effect yet is before all time, also of a process that has just begun.
  expect([looks, effects]).toEqual([[[true, -Infinity], [false, -Infinity]], []])
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

test('E4 inputs may name the controller\'s own part, and children in any order: the next start writes nothing', async () => {
  const withInputs = (): Controller[] => [
    { ...shop(), inputs: (o, cached) => [o.status?.ready, cached.ownedBy(Shelf, o.metadata.uid).map((s) => s.metadata.name)] },
    { ...shelf(w.warehouse), inputs: (o) => o.status?.boardId },
  ]
  await makeShop(w, 1)
  const first = await w.start({ controllers: withInputs() })
  await until(w.clock, first, isReady)
  await editShop(w, { shelves: 3 })
  await until(w.clock, first, async () => (await getShop(w))?.status?.ready === 3)
  await closed(w.clock, first)
  const before = await w.version()
  const second = await w.start({ controllers: withInputs() })
  await second.whenIdle()
  expect([second.delayed, await w.version()]).toEqual([4, before])
})

test('E4 a change of a cached object wakes only whose inputs it changes; the annotation wakes whatever changed', async () => {
  const shops = shop()
  let observed = 0
  const withInputs: Controller = {
    ...shops, observe: (o, c) => { observed++; return shops.observe(o, c) },
    inputs: (o, cached) => cached.ownedBy(Shelf, o.metadata.uid).map((s) => [s.metadata.name, s.metadata.deletionTimestamp, isTrue(s, 'Ready')]),
  }
  await makeShop(w, 1)
  const running = await w.start({ controllers: [withInputs, shelf(w.warehouse)] })
  await until(w.clock, running, isReady)
  await running.whenIdle()
  const passes = async (change: () => Promise<unknown>): Promise<number> => {
    observed = 0
    await change()
    // Until the watch has brought it.
    await w.clock.advance(1_000)
    await turns()
    await running.whenIdle()
    return observed
  }
  const [one] = await getShelves(w)
  expect(await passes(() => editShop(w, { shelves: 1 }, { seen: 'yes' }))).toBe(0)
  expect(await passes(() => w.resources.apply(Shelf, { metadata: { ...keyOf(one!), labels: { seen: 'yes' } } }, { manager: 'people' }))).toBe(0)
  expect(await passes(async () => w.resources.apply(Shop, { metadata: { ...keyOf((await getShop(w))!), annotations: { [reconcileAnnotation]: '1' } } }, { manager: 'waker' }))).toBe(1)
  expect(await passes(() => editShop(w, { shelves: 2 }))).toBeGreaterThan(0)
  await until(w.clock, running, async () => (await getShop(w))?.status?.ready === 2)
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
  const running = await w.start({ readOnly: true, interpose, leases: { acquire: () => { throw new Error('no') }, renew: () => { throw new Error('no') }, release: () => { throw new Error('no') }, end: () => { throw new Error('no') } } })
  await running.whenIdle()
  expect([effects, (await w.version()) - before, w.complaints]).toEqual([[], 0, []])
})
