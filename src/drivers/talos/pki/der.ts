/** DER, as much of it as X.509 needs: values written from the inside out, and a reader that never leaves its bounds (X.690). */

export const tlv = (tag: number, ...parts: readonly Buffer[]): Buffer => {
  const content = Buffer.concat(parts)
  const n = content.length
  const length = n < 0x80 ? [n] : n < 0x100 ? [0x81, n] : n < 0x1_0000 ? [0x82, n >> 8, n & 0xff] : [0x83, n >> 16, (n >> 8) & 0xff, n & 0xff]
  return Buffer.concat([Buffer.from([tag, ...length]), content])
}
export const sequence = (...parts: readonly Buffer[]): Buffer => tlv(0x30, ...parts)
export const set = (...parts: readonly Buffer[]): Buffer => tlv(0x31, ...parts)
export const explicit = (n: number, ...parts: readonly Buffer[]): Buffer => tlv(0xa0 | n, ...parts)
export const octets = (content: Buffer): Buffer => tlv(0x04, content)
export const boolean = (value: boolean): Buffer => tlv(0x01, Buffer.from([value ? 0xff : 0]))
export const utf8 = (text: string): Buffer => tlv(0x0c, Buffer.from(text, 'utf8'))
/** A positive integer of big-endian bytes. */
export const integer = (bytes: Buffer): Buffer => {
  let from = 0
  while (from < bytes.length - 1 && bytes[from] === 0) from++
  const trimmed = bytes.subarray(from)
  return tlv(0x02, (trimmed[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.from([0]), trimmed]) : trimmed)
}
export const bits = (content: Buffer, unused = 0): Buffer => tlv(0x03, Buffer.from([unused]), content)
export const oid = (dotted: string): Buffer => {
  const [a = 0, b = 0, ...rest] = dotted.split('.').map(Number)
  const bytes = [a * 40 + b]
  for (const arc of rest) {
    const groups = [arc & 0x7f]
    for (let v = arc >>> 7; v > 0; v >>>= 7) groups.unshift((v & 0x7f) | 0x80)
    bytes.push(...groups)
  }
  return tlv(0x06, Buffer.from(bytes))
}
/** UTCTime up to 2049, GeneralizedTime afterwards (RFC 5280, 4.1.2.5). */
export const time = (date: Date): Buffer => {
  const digits = date.toISOString().replaceAll(/[-:T]|\.\d+/g, '')
  return date.getUTCFullYear() < 2050 ? tlv(0x17, Buffer.from(digits.slice(2))) : tlv(0x18, Buffer.from(digits))
}

export interface Element { readonly tag: number; readonly content: Buffer; readonly raw: Buffer }

/** The elements that follow each other in `bytes`. Throws on anything that is cut short or of indefinite length. */
export const elements = (bytes: Buffer): readonly Element[] => {
  const found: Element[] = []
  for (let at = 0; at < bytes.length;) {
    const start = at
    const tag = bytes[at++]!
    let length = bytes[at++] ?? 0x80
    if (length >= 0x80) {
      const size = length & 0x7f
      if (size === 0 || size > 3 || at + size > bytes.length) throw new Error('not DER')
      length = bytes.readUIntBE(at, size)
      at += size
    }
    if (at + length > bytes.length) throw new Error('not DER')
    found.push({ tag, content: bytes.subarray(at, at + length), raw: bytes.subarray(start, at + length) })
    at += length
  }
  return found
}

/** The parts of the one sequence that `bytes` is. */
export const parts = (bytes: Buffer): readonly Element[] => {
  const [outer, ...more] = elements(bytes)
  if (outer?.tag !== 0x30 || more.length > 0) throw new Error('not a DER sequence')
  return elements(outer.content)
}
