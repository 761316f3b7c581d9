import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { caller, startLab, until, type LabServer } from './testing/lab-server.ts'

let lab: LabServer
let call: ReturnType<typeof caller>
const clusters = '/apis/lab.skerry.test/v1/namespaces/shop/clusters'
const maps = '/api/v1/namespaces/shop/configmaps'
const make = async (name: string) => (await call('POST', clusters, { metadata: { name }, spec: { site: 's' } })).body
const ref = (o: any, more: object = {}) => ({ apiVersion: o.apiVersion, kind: o.kind, name: o.metadata.name, uid: o.metadata.uid, ...more })
const owned = (name: string, owners: readonly object[], metadata: object = {}) => call('POST', maps, { metadata: { name, ownerReferences: owners, ...metadata } })
const mapNames = async (): Promise<string> => (await call('GET', maps)).body.items.map((o: { metadata: { name: string } }) => o.metadata.name).join(' ')

beforeEach(async () => {
  lab = await startLab()
  call = caller(lab)
  await call('POST', '/api/v1/namespaces', { metadata: { name: 'shop' } })
})
afterEach(() => lab.close())

describe('garbage', () => {
  test('who has lost all owners goes, who has one left forgets the others, who has none stays', async () => {
    const [a, b] = [await make('a'), await make('b')]
    await owned('only-a', [ref(a)])
    await owned('both', [ref(a), ref(b)])
    await owned('free', [])
    await owned('stranger', [{ apiVersion: 'unknown/v1', kind: 'Thing', name: 'x', uid: 'x' }])
    await call('DELETE', `${clusters}/a`)
    await until(mapNames, (n) => n === 'both free stranger')
    await until(async () => (await call('GET', `${maps}/both`)).body.metadata.ownerReferences, (r) => r.length === 1 && r[0].uid === b.metadata.uid)
  })

  test('nobody owns any more what is taken out of an object whose owner orphaned it', async () => {
    const a = await make('a')
    await owned('left', [ref(a)], { labels: { l: '1' } })
    await call('DELETE', `${clusters}/a?propagationPolicy=Orphan`)
    const left = await until(async () => (await call('GET', `${maps}/left`)).body, (o) => o.metadata.ownerReferences === undefined)
    expect(left.metadata.managedFields.map((e: any) => e.fieldsV1['f:metadata'])).toEqual([{ 'f:labels': { '.': {}, 'f:l': {} } }])
  })

  test('a dependent made after its owner went, or of an older one of that name, goes too', async () => {
    const a = await make('a')
    await call('DELETE', `${clusters}/a`)
    await make('a')
    await owned('late', [ref(a)])
    await until(mapNames, (n) => n === '')
  })

  test('foreground: the owner stays until those that block are gone', async () => {
    const a = await make('a')
    await owned('blocks', [ref(a, { blockOwnerDeletion: true })], { finalizers: ['lab.test/hold'] })
    await owned('other', [ref(a)])
    const deleted = await call('DELETE', `${clusters}/a?propagationPolicy=Foreground`)
    expect(deleted.body.metadata.finalizers).toEqual(['foregroundDeletion'])
    await until(mapNames, (n) => n === 'blocks')
    expect((await call('GET', `${clusters}/a`)).code).toBe(200)
    await call('PATCH', `${maps}/blocks`, { metadata: { finalizers: null } })
    await until(async () => (await call('GET', `${clusters}/a`)).code, (code) => code === 404)
  })

  test('orphan: dependents stay and forget their owner', async () => {
    const a = await make('a')
    await owned('kept', [ref(a)])
    await call('DELETE', `${clusters}/a`, { propagationPolicy: 'Orphan' })
    await until(async () => (await call('GET', `${clusters}/a`)).code, (code) => code === 404)
    expect((await call('GET', `${maps}/kept`)).body.metadata.ownerReferences).toBeUndefined()
  })

  test('what was missed while no server ran is found at the start', async () => {
    const a = await make('a')
    await owned('left', [ref(a)])
    await lab.server.close()
    await lab.store.commit({ operations: [{ key: { resource: 'clusters.lab.skerry.test', namespace: 'shop', name: 'a' }, expect: Number(a.metadata.resourceVersion), row: undefined }] })
    const second = await startLab({ store: lab.store })
    await until(async () => (await caller(second)('GET', maps)).body.items.length, (n) => n === 0)
    await second.server.close()
    await second.listening.close(0)
  })
})

test('S12 Events are kept for a day', async () => {
  let time = Date.parse('2026-01-01T00:00:00Z')
  await lab.close()
  lab = await startLab({ now: () => new Date(time) })
  call = caller(lab)
  await call('POST', '/api/v1/namespaces', { metadata: { name: 'shop' } })
  const event = (name: string, lastTimestamp: string) => call('POST', '/api/v1/namespaces/shop/events', { metadata: { name }, involvedObject: {}, reason: 'Tested', lastTimestamp })
  const made = await event('old', '2026-01-01T00:00:00Z')
  expect(made.body.metadata.generation).toBeUndefined()
  await event('young', '2026-01-01T12:00:00Z')
  time += 25 * 3_600_000
  await lab.server.close()
  const second = await startLab({ store: lab.store, now: () => new Date(time) })
  await until(async () => (await caller(second)('GET', '/api/v1/namespaces/shop/events')).body.items.map((e: any) => e.metadata.name).join(), (n) => n === 'young')
  await second.server.close()
  await second.listening.close(0)
})
