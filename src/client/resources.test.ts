import { afterEach, beforeEach, expect, test } from 'vitest'
import { isAlreadyExists, isConflict, isExpired, isFenced, isForbidden, isInvalid, isNotFound, isUnauthorized, isUnavailable } from '../engine/errors.ts'
import type { WatchEvent } from '../engine/resources.ts'
import { Shelf, Shop } from '../engine/testing/kinds.ts'
import { deleteShop, editShop, getShop, makeShop, openWorld, type TestWorld } from '../engine/testing/world.ts'
import { httpEvents, httpResources } from './index.ts'

let w: TestWorld
beforeEach(async () => { w = await openWorld({ keep: 20 }) })
afterEach(async () => { await w.close() })

const corner = { namespace: 'town', name: 'corner' }
const failed = async (call: Promise<unknown>): Promise<unknown> => call.then(() => { throw new Error('it did not fail') }, (error: unknown) => error)

test('an object is made, read, changed, listed and deleted', async () => {
  const made = await makeShop(w, 2)
  expect(await getShop(w)).toEqual(made)
  const changed = await w.people.update(Shop, { ...made, spec: { shelves: 3 } }, { manager: 'people' })
  expect([changed.spec, changed.metadata.generation]).toEqual([{ shelves: 3 }, 2])
  const list = await w.people.list(Shop, { namespace: 'town' })
  expect([list.items, list.resourceVersion]).toEqual([[changed], changed.metadata.resourceVersion])
  expect(await w.people.delete(Shop, corner, { uid: made.metadata.uid })).toBeUndefined()
  expect([await getShop(w), await deleteShop(w)]).toEqual([undefined, undefined])
})

test('what goes wrong is asked by predicate', async () => {
  const made = await makeShop(w, 2)
  const changed = await editShop(w, { shelves: 3 })
  const key = { metadata: { name: 'corner', namespace: 'town' } }
  const by = { manager: 'people' }
  expect(isAlreadyExists(await failed(makeShop(w, 2)))).toBe(true)
  expect(isConflict(await failed(w.people.update(Shop, made, by)))).toBe(true)
  expect(isConflict(await failed(w.people.delete(Shop, corner, { uid: 'another' })))).toBe(true)
  expect(isInvalid(await failed(w.people.update(Shop, { ...changed, spec: { shelves: 'many' } } as never, by)))).toBe(true)
  expect(isInvalid(await failed(w.people.apply(Shop, { ...key, spec: { shelfs: 3 } }, by)))).toBe(true)
  expect(isForbidden(await failed(w.people.applyStatus(Shop, { ...key, status: { ready: 1 } }, by)))).toBe(true)
  expect(isNotFound(await failed(w.resources.applyStatus(Shop, { metadata: { name: 'other', namespace: 'town' }, status: { ready: 1 } }, by)))).toBe(true)
  const stranger = httpResources({ server: w.url, token: 'nobody' })
  expect(isUnauthorized(await failed(stranger.get(Shop, corner)))).toBe(true)
  await stranger.close()
  expect(isNotFound(await failed(w.people.get({ ...Shop, plural: 'shoppes' }, corner)))).toBe(true)
})

test('a server that does not answer is unavailable, and its address is in the message', async () => {
  const nobody = httpResources({ server: 'http://127.0.0.1:9' })
  const error = await failed(nobody.get(Shop, corner))
  expect([isUnavailable(error), (error as Error).message]).toEqual([true, 'GET http://127.0.0.1:9/apis/test.skerry.dev/v1/namespaces/town/shops/corner: ECONNREFUSED'])
  await nobody.close()
})

test('E6 a write under a lease that is not held is fenced', async () => {
  await makeShop(w, 1)
  const held = await w.leases.acquire('controllers', 'a', 30_000)
  const status = { metadata: { name: 'corner', namespace: 'town' }, status: { ready: 1 } }
  await w.resources.applyStatus(Shop, status, { manager: 'shop', fence: { slot: 'controllers', epoch: 1 } })
  if (held.kind === 'held') await w.leases.release(held.lease, 0)
  await w.leases.acquire('controllers', 'b', 30_000)
  const error = await failed(w.resources.applyStatus(Shop, { ...status, status: { ready: 2 } }, { manager: 'shop', fence: { slot: 'controllers', epoch: 1 } }))
  expect([isFenced(error), isConflict(error)]).toEqual([true, false])
})

test('a watch tells what happens after a version, and ends when it is not wanted any more', async () => {
  const made = await makeShop(w, 1)
  const stop = new AbortController()
  const events: WatchEvent<Shop>[] = []
  const reading = (async () => { for await (const e of w.people.watch(Shop, { resourceVersion: made.metadata.resourceVersion, signal: stop.signal })) if (events.push(e) === 2) stop.abort() })()
  const changed = await editShop(w, { shelves: 4 })
  await deleteShop(w)
  await reading
  expect(events.map((e) => [e.type, e.type === 'BOOKMARK' ? 0 : e.object.spec.shelves])).toEqual([['MODIFIED', changed.spec.shelves], ['DELETED', 4]])
})

test('a watch from a version that was compacted is expired', async () => {
  const made = await makeShop(w, 1)
  for (let i = 0; i < 60; i++) await editShop(w, { shelves: 1 }, { n: String(i) })
  await w.restartApi()
  const watching = (async () => { for await (const _ of w.people.watch(Shop, { resourceVersion: made.metadata.resourceVersion, signal: new AbortController().signal })) break })()
  expect(isExpired(await failed(watching))).toBe(true)
})

test('a dry run changes nothing', async () => {
  await w.people.create(Shop, { metadata: { name: 'corner', namespace: 'town' }, spec: { shelves: 1 } }, { manager: 'people', dryRun: true })
  expect(await getShop(w)).toBeUndefined()
})

test('a Table has what the server would print', async () => {
  await makeShop(w, 1)
  const table = await w.people.table(Shop, { namespace: 'town' })
  expect([table.columnDefinitions[0]?.name, table.rows.map((r) => r.cells[0])]).toEqual(['Name', ['corner']])
})

test('S12 an event that repeats is one Event with a count and the last message, also for the next process', async () => {
  const about = await makeShop(w, 1)
  const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
  const open = () => httpEvents({ resources: w.resources, now: () => new Date('2026-01-05T08:00:00Z'), log })
  const event = { about, type: 'Normal', reason: 'Opened', message: 'the shop is open', controller: 'shop' } as const
  const first = open()
  first.emit(event)
  first.emit(event)
  await first.flush()
  const second = open()
  second.emit({ ...event, message: 'the shop is open again' })
  second.emit({ ...event, reason: 'Closed' })
  await second.flush()
  const list = (await w.resources.request({ method: 'GET', path: '/api/v1/namespaces/town/events' })) as { readonly items: readonly { readonly reason: string; readonly count: number; readonly message: string; readonly involvedObject: { readonly uid: string } }[] }
  expect(list.items.map((e) => [e.reason, e.count, e.message, e.involvedObject.uid]).toSorted()).toEqual([['Closed', 1, 'the shop is open', about.metadata.uid], ['Opened', 3, 'the shop is open again', about.metadata.uid]])
})

test('a namespaced kind without a namespace is a mistake of the caller', async () => {
  await expect((async () => w.people.get(Shelf, { namespace: '', name: 'x' }))()).rejects.toThrow('a namespaced kind needs a namespace')
})
