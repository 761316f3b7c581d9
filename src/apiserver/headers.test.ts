import http2 from 'node:http2'
import { afterEach, expect, test } from 'vitest'
import { newAuthority } from './testing/certificates.ts'
import { startLab, type LabServer } from './testing/lab-server.ts'

let lab: LabServer
afterEach(() => lab.close())

const wanted = {
  'cache-control': 'no-cache, private', 'x-content-type-options': 'nosniff', 'content-security-policy': "default-src 'none'; frame-ancestors 'none'", 'referrer-policy': 'no-referrer', 'x-frame-options': 'DENY',
}
const paths = [
  ['GET', '/livez', 200], ['GET', '/readyz', 200], ['GET', '/version', 200], ['GET', '/openapi/v3', 200], ['GET', '/api/v1/nodes', 200], ['GET', '/api/v1/nodes?watch=1&timeoutSeconds=1', 200], ['GET', '/api/v1/nodes/gone', 404],
  ['POST', '/api/v1/nodes', 400], ['PUT', '/api/v1/nodes', 400], ['OPTIONS', '/api/v1/nodes', 405], ['GET', '/nothing', 404], ['GET', '/api/v1/nodes?x=y', 400],
] as const

test('every answer has the headers that keep a browser from doing harm, and none that names the server', async () => {
  lab = await startLab()
  for (const [method, path, code] of paths) {
    const response = await fetch(`${lab.listening.url}${path}`, { method, headers: { authorization: 'Bearer admin' } })
    expect([path, response.status, Object.fromEntries(response.headers)]).toEqual([path, code, expect.objectContaining(wanted)])
    expect([path, response.headers.get('server'), response.headers.get('x-powered-by')]).toEqual([path, null, null])
    expect(response.headers.get('content-type')).toMatch(/^(application\/json|text\/plain)/)
    await response.body?.cancel()
  }
  const unknown = await fetch(`${lab.listening.url}/api/v1/nodes`)
  expect([unknown.status, Object.fromEntries(unknown.headers)]).toEqual([401, expect.objectContaining(wanted)])
})

test('over TLS a browser is told to come by TLS only', async () => {
  const authority = await newAuthority()
  const { cert, key } = await authority.serving()
  lab = await startLab({ tls: { cert, key } })
  const session = http2.connect(lab.listening.url, { ca: authority.cert })
  for (const path of ['/livez', '/nothing']) {
    const stream = session.request({ ':path': path })
    const headers = await new Promise<http2.IncomingHttpHeaders>((done) => stream.on('response', done))
    stream.resume()
    expect(headers).toMatchObject({ 'strict-transport-security': 'max-age=31536000', 'x-content-type-options': 'nosniff' })
  }
  session.close()
})
