import { setTimeout as sleep } from 'node:timers/promises'
import { connect } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openMemoryStore } from '../store/memory/memory.ts'
import { caller, startLab, until, watching, type LabServer, type Watching } from './testing/lab-server.ts'

let lab: LabServer
let call: ReturnType<typeof caller>
const clusters = '/apis/lab.skerry.test/v1/namespaces/shop/clusters'
const cluster = (name: string, labels: object = {}, spec: object = {}) => ({ metadata: { name, labels }, spec: { site: 'sto1', ...spec } })
const names = (events: readonly { readonly type: string; readonly object: any }[]) => events.map((e) => `${e.type} ${e.object.metadata.name}`)
const open: Watching[] = []
const watch = async (query: string, accept?: string): Promise<Watching> => {
  const w = await watching(lab, `${clusters}?watch=1&${query}`, accept === undefined ? {} : { accept })
  open.push(w)
  return w
}
const start = async (options: Parameters<typeof startLab>[0] = {}): Promise<void> => {
  lab = await startLab(options)
  call = caller(lab)
  await call('POST', '/api/v1/namespaces', { metadata: { name: 'shop' } })
}

beforeEach(() => start())
afterEach(async () => {
  for (const w of open.splice(0)) w.stop()
  await lab.close()
})

describe('watch', () => {
  test('A1 a watch over WebSocket is refused at once, so that a client that prefers it asks again without', async () => {
    const { hostname, port } = new URL(lab.listening.url)
    const socket = connect(Number(port), hostname)
    socket.write(`GET ${clusters}?watch=1 HTTP/1.1\r\nhost: lab\r\nauthorization: Bearer admin\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n`)
    const answer = await new Promise<string>((done) => { socket.once('data', (chunk) => done(chunk.toString())) })
    socket.destroy()
    expect(answer).toMatch(/^HTTP\/1\.1 503 /)
  })

  test('A1 sendInitialEvents: what is there, the annotated bookmark, then what comes', async () => {
    for (const name of ['a', 'b']) await call('POST', clusters, cluster(name))
    const w = await watch('sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan')
    expect(names(await w.take(2))).toEqual(['ADDED a', 'ADDED b'])
    const end = await w.next()
    expect(end).toMatchObject({ type: 'BOOKMARK', object: { kind: 'Cluster', apiVersion: 'lab.skerry.test/v1', metadata: { annotations: { 'k8s.io/initial-events-end': 'true' } } } })
    expect(Number(end!.object.metadata.resourceVersion)).toBeGreaterThan(0)
    await call('POST', clusters, cluster('c'))
    await call('DELETE', `${clusters}/a`)
    const events = await w.take(2)
    expect(names(events)).toEqual(['ADDED c', 'DELETED a'])
    expect(Number(events[1]!.object.metadata.resourceVersion)).toBe(await lab.store.version())
  })

  test('from a version: exactly what came after it; from none or 0: what is there first', async () => {
    const made = (await call('POST', clusters, cluster('a'))).body
    await call('PATCH', `${clusters}/a`, { spec: { site: 'x' } })
    expect(names(await (await watch(`resourceVersion=${made.metadata.resourceVersion}`)).take(1))).toEqual(['MODIFIED a'])
    expect(names(await (await watch('')).take(1))).toEqual(['ADDED a'])
    expect(names(await (await watch('resourceVersion=0')).take(1))).toEqual(['ADDED a'])
    const fromNow = await watch('sendInitialEvents=false&resourceVersionMatch=NotOlderThan')
    await call('POST', clusters, cluster('b'))
    expect(names(await fromNow.take(1))).toEqual(['ADDED b'])
  })

  test('S4 with a selector entering is ADDED and leaving is DELETED, by labels and by fields', async () => {
    const version = (await call('GET', clusters)).body.metadata.resourceVersion
    const byLabel = await watch(`resourceVersion=${version}&labelSelector=on%3Dyes`)
    const byField = await watch(`resourceVersion=${version}&fieldSelector=spec.site%3Dsto1`)
    await call('POST', clusters, cluster('a'))
    await call('PATCH', `${clusters}/a`, { metadata: { labels: { on: 'yes' } } })
    await call('PATCH', `${clusters}/a`, { spec: { site: 'osl1' } })
    await call('PATCH', `${clusters}/a`, { metadata: { labels: { on: 'no' } } })
    expect(names(await byLabel.take(3))).toEqual(['ADDED a', 'MODIFIED a', 'DELETED a'])
    expect(names(await byField.take(3))).toEqual(['ADDED a', 'MODIFIED a', 'DELETED a'])
  })

  test('a compacted version is 410 as an event, a future one 504', async () => {
    await lab.close()
    await start({ store: openMemoryStore({ keep: 10 }) })
    for (let i = 0; i < 30; i++) await call('POST', clusters, cluster(`a${i}`))
    // The ring of the cache may still know; a server that starts now does not.
    await lab.server.close()
    const second = await startLab({ store: lab.store })
    const w = await watching(second, `${clusters}?watch=1&resourceVersion=1`)
    expect(await w.next()).toMatchObject({ type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired' } })
    expect(await w.next()).toBeUndefined()
    await second.server.close()
    await second.listening.close(0)
  })

  test('metadata only and Tables, also in a watch: the first row brings the columns', async () => {
    await call('POST', clusters, cluster('a'))
    const meta = await watch('', 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1')
    expect((await meta.next())!.object).toMatchObject({ kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: { name: 'a' } })
    const table = await watch('', 'application/json;as=Table;v=v1;g=meta.k8s.io')
    const first = (await table.next())!.object
    expect(first).toMatchObject({ kind: 'Table', columnDefinitions: [{ name: 'Name' }, { name: 'Site' }, { name: 'Replicas' }, { name: 'Phase' }, { name: 'Age' }], rows: [{ object: { kind: 'PartialObjectMetadata' } }] })
    expect(first.rows[0].cells.slice(0, 4)).toEqual(['a', 'sto1', 3, null])
    await call('PATCH', `${clusters}/a`, { spec: { replicas: 9 } })
    const second = (await table.next())!.object
    expect(second.columnDefinitions).toBeNull()
    expect(second.rows[0].cells[2]).toBe(9)
  })

  test('E5 readers of one change get it each in the format and with the type that is theirs', async () => {
    await call('POST', clusters, cluster('a'))
    const table = 'application/json;as=Table;v=v1;g=meta.k8s.io'
    const { metadata } = (await call('GET', clusters)).body
    const from = (query: string, accept?: string): Promise<Watching> => watch(`resourceVersion=${metadata.resourceVersion}&${query}`, accept)
    const [plain, entering, partial, rows, bare, whole] = await Promise.all([
      from(''), from('labelSelector=on%3Dyes'), from('', 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1'), from('', table), from('includeObject=None', table), from('includeObject=Object', table),
    ])
    await call('PATCH', `${clusters}/a`, { spec: { site: 'first' } })
    for (const w of [plain, partial, rows, bare, whole]) await w.take(1)
    const made = (await call('PATCH', `${clusters}/a`, { metadata: { labels: { on: 'yes' } } })).body
    const events = await Promise.all([plain, entering, partial, rows, bare, whole].map(async (w) => (await w.next())!))
    const half = { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: made.metadata }
    expect(events.map((e) => e.type)).toEqual(['MODIFIED', 'ADDED', 'MODIFIED', 'MODIFIED', 'MODIFIED', 'MODIFIED'])
    expect(events.map((e) => (e.object.kind === 'Table' ? e.object.rows[0].object : e.object))).toEqual([made, made, half, half, null, made])
  })

  test('unknown and unsupported options are errors, never ignored', async () => {
    for (const query of ['limit=5', 'bogus=1', 'labelSelector=a%3D%3D%3D', 'fieldSelector=spec.other%3D1', 'resourceVersion=abc', 'timeoutSeconds=x'])
      expect([query, (await call('GET', `${clusters}?watch=1&${query}`)).code]).toEqual([query, 400])
  })

  test('it ends after timeoutSeconds, at the server\'s end, and leaves nothing open', async () => {
    const w = await watch('timeoutSeconds=1')
    expect(await w.next()).toBeUndefined()
    const other = await watch('')
    await lab.server.close()
    expect(await other.next()).toBeUndefined()
  })
})

test('A1 idle watches get bookmarks that move on with the version', async () => {
  await lab.close()
  await start({ bookmarkMs: 20 })
  const w = await watch('allowWatchBookmarks=true')
  await call('POST', '/api/v1/namespaces', { metadata: { name: 'other' } })
  const version = await lab.store.version()
  expect(await until(async () => (await w.next())!, (e) => e.type === 'BOOKMARK' && Number(e.object.metadata.resourceVersion) >= version)).toBeDefined()
})

test('E5 initial events that are larger than the limit reach a reader, and changes meanwhile follow in order', async () => {
  await lab.close()
  await start({ slowWatcherBytes: 64 << 10 })
  for (let i = 0; i < 200; i++) await call('POST', clusters, cluster(`a${String(i).padStart(3, '0')}`, {}, { payload: 'x'.repeat(4000) }))
  const w = await watch('sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan')
  await call('PATCH', `${clusters}/a000`, { spec: { site: 'changed' } })
  expect(await w.take(200)).toHaveLength(200)
  expect((await w.next())!.type).toBe('BOOKMARK')
  expect(names(await w.take(1))).toEqual(['MODIFIED a000'])
})

test('E5 a reader that comes back behind more than a slow reader may leave gets all of it, at its own pace', async () => {
  await lab.close()
  await start({ slowWatcherBytes: 256 << 10 })
  const { metadata } = (await call('GET', clusters)).body
  const expected = Array.from({ length: 200 }, (_, i) => `a${String(i).padStart(3, '0')}`)
  for (const name of expected) await call('POST', clusters, cluster(name, {}, { payload: 'x'.repeat(4000) }))
  const w = await watch(`resourceVersion=${metadata.resourceVersion}`)
  expect((await w.take(200)).map((e) => e.object.metadata.name)).toEqual(expected)
  await call('PATCH', `${clusters}/a000`, { spec: { site: 'changed' } })
  expect(names(await w.take(1))).toEqual(['MODIFIED a000'])
})

test('E5 what comes while a reader takes its time over the initial events does not wait in memory, and follows whole; no bookmark is ahead of it', async () => {
  await lab.close()
  await start({ slowWatcherBytes: 256 << 10, bookmarkMs: 5 })
  // More than the kernel takes for a reader that does not read.
  const count = 500
  const annotations = { large: 'x'.repeat(20_000) }
  for (let i = 0; i < count; i++) await call('POST', clusters, { ...cluster(`a${i}`), metadata: { name: `a${i}`, annotations } })
  const slow = connect(lab.listening.port, '127.0.0.1')
  slow.pause()
  slow.write(`GET ${clusters}?watch=1&allowWatchBookmarks=true HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer admin\r\n\r\n`)
  await sleep(50)
  let last = 0
  for (let i = 0; i < count; i++) last = Number((await call('PATCH', `${clusters}/a${i}`, { spec: { site: 'changed' } })).body.metadata.resourceVersion)
  const seen: { readonly type: string; readonly version: number }[] = []
  let rest = ''
  slow.on('data', (chunk: Buffer) => {
    const lines = (rest + chunk.toString()).split('\n')
    rest = lines.pop()!
    for (const line of lines) if (line.startsWith('{"type"')) seen.push({ type: JSON.parse(line).type, version: Number(JSON.parse(line).object.metadata.resourceVersion) })
  })
  slow.resume()
  await until(async () => { await sleep(5); return seen.at(-1) }, (e) => e?.type === 'BOOKMARK' && e.version >= last)
  slow.destroy()
  expect(seen.filter((e) => e.type !== 'BOOKMARK').map((e) => e.type)).toEqual([...Array<string>(count).fill('ADDED'), ...Array<string>(count).fill('MODIFIED')])
  const after = seen.slice(count).map((e) => e.version)
  expect(after).toEqual(after.toSorted((a, b) => a - b))
}, 30_000)

test('E5 a reader that does not read is dropped, and others are not held up', async () => {
  await lab.close()
  await start({ slowWatcherBytes: 256 << 10 })
  await call('POST', clusters, cluster('a'))
  const slow = connect(lab.listening.port, '127.0.0.1')
  slow.pause()
  slow.on('error', () => {})
  const closed = new Promise<void>((done) => slow.on('close', () => done()))
  slow.write(`GET ${clusters}?watch=1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer admin\r\n\r\n`)
  const reader = await watch('')
  await reader.take(1)
  let events = 0
  const counted = (async () => { while ((await reader.next()) !== undefined) events++ })()
  let dropped = false
  lab.server.api.log.warn = (_fields, message) => { if (message === 'slow watcher dropped') dropped = true }
  for (let i = 0; !dropped; i++) await call('PATCH', `${clusters}/a`, { spec: { payload: String(i).padEnd(4000, 'x') } })
  slow.resume()
  await closed
  const made = await call('POST', clusters, cluster('last'))
  expect(made.code).toBe(201)
  await until(async () => { await sleep(1); return events }, (n) => n > 10)
  reader.stop()
  await counted.catch(() => {})
})
