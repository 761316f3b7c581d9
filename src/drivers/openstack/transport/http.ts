/** One HTTP exchange: limits of time and size, no retries, no meaning. */
import { Agent, request, type Dispatcher } from 'undici'
import type { Clock } from '../budget.ts'
import { openstackError } from '../errors.ts'
import { fault, type Answer, type Call } from './classify.ts'

export interface Exchange {
  readonly call: Call
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string | AsyncIterable<Uint8Array>
  /** Of the whole exchange. */
  readonly limitMs: number
  readonly signal?: AbortSignal | undefined
}

export type Send = (exchange: Exchange) => Promise<Answer>

export const maxAnswerBytes = 32 * 1024 * 1024

/** `connections` at once to each service; calls beyond wait here, within their time. */
export const openDispatcher = (options: { readonly caCertificate?: string; readonly connections: number; readonly connectMs: number }): Dispatcher =>
  new Agent({
    connections: options.connections, pipelining: 1, keepAliveTimeout: 10_000, keepAliveMaxTimeout: 60_000,
    // Limits are ours, over the whole exchange.
    headersTimeout: 0, bodyTimeout: 0, maxHeaderSize: 65_536,
    connect: { timeout: options.connectMs, ...(options.caCertificate !== undefined && { ca: options.caCertificate }) },
  })

const one = (v: string | string[] | undefined): string | undefined => (Array.isArray(v) ? v[0] : v)

export const openHttp = (dispatcher: Dispatcher, clock: Clock): Send => async ({ call, url, headers, body, limitMs, signal }) => {
  const limit = new AbortController()
  const tooLong = new Error('time limit')
  const cancel = clock.after(limitMs, () => { limit.abort(tooLong) })
  const either = signal === undefined ? limit.signal : AbortSignal.any([signal, limit.signal])
  // Before this the request has not left, whatever happens.
  let sent = false
  try {
    either.throwIfAborted()
    sent = true
    const response = await request(url, { dispatcher, method: call.method as Dispatcher.HttpMethod, headers, signal: either, ...(body !== undefined && { body: typeof body === 'string' ? body : (body as never) }) })
    const chunks: Buffer[] = []
    let size = 0
    for await (const chunk of response.body as AsyncIterable<Buffer>) {
      size += chunk.length
      if (size > maxAnswerBytes) {
        limit.abort(new Error('too large'))
        throw openstackError({ kind: 'invalid', service: call.service, status: response.statusCode, type: 'TooLarge' }, `${call.service} ${call.method} ${call.path}: the answer is larger than ${maxAnswerBytes} bytes`)
      }
      chunks.push(chunk)
    }
    const plain: Record<string, string | undefined> = {}
    for (const [k, v] of Object.entries(response.headers)) plain[k.toLowerCase()] = one(v)
    return { status: response.statusCode, headers: plain, body: Buffer.concat(chunks).toString('utf8') }
  } catch (error) {
    if (error instanceof Error && error.name === 'OpenStackError') throw error
    throw fault(call, error, sent, limit.signal.reason === tooLong ? `none within ${limitMs} ms` : signal?.aborted === true ? 'given up by the caller' : undefined)
  } finally { cancel() }
}
