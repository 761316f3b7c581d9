import { Buffer } from 'node:buffer'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { jsonLines } from './transport.ts'

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
