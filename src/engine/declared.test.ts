import { expect, test } from 'vitest'
import { cachedView, checkControllers, readableKinds } from './declared.ts'
import { graphText } from './graph.ts'
import { exclusive, status, transform, type Controller } from './shapes.ts'
import { shelf, shop } from './testing/controllers.ts'
import { openWarehouse, Shelf, Shop } from './testing/kinds.ts'

const all = (): Controller[] => [shop(), shelf(openWarehouse())]

test('controllers with parts of their own run beside each other', () => {
  expect(() => { checkControllers(all()) }).not.toThrow()
  const parts = [{ ...shop(), writes: [exclusive(Shelf, 'front')] }, { ...shop(), name: 'back', finalizer: 'skerry.dev/back', writes: [exclusive(Shelf, 'back')] }]
  expect(() => { checkControllers(parts) }).not.toThrow()
})

test('two exclusive writers of one kind are refused at start', () => {
  const second = transform<Shop, Shelf>({ name: 'second', for: Shop, reads: [], writes: [exclusive(Shelf)], outside: [], output: Shelf, transform: () => [] })
  expect(() => { checkControllers([...all(), second]) }).toThrow('shop and second both write objects of Shelf, part "*"; each part has one writer')
})

test('two writers of one status part are refused at start, and so is a part beside a writer of all', () => {
  const second = { ...shop(), name: 'second', finalizer: 'skerry.dev/second', writes: [status(Shop, 'ready')] }
  expect(() => { checkControllers([...all(), second]) }).toThrow('both write the status of Shop')
})

test('two controllers with one name, or with one finalizer on a kind, are refused at start', () => {
  expect(() => { checkControllers([shop(), shop()]) }).toThrow('two controllers are called shop')
  expect(() => { checkControllers([shop(), { ...shop(), name: 'other', writes: [] }]) }).toThrow('share the finalizer')
})

test('what was not declared cannot be read', () => {
  const view = cachedView('shelf', new Map(), readableKinds({ ...shelf(openWarehouse()), reads: [] }))
  expect(() => view.list(Shop)).toThrow('shelf reads Shop without declaring it; add it to reads')
})

test('the graph names who is woken by what and who writes what', () => {
  expect(graphText(all())).toBe(`shelf (planned) for Shelf
  reads     Shop [owner]
  writes    Shelf.status
  outside   warehouse.*
  finalizer skerry.dev/shelf

shop (planned) for Shop
  reads     Shelf [owned]
  writes    Shelf, Shop.status
  finalizer skerry.dev/shop
`)
})
