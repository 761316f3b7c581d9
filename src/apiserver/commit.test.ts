/** Writes whose outcome is not known at once, and writes through a server whose cache lags. */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { unavailable, unclear } from '../store/errors.ts'
import { openMemoryStore } from '../store/memory/memory.ts'
import type { Store } from '../store/store.ts'
import { LabCluster } from './testing/lab-kind.ts'
import { caller, startLab, until, type LabServer } from './testing/lab-server.ts'

const namespaces = '/api/v1/namespaces'
const clusters = '/apis/lab.skerry.test/v1/namespaces/shop/clusters'
const labs: LabServer[] = []
afterEach(async () => { for (const lab of labs.splice(0).reverse()) await lab.close() })
const start = async (...args: Parameters<typeof startLab>) => {
  const lab = await startLab(...args)
  labs.push(lab)
  return caller(lab)
}

/** The next write stands, and its answer is lost; with `isAway` the database cannot be asked afterwards. */
const unclearOnce = async () => {
  const inner = openMemoryStore()
  let isLost = false
  let isAway = false
  const store: Store = {
    ...inner,
    async commit(transaction) {
      const committed = await inner.commit(transaction)
      if (!isLost) return committed
      isLost = false
      throw unclear('it is not known')
    },
    async version() {
      if (isAway) throw unavailable('connecting to PostgreSQL')
      return inner.version()
    },
  }
  const call = await start({ store })
  await call('POST', namespaces, { metadata: { name: 'shop' } })
  await call('POST', clusters, { metadata: { name: 'a' }, spec: { site: 's', zones: ['z1'] } })
  const live = (await call('GET', `${clusters}/a`)).body
  const ask = async (away: boolean, ...question: Parameters<typeof call>) => {
    isLost = true
    isAway = away
    const { code } = await call(...question)
    isAway = false
    return { code, now: (await call('GET', `${clusters}/a`)).body }
  }
  return { live, ask }
}

test.each([true, false])('S3 a write that may have been made is answered with 504, and is not made twice; database away afterwards: %s', async (away) => {
  const add = await unclearOnce()
  const patched = await add.ask(away, 'PATCH', `${clusters}/a`, [{ op: 'add', path: '/spec/zones/-', value: 'z2' }], { type: 'application/json-patch+json' })
  expect([patched.code, patched.now.spec.zones]).toEqual([504, ['z1', 'z2']])
  const put = await add.ask(away, 'PUT', `${clusters}/a`, { ...patched.now, spec: { ...patched.now.spec, site: 'y' } })
  expect([put.code, put.now.spec.site]).toEqual([504, 'y'])
  const removed = await add.ask(away, 'DELETE', `${clusters}/a`)
  expect([removed.code, removed.now.code]).toEqual([504, 404])
})

/** `b` is another server on the same store, that reads the log only when it has to. */
const two = async (options: Parameters<typeof startLab>[0] = {}) => {
  const inner = openMemoryStore()
  const a = await start({ store: inner, ...options })
  const b = await start({ store: { ...inner, onChange: () => () => {}, async close() {} }, pollMs: 0, collectGarbage: false, ...options })
  await a('POST', namespaces, { metadata: { name: 'shop' } })
  return { a, b }
}

test('S5 nothing is refused for what stood only in a cache that lags', async () => {
  const { a, b } = await two({ admission: { refuseDeletion: (kind, object, read) => (kind.kind === 'Project' && read.list(LabCluster, object.metadata.name).length > 0 ? 'it has clusters' : undefined) } })
  await a('POST', clusters, { metadata: { name: 'a' }, spec: { site: 's' } })
  await b('GET', clusters)
  expect((await b('DELETE', `${namespaces}/shop`)).code).toBe(403)
  await a('DELETE', `${clusters}/a`)
  expect((await b('DELETE', `${namespaces}/shop`)).code).toBe(200)
})

test('A6 what was made in a namespace that was gone does not stay', async () => {
  const { a, b } = await two()
  await b('GET', clusters)
  await a('DELETE', `${namespaces}/shop`)
  await until(() => a('GET', `${namespaces}/shop`), ({ code }) => code === 404)
  expect((await b('POST', clusters, { metadata: { name: 'a' }, spec: { site: 's' } })).code).toBe(201)
  await until(async () => { await sleep(1); return a('GET', `${clusters}/a`) }, ({ code }) => code === 404)
})
