import { expect, test } from 'vitest'
import { isTrue } from '../src/api/meta/index.ts'
import type { Controller } from '../src/engine/shapes.ts'
import { shelf, shop } from '../src/engine/testing/controllers.ts'
import { getShelves, getShop, makeShop, openWorld, type TestWorld } from '../src/engine/testing/world.ts'
import { everyStepFails, type World } from './every-step-fails.ts'

const scenario = (controllersOf: (w: TestWorld) => readonly Controller[]) => ({
  withinMs: 600_000,
  async build(): Promise<World> {
    const w = await openWorld()
    await makeShop(w, 1)
    return {
      clock: w.clock,
      start: (interpose) => w.start({ interpose, controllers: controllersOf(w) }),
      async isSettled() { const s = await getShop(w); return s !== undefined && isTrue(s, 'Ready') },
      async check() { expect([...w.warehouse.boards.values()].map((b) => b.mark)).toEqual((await getShelves(w)).map((s) => s.metadata.uid)) },
      close: () => w.close(),
    }
  },
})

test('a controller that adopts before it creates passes, and all its effects were tried', async () => {
  expect(await everyStepFails(scenario((w) => [shop(), shelf(w.warehouse)]))).toEqual([
    'finalizer add skerry.dev/shop (shop town/corner)',
    'create Shelf town/corner-0 (shop town/corner)',
    'status shop (shop town/corner)',
    'finalizer add skerry.dev/shelf (shelf town/corner-0)',
    'record intents (shelf town/corner-0)',
    'creating board (shelf town/corner-0)',
    // What the pass that recorded the intent waits for is in the record already.
    'status shelf (shelf town/corner-0)',
    'status shop (shop town/corner)',
  ].map((text) => expect.stringMatching(`^${text.replaceAll(/[()]/g, '\\$&')}$`)))
}, 240_000)

test('a controller that believes only its records leaves a double behind, and is caught with the step that did it', async () => {
  const believing = (w: TestWorld): Controller => {
    const base = shelf(w.warehouse)
    return { ...base, observe: async (o, c) => { const seen = await base.observe(o, c); return { ...seen, intended: undefined, boards: seen.boards.filter((b) => b.id === seen.recorded) } },
      apply: async (step, seen, o, c) => {
        if (step.kind !== 'create') { await base.apply(step, seen, o, c); return }
        const board = await c.creating('board', 10_000, () => w.warehouse.create(o.metadata.uid))
        await c.record({ boardId: board.id })
      },
      status: (o, _s, pass) => {
        const boardId = (pass.recorded['boardId'] as string | undefined) ?? o.status?.boardId
        return { ...(boardId !== undefined && { boardId }), conditions: [{ type: 'Ready', status: boardId === undefined ? 'False' : 'True', reason: 'Done', message: 'done' }] }
      } }
  }
  await expect(everyStepFails(scenario((w) => [shop(), believing(w)]))).rejects.toThrow(/effect \d+ (crashes after|fails before|is done twice): .*/)
}, 240_000)
