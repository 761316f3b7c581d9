/**
 * Calls to services: token, address, budget, time limit, retries of what may be repeated. Only calls that change nothing when
 * repeated are retried here; what creates is the caller's to look for (rule E3).
 */
import type { Budget, Clock, Priority } from '../budget.ts'
import { failureOf, openstackError, retryAfterOf, type Service } from '../errors.ts'
import { endpointOf, hasService, type Where } from './catalogue.ts'
import { refused, type Answer, type Call } from './classify.ts'
import type { Send } from './http.ts'
import { object, type Json } from './json.ts'
import type { Session, Tokens } from './token.ts'

export interface Wish {
  readonly service: Service
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Below the service's versioned address, e.g. `/servers/detail`. */
  readonly path: string
  readonly query?: string
  readonly body?: object
  readonly upload?: AsyncIterable<Uint8Array>
  /** The call makes something: never repeated here, and unclear when no answer came. */
  readonly creates?: boolean
  /** The call changes something and may not be repeated. */
  readonly once?: boolean
  readonly limitMs?: number
  readonly signal?: AbortSignal | undefined
  readonly priority?: Priority
  /** Without a microversion, for version documents. */
  readonly bare?: boolean
}

export interface Client {
  json(wish: Wish): Promise<Json>
  /** A creating call; an answer that cannot be read leaves it unclear. */
  create<T>(wish: Wish, read: (answer: Json) => T): Promise<T>
  /** For answers without content. */
  send(wish: Wish): Promise<void>
  /** undefined = 404. */
  find(wish: Wish): Promise<Json | undefined>
  /** DELETE, where 404 is success. */
  remove(wish: Wish): Promise<void>
  session(): Promise<Session>
  /** The next call logs in anew. */
  leaveToken(): void
  has(service: Service): Promise<boolean>
  address(service: Service): Promise<string>
  /** The same with another priority for calls that do not name one. */
  as(priority: Priority): Client
  readonly clock: Clock
  /** Objects a page; services cap it at their own maximum. */
  readonly pageSize: number
}

export interface Timeouts { readonly connectMs: number; readonly callMs: number; readonly listMs: number; readonly uploadMs: number }
export const defaultTimeouts: Timeouts = { connectMs: 5_000, callMs: 20_000, listMs: 60_000, uploadMs: 30 * 60_000 }

export interface ClientOptions {
  readonly send: Send
  readonly tokens: Tokens
  readonly where: Where
  readonly budget: Budget
  readonly clock: Clock
  readonly timeouts: Timeouts
  readonly random: () => number
  readonly log: Log
  readonly pageSize: number
}
export interface Log { debug(fields: object, message: string): void; warn(fields: object, message: string): void }

/** One for all calls (rule O3): every cloud since Train has it. */
export const microversion = '2.79'

const attempts = 4
const longestPauseMs = 20_000

const accepts: Readonly<Record<string, string>> = { accept: 'application/json', 'user-agent': 'skerry' }

export const openClient = (o: ClientOptions, priority: Priority = 'work'): Client => {
  const { clock } = o
  const pause = (ms: number, signal: AbortSignal | undefined): Promise<void> => new Promise((resolve, reject) => {
    const abort = (): void => { cancel(); reject(signal!.reason as Error) }
    const cancel = clock.after(ms, () => { signal?.removeEventListener('abort', abort); resolve() })
    signal?.addEventListener('abort', abort, { once: true })
  })
  /** What stopped a call that was not sent yet: nothing happened, so it is not unclear. */
  const notSent = (call: Call, error: unknown): Error =>
    failureOf(error) !== undefined ? (error as Error) : openstackError({ kind: 'transient', service: call.service, status: 0, type: 'NotSent' }, `${call.service} ${call.method} ${call.path}: not sent: ${error instanceof Error ? error.message : String(error)}`)

  const exchange = (wish: Wish, call: Call, session: Session): Promise<Answer> => {
    const url = `${endpointOf(session, o.where, wish.service)}${wish.path}${wish.query === undefined || wish.query === '' ? '' : `?${wish.query}`}`
    const headers: Record<string, string> = {
      ...accepts, 'x-auth-token': session.token,
      ...(wish.service === 'compute' && wish.bare !== true && { 'openstack-api-version': `compute ${microversion}` }),
      ...(wish.upload !== undefined ? { 'content-type': 'application/octet-stream' } : wish.body !== undefined && { 'content-type': 'application/json' }),
    }
    const limitMs = wish.limitMs ?? (wish.upload !== undefined ? o.timeouts.uploadMs : o.timeouts.callMs)
    const body = wish.upload ?? (wish.body === undefined ? undefined : JSON.stringify(wish.body))
    return o.send({ call, url, headers, limitMs, signal: wish.signal, ...(body !== undefined && { body }) })
  }

  const once = async (wish: Wish, call: Call): Promise<Answer> => {
    let session: Session
    try {
      session = await o.tokens.session()
      await o.budget.take(wish.priority ?? priority, wish.signal)
      wish.signal?.throwIfAborted()
    } catch (error) { throw notSent(call, error) }
    let answer = await exchange(wish, call, session)
    if (answer.status === 401 && wish.upload === undefined) {
      // Refused before any effect, so that every call may be sent again with a new token.
      session = await o.tokens.renew(session.token, wish.service)
      answer = await exchange(wish, call, session)
      if (answer.status === 401) await o.tokens.renew(session.token, wish.service)
    }
    if (answer.status >= 200 && answer.status < 300) {
      o.tokens.accepted()
      return answer
    }
    throw refused(call, answer, [session.token, ...o.tokens.secrets])
  }

  const perform = async (wish: Wish): Promise<Answer> => {
    const method = wish.method ?? 'GET'
    const call: Call = { service: wish.service, method, path: wish.path, creates: wish.creates === true }
    const repeatable = method === 'GET' || ((method === 'DELETE' || method === 'PUT') && wish.once !== true && wish.upload === undefined)
    for (let attempt = 1; ; attempt++) {
      try {
        return await once(wish, call)
      } catch (error) {
        const failure = failureOf(error)
        const retryAfter = retryAfterOf(error)
        if (failure?.status === 429 && retryAfter !== undefined) o.budget.hold(Math.min(retryAfter * 1000, 60_000))
        const isOver = !repeatable || attempt >= attempts || failure?.kind !== 'transient' || failure.type === 'ImmutableObject' || failure.type === 'NotSent' || failure.type === 'timeout' || wish.signal?.aborted === true
        const ms = Math.max((retryAfter ?? 0) * 1000, 200 * 2 ** attempt * (0.5 + o.random()))
        if (isOver || ms > longestPauseMs) throw error
        o.log.debug({ service: call.service, method, path: call.path, attempt, status: failure.status, requestId: failure.requestId }, 'cloud call repeated')
        await pause(ms, wish.signal).catch(() => { throw error })
      }
    }
  }

  const parse = (wish: Wish, answer: Answer): Json => {
    try {
      return object(JSON.parse(answer.body))
    } catch (cause) {
      // A proxy's page with 200. Of a creating call nobody knows what was done.
      throw openstackError({ kind: 'transient', service: wish.service, status: answer.status, type: 'NotJson', ...(wish.creates === true && { unclear: true }) }, `${wish.service} ${wish.method ?? 'GET'} ${wish.path}: the answer is not JSON`, cause)
    }
  }

  const client: Client = {
    json: async (wish) => parse(wish, await perform(wish)),
    create: async (wish, read) => {
      const creating: Wish = { method: 'POST', ...wish, creates: true }
      const answer = parse(creating, await perform(creating))
      try { return read(answer) } catch (cause) {
        throw openstackError({ kind: 'transient', service: wish.service, status: 200, type: 'Unreadable', unclear: true }, `${wish.service} POST ${wish.path}: the answer cannot be read`, cause)
      }
    },
    send: async (wish) => { await perform(wish) },
    find: async (wish) => {
      try { return parse(wish, await perform(wish)) } catch (error) { if (failureOf(error)?.kind === 'not-found') return undefined; throw error }
    },
    remove: async (wish) => {
      try { await perform({ method: 'DELETE', ...wish }) } catch (error) { if (failureOf(error)?.kind !== 'not-found') throw error }
    },
    session: () => o.tokens.session(),
    leaveToken: () => { o.tokens.leave() },
    has: async (service) => hasService(await o.tokens.session(), o.where, service),
    address: async (service) => endpointOf(await o.tokens.session(), o.where, service),
    as: (p) => openClient(o, p),
    clock,
    pageSize: o.pageSize,
  }
  return client
}
