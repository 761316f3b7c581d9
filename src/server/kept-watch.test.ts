/** Who has which rights, while the database is out of reach and the watches that tell of them have ended. */
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { ClientCertificate, ClusterAccessGrant } from '../api/index.ts'
import { resourceName } from '../api/meta/index.ts'
import { keyOf, put } from '../../testkit/store-contract.ts'
import { openCache, type Cache } from '../store/cache.ts'
import { unavailable } from '../store/errors.ts'
import { silent } from '../store/log.ts'
import { openMemoryStore } from '../store/memory/memory.ts'
import type { News, Operation, Store, StoreKey } from '../store/store.ts'
import { openApiAccess } from './api-access.ts'
import { keepWatching } from '../store/kept-watch.ts'

let inner: Store
let cache: Cache
let tell: (news: News) => void
let isDown: boolean

/** A store that can be out of reach. Its ring is so short that who begins to watch a moment too late reads the log. */
beforeEach(async () => {
  inner = openMemoryStore()
  isDown = false
  const refuse = (): Promise<never> => Promise.reject(unavailable('the connection is lost'))
  const store = new Proxy(inner, { get: (target, name) => (name === 'onChange' ? (told: typeof tell) => { tell = told; return () => {} } : isDown ? refuse : Reflect.get(target, name)) })
  cache = await openCache(store, { log: silent, ring: 1, pollMs: 0 })
})
afterEach(() => cache.close())

/** This program's own commits, which the cache takes over without the database. */
async function write(...operations: readonly Operation[]): Promise<() => void> {
  const after = await inner.version()
  await inner.commit({ operations })
  return () => tell({ upTo: after + operations.length, own: { after, changes: operations.map(({ key, expect: stood, row }, i) => ({ version: after + 1 + i, key, stood: stood === 'absent' ? undefined : stood, after: row && { ...row, version: after + 1 + i } })) } })
}
/** Ends the watches that were begun in this turn: what they would read is not there. */
async function outage(noise: () => void): Promise<void> {
  isDown = true
  noise()
  await turn()
}
const noise = () => write(put('a', 'absent'), put('b', 'absent'), put('c', 'absent'))

const grant = (name: string): StoreKey => ({ resource: resourceName(ClusterAccessGrant), namespace: '', name })
const giving = (user: string): Operation => {
  const spec = { role: 'administrator', subjects: [{ kind: 'User', name: user }] }
  return { key: grant(user), expect: 'absent', row: { ...put(user, 'absent').row!, ...grant(user), body: JSON.stringify({ spec }) } }
}
const gone = (key: StoreKey): Operation => ({ key, expect: cache.get(key)!.version, row: undefined })
const who = (user: string) => ({ user, groups: [], writer: 'user' as const })

test('A4 a watch of the grants that ends takes nobody\'s rights away; what is given or taken meanwhile is, and it is told of again', async () => {
  const begun = await write(giving('ada'), giving('bob'))
  begun()
  const made = await noise()
  const access = openApiAccess(cache)
  const isAdmin = (user: string): boolean => access.authorization.writerOf(who(user)) === 'admin'
  const wake = vi.fn()
  access.onAccessChange(wake)
  await outage(made)
  expect(['ada', 'bob', 'eve'].map(isAdmin)).toEqual([true, true, false])
  const changed = await write(gone(grant('bob')), giving('eve'))
  changed()
  expect(['ada', 'bob', 'eve'].map(isAdmin)).toEqual([true, false, true])

  isDown = false
  wake.mockClear()
  await vi.waitFor(() => expect(wake).toHaveBeenCalled())
  wake.mockClear()
  const again = await write(gone(grant('eve')))
  again()
  expect([wake.mock.calls.length, ...['ada', 'bob', 'eve'].map(isAdmin)]).toEqual([1, true, false, false])
  access.close()
})

test('A4 a watch of the certificates that ends is begun again: who is revoked afterwards is told of', async () => {
  const certificate = { resource: resourceName(ClientCertificate), namespace: '', name: 'ada' }
  const issued = await write({ key: certificate, expect: 'absent', row: { ...put('ada', 'absent').row!, ...certificate } })
  issued()
  const made = await noise()
  const access = openApiAccess(cache)
  const wake = vi.fn()
  const stop = access.onAccessChange(wake)
  await outage(made)
  isDown = false
  wake.mockClear()
  // The grants' and the certificates'.
  await vi.waitFor(() => expect(wake).toHaveBeenCalledTimes(2))
  const revoked = await write(gone(certificate))
  revoked()
  expect(wake).toHaveBeenCalledTimes(3)
  stop()
  access.close()
})

test('A4 a kept watch is one of all its resources, does not begin again without a pause, and not once it was stopped', async () => {
  const told: string[] = []
  const made = await noise()
  const stop = keepWatching(cache, ['things.test', 'others.test'], { onBegin: () => void told.push('begin'), onChanges: () => void told.push('changes'), onEnd: () => void told.push('end') })
  await outage(made)
  await sleep(50)
  expect(told).toEqual(['begin', 'end'])
  await vi.waitFor(() => expect(told).toEqual(['begin', 'end', 'begin']))
  const changed = await write(gone(keyOf('a')))
  changed()
  expect(told.splice(0)).toEqual(['begin', 'end', 'begin', 'changes'])

  const more = await write(gone(keyOf('b')), gone(keyOf('c')), put('d', 'absent'))
  const stopLater = keepWatching(cache, ['things.test'], { onBegin: () => void told.push('begin'), onChanges() {}, onEnd: () => void told.push('end') })
  stop()
  await outage(more)
  stopLater()
  await sleep(150)
  expect(told).toEqual(['begin', 'end'])
})
