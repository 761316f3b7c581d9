/** Reads bodies and writes answers: limits, content types, and a Status for every error. HTTP/1.1 and HTTP/2 alike. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ServerHttp2Stream } from 'node:http2'
import type { Writable } from 'node:stream'
import { isBehind, isTooLarge, isUnavailable, isUnclear } from '../store/errors.ts'
import { apiStatusOf, cutOff, internal, timeout, tooBig, tooSlow, unavailable, unsupportedEncoding, type Failure } from './status.ts'

const bodyAtMost = 3 << 20

const hasNoBody = (request: IncomingMessage): boolean =>
  (request as { stream?: { endAfterHeaders?: boolean } }).stream?.endAfterHeaders ?? (request.headers['content-length'] === undefined && request.headers['transfer-encoding'] === undefined)
const none = Buffer.alloc(0)

/** How long one waits for a client. */
export interface Patience {
  /** For a body to be there. */
  readonly bodyMs: number
  /** For an answer to be taken, or as much of a long one as was written. */
  readonly readerMs: number
}
export const patience: Patience = { bodyMs: 30_000, readerMs: 60_000 }

/** Whole, and within limits of size and time. `hold` counts the bytes that are in memory, and may refuse them. */
export const readBody = async (request: IncomingMessage, { bodyMs }: Patience, hold: (bytes: number) => void): Promise<Buffer> => {
  if (hasNoBody(request)) return none
  const encoding = request.headers['content-encoding'] ?? 'identity'
  if (encoding !== 'identity') throw unsupportedEncoding(encoding)
  if (Number(request.headers['content-length'] ?? 0) > bodyAtMost) throw tooBig(bodyAtMost)
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    const settle = (end: () => void): void => {
      clearTimeout(timer)
      request.off('data', onData)
      end()
    }
    const timer = setTimeout(() => settle(() => reject(tooSlow(`the body took longer than ${bodyMs / 1000} s`))), bodyMs)
    const onData = (chunk: Buffer): void => {
      size += chunk.length
      try {
        if (size > bodyAtMost) throw tooBig(bodyAtMost)
        hold(chunk.length)
        chunks.push(chunk)
      } catch (error) { settle(() => reject(error as Error)) }
    }
    request.on('data', onData)
    request.on('end', () => settle(() => resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks))))
    request.on('error', (error) => settle(() => reject(error)))
    request.on('close', () => { if (!request.readableEnded) settle(() => reject(cutOff())) })
  })
}

const lingerMs = 1_000
/** Who was refused before the end of his body may read why; then he is cut off, not listened to. */
export const stopReading = (request: IncomingMessage): void => {
  if (request.readableEnded || request.destroyed || hasNoBody(request)) return
  const { stream } = request as { stream?: ServerHttp2Stream }
  request.resume()
  const timer = setTimeout(() => (stream === undefined ? request.destroy() : stream.close()), lingerMs)
  const over = (): void => clearTimeout(timer)
  request.once('end', over)
  ;(stream ?? request).once('close', over)
}

export type Headers = Readonly<Record<string, string | readonly string[]>>
/** Of every answer (OWASP, REST security): nobody keeps it, guesses its type, frames it, or runs what is in it. HSTS: `listen.ts`, over TLS. */
export const commonHeaders: Headers = {
  'cache-control': 'no-cache, private', 'x-content-type-options': 'nosniff', 'content-security-policy': "default-src 'none'; frame-ancestors 'none'", 'referrer-policy': 'no-referrer', 'x-frame-options': 'DENY',
}

export const send = (response: ServerResponse, code: number, body: object | string | Buffer, headers: Headers = {}): void => {
  if (response.headersSent || response.destroyed) { response.destroy(); return }
  // Text is written together with the headers: one buffer, one TLS record.
  const content = typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body)
  response.writeHead(code, { 'content-type': 'application/json', ...commonHeaders, 'content-length': Buffer.byteLength(content), ...headers } as never)
  response.end(content)
}

/** What the bytes of an answer are written to: under HTTP/2 its stream, without the layer that makes it look like HTTP/1.1. */
export const sinkOf = (response: ServerResponse): Writable => (response as { stream?: Writable }).stream ?? response
/** Bytes that the client has not taken yet. */
export const unread = (response: ServerResponse): number => sinkOf(response).writableLength

/** An answer that is written and not taken is in memory: for a while only. */
export const awaitReader = (response: ServerResponse, { readerMs }: Patience): void => {
  const timer = setTimeout(() => response.destroy(), readerMs)
  response.once('close', () => clearTimeout(timer))
}
/** Resolves when the response takes more, or is over. Who takes nothing for so long is cut off: a list waits in memory for him. */
export const drained = (response: Writable, { readerMs }: Patience): Promise<void> => new Promise((resolve) => {
  if (response.destroyed || response.writableEnded) { resolve(); return }
  const timer = setTimeout(() => response.destroy(), readerMs)
  const done = (): void => {
    clearTimeout(timer)
    response.off('drain', done)
    response.off('close', done)
    resolve()
  }
  response.on('drain', done)
  response.on('close', done)
})

/** What an error says to the client; undefined: it is ours, and says nothing. */
export const statusOf = (error: unknown): Failure | undefined => {
  const status = apiStatusOf(error)
  if (status !== undefined) return status
  if (isUnclear(error)) return apiStatusOf(timeout('it is not known whether the write was made; look before you try again'))
  if (isBehind(error)) return apiStatusOf(unavailable((error as Error).message))
  if (isUnavailable(error)) return apiStatusOf(unavailable('the database is out of reach; try again'))
  if (isTooLarge(error)) return apiStatusOf(timeout((error as Error).message, [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }]))
  return undefined
}

export const sendError = (response: ServerResponse, status: Failure = apiStatusOf(internal('see the server\'s log'))!): void => {
  const after = status.details?.retryAfterSeconds
  send(response, status.code, status, after === undefined ? {} : { 'retry-after': String(after) })
}
