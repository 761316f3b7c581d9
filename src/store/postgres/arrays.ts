/**
 * Arrays as PostgreSQL's binary parameters (array_recv): nothing is quoted or escaped on either side, which is most of a batch's CPU.
 * Layout: dimensions, has-null flag, element oid, length, lower bound (int32 each), then for each element its length and bytes.
 */
const oids = { bool: 16, bigint: 20, text: 25 } as const
const headerBytes = 20

function header(bytes: number, oid: number, length: number): Buffer {
  const buffer = Buffer.allocUnsafe(headerBytes + bytes)
  buffer.writeInt32BE(1, 0)
  buffer.writeInt32BE(1, 4)
  buffer.writeInt32BE(oid, 8)
  buffer.writeInt32BE(length, 12)
  buffer.writeInt32BE(1, 16)
  return buffer
}

/** undefined is NULL. */
export function texts(values: readonly (string | undefined)[]): Buffer {
  let bytes = 4 * values.length
  for (const value of values) if (value !== undefined) bytes += Buffer.byteLength(value)
  const buffer = header(bytes, oids.text, values.length)
  let at = headerBytes
  for (const value of values) {
    const length = value === undefined ? -1 : buffer.write(value, at + 4)
    buffer.writeInt32BE(length, at)
    at += 4 + Math.max(0, length)
  }
  return buffer
}

export function bigints(values: readonly number[]): Buffer {
  const buffer = header(12 * values.length, oids.bigint, values.length)
  values.forEach((value, i) => {
    const at = headerBytes + 12 * i
    buffer.writeInt32BE(8, at)
    buffer.writeInt32BE(Math.floor(value / 2 ** 32), at + 4)
    buffer.writeUInt32BE(value % 2 ** 32, at + 8)
  })
  return buffer
}

/** undefined is NULL. */
export function booleans(values: readonly (boolean | undefined)[]): Buffer {
  const known = values.filter((value) => value !== undefined).length
  const buffer = header(4 * values.length + known, oids.bool, values.length)
  let at = headerBytes
  for (const value of values) {
    buffer.writeInt32BE(value === undefined ? -1 : 1, at)
    at += 4
    if (value !== undefined) buffer[at++] = value ? 1 : 0
  }
  return buffer
}
