/** A store, an API and a warehouse for the engine's tests, and processes that are started in them. */
import { idleOrBusy } from '../../../testkit/every-step-fails.ts'
import { fakeClock, type FakeClock } from '../../../testkit/fake-clock.ts'
import { openMemoryStore } from '../../store/memory/memory.ts'
import { runControllers, type RunOptions, type Running } from '../run.ts'
import type { Controller, Log } from '../shapes.ts'
import { shelf, shop } from './controllers.ts'
import { openWarehouse, Shelf, Shop, type Warehouse } from './kinds.ts'
import { memoryResources } from './memory.ts'
import type { Leases } from '../leases.ts'
import type { Resources } from '../resources.ts'

export const longestCallMs = 10_000

export interface TestWorld {
  readonly clock: FakeClock
  readonly warehouse: Warehouse
  readonly resources: Resources
  readonly leases: Leases
  /** What was logged as a warning or an error. */
  readonly complaints: string[]
  /** What was logged as information. */
  readonly remarks: string[]
  version(): Promise<number>
  compact(): Promise<void>
  start(options?: Partial<RunOptions>): Promise<Running>
  close(): Promise<void>
}

export const controllersOf = (warehouse: Warehouse): readonly Controller[] => [shop(), shelf(warehouse)]

export const openWorld = async (): Promise<TestWorld> => {
  const clock = fakeClock()
  const store = openMemoryStore({ now: () => clock.monotonic() })
  const epochs = new Map<string, number>()
  const leases: Leases = {
    ...store.leases,
    async acquire(slot, holder, ttl) { const a = await store.leases.acquire(slot, holder, ttl); if (a.kind === 'held') epochs.set(slot, a.lease.epoch); return a },
    async release(l) { epochs.delete(l.slot); await store.leases.release(l) },
  }
  const memory = memoryResources((f) => epochs.get(f.slot) === f.epoch)
  const warehouse = openWarehouse()
  const complaints: string[] = []
  const remarks: string[] = []
  const started: Running[] = []
  const say = (fields: object, message: string): void => { complaints.push(`${message} ${JSON.stringify(fields)}`) }
  const log: Log = { debug: () => {}, info: (fields, message) => { remarks.push(`${message} ${JSON.stringify(fields)}`) }, warn: say, error: say }
  return {
    clock, warehouse, resources: memory.resources, leases, complaints, remarks,
    version: async () => memory.version(),
    compact: async () => { memory.compact() },
    async start(options = {}) {
      const running = await runControllers({
        controllers: controllersOf(warehouse), resources: memory.resources, leases, slot: 'controllers', identity: `p${started.length}`, clock, log,
        random: () => 0.5, leaseTtlMs: 30_000, longestCallMs, backOff: { firstMs: 500, maxMs: 60_000 }, ...options,
      })
      started.push(running)
      return running
    },
    async close() {
      await Promise.all(started.map((r) => closed(clock, r)))
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

export const people = { manager: 'people' } as const
export const makeShop = (w: TestWorld, shelves: number, name = 'corner'): Promise<Shop> => w.resources.create(Shop, { metadata: { name, namespace: 'town' }, spec: { shelves } }, people)
export const getShop = (w: TestWorld, name = 'corner'): Promise<Shop | undefined> => w.resources.get(Shop, { namespace: 'town', name })
export const getShelves = async (w: TestWorld): Promise<readonly Shelf[]> => (await w.resources.list(Shelf)).items
