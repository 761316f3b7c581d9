/** A client that keeps to no rules: raw HTTP/1.1 and HTTP/2 frames (RFC 9113) over TLS. */
import { once } from 'node:events'
import { connect, type TLSSocket } from 'node:tls'

export const frameTypes = { data: 0, headers: 1, priority: 2, reset: 3, settings: 4, ping: 6, goaway: 7, windowUpdate: 8, continuation: 9 } as const
export const flags = { endStream: 1, ack: 1, endHeaders: 4 } as const

export const frame = (type: keyof typeof frameTypes, flag: number, stream: number, payload: Buffer | string = ''): Buffer => {
  const body = Buffer.from(payload as string)
  const head = Buffer.alloc(9)
  head.writeUIntBE(body.length, 0, 3)
  head[3] = frameTypes[type]
  head[4] = flag
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, body])
}
const int32 = (n: number): Buffer => { const b = Buffer.alloc(4); b.writeUInt32BE(n); return b }
export const setting = (id: number, value: number): Buffer => { const b = Buffer.alloc(6); b.writeUInt16BE(id); b.writeUInt32BE(value, 2); return b }
export const windowUpdate = (stream: number, by: number): Buffer => frame('windowUpdate', 0, stream, int32(by))
export const reset = (stream: number): Buffer => frame('reset', 0, stream, int32(8))

/** HPACK without compression: literals, never indexed (RFC 7541, 6.2.2). */
const lengthOf = (n: number): Buffer => {
  if (n < 127) return Buffer.from([n])
  const rest: number[] = []
  for (n -= 127; n >= 128; n = Math.floor(n / 128)) rest.push(n % 128 | 128)
  return Buffer.from([127, ...rest, n])
}
export const literal = (name: string, value: string): Buffer => Buffer.concat([Buffer.from([0]), lengthOf(name.length), Buffer.from(name), lengthOf(value.length), Buffer.from(value)])
export const requestHeaders = (method: string, path: string, more: Readonly<Record<string, string>> = {}): Buffer =>
  Buffer.concat(Object.entries({ ':method': method, ':scheme': 'https', ':authority': 'lab', ':path': path, authorization: 'Bearer admin', ...more }).map(([k, v]) => literal(k, v)))
export const preface = Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame('settings', 0, 0)])

export interface Attacker {
  readonly socket: TLSSocket
  /** What came back. */
  received(): Buffer
  /** Resolves when it is sent, or when there is nobody any more: false. */
  send(data: Buffer | string): Promise<boolean>
  /** When the server has ended the connection. */
  readonly ended: Promise<void>
}

export const attack = async (port: number, protocol: 'h2' | 'http/1.1'): Promise<Attacker> => {
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols: [protocol] })
  const chunks: Buffer[] = []
  let isEnded = false
  socket.on('data', (c: Buffer) => chunks.push(c))
  socket.on('error', () => {})
  const ended = new Promise<void>((done) => {
    socket.on('close', () => { isEnded = true; done() })
    socket.on('end', () => socket.destroy())
  })
  await once(socket, 'secureConnect')
  return {
    socket, ended, received: () => Buffer.concat(chunks),
    send: async (data) => {
      if (isEnded || socket.destroyed) return false
      if (!socket.write(data)) await Promise.race([once(socket, 'drain').catch(() => {}), ended])
      return !isEnded
    },
  }
}

/** Types and streams of the frames that came back. */
export const framesIn = (bytes: Buffer): readonly { readonly type: string; readonly stream: number; readonly payload: Buffer }[] => {
  const names = new Map<number, string>(Object.entries(frameTypes).map(([k, v]) => [v, k]))
  const out = []
  for (let at = 0; at + 9 <= bytes.length;) {
    const length = bytes.readUIntBE(at, 3)
    out.push({ type: names.get(bytes[at + 3]!) ?? String(bytes[at + 3]), stream: bytes.readUInt32BE(at + 5) & 0x7fffffff, payload: bytes.subarray(at + 9, at + 9 + length) })
    at += 9 + length
  }
  return out
}
