/** One credential of one cloud: its token, its catalogue, and requests with time limits, a budget and classified errors (rules O3, O4). */
import { Agent, request as send, type Dispatcher } from 'undici'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Budget } from './budget.ts'
import { classify, detailsOf, openstackError, saidBy, type ServiceName } from './errors.ts'

export interface Auth {
  /** With or without `/v3`. */
  readonly authUrl: string
  readonly applicationCredential?: { readonly id: string; readonly secret: string } | undefined
  readonly password?: { readonly username: string; readonly userDomainName: string; readonly password: string; readonly projectName?: string | undefined; readonly projectId?: string | undefined; readonly projectDomainName: string } | undefined
}
export interface TransportOptions {
  readonly auth: Auth
  readonly region?: string | undefined
  readonly interface?: 'public' | 'internal' | undefined
  readonly caCertificate?: string | undefined
  readonly dispatcher?: Dispatcher | undefined
  readonly budget: Budget
  readonly now: () => number
  readonly timeoutMs?: number | undefined
}
export interface Token {
  readonly id: string
  readonly issuedAt: number
  readonly expiresAt: number
  readonly project: { readonly id: string; readonly name: string }
  readonly user: string
  readonly roles: readonly string[]
  readonly credentialExpiresAt: string | undefined
  readonly catalog: readonly { readonly type: string; readonly endpoints: readonly { readonly interface: string; readonly region: string; readonly url: string }[] }[]
}
export interface Answer { readonly status: number; readonly body: any; readonly headers: Readonly<Record<string, string>> }
export interface Call {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE' | 'PATCH'
  readonly path: string
  readonly body?: unknown
  /** Instead of a JSON body. */
  readonly stream?: AsyncIterable<Uint8Array> | undefined
  readonly headers?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal | undefined
  readonly timeoutMs?: number
}
export interface Transport {
  call(service: ServiceName, call: Call): Promise<Answer>
  token(): Promise<Token>
  /** undefined: the catalogue has no such service. */
  has(service: ServiceName): Promise<boolean>
}

const types: Readonly<Record<ServiceName, readonly string[]>> = {
  identity: ['identity'], compute: ['compute'], network: ['network'], volume: ['volumev3', 'block-storage', 'volume'], image: ['image'], 'load-balancer': ['load-balancer'],
}
const suffixes: Readonly<Partial<Record<ServiceName, string>>> = { network: '/v2.0', image: '/v2', 'load-balancer': '/v2.0', identity: '/v3' }
/** One microversion for all calls to Nova (rule O3). */
export const novaMicroversion = '2.79'
const fixedHeaders: Readonly<Partial<Record<ServiceName, Readonly<Record<string, string>>>>> = { compute: { 'openstack-api-version': `compute ${novaMicroversion}`, 'x-openstack-nova-api-version': novaMicroversion } }
const answerLimit = 64 << 20
const firstPauseMs = 5 * 60_000
const longestPauseMs = 3_600_000

const notReceived = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EHOSTUNREACH', 'ENETUNREACH', 'EAI_AGAIN', 'UND_ERR_CONNECT_TIMEOUT'])
const codeOf = (e: unknown): string => String((e as { code?: unknown }).code ?? ((e as { cause?: { code?: unknown } }).cause?.code) ?? '')

export const openTransport = (o: TransportOptions): Transport => {
  const dispatcher = o.dispatcher ?? new Agent({ connections: 8, keepAliveTimeout: 20_000, headersTimeout: 60_000, bodyTimeout: 60_000, ...(o.caCertificate !== undefined && { connect: { ca: o.caCertificate } }) })
  const base = o.auth.authUrl.replace(/\/+$/, '').replace(/\/v3$/, '')
  const { timeoutMs = 25_000 } = o
  let current: Token | undefined
  let renewal: Promise<Token> | undefined
  let refused: { readonly error: Error; readonly until: number; readonly pauseMs: number } | undefined

  const raw = async (service: ServiceName, url: string, c: Call, headers: Readonly<Record<string, string>>): Promise<Answer> => {
    const what = `${c.method} ${service} ${new URL(url).pathname}`
    const limit = AbortSignal.timeout(c.timeoutMs ?? timeoutMs)
    const signal = c.signal === undefined ? limit : AbortSignal.any([c.signal, limit])
    try {
      const answer = await send(url, {
        method: c.method, dispatcher, signal,
        headers: { accept: 'application/json', ...headers, ...(c.body !== undefined && { 'content-type': 'application/json' }), ...c.headers },
        ...(c.body !== undefined ? { body: JSON.stringify(c.body) } : c.stream !== undefined ? { body: c.stream as never } : {}),
      })
      if (Number(answer.headers['content-length'] ?? 0) > answerLimit) { answer.body.destroy(); throw new Error('the answer is too large') }
      const text = await answer.body.text()
      let body: unknown
      try { body = text === '' ? undefined : JSON.parse(text) } catch { body = { message: text.slice(0, 200) } }
      return { status: answer.statusCode, body, headers: Object.fromEntries(Object.entries(answer.headers).map(([k, v]) => [k, String(v)])) }
    } catch (error) {
      const unclear = c.method !== 'GET' && !notReceived.has(codeOf(error))
      throw openstackError(`${what}: ${limit.aborted ? `no answer within ${(c.timeoutMs ?? timeoutMs) / 1000} s` : 'the connection failed'}${codeOf(error) === '' ? '' : ` (${codeOf(error)})`}`, { kind: 'transient', service, code: 0, unclear }, error)
    }
  }
  const failure = (service: ServiceName, c: Call, a: Answer): Error => {
    const said = saidBy(a.body)
    const kind = classify(service, a.status, said)
    const retryAfter = Number(a.headers['retry-after'])
    return openstackError(`${c.method} ${service} ${c.path.split('?')[0]!}: ${a.status} ${said.type === undefined || said.type === '' ? '' : `${said.type}: `}${said.message.slice(0, 500) || 'no reason given'}`, {
      kind, service, code: a.status, type: said.type, unclear: c.method === 'POST' && a.status >= 500, ...(Number.isFinite(retryAfter) && { retryAfterSeconds: retryAfter }), requestId: a.headers['x-openstack-request-id'] ?? a.headers['x-compute-request-id'],
    })
  }

  const logIn = async (): Promise<Token> => {
    const { applicationCredential: app, password: pw } = o.auth
    const identity = app !== undefined ? { methods: ['application_credential'], application_credential: { id: app.id, secret: app.secret } }
      : { methods: ['password'], password: { user: { name: pw!.username, domain: { name: pw!.userDomainName }, password: pw!.password } } }
    const scope = pw === undefined || app !== undefined ? undefined : { project: pw.projectId !== undefined ? { id: pw.projectId } : { name: pw.projectName, domain: { name: pw.projectDomainName } } }
    const c: Call = { method: 'POST', path: '/auth/tokens', body: { auth: { identity, ...(scope !== undefined && { scope }) } } }
    const a = await raw('identity', `${base}/v3/auth/tokens`, c, {})
    if (a.status !== 201) {
      const error = failure('identity', c, a)
      throw a.status === 401 || a.status === 403 || a.status === 404 ? openstackError(error.message, { ...detailsOf(error)!, kind: 'credential', unclear: false }) : openstackError(error.message, { ...detailsOf(error)!, unclear: false })
    }
    const t = a.body.token
    return {
      id: a.headers['x-subject-token'] ?? '', issuedAt: o.now(), expiresAt: Date.parse(t.expires_at), project: { id: t.project?.id ?? '', name: t.project?.name ?? '' }, user: t.user?.name ?? '',
      roles: (t.roles ?? []).map((r: { name: string }) => r.name), credentialExpiresAt: undefined, catalog: t.catalog ?? [],
    }
  }
  /** One caller renews for all; a refusal is not repeated for minutes (rule O4). */
  const renew = (): Promise<Token> => {
    if (refused !== undefined && o.now() < refused.until) return Promise.reject(refused.error)
    renewal ??= logIn().then((t) => { current = t; refused = undefined; return t }, (error: unknown) => {
      if (detailsOf(error)?.kind === 'credential') {
        const pauseMs = refused === undefined ? firstPauseMs : Math.min(refused.pauseMs * 2, longestPauseMs)
        refused = { error: error as Error, until: o.now() + pauseMs, pauseMs }
      }
      throw error
    }).finally(() => { renewal = undefined })
    return renewal
  }
  const token = async (): Promise<Token> => (current !== undefined && o.now() < current.issuedAt + (current.expiresAt - current.issuedAt) * 0.8 ? current : renew())

  const endpoint = (t: Token, service: ServiceName): string | undefined => {
    for (const type of types[service]) {
      const found = t.catalog.find((s) => s.type === type)?.endpoints.find((e) => e.interface === (o.interface ?? 'public') && (o.region === undefined || e.region === o.region))
      if (found === undefined) continue
      const url = found.url.replace(/\/+$/, '')
      const suffix = suffixes[service]
      return suffix === undefined || /\/v\d+(\.\d+)?$/.test(url) ? url : `${url}${suffix}`
    }
    return undefined
  }

  const once = async (service: ServiceName, c: Call): Promise<Answer> => {
    for (let attempt = 0; ; attempt++) {
      const t = await token()
      const url = endpoint(t, service)
      if (url === undefined) throw openstackError(`the catalogue has no ${service} service${o.region === undefined ? '' : ` in region ${o.region}`}`, { kind: 'not-found', service, code: 0, unclear: false })
      await o.budget.take(c.signal)
      const a = await raw(service, `${url}${c.path}`, c, { 'x-auth-token': t.id, ...fixedHeaders[service] })
      if (a.status === 401 && attempt === 0 && c.stream === undefined) {
        // An old token may have been revoked; a fresh one that is refused is a refused credential.
        if (current === t && o.now() - t.issuedAt > 1_000) { current = undefined; continue }
      }
      if (a.status >= 400) throw failure(service, c, a)
      return a
    }
  }
  return {
    token,
    has: async (service) => endpoint(await token(), service) !== undefined,
    // Only reads are repeated here; what changes something is repeated by who knows what was meant.
    call: async (service, c) => {
      for (let attempt = 0; ; attempt++) {
        try { return await once(service, c) } catch (error) {
          const d = detailsOf(error)
          if (c.method !== 'GET' || d?.kind !== 'transient' || attempt >= 2 || c.signal?.aborted === true) throw error
          await sleep(Math.min((d.retryAfterSeconds ?? 0) * 1000, 5_000) || 200 * 2 ** attempt)
        }
      }
    },
  }
}
