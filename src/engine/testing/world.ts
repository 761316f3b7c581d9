/** A store, an API and a warehouse for the engine's tests, and processes that are started in them. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { idleOrBusy } from '../../../testkit/every-step-fails.ts'
import { fakeClock, type FakeClock } from '../../../testkit/fake-clock.ts'
import { isTrue } from '../../api/meta/index.ts'
import { byToken, createApiServer, type Identity } from '../../apiserver/index.ts'
import { httpResources, type HttpResources } from '../../client/index.ts'
import { openMemoryStore } from '../../store/memory/memory.ts'
import { runControllers, type RunOptions, type Running } from '../run.ts'
import type { Controller, Log } from '../shapes.ts'
import { shelf, shop } from './controllers.ts'
import { openWarehouse, Shelf, Shop, type Warehouse } from './kinds.ts'
import type { Effect, Interpose } from '../effects.ts'
import type { Leases } from '../leases.ts'

export const longestCallMs = 10_000

export interface TestWorld {
  readonly clock: FakeClock
  readonly warehouse: Warehouse
  /** As a site; people's writes go through `people`. */
  readonly resources: HttpResources
  readonly people: HttpResources
  readonly leases: Leases
  readonly url: string
  /** What was logged as a warning or an error. */
  readonly complaints: string[]
  /** What was logged as information. */
  readonly remarks: string[]
  version(): Promise<number>
  /** Another server over the same store: all watches end, and it remembers no change of before. */
  restartApi(): Promise<void>
  start(options?: Partial<RunOptions>): Promise<Running>
  close(): Promise<void>
}

export const controllersOf = (warehouse: Warehouse): readonly Controller[] => [shop(), shelf(warehouse)]

const identities: Readonly<Record<string, Identity>> = {
  site: { user: 'site', groups: [], writer: 'site' }, people: { user: 'anna', groups: [], writer: 'user' },
}

/** `isRealTime`: leases by the real clock, for processes of their own. `keep`: changes that the log keeps. */
export const openWorld = async ({ isRealTime = false, keep = 10_000 } = {}): Promise<TestWorld> => {
  const clock = fakeClock()
  const store = openMemoryStore({ now: isRealTime ? () => performance.now() : () => clock.monotonic(), keep })
  const complaints: string[] = []
  const remarks: string[] = []
  const say = (fields: object, message: string): void => { complaints.push(`${message} ${JSON.stringify(fields)}`) }
  const log: Log = { debug: () => {}, info: (fields, message) => { remarks.push(`${message} ${JSON.stringify(fields)}`) }, warn: say, error: say }
  const serveApi = () => createApiServer({
    store, kinds: [Shop, Shelf], builtins: ['events'], authenticate: byToken((token) => identities[token]), authorize: () => true,
    version: { major: '1', minor: '36', gitVersion: 'v1.36.0' }, log,
  })
  let api = await serveApi()
  const server = createServer((request, response) => { api.handle(request, response) })
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const [resources, people] = [httpResources({ server: url, token: 'site' }), httpResources({ server: url, token: 'people' })]
  const warehouse = openWarehouse()
  const started: Running[] = []
  return {
    clock, warehouse, resources, people, leases: store.leases, url, complaints, remarks,
    version: () => store.version(),
    async restartApi() {
      const before = api
      api = await serveApi()
      await before.close()
    },
    async start(options = {}) {
      const running = await runControllers({
        controllers: controllersOf(warehouse), resources, leases: store.leases, slot: 'controllers', identity: `p${started.length}`, clock, log,
        random: () => 0.5, leaseTtlMs: 30_000, longestCallMs, backOff: { firstMs: 500, maxMs: 60_000 }, ...options,
      })
      started.push(running)
      return running
    },
    async close() {
      await Promise.all(started.map((r) => closed(clock, r)))
      await Promise.all([resources.close(), people.close()])
      await api.close()
      server.closeAllConnections()
      await new Promise<void>((resolve) => { server.close(() => { resolve() }) })
      await store.close()
    },
  }
}

/** Closing waits for passes, and those may wait for the clock that we hold. */
export const closed = async (clock: FakeClock, running: Running): Promise<void> => {
  let isClosed = false
  const closing = running.close().finally(() => { isClosed = true })
  while (!isClosed) await clock.advance(1000)
  await closing
}

/** Lets time pass until it is so, and everything is idle. */
export const until = async (clock: FakeClock, running: Running, isSo: () => Promise<boolean> | boolean, withinMs = 3_600_000): Promise<void> => {
  const end = clock.monotonic() + withinMs
  for (;;) {
    await idleOrBusy(running)
    if (await isSo()) return
    if (clock.monotonic() > end) throw new Error('it did not come to be so')
    await clock.advanceToNext()
  }
}

const byPeople = { manager: 'people' } as const
/** A person changes a shop: how many shelves, or a label. */
export const editShop = (w: TestWorld, spec: { readonly shelves: number }, labels: Readonly<Record<string, string>> = {}, name = 'corner'): Promise<Shop> =>
  w.people.apply(Shop, { metadata: { name, namespace: 'town', labels }, spec }, byPeople)
export const deleteShop = (w: TestWorld, name = 'corner'): Promise<Shop | undefined> => w.people.delete(Shop, { namespace: 'town', name }, {})
export const makeShop = (w: TestWorld, shelves: number, name = 'corner'): Promise<Shop> => w.people.create(Shop, { metadata: { name, namespace: 'town' }, spec: { shelves } }, byPeople)
export const getShop = (w: TestWorld, name = 'corner'): Promise<Shop | undefined> => w.people.get(Shop, { namespace: 'town', name })
export const getShelves = async (w: TestWorld): Promise<readonly Shelf[]> => (await w.people.list(Shelf)).items

export const isShopReady = async (w: TestWorld): Promise<boolean> => { const s = await getShop(w); return s !== undefined && isTrue(s, 'Ready') }

/** Writes down every effect. */
export const recorder = (): { readonly effects: Effect[]; readonly interpose: Interpose } => {
  const effects: Effect[] = []
  return { effects, interpose: (effect, perform) => { effects.push(effect); return perform() } }
}
