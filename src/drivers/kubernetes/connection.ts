/** One cluster's connections: mutual TLS, the expected name apart from the address, a limit of time and size on every call. */
import { createSecureContext } from 'node:tls'
import { StringDecoder } from 'node:string_decoder'
import { buildConnector, Client, Pool, type Dispatcher } from 'undici'
import { maxAnswerBytes, maxEventBytes, object, parseAnswer, text, type Json } from './answer.ts'
import { fromFault, fromStatus, kubernetesError } from './errors.ts'
import type { KubeAccess } from './kubernetes.ts'

/** What the driver needs of time. */
export interface Clock {
  monotonic(): number
  /** Calls once after `ms`; returns the cancel. */
  after(ms: number, call: () => void): () => void
}
export const systemClock: Clock = {
  monotonic: () => performance.now(),
  after: (ms, call) => { const timer = setTimeout(call, ms); return () => { clearTimeout(timer) } },
}

export interface Call {
  /** For messages. */
  readonly what: string
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly path: string
  readonly body?: unknown
  readonly contentType?: string
}
export interface Answer { readonly code: number; readonly body: string }

export interface Connection {
  /** Any code; only faults of the connection throw. */
  raw(call: Call): Promise<Answer>
  /** An answer as an object; throws unless the code is 2xx. */
  parse(what: string, answer: Answer): Json
  json(call: Call): Promise<Json>
  /** Lines of an answer that goes on, until it ends, the signal fires, or nothing came for `silenceMs`. */
  lines(call: Call, silenceMs: number, signal: AbortSignal, on: { readonly open: () => void; readonly line: (text: string) => void }): Promise<void>
  /** Calls under way may end; new ones fail. */
  close(): void
}

/**
 * What a server left for the next connection under the same access: both sides are then known by it, without their certificates'
 * signatures. An access that is renewed begins without. As text of one byte a character: less memory than a Buffer.
 */
export type Tickets = WeakMap<KubeAccess, string>

export interface ConnectionOptions {
  readonly label: string
  readonly access: KubeAccess
  readonly tickets: Tickets
  readonly clock: Clock
  readonly timeoutMs: number
  /** At the same time; 1 for a watch, whose one connection costs less alone than in a pool. */
  readonly connections: number
}

/** A cluster that nobody calls keeps nothing open and nothing in memory but its access. */
const idleMs = 20_000

const statusError = (what: string, { code, body }: Answer): Error => {
  let status: Json = {}
  try { status = parseAnswer(what, body) } catch { /* A proxy's page; the code says enough. */ }
  return fromStatus(what, code, text(status['reason'], 60), text(object(status)['message'], 300))
}

/** Dispatches one call; `data` gets the bytes. Resolves with the code when the answer has ended; the signal also ends what waits for a connection. */
const send = (to: Dispatcher, options: Dispatcher.DispatchOptions, signal: AbortSignal, data: (chunk: Buffer, code: number) => void, opened?: () => void): Promise<number> => new Promise((resolve, reject) => {
  let code = 0
  let started: Dispatcher.DispatchController | undefined
  const end = (then: () => void): void => { signal.removeEventListener('abort', abort); then() }
  const abort = (): void => { started?.abort(signal.reason as Error); end(() => { reject(signal.reason as Error) }) }
  if (signal.aborted) { reject(signal.reason as Error); return }
  signal.addEventListener('abort', abort)
  to.dispatch(options, {
    onRequestStart(controller) {
      started = controller
      if (signal.aborted) controller.abort(signal.reason as Error)
    },
    onResponseStart(_controller, statusCode) { code = statusCode; opened?.() },
    onResponseData(controller, chunk) {
      try { if (!signal.aborted) data(chunk, code) } catch (error) { controller.abort(error as Error) }
    },
    onResponseEnd() { end(() => { resolve(code) }) },
    onResponseError(_controller, error) { end(() => { reject(error) }) },
  })
})

/** A ticket serves until the server gives another one or a connection does not come about. That it tells who comes again (RFC 8446, C.4) says no more than our certificate. */
const connector = (access: KubeAccess, tickets: Tickets, timeoutMs: number): buildConnector.connector => {
  const options = {
    secureContext: createSecureContext({ ca: access.ca, cert: access.clientCert, key: access.clientKey, minVersion: 'TLSv1.2' }),
    servername: access.serverName, rejectUnauthorized: true, timeout: Math.min(timeoutMs, 10_000), maxCachedSessions: 0,
  } as const
  return (to, done) => {
    const ticket = tickets.get(access)
    buildConnector({ ...options, ...(ticket !== undefined && { session: Buffer.from(ticket, 'latin1') }) })(to, (...[error, socket]) => {
      if (error !== null) { tickets.delete(access); done(error, null); return }
      socket.on('session', (given: Buffer) => { tickets.set(access, given.toString('latin1')) })
      done(null, socket)
    })
  }
}

export const openConnection = ({ label, access, tickets, clock, timeoutMs, connections }: ConnectionOptions): Connection => {
  const { protocol, origin } = new URL(access.server)
  if (protocol !== 'https:') throw kubernetesError('invalid', `${label}: the server's address is not https`)
  let open: Dispatcher | undefined
  let busy = 0
  let isClosed = false
  let cancelIdle = (): void => {}

  const dispatcher = (): Dispatcher => {
    const options = {
      pipelining: 1, keepAliveTimeout: 5_000, keepAliveMaxTimeout: 15_000, headersTimeout: timeoutMs, bodyTimeout: timeoutMs, maxHeaderSize: 16_384,
      connect: connector(access, tickets, timeoutMs),
    } as const
    return connections === 1 ? new Client(origin, options) : new Pool(origin, { ...options, connections })
  }
  const drop = (): void => { cancelIdle(); open?.close().catch(() => {}); open = undefined }
  const using = async <T>(work: (to: Dispatcher) => Promise<T>): Promise<T> => {
    if (isClosed) throw kubernetesError('interrupted', `${label}: the connection was closed`)
    cancelIdle()
    busy++
    try { return await work(open ??= dispatcher()) } finally {
      busy--
      if (busy === 0 && open !== undefined) cancelIdle = clock.after(idleMs, drop)
    }
  }

  const optionsOf = ({ method = 'GET', path, body, contentType }: Call): Dispatcher.DispatchOptions => ({
    method, path,
    headers: { accept: 'application/json', 'user-agent': 'skerry', ...(body !== undefined && { 'content-type': contentType ?? 'application/json' }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })

  const raw = async (call: Call): Promise<Answer> => {
    const what = `${call.what} of ${label}`
    const limit = new AbortController()
    const cancel = clock.after(timeoutMs, () => { limit.abort(kubernetesError('timeout', `${what}: no answer within ${timeoutMs} ms`)) })
    const chunks: Buffer[] = []
    let size = 0
    try {
      const code = await using((to) => send(to, optionsOf(call), limit.signal, (chunk) => {
        size += chunk.length
        if (size > maxAnswerBytes) throw kubernetesError('answer', `${what}: more than ${maxAnswerBytes} bytes`)
        chunks.push(chunk)
      }))
      return { code, body: Buffer.concat(chunks).toString() }
    } catch (error) { throw fromFault(what, error) } finally { cancel() }
  }

  const parse = (called: string, answer: Answer): Json => {
    const what = `${called} of ${label}`
    if (answer.code < 200 || answer.code > 299) throw statusError(what, answer)
    return parseAnswer(what, answer.body)
  }

  return {
    raw,
    parse,
    json: async (call) => parse(call.what, await raw(call)),
    lines: async (call, silenceMs, signal, on) => {
      const what = `${call.what} of ${label}`
      const decoder = new StringDecoder()
      let rest = ''
      let code: number
      try {
        code = await using((to) => send(to, { ...optionsOf(call), bodyTimeout: silenceMs }, signal, (chunk, status) => {
          rest += decoder.write(chunk)
          if (status === 200) for (let at = rest.indexOf('\n'); at >= 0; at = rest.indexOf('\n')) {
            const one = rest.slice(0, at)
            rest = rest.slice(at + 1)
            if (one !== '') on.line(one)
          }
          if (rest.length > maxEventBytes) throw kubernetesError('answer', `${what}: one event of more than ${maxEventBytes} bytes`)
        }, on.open))
      } catch (error) { throw fromFault(what, error) }
      if (code !== 200) throw statusError(what, { code, body: rest })
    },
    close: () => { isClosed = true; drop() },
  }
}
