import { request } from 'node:http'
import { connect } from 'node:http2'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { takesGzip } from './compress.ts'
import { newAuthority } from './testing/certificates.ts'
import { caller, startLab, type LabServer } from './testing/lab-server.ts'

const clusters = '/apis/lab.skerry.test/v1/namespaces/shop/clusters'
let lab: LabServer
beforeAll(async () => {
  lab = await startLab()
  const call = caller(lab)
  await call('POST', '/api/v1/namespaces', { metadata: { name: 'shop' } })
  for (let i = 0; i < 100; i++) await call('POST', clusters, { metadata: { name: `c${i}` }, spec: { site: 'sto1', payload: 'x'.repeat(1_500) } })
})
afterAll(() => lab.close())

/** fetch would decompress. */
const raw = (path: string, encoding?: string, readAll = true): Promise<{ readonly encoding: string | undefined; readonly body: Buffer }> => new Promise((done, failed) => {
  const asked = request(lab.listening.url + path, { headers: { authorization: 'Bearer admin', ...(encoding !== undefined && { 'accept-encoding': encoding }) } }, (answer) => {
    const chunks: Buffer[] = []
    answer.on('error', failed)
    answer.on('data', (c: Buffer) => { chunks.push(c); if (!readAll) { answer.destroy(); done({ encoding: undefined, body: c }) } })
    answer.on('end', () => done({ encoding: answer.headers['content-encoding'], body: Buffer.concat(chunks) }))
  })
  asked.on('error', readAll ? failed : () => {})
  asked.end()
})

test('a long list is compressed for who takes gzip, and says the same', async () => {
  const [plain, packed, table] = await Promise.all([raw(clusters), raw(clusters, 'gzip'), raw(`${clusters}?limit=99`, 'br, gzip;q=0.5')])
  expect([plain.encoding, packed.encoding, table.encoding]).toEqual([undefined, 'gzip', 'gzip'])
  expect(gunzipSync(packed.body).equals(plain.body)).toBe(true)
  expect(packed.body.length * 4).toBeLessThan(plain.body.length)
})

test('a short one is not, nor one for who refuses gzip', async () => {
  const answers = await Promise.all([raw(`${clusters}?limit=10`, 'gzip'), raw(clusters, 'gzip;q=0'), raw(clusters, 'br')])
  expect(answers.map((a) => [a.encoding, JSON.parse(a.body.toString()).kind])).toEqual(Array(3).fill([undefined, 'ClusterList']))
})

test('over HTTP/2 too', async () => {
  const authority = await newAuthority()
  const { cert, key } = await authority.serving()
  const secure = await startLab({ store: lab.store, tls: { cert, key } })
  const session = connect(secure.listening.url, { rejectUnauthorized: false })
  try {
    const stream = session.request({ ':path': clusters, authorization: 'Bearer admin', 'accept-encoding': 'gzip' })
    const encoding = new Promise((done) => stream.once('response', (headers) => done(headers['content-encoding'])))
    const body = Buffer.concat(await stream.toArray() as Buffer[])
    expect([await encoding, JSON.parse(gunzipSync(body).toString()).items.length]).toEqual(['gzip', 100])
  } finally {
    session.destroy()
    await secure.close()
  }
})

test('a reader that leaves in the middle breaks nothing', async () => {
  for (let i = 0; i < 20; i++) await raw(clusters, 'gzip', false)
  expect((await raw(clusters, 'gzip')).encoding).toBe('gzip')
})

test('what Accept-Encoding says', () => {
  expect(['gzip', 'GZIP;q=0.1', 'deflate, gzip', '*', 'x-gzip', 'br', '', undefined, 'gzip;q=0', 'gzip;q=0.000, *', '*;q=0'].map(takesGzip)).toEqual([true, true, true, true, true, false, false, false, false, false, false])
})
