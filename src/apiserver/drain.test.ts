/** A server that is to end: in which order, and what its clients see. */
import { Agent } from 'undici'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { newAuthority } from './testing/certificates.ts'
import { caller, startLab, watching, type LabServer } from './testing/lab-server.ts'

let lab: LabServer
let call: ReturnType<typeof caller>
const clusters = '/apis/lab.skerry.test/v1/namespaces/shop/clusters'

beforeEach(async () => {
  lab = await startLab({ bookmarkMs: 60_000 })
  call = caller(lab)
  await call('POST', '/api/v1/namespaces', { metadata: { name: 'shop' } })
})
afterEach(() => lab.close())

test('E5 a draining server says that it is not ready, and answers everything else', async () => {
  expect((await call('GET', '/readyz')).code).toBe(200)
  lab.server.drain()
  expect((await call('GET', '/readyz')).code).toBe(503)
  expect((await call('GET', '/livez')).code).toBe(200)
  expect((await call('POST', clusters, { metadata: { name: 'a' }, spec: { site: 's' } })).code).toBe(201)
})

test('E5 watches end with a bookmark of all that was delivered, so that a client resumes elsewhere and lists nothing', async () => {
  const version = (await call('GET', clusters)).body.metadata.resourceVersion
  const w = await watching(lab, `${clusters}?watch=1&resourceVersion=${version}&allowWatchBookmarks=true`)
  const without = await watching(lab, `${clusters}?watch=1&resourceVersion=${version}`)
  await call('POST', clusters, { metadata: { name: 'a' }, spec: { site: 's' } })
  // Elsewhere: the watch's version goes on, although nothing is sent.
  const last = (await call('POST', '/api/v1/namespaces', { metadata: { name: 'other' } })).body.metadata.resourceVersion
  expect((await w.take(1))[0]!.type).toBe('ADDED')
  await without.take(1)
  lab.server.endWatches()
  expect(await w.next()).toMatchObject({ type: 'BOOKMARK', object: { metadata: { resourceVersion: last } } })
  expect(await w.next()).toBeUndefined()
  expect(await without.next()).toBeUndefined()
})

test('E5 a closing server ends idle connections at once, busy ones after their answer, and lets a watch go on until it is ended', async () => {
  // As it is served: HTTP/1.1 beside HTTP/2, over TLS.
  const authority = await newAuthority()
  const served = await startLab({ tls: await authority.serving(), store: lab.store })
  const agentOf = () => new Agent({ allowH2: false, connections: 1, keepAliveTimeout: 60_000, connect: { ca: authority.cert } })
  const [watcher, idler, asker] = [agentOf(), agentOf(), agentOf()]
  const open = (agent: Agent, path: string) => agent.request({ origin: served.listening.url, path, method: 'GET', headers: { authorization: 'Bearer admin' } })
  const ask = async (agent: Agent): Promise<number> => { const { statusCode, body } = await open(agent, '/version'); await body.dump(); return statusCode }
  const stream = await open(watcher, `${clusters}?watch=1&resourceVersion=0`)
  expect(await Promise.all([ask(idler), ask(asker)])).toEqual([200, 200])
  let asking = true
  // Never idle: the next request leaves with the answer to the last one. Refused once its connection is gone.
  const asked = (async () => { while (asking) if (await ask(asker).catch(() => undefined) === undefined) return })()
  let ended = false
  stream.body.on('close', () => { ended = true })
  // Longer than this test may take: who waits to be cut fails it.
  const closed = served.listening.close(120_000)
  await asked
  asking = false
  expect(ended).toBe(false)
  served.server.endWatches()
  await stream.body.text()
  await closed
  await served.server.close()
  await Promise.all([watcher, idler, asker].map((agent) => agent.close()))
})
