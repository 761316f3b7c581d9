/**
 * One prepared statement, executed with parameters that are written once, into the bytes that go to the server, in memory that is used
 * again. pg copies each of them three times into buffers of its own, outside of V8's heap: some 27 KB a write, for which V8 collected
 * the whole heap every second under load. Protocol: PostgreSQL, chapter "Message Formats" (Bind, Execute, Sync).
 */
import type pg from 'pg'

export interface Statement {
  readonly name: string
  readonly text: string
}

/** In the order of the statement's parameters. undefined is NULL. */
export interface Parameters {
  text(value: string): void
  texts(values: readonly (string | undefined)[]): void
  bigints(values: readonly number[]): void
  booleans(values: readonly (boolean | undefined)[]): void
}

/** Fields as text, of each row. */
export type Rows = readonly (readonly (string | null)[])[]

const oids = { bool: 16, bigint: 20, text: 25 } as const
/** Execute of the unnamed portal to its end, then Sync. */
const ending = Buffer.from([0x45, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0x53, 0, 0, 0, 4])
const first = 64 << 10
/** What was larger is not kept. */
const most = 4 << 20

let spare: Buffer | undefined

/** Bind, Execute and Sync as one piece. */
export function message({ name }: Statement, count: number, write: (parameters: Parameters) => void): Buffer {
  let bytes = spare ?? Buffer.allocUnsafe(first)
  spare = undefined
  let at = 0
  let parameter = 0

  /** There is room for so many more bytes. */
  function ensure(more: number): void {
    if (bytes.length - at >= more) return
    const larger = Buffer.allocUnsafe(Math.max(2 * bytes.length, at + more))
    bytes.copy(larger, 0, 0, at)
    bytes = larger
  }
  const int16 = (value: number): void => void (at = bytes.writeInt16BE(value, at))
  const int32 = (value: number): void => void (at = bytes.writeInt32BE(value, at))
  function int64(value: number): void {
    int32(Math.floor(value / 2 ** 32))
    at = bytes.writeUInt32BE(value % 2 ** 32, at)
  }
  /** With its length before it. */
  function string(value: string): void {
    ensure(4 + 3 * value.length)
    const length = bytes.write(value, at + 4)
    int32(length)
    at += length
  }
  /** A parameter in binary form: its length is known behind it. */
  function binary(fill: () => void): void {
    bytes.writeInt16BE(1, formats + 2 * parameter)
    parameter += 1
    ensure(4)
    const start = at
    at += 4
    fill()
    bytes.writeInt32BE(at - start - 4, start)
  }
  /** array_recv: dimensions, whether there are NULLs, the elements' type, length, lower bound; then each element with its length. */
  const array = <T>(oid: number, values: readonly T[], size: number, element: (value: NonNullable<T>) => void): void => binary(() => {
    ensure(20)
    int32(1)
    int32(1)
    int32(oid)
    int32(values.length)
    int32(1)
    for (const value of values) {
      ensure(4 + size)
      if (value === undefined) int32(-1)
      else element(value as NonNullable<T>)
    }
  })

  ensure(1 + 4 + 1 + name.length + 1 + 2 + 2 * count + 2)
  bytes[at] = 0x42
  at += 1 + 4
  bytes[at++] = 0
  at += bytes.write(name, at, 'latin1')
  bytes[at++] = 0
  int16(count)
  const formats = at
  bytes.fill(0, at, at + 2 * count)
  at += 2 * count
  int16(count)
  write({
    text(value) {
      parameter += 1
      string(value)
    },
    texts: (values) => array(oids.text, values, 0, string),
    bigints: (values) => array(oids.bigint, values, 8, (value) => {
      int32(8)
      int64(value)
    }),
    booleans: (values) => array(oids.bool, values, 1, (value) => {
      int32(1)
      bytes[at++] = value ? 1 : 0
    }),
  })
  ensure(2 + ending.length)
  int16(0) // All results as text.
  bytes.writeInt32BE(at - 1, 1)
  at += ending.copy(bytes, at)
  return bytes.subarray(0, at)
}

interface Wire {
  readonly stream: { write(bytes: Buffer): void }
  readonly parsedStatements: Readonly<Record<string, string | undefined>>
  parse(statement: Statement & { readonly types: readonly number[] }): void
}

/** What pg calls while it is executed (its `Submittable`, as pg-cursor is one). */
export function execution({ name, text }: Statement, sent: Buffer, settle: { resolve(rows: Rows): void; reject(error: unknown): void }): pg.Submittable {
  const rows: (readonly (string | null)[])[] = []
  return {
    name, text,
    submit(connection: unknown) {
      const { stream, parsedStatements, parse } = connection as Wire
      if (parsedStatements[name] === undefined) parse.call(connection, { name, text, types: [] })
      stream.write(sent)
    },
    handleRowDescription() {},
    handleDataRow: ({ fields }: { readonly fields: readonly (string | null)[] }) => void rows.push(fields),
    handleCommandComplete() {},
    handleReadyForQuery() {
      // The server has read it to the end, so nothing of it waits in a socket any more. After an error that is not known.
      const memory = Buffer.from(sent.buffer, sent.byteOffset, sent.buffer.byteLength - sent.byteOffset)
      if (memory.length <= most) spare = memory
      settle.resolve(rows)
    },
    handleError: (error: unknown) => settle.reject(error),
  } as pg.Submittable
}
