import { afterEach, expect, test } from 'vitest'
import { caller, identities, startLab, watching, type LabServer } from './testing/lab-server.ts'
import { byToken } from './index.ts'

let lab: LabServer
const clusters = '/apis/lab.skerry.test/v1/namespaces/shop/clusters'
const start = async (options: Parameters<typeof startLab>[0]): Promise<ReturnType<typeof caller>> => {
  lab = await startLab(options)
  const call = caller(lab)
  await call('POST', '/api/v1/namespaces', { metadata: { name: 'shop' } })
  return call
}
afterEach(() => lab.close())

test('A4 a watch is authorised again after a while, without anybody saying that something changed', async () => {
  let isAllowed = true
  const call = await start({ authorize: () => isAllowed, reauthorizeMs: 100 })
  await call('POST', clusters, { metadata: { name: 'a' }, spec: { site: 'sto1' } })
  const w = await watching(lab, `${clusters}?watch=1`)
  expect(await w.next()).toMatchObject({ type: 'ADDED' })
  isAllowed = false
  expect(await w.next()).toMatchObject({ type: 'ERROR', object: { code: 403, reason: 'Forbidden' } })
  expect(await w.next()).toBe(undefined)
})

test('A4 a watch ends with 401 when nobody knows its identity any more', async () => {
  let isKnown = true
  let wake = (): void => {}
  await start({ authenticate: byToken((token) => (isKnown ? identities[token] : undefined)), onAccessChange: (w) => { wake = w; return () => {} } })
  const w = await watching(lab, `${clusters}?watch=1&allowWatchBookmarks=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan`)
  expect((await w.next())?.type).toBe('BOOKMARK')
  isKnown = false
  wake()
  expect(await w.next()).toMatchObject({ type: 'ERROR', object: { code: 401, reason: 'Unauthorized' } })
})

test('A4 an apply makes an object only for who may make one', async () => {
  const call = await start({ authorize: (_, a) => a.verb !== 'create' || a.resource === 'namespaces' })
  const apply = (name: string) => call('PATCH', `${clusters}/${name}?fieldManager=x`, { apiVersion: 'lab.skerry.test/v1', kind: 'Cluster', metadata: { name }, spec: { site: 'sto1' } }, { type: 'application/apply-patch+yaml' })
  expect((await apply('a')).body).toMatchObject({ code: 403, message: expect.stringContaining('cannot create resource "clusters"') })
})
