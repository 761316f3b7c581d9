import { createHash, X509Certificate } from 'node:crypto'
import http2 from 'node:http2'
import { request } from 'node:https'
import { afterEach, expect, test } from 'vitest'
import { byClientCertificate } from './index.ts'
import { newAuthority, type Authority, type Pair } from './testing/certificates.ts'
import { silent } from '../store/log.ts'
import { startLab, type LabServer } from './testing/lab-server.ts'

let lab: LabServer
let authority: Authority
const start = async (options: Parameters<typeof startLab>[0] = {}): Promise<void> => {
  authority = await newAuthority()
  const { cert, key } = await authority.serving()
  lab = await startLab({ tls: { cert, key, clientCa: authority.cert }, authenticate: byClientCertificate(({ groups }) => (groups.includes('skerry:sites') ? 'site' : 'user')), ...options })
}
afterEach(() => lab.close())

const whoami = '/apis/authentication.k8s.io/v1/selfsubjectreviews'
const ask1 = (client?: Pair): Promise<any> => new Promise((done, failed) => {
  const r = request(`${lab.listening.url}${whoami}`, { method: 'POST', ca: authority.cert, ...client, agent: false, headers: { 'content-type': 'application/json' } }, (response) => {
    let text = ''
    response.on('data', (c: Buffer) => (text += c)).on('end', () => done(JSON.parse(text)))
  })
  r.on('error', failed)
  r.end('{}')
})
const ask2 = (session: http2.ClientHttp2Session, path = whoami, method = 'POST'): Promise<any> => new Promise((done, failed) => {
  const stream = session.request({ ':path': path, ':method': method, 'content-type': 'application/json' })
  let text = ''
  stream.on('data', (c: Buffer) => (text += c)).on('end', () => done(JSON.parse(text))).on('error', failed)
  stream.end(method === 'POST' ? '{}' : undefined)
})

const firstLine = (s: http2.ClientHttp2Stream): Promise<string> => new Promise((done) => {
  let text = ''
  s.on('data', (c: Buffer) => {
    text += c
    if (text.includes('\n')) done(text.split('\n')[0]!)
  })
})

test('a client certificate under the given authority is an identity, over HTTP/1.1 and HTTP/2; without one, or of a stranger, 401', async () => {
  await start()
  const client = await authority.client('ada', 'skerry:admins')
  const digest = createHash('sha256').update(new X509Certificate(client.cert).raw).digest('hex')
  const wanted = { status: { userInfo: { username: 'ada', groups: ['skerry:admins', 'system:authenticated'], extra: { 'authentication.kubernetes.io/credential-id': [`X509SHA256=${digest}`] } } } }
  expect(await ask1(client)).toMatchObject(wanted)
  expect(await ask1()).toMatchObject({ code: 401 })
  expect(await ask1(await (await newAuthority()).client('ada', 'skerry:admins'))).toMatchObject({ code: 401 })
  const session = http2.connect(lab.listening.url, { ca: authority.cert, ...client })
  expect(await Promise.all([ask2(session), ask2(session), ask2(session)])).toMatchObject([wanted, wanted, wanted])
  session.close()
})

test('E5 at the end watches are finished and the client is told to go away', async () => {
  await start()
  const session = http2.connect(lab.listening.url, { ca: authority.cert, ...(await authority.client('ada', 'skerry:admins')) })
  const stream = session.request({ ':path': '/api/v1/nodes?watch=1&allowWatchBookmarks=true' })
  const response = await new Promise<http2.IncomingHttpHeaders>((done) => stream.on('response', done))
  expect(response[':status']).toBe(200)
  let text = ''
  const ended = new Promise<void>((done) => stream.on('data', (chunk: Buffer) => { text += chunk }).on('end', () => done()))
  const told = new Promise<number>((done) => session.on('goaway', (code) => done(code)))
  await lab.server.close()
  await ended
  expect(JSON.parse(text)).toMatchObject({ type: 'BOOKMARK' })
  await lab.listening.close()
  expect(await told).toBe(http2.constants.NGHTTP2_NO_ERROR)
})

test('E5 one session carries many watches, and each gets the event', async () => {
  await start()
  const session = http2.connect(lab.listening.url, { ca: authority.cert, ...(await authority.client('ada', 'skerry:admins')) })
  const streams = Array.from({ length: 100 }, () => session.request({ ':path': '/api/v1/nodes?watch=1' }))
  await Promise.all(streams.map((s) => new Promise((done) => s.on('response', done))))
  const first = Promise.all(streams.map((s) => firstLine(s)))
  const post = session.request({ ':path': '/api/v1/nodes', ':method': 'POST', 'content-type': 'application/json' })
  post.resume().end('{"metadata":{"name":"n1"}}')
  expect(new Set((await first).map((line) => JSON.parse(line).object.metadata.name))).toEqual(new Set(['n1']))
  for (const s of streams) s.close()
  session.close()
})

test('E5 over HTTP/2 too a watch that is not read is dropped, and the others of its session are not held up', async () => {
  let dropped = 0
  await start({ slowWatcherBytes: 256 << 10, log: { ...silent, warn: (_, message) => { if (message === 'slow watcher dropped') dropped++ } } })
  // A window of a stream is a part of the session's.
  const session = http2.connect(lab.listening.url, { ca: authority.cert, settings: { initialWindowSize: 16 << 10 }, ...(await authority.client('ada', 'skerry:admins')) })
  const [slow, reader] = [session.request({ ':path': '/api/v1/nodes?watch=1' }), session.request({ ':path': '/api/v1/nodes?watch=1' })]
  await Promise.all([slow, reader].map((s) => new Promise((done) => s.on('response', done))))
  const closed = new Promise<void>((done) => slow.on('error', () => {}).on('close', () => done()))
  let text = ''
  reader.on('data', (chunk: Buffer) => { text += chunk })
  let made = 0
  for (; dropped === 0; made++) {
    const post = session.request({ ':path': '/api/v1/nodes', ':method': 'POST', 'content-type': 'application/json' })
    post.resume().end(JSON.stringify({ metadata: { name: `n${made}`, annotations: { padding: 'x'.repeat(8 << 10) } } }))
    await new Promise((done) => post.on('close', done))
  }
  slow.resume()
  await closed
  // What a stream holds before it is too much, and no more than one event beyond.
  expect(made).toBeGreaterThan(30)
  expect(made).toBeLessThan(40)
  while (text.split('\n').length <= made) await new Promise((done) => reader.once('data', done))
  expect(dropped).toBe(1)
  reader.close()
  session.close()
})

test('E5 the limit of streams is told, and who resets streams by the thousand is cut off', async () => {
  await start()
  const session = http2.connect(lab.listening.url, { ca: authority.cert, ...(await authority.client('ada', 'skerry:admins')) })
  session.on('error', () => {})
  const settings = await new Promise<http2.Settings>((done) => session.once('remoteSettings', done))
  expect(settings.maxConcurrentStreams).toBe(250)
  const cut = new Promise<number>((done) => session.on('goaway', done))
  const reset = (): void => {
    if (session.destroyed || session.closed) return
    const stream = session.request({ ':path': '/api/v1/nodes?watch=1' })
    stream.on('error', () => {})
    // Only a stream that was sent can be reset.
    setImmediate(() => setImmediate(() => {
      stream.close(http2.constants.NGHTTP2_CANCEL)
      reset()
    }))
  }
  for (let i = 0; i < 20; i++) reset()
  expect(await cut).toBe(http2.constants.NGHTTP2_INTERNAL_ERROR)
})
