/** Requests over undici: one pool of connections, Kubernetes' Status out of every failure, no secrets in errors. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Agent, type Dispatcher } from 'undici'
import { failureError, type Failure } from '../engine/errors.ts'

export interface Tls {
  /** PEM; absent: the system's roots. */
  readonly ca?: string | undefined
  /** PEM; the client's certificate and key, both or neither. */
  readonly cert?: string | undefined
  readonly key?: string | undefined
  /** The name to verify instead of the URL's host. */
  readonly serverName?: string | undefined
}

export interface HttpOptions {
  /** `https://hub.example:6443`, without a path. */
  readonly server: string
  readonly tls?: Tls | undefined
  /** A bearer token; a function is asked for each request. */
  readonly token?: string | (() => string | Promise<string>) | undefined
  readonly userAgent?: string | undefined
  /** Instead of an own pool of connections; not closed with the client. */
  readonly dispatcher?: Dispatcher | undefined
  /** How long an answer to anything but a watch may take. Default 30 s. */
  readonly timeoutMs?: number | undefined
}

export type Query = Readonly<Record<string, string | number | boolean | undefined>>

export interface Request {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** `/apis/skerry.dev/v1alpha1/…` */
  readonly path: string
  readonly query?: Query | undefined
  /** Sent as JSON. */
  readonly body?: unknown
  readonly contentType?: string | undefined
  readonly accept?: string | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly signal?: AbortSignal | undefined
}

export interface Transport {
  /** The parsed answer. Throws a failure (`engine/errors.ts`). */
  send(request: Request): Promise<unknown>
  /** The lines of an answer that does not end, parsed. */
  stream(request: Request): AsyncIterable<unknown>
  /** Ends what is under way. */
  close(): Promise<void>
}

const withQuery = (path: string, query: Query | undefined): string => {
  if (query === undefined) return path
  const p = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) if (value !== undefined) p.set(name, String(value))
  const text = p.toString()
  return text === '' ? path : `${path}?${text}`
}

/** What a failed answer means. A body that is no Status is not repeated: it may come from a proxy. */
const failureIn = (code: number, text: string, request: Request): Failure => {
  try {
    const body = JSON.parse(text) as { kind?: string; reason?: string; message?: string; details?: Failure['details'] }
    if (body.kind === 'Status') return { code, reason: body.reason ?? 'Unknown', message: body.message ?? `${request.method} ${request.path}: HTTP ${code}`, ...(body.details !== undefined && { details: body.details }) }
  } catch { /* not JSON */ }
  return { code, reason: code === 404 ? 'NotServed' : 'Unknown', message: `${request.method} ${request.path}: HTTP ${code} without a Status; is this a Skerry server?` }
}

/** Requests beyond these wait; each connection costs a TLS handshake and memory at both ends. */
const connectionsAtMost = 64

/** Servers send a bookmark every 30 s: a watch that is silent for longer than three of them is dead. */
const silentMs = 95_000
const newline = 0x0a
/** Of a request that the server had no time for. */
const triesAtMost = 10
const waitAtMostSeconds = 30

/** Splits a stream of bytes into JSON values, one a line. */
export async function* jsonLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<unknown> {
  let rest: Buffer[] = []
  for await (const bytes of chunks) {
    const chunk = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    let from = 0
    for (let at = chunk.indexOf(newline); at >= 0; at = chunk.indexOf(newline, from)) {
      const piece = chunk.subarray(from, at)
      from = at + 1
      const line = rest.length === 0 ? piece.toString('utf8') : Buffer.concat([...rest, piece]).toString('utf8')
      rest = []
      if (line !== '') yield JSON.parse(line)
    }
    if (from < chunk.length) rest.push(chunk.subarray(from))
  }
}

export const createTransport = (options: HttpOptions): Transport => {
  const { server, tls, token, userAgent = 'skerry', timeoutMs = 30_000 } = options
  const { origin, pathname } = new URL(server)
  if (pathname !== '/') throw new Error(`${server}: a server's address has no path`)
  const own = options.dispatcher === undefined ? new Agent({
    // One connection for each request in flight and each watch. HTTP/2 cost the same (README) and would put all on one.
    allowH2: false, connections: connectionsAtMost, keepAliveTimeout: 30_000,
    connect: { ...(tls?.ca !== undefined && { ca: tls.ca }), ...(tls?.cert !== undefined && { cert: tls.cert }), ...(tls?.key !== undefined && { key: tls.key }), ...(tls?.serverName !== undefined && { servername: tls.serverName }) },
  }) : undefined
  const dispatcher = options.dispatcher ?? own!

  const open = async (request: Request, bodyTimeout: number): Promise<Dispatcher.ResponseData> => {
    const bearer = typeof token === 'function' ? await token() : token
    try {
      return await dispatcher.request({
        origin, path: withQuery(request.path, request.query), method: request.method, signal: request.signal ?? null,
        headersTimeout: timeoutMs, bodyTimeout,
        headers: {
          accept: request.accept ?? 'application/json', 'user-agent': userAgent, ...request.headers,
          ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }),
          ...(request.body !== undefined && { 'content-type': request.contentType ?? 'application/json' }),
        },
        body: request.body === undefined ? null : JSON.stringify(request.body),
      })
    } catch (cause) {
      throw noAnswer(cause, request)
    }
  }
  const noAnswer = (cause: unknown, request: Request): unknown => request.signal?.aborted === true ? cause
    : failureError({ code: 0, reason: 'NoAnswer', message: `${request.method} ${origin}${request.path}: ${(cause as { code?: string }).code ?? (cause as Error).message}` }, cause)

  /** A 429 was certainly not done: asked again when the server says so, as client-go does. */
  const patient = async (request: Request): Promise<Dispatcher.ResponseData> => {
    for (let tries = 1; ; tries++) {
      const response = await open(request, timeoutMs)
      const seconds = Number(response.headers['retry-after'])
      if (response.statusCode !== 429 || !(seconds >= 0 && seconds <= waitAtMostSeconds) || tries === triesAtMost) return response
      await response.body.dump()
      try { await sleep(seconds * 1000, undefined, request.signal === undefined ? {} : { signal: request.signal }) } catch (cause) { throw noAnswer(cause, request) }
    }
  }

  return {
    async send(request) {
      const response = await patient(request)
      let text: string
      try { text = await response.body.text() } catch (cause) { throw noAnswer(cause, request) }
      if (response.statusCode >= 300) throw failureError(failureIn(response.statusCode, text, request))
      const type = response.headers['content-type']
      return typeof type === 'string' && !type.includes('json') ? text : text === '' ? undefined : JSON.parse(text)
    },
    async *stream(request) {
      const response = await open(request, silentMs)
      if (response.statusCode >= 300) throw failureError(failureIn(response.statusCode, await response.body.text(), request))
      try {
        yield* jsonLines(response.body)
      } catch (cause) {
        throw noAnswer(cause, request)
      } finally {
        response.body.destroy()
      }
    },
    close: async () => { await own?.destroy() },
  }
}
