/** A process that runs the test controllers: `node process.ts API REMOTE NAME`. Ends on SIGTERM. */
import { keyOf } from '../../api/meta/index.ts'
import { httpResources } from '../../client/index.ts'
import { runControllers } from '../run.ts'
import type { Controller } from '../shapes.ts'
import { shelf, shop } from './controllers.ts'
import { Shelf, type Board, type Warehouse } from './kinds.ts'
import { remoteCalls } from './remote.ts'
import { callMs, leaseTtlMs, longestCallMs } from './stop-times.ts'

const [api, remote, name] = process.argv.slice(2) as [string, string, string]
const call = remoteCalls(remote, name)
const list = (): Promise<readonly Board[]> => call('list')
const warehouse: Pick<Warehouse, 'list' | 'create' | 'remove'> = {
  list, remove: (id) => call('remove', id),
  // Here the caller may be stopped after the lease was checked and before the request leaves.
  create: async (mark) => { await call('pass', 'sending'); return call('create', mark) },
}
const base = shelf(warehouse as Warehouse, { callMs, lookForMs: 1_000 })
/** One lister that wakes the keys whose boards changed (rule E4). */
const watched: Controller = {
  ...base,
  wakers: (wake, cached) => {
    let before = ''
    const timer = setInterval(() => {
      void list().then((boards) => {
        const now = boards.map((b) => b.id).toSorted().join()
        if (now === before) return
        before = now
        for (const s of cached.list(Shelf)) wake(keyOf(s))
      }, () => {})
    }, 100)
    return () => { clearInterval(timer) }
  },
}
const log = { debug: () => {}, info: () => {}, warn: () => {}, error: (fields: object, message: string) => { console.error(message, fields) } }
const resources = httpResources({ server: api, token: 'site' })
const running = await runControllers({
  controllers: [shop(), watched], resources, leases: { acquire: (...a) => call('acquire', ...a), renew: (...a) => call('renew', ...a), release: (...a) => call('release', ...a), end: (...a) => call('end', ...a) },
  slot: 'controllers', identity: name, log, leaseTtlMs, longestCallMs, backOff: { firstMs: 100, maxMs: 1000 },
  interpose: async (effect, perform) => { if (effect.verb === 'creating') await call('pass', 'checking'); return perform() },
})
process.on('SIGTERM', () => { void running.close().then(() => resources.close()).then(() => process.exit(0)) })
process.on('disconnect', () => process.exit(1))
