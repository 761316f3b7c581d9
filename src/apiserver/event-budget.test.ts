import { afterEach, beforeEach, expect, test } from 'vitest'
import { caller, startLab, watching, type LabServer } from './testing/lab-server.ts'

let time = Date.parse('2026-01-01T00:00:00Z')
let lab: LabServer
let call: ReturnType<typeof caller>
const events = '/api/v1/namespaces/shop/events'
beforeEach(async () => {
  lab = await startLab({ now: () => new Date(time), limitEvents: true })
  call = caller(lab)
  await call('POST', '/api/v1/namespaces', { metadata: { name: 'shop' } })
})
afterEach(() => lab.close())
const post = (name: string, uid = 'one', path = events) => call('POST', path, { metadata: { name }, ...(path === events ? { involvedObject: { kind: 'Cluster', name: 'a', uid } } : { regarding: { kind: 'Cluster', name: 'a', uid } }), reason: 'R' }, { as: 'site' })

test('S12 an object has 25 Events and one more every 5 minutes; repeats count, other objects have their own', async () => {
  for (let i = 0; i < 24; i++) expect((await post(`e${i}`)).code).toBe(201)
  expect((await call('PATCH', `${events}/e0`, { count: 2 }, { as: 'site' })).code).toBe(200)
  const refused = await post('e25')
  expect([refused.code, refused.body.reason, refused.headers.get('retry-after'), (await call('PATCH', `${events}/e0`, { count: 3 }, { as: 'site' })).code, (await post('x', 'one', '/apis/events.k8s.io/v1/namespaces/shop/events')).code]).toEqual([429, 'TooManyRequests', '300', 429, 429])
  // What changes nothing, a dry run and a deletion are free.
  expect([(await call('PATCH', `${events}/e0`, { count: 2 })).code, (await call('POST', `${events}?dryRun=All`, { metadata: { name: 'dry' }, involvedObject: { uid: 'one' } })).code, (await call('DELETE', `${events}/e1`)).code, (await post('other', 'two')).code]).toEqual([200, 201, 200, 201])
  time += 299_000
  expect((await post('e26')).headers.get('retry-after')).toBe('1')
  time += 1_000
  expect([(await post('e26')).code, (await post('e27')).code]).toEqual([201, 429])
  time += 86_400_000
  for (let i = 0; i < 25; i++) expect((await post(`f${i}`)).code).toBe(201)
  expect((await post('g')).code).toBe(429)
})

test('S12 what was taken is listed and watched as before, in both groups', async () => {
  const w = await watching(lab, `${events}?watch=1`)
  await post('e')
  expect((await w.take(1)).map((e) => [e.type, e.object.metadata.name])).toEqual([['ADDED', 'e']])
  w.stop()
  expect([(await call('GET', `${events}?fieldSelector=involvedObject.uid=one`)).body.items.length, (await call('GET', '/apis/events.k8s.io/v1/namespaces/shop/events?fieldSelector=regarding.uid=one')).body.items.length]).toEqual([1, 1])
})
