import { Buffer } from 'node:buffer'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createTransport, jsonLines } from './transport.ts'

const collect = async (chunks: readonly Uint8Array[]): Promise<unknown[]> => {
  const all: unknown[] = []
  for await (const value of jsonLines((async function* () { yield* chunks })())) all.push(value)
  return all
}

test('a watch is read event by event, wherever the network cut it, within a character too', async () => {
  await fc.assert(fc.asyncProperty(fc.array(fc.record({ text: fc.string({ unit: 'grapheme' }), n: fc.integer() }), { maxLength: 8 }), fc.integer({ min: 1, max: 7 }), async (values, size) => {
    const bytes = Buffer.from(values.map((v) => `${JSON.stringify(v)}\n`).join(''))
    const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size))
    expect(await collect(chunks)).toEqual(values)
  }))
})

test('an event that was cut off is not taken for one', async () => {
  expect(await collect([Buffer.from('{"a":1}\n{"b":')])).toEqual([{ a: 1 }])
})

test('who is told to come later comes later, and says at last that there was no time', async () => {
  let asked = 0
  let refusals = 3
  const server = createServer((_request, response) => {
    asked++
    if (refusals-- > 0) response.writeHead(429, { 'retry-after': '0' }).end('{"kind":"Status","code":429,"reason":"TooManyRequests"}')
    else response.end('{"ok":true}')
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const transport = createTransport({ server: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })
  try {
    expect(await transport.send({ method: 'GET', path: '/' })).toEqual({ ok: true })
    expect(asked).toBe(4)
    refusals = 1_000
    await expect(transport.send({ method: 'GET', path: '/' })).rejects.toMatchObject({ status: { code: 429, reason: 'TooManyRequests' } })
    expect(asked).toBe(14)
  } finally {
    await transport.close()
    server.close()
  }
})
