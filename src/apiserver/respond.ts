/** Reads bodies and writes answers: limits, content types, and a Status for every error. HTTP/1.1 and HTTP/2 alike. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { isBehind, isTooLarge, isUnavailable, isUnclear } from '../store/errors.ts'
import { apiStatusOf, badRequest, timeout, tooBig, unavailable, internal, type Failure } from './status.ts'

const bodyAtMost = 3 << 20

export const readBody = (request: IncomingMessage): Promise<Buffer> => new Promise((resolve, reject) => {
  const refuse = (): void => {
    reject(tooBig(bodyAtMost))
    request.removeAllListeners('data')
    request.resume()
  }
  if (Number(request.headers['content-length'] ?? 0) > bodyAtMost) { refuse(); return }
  const chunks: Buffer[] = []
  let size = 0
  request.on('data', (chunk: Buffer) => {
    size += chunk.length
    if (size > bodyAtMost) refuse()
    else chunks.push(chunk)
  })
  request.on('end', () => resolve(Buffer.concat(chunks)))
  request.on('error', reject)
  request.on('close', () => { if (!request.readableEnded) reject(badRequest('the request was cut off')) })
})

export type Headers = Readonly<Record<string, string | readonly string[]>>
export const commonHeaders: Headers = { 'cache-control': 'no-cache, private', 'x-content-type-options': 'nosniff' }

export const send = (response: ServerResponse, code: number, body: object | string | Buffer, headers: Headers = {}): void => {
  if (response.headersSent || response.destroyed) { response.destroy(); return }
  const bytes = Buffer.isBuffer(body) ? body : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
  response.writeHead(code, { 'content-type': 'application/json', ...commonHeaders, 'content-length': bytes.length, ...headers } as never)
  response.end(bytes)
}

/** Bytes that the client has not taken yet. */
export const unread = (response: ServerResponse): number => (response as { stream?: { writableLength: number } }).stream?.writableLength ?? response.writableLength

const patienceMs = 60_000
/** Resolves when the response takes more, or is over. Who takes nothing for a minute is cut off: a list waits in memory for him. */
export const drained = (response: ServerResponse): Promise<void> => new Promise((resolve) => {
  if (response.destroyed || response.writableEnded) { resolve(); return }
  const timer = setTimeout(() => response.destroy(), patienceMs)
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
