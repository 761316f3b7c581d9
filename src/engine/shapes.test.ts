import { afterEach, beforeEach, expect, test } from 'vitest'
import { exclusive, external, status, transform } from './shapes.ts'
import { shop } from './testing/controllers.ts'
import { Shelf, Shop } from './testing/kinds.ts'
import { deleteShop, editShop, getShelves, getShop, isShopReady, makeShop, openWorld, recorder, until, type TestWorld } from './testing/world.ts'

let w: TestWorld
beforeEach(async () => { w = await openWorld() })
afterEach(async () => { await w.close() })

const isReady = (): Promise<boolean> => isShopReady(w)

test('what was not declared cannot be written', async () => {
  await makeShop(w, 1)
  const shops = shop()
  const running = await w.start({ controllers: [{ ...shops, writes: [status(Shop)] }] })
  await running.whenIdle()
  expect(w.complaints.some((c) => c.includes('shop writes Shelf without declaring it'))).toBe(true)
  expect(await getShelves(w)).toEqual([])
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
