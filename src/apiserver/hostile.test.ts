/** Clients that mean harm, over real sockets: each is cut off or refused, memory stays bounded, and others are served meanwhile. */
import { connect as tcp } from 'node:net'
import { afterEach, beforeAll, expect, test } from 'vitest'
import { attack, flags, frame, framesIn, literal, preface, requestHeaders, setting, windowUpdate, reset, type Attacker } from './testing/attacker.ts'
import { newAuthority, type Pair } from './testing/certificates.ts'
import { startLab, type LabServer } from './testing/lab-server.ts'

let serving: Pair
let lab: LabServer
beforeAll(async () => { serving = await (await newAuthority()).serving() })
const start = async (more: Parameters<typeof startLab>[0] = {}): Promise<number> => {
  lab = await startLab({ tls: serving, ...more })
  return lab.listening.port
}
afterEach(() => lab.close())

const MiB = 1 << 20
const memory = (): number => { const m = process.memoryUsage(); return m.heapUsed + m.external }
/** Somebody who behaves is answered. */
const isServed = async (port: number): Promise<boolean> => {
  const a = await attack(port, 'http/1.1')
  await a.send('GET /livez HTTP/1.1\r\nhost: lab\r\nconnection: close\r\n\r\n')
  await a.ended
  return a.received().toString().startsWith('HTTP/1.1 200')
}
const until = async (holds: () => boolean): Promise<void> => { while (!holds()) await new Promise((done) => setTimeout(done, 5)) }
const statusLine = (a: Attacker): string => a.received().toString('latin1').split('\r\n')[0]!

test('HTTP/1.1: headers that trickle, none at all, and a connection that is idle are cut off', async () => {
  const port = await start({ limits: { headersMs: 100, checkMs: 50, idleMs: 200 } })
  const trickling = await attack(port, 'http/1.1')
  await trickling.send('GET /livez HTTP/1.1\r\nhost: lab\r\nx-a: ')
  const timer = setInterval(() => trickling.socket.write('a'), 20)
  const idle = await attack(port, 'http/1.1')
  await idle.send('GET /livez HTTP/1.1\r\nhost: lab\r\n\r\n')
  const silent = tcp(port, '127.0.0.1')
  await Promise.all([trickling.ended, idle.ended, new Promise((done) => silent.on('close', done).on('error', () => {}).resume())])
  clearInterval(timer)
  expect(statusLine(trickling)).toBe('HTTP/1.1 408 Request Timeout')
  expect(statusLine(idle)).toBe('HTTP/1.1 200 OK')
  expect(await isServed(port)).toBe(true)
})

test('HTTP/1.1: headers and URLs that are too long, and two lengths of one body, are refused', async () => {
  const port = await start()
  const answers = await Promise.all([
    `GET /livez HTTP/1.1\r\nhost: lab\r\nx-a: ${'a'.repeat(40_000)}\r\n\r\n`, `GET /${'a'.repeat(40_000)} HTTP/1.1\r\nhost: lab\r\n\r\n`,
    'POST /api/v1/nodes HTTP/1.1\r\nhost: lab\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n{}', 'GET /livez HTTP/1.1\r\nhost: lab\r\nx\0y: a\r\n\r\n',
  ].map(async (text) => {
    const a = await attack(port, 'http/1.1')
    await a.send(text)
    await a.ended
    return statusLine(a)
  }))
  expect(answers).toEqual(['HTTP/1.1 431 Request Header Fields Too Large', 'HTTP/1.1 431 Request Header Fields Too Large', 'HTTP/1.1 400 Bad Request', 'HTTP/1.1 400 Bad Request'])
})

const post = (more: string): string => `POST /api/v1/nodes HTTP/1.1\r\nhost: lab\r\nauthorization: Bearer admin\r\ncontent-type: application/json\r\n${more}\r\n\r\n`

test('a body that trickles is 408 and the connection ends, over either protocol', async () => {
  const port = await start({ patience: { bodyMs: 100 } })
  const one = await attack(port, 'http/1.1')
  await one.send(`${post('content-length: 1000')}{`)
  const chunked = await attack(port, 'http/1.1')
  await chunked.send(`${post('transfer-encoding: chunked')}1\r\n{\r\n`)
  const two = await attack(port, 'h2')
  await two.send(Buffer.concat([preface, frame('headers', flags.endHeaders, 1, requestHeaders('POST', '/api/v1/nodes')), frame('data', 0, 1, '{')]))
  await until(() => framesIn(two.received()).some((f) => f.stream === 1 && f.type === 'data'))
  await Promise.all([one.ended, chunked.ended])
  expect([statusLine(one), statusLine(chunked)]).toEqual(['HTTP/1.1 408 Request Timeout', 'HTTP/1.1 408 Request Timeout'])
  expect(framesIn(two.received()).find((f) => f.stream === 1 && f.type === 'data')!.payload.toString()).toContain('"code":408')
  await until(() => framesIn(two.received()).some((f) => f.stream === 1 && f.type === 'reset'))
  two.socket.destroy()
})

test('a body that is too large is 413, whether or not it says so, and is not listened to', async () => {
  const port = await start()
  const said = await attack(port, 'http/1.1')
  await said.send(post(`content-length: ${1 << 30}`))
  await said.ended
  const unsaid = await attack(port, 'http/1.1')
  await unsaid.send(post('transfer-encoding: chunked'))
  const chunk = Buffer.concat([Buffer.from('10000\r\n'), Buffer.alloc(0x10000, 0x20), Buffer.from('\r\n')])
  const before = memory()
  let sent = 0
  while (await unsaid.send(chunk)) sent += chunk.length
  expect([statusLine(said), statusLine(unsaid)]).toEqual(['HTTP/1.1 413 Payload Too Large', 'HTTP/1.1 413 Payload Too Large'])
  expect(sent).toBeGreaterThan(3 * MiB)
  expect(memory() - before).toBeLessThan(100 * MiB)
})

/** Many objects of many bytes: a list that fills every buffer on the way. */
const fill = async (): Promise<void> => {
  const text = 'x'.repeat(100_000)
  for (let i = 0; i < 100; i++) {
    const row = { resource: 'nodes', namespace: '', name: `n${i}`, uid: `u${i}`, labels: {}, ownerUids: [], finalizers: [], deleting: false, body: JSON.stringify({ apiVersion: 'v1', kind: 'Node', metadata: { name: `n${i}`, uid: `u${i}` }, text }) }
    await lab.store.commit({ operations: [{ key: { resource: 'nodes', namespace: '', name: row.name }, expect: 'absent', row }] })
  }
}

test('compressed lists that nobody takes are cut off too, though all of them is written', async () => {
  const port = await start({ patience: { readerMs: 300 } })
  await fill()
  const a = await attack(port, 'h2')
  await a.send(Buffer.concat([preface, frame('settings', 0, 0, setting(4, 0)), ...Array.from({ length: 10 }, (_, i) => frame('headers', flags.endHeaders | flags.endStream, 2 * i + 1, requestHeaders('GET', '/api/v1/nodes', { 'accept-encoding': 'gzip' })))]))
  await until(() => framesIn(a.received()).filter((f) => f.type === 'reset').length === 10)
  a.socket.destroy()
  expect(await isServed(port)).toBe(true)
})

test('answers that nobody takes are cut off: a list, an object, windows of 0; memory holds pieces of them only', async () => {
  const port = await start({ patience: { readerMs: 300 } })
  await fill()
  const before = memory()
  const one = await attack(port, 'http/1.1')
  one.socket.pause()
  await one.send('GET /api/v1/nodes HTTP/1.1\r\nhost: lab\r\nauthorization: Bearer admin\r\n\r\n')
  const two = await attack(port, 'h2')
  await two.send(Buffer.concat([preface, frame('settings', 0, 0, setting(4, 0)), ...Array.from({ length: 100 }, (_, i) => frame('headers', flags.endHeaders | flags.endStream, 2 * i + 1, requestHeaders('GET', i < 50 ? '/api/v1/nodes' : '/api/v1/nodes/n1')))]))
  await until(() => framesIn(two.received()).filter((f) => f.type === 'headers').length === 100)
  expect(memory() - before).toBeLessThan(100 * MiB)
  await until(() => framesIn(two.received()).filter((f) => f.type === 'reset').length === 100)
  await new Promise((done) => setTimeout(done, 400))
  one.socket.resume()
  await one.ended
  expect(one.received().length).toBeLessThan(10 * MiB)
  two.socket.destroy()
  expect(await isServed(port)).toBe(true)
})

/** Until the server ends it, and at most so many times. */
const flood = async (a: Attacker, piece: Buffer, times: number): Promise<number> => {
  let sent = 0
  while (sent < times && (await a.send(piece))) sent++
  return sent
}
const repeated = (f: Buffer, times: number): Buffer => Buffer.concat(Array.from({ length: times }, () => f))

test.each<readonly [string, readonly Buffer[], Buffer]>([
  ['CONTINUATION frames without end (CVE-2024-27316)', [frame('headers', flags.endStream, 1, requestHeaders('GET', '/livez'))], frame('continuation', 0, 1, literal('x-a', 'a'.repeat(1_000)))],
  ['empty CONTINUATION frames', [frame('headers', flags.endStream, 1, requestHeaders('GET', '/livez'))], repeated(frame('continuation', 0, 1), 100)],
  ['SETTINGS that are to be acknowledged (CVE-2019-9515)', [], repeated(frame('settings', 0, 0, setting(4, 65_535)), 100)],
  ['PINGs that are to be answered (CVE-2019-9512)', [], repeated(frame('ping', 0, 0, '12345678'), 100)],
  ['resets of streams that were just opened (CVE-2023-44487)', [], Buffer.alloc(0)],
])('HTTP/2: %s end the connection, or cost no memory', async (name, first, piece) => {
  const port = await start()
  const a = await attack(port, 'h2')
  // Acknowledgements and answers to PINGs are not taken either.
  if (/SETTINGS|PING/.test(name)) a.socket.pause()
  await a.send(Buffer.concat([preface, ...first]))
  const before = memory()
  if (piece.length > 0) await flood(a, piece, 20_000)
  else for (let i = 0; i < 20_000; i++) if (!(await a.send(Buffer.concat([frame('headers', flags.endHeaders | flags.endStream, 2 * i + 1, requestHeaders('GET', '/api/v1/nodes?watch=1')), reset(2 * i + 1)])))) break
  expect(memory() - before).toBeLessThan(64 * MiB)
  a.socket.resume()
  expect(await isServed(port)).toBe(true)
  await a.ended
})

test('HTTP/2: empty DATA, PRIORITY, and windows by one byte cost no memory; a stream beyond the limit, headers too long or too many are refused', async () => {
  const port = await start()
  const before = memory()
  for (const piece of [repeated(frame('data', 0, 1), 100), repeated(frame('priority', 0, 1, '\0\0\0\0\0'), 100), repeated(windowUpdate(0, 1), 100)]) {
    const a = await attack(port, 'h2')
    await a.send(Buffer.concat([preface, frame('headers', flags.endHeaders, 1, requestHeaders('POST', '/api/v1/nodes'))]))
    await flood(a, piece, 500)
    a.socket.destroy()
  }
  expect(memory() - before).toBeLessThan(64 * MiB)
  const many = await attack(port, 'h2')
  await many.send(Buffer.concat([preface, ...Array.from({ length: 251 }, (_, i) => frame('headers', flags.endHeaders | flags.endStream, 2 * i + 1, requestHeaders('GET', '/api/v1/nodes?watch=1')))]))
  await until(() => framesIn(many.received()).some((f) => f.type === 'reset' && f.stream === 501))
  many.socket.destroy()
  for (const headers of [[literal('x-a', 'a'.repeat(40_000))], Array.from({ length: 200 }, (_, i) => literal(`x-${i}`, 'a'))]) {
    const a = await attack(port, 'h2')
    const block = Buffer.concat([requestHeaders('GET', '/livez'), ...headers])
    const pieces = Array.from({ length: Math.ceil(block.length / 16_000) }, (_, i) => block.subarray(i * 16_000, (i + 1) * 16_000))
    await a.send(Buffer.concat([preface, ...pieces.map((p, i) => frame(i === 0 ? 'headers' : 'continuation', (i === 0 ? flags.endStream : 0) | (i === pieces.length - 1 ? flags.endHeaders : 0), 1, p))]))
    await Promise.race([a.ended, until(() => framesIn(a.received()).some((f) => f.stream === 1))])
    expect(framesIn(a.received()).filter((f) => f.stream === 1 && f.type === 'data').map((f) => f.payload.toString()).join('')).toBe('')
    a.socket.destroy()
  }
  expect(await isServed(port)).toBe(true)
})

test('HTTP/2: a session without streams ends, one with a quiet watch stays; a preface that never comes ends it too', async () => {
  const port = await start({ limits: { idleMs: 150, headersMs: 150 } })
  const [idle, half, silent, watching] = await Promise.all([attack(port, 'h2'), attack(port, 'h2'), attack(port, 'h2'), attack(port, 'h2')])
  await idle.send(preface)
  await half.send(Buffer.concat([preface, frame('headers', flags.endStream, 1, requestHeaders('GET', '/livez'))]))
  await watching.send(Buffer.concat([preface, frame('headers', flags.endHeaders | flags.endStream, 1, requestHeaders('GET', '/api/v1/nodes?watch=1'))]))
  await Promise.all([idle.ended, half.ended, silent.ended])
  await new Promise((done) => setTimeout(done, 300))
  expect(watching.socket.destroyed).toBe(false)
  watching.socket.destroy()
})

test('connections beyond the limit are closed', async () => {
  const port = await start({ limits: { connections: 3 } })
  const held = await Promise.all([attack(port, 'h2'), attack(port, 'h2'), attack(port, 'h2')])
  await expect(attack(port, 'h2')).rejects.toThrow()
  for (const a of held) a.socket.destroy()
})
