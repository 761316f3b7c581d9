/** The HTTP side: one server, a prefix for each service, tokens, microversions, faults on the wire, errors in each service's form. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { type Api, type Call, type Reply, Refusal, type ServiceName, type Token } from './call.ts'
import { router, type Found } from './router.ts'
import type { World } from './world.ts'

export interface Stats {
  /** `compute POST /v2.1/servers` → how many. */
  readonly byRoute: ReadonlyMap<string, number>
  /** `compute POST` → how many. */
  readonly byMethod: ReadonlyMap<string, number>
  readonly byStatus: ReadonlyMap<string, number>
  readonly total: number
  reset(): void
}

export interface HttpSide { readonly server: Server; readonly stats: Stats }

/** How tokens are looked at; identity gives it. */
export type Authenticate = (text: string) => Token | undefined
/** Paths that are no service of OpenStack's. */
export type Beside = (method: string, path: string, request: IncomingMessage, response: ServerResponse) => boolean

const nobody: Token = { text: '', projectId: '', userId: '', roles: [], methods: [], issuedAt: '', expiresAt: '', auditId: '' }

const readBody = (request: IncomingMessage): Promise<Buffer> => new Promise((resolve, reject) => {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => { chunks.push(chunk) })
  request.on('end', () => { resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)) })
  request.on('error', reject)
})

export const httpSide = (world: World, apis: readonly Api[], authenticate: Authenticate, beside: Beside): HttpSide => {
  const byPrefix = new Map(apis.map((api) => [api.name as string, { api, find: router(api.routes) }]))
  const byRoute = new Map<string, number>()
  const byMethod = new Map<string, number>()
  const byStatus = new Map<string, number>()
  let total = 0
  let requests = 0
  const instance = Math.floor(world.settings.random() * 0xffffffff).toString(16).padStart(8, '0')
  const count = (map: Map<string, number>, key: string): void => { map.set(key, (map.get(key) ?? 0) + 1) }

  const send = (response: ServerResponse, call: Call | undefined, api: Api | undefined, reply: Reply): void => {
    if (response.destroyed || response.headersSent) return
    const headers: Record<string, string> = { ...(call === undefined ? {} : { 'x-openstack-request-id': call.requestId, ...api?.headers?.(call) }), ...reply.headers }
    if (call !== undefined && call.service === 'compute') headers['x-compute-request-id'] = call.requestId
    if (reply.body === undefined) {
      if (reply.status !== 204) headers['content-length'] = '0'
      response.writeHead(reply.status, headers).end()
      return
    }
    // Text goes out with its head in one write.
    const body = Buffer.isBuffer(reply.body) || typeof reply.body === 'string' ? reply.body : JSON.stringify(reply.body)
    headers['content-type'] = reply.type ?? 'application/json'
    headers['content-length'] = String(Buffer.byteLength(body))
    response.writeHead(reply.status, headers)
    response.end(call?.method === 'HEAD' ? undefined : body)
  }

  const perform = async (api: Api, call: Call, found: Found): Promise<Reply> => {
    try {
      api.begin?.(call)
      if (found.kind === 'none') return api.error(404, 'The resource could not be found.', call)
      if (found.kind === 'wrong-method') return api.error(405, 'The method is not allowed for this resource.', call)
      const reply = await found.handle(call)
      return reply
    } catch (error) {
      if (error instanceof Refusal) return error.reply
      return api.error(500, `Unexpected API Error. ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`, call)
    } finally {
      world.journal.flush()
    }
  }

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = request.url ?? '/'
    const queryAt = url.indexOf('?')
    const full = (queryAt < 0 ? url : url.slice(0, queryAt)).replace(/\/{2,}/g, '/')
    if (beside(request.method ?? 'GET', full, request, response)) return
    const slash = full.indexOf('/', 1)
    const prefix = slash < 0 ? full.slice(1) : full.slice(1, slash)
    const target = byPrefix.get(prefix)
    if (target === undefined) {
      send(response, undefined, undefined, { status: 404, body: { message: `No such service: ${prefix}` } })
      return
    }
    const { api, find } = target
    const method = request.method ?? 'GET'
    const path = slash < 0 ? '/' : full.slice(slash)
    const found = find(method === 'HEAD' ? 'GET' : method, path)
    const call: Call = {
      service: api.name as ServiceName, method, path, query: new URLSearchParams(queryAt < 0 ? '' : url.slice(queryAt + 1)), headers: request.headers, request,
      requestId: `req-${instance}-0000-4000-8000-${(++requests).toString(16).padStart(12, '0')}`,
      params: found.kind === 'found' ? found.params : {}, route: found.kind === 'found' ? found.route : 'none', body: undefined, token: nobody, version: 0,
      base: `http://${request.headers.host ?? `${world.settings.host}`}`, blind: false,
    }
    total++
    count(byMethod, `${api.name} ${method}`)
    count(byRoute, `${api.name} ${found.kind === 'found' ? call.route : `${method} unknown`}`)
    const answer = (reply: Reply): void => {
      count(byStatus, `${api.name} ${reply.status}`)
      send(response, call, api, reply)
    }

    const isRaw = api.raw?.(method, path) === true
    if (!isRaw && method !== 'GET' && method !== 'HEAD') {
      let body: Buffer
      try { body = await readBody(request) } catch { return }
      if (body.length > 0) {
        try { call.body = JSON.parse(body.toString('utf8')) } catch { return answer(api.error(400, 'The server could not comply with the request since it is either malformed or otherwise incorrect.', call)) }
      }
    }
    if (!api.open(method, path)) {
      const text = request.headers['x-auth-token']
      const token = typeof text === 'string' ? authenticate(text) : undefined
      if (token === undefined) {
        if (isRaw) request.resume()
        return answer({ status: 401, body: { error: { code: 401, title: 'Unauthorized', message: 'The request you have made requires authentication.' } }, headers: { 'www-authenticate': `Keystone uri="${call.base}/identity"` } })
      }
      call.token = token
    }
    const wrong = world.faults.strike(call, 'wrong-project')
    if (wrong !== undefined && call.token !== nobody) {
      const other = [...world.tables.projects.all()].find((p) => p.name === wrong.fault.as)
      if (other !== undefined) call.token = { ...call.token, projectId: other.id }
    }
    if (world.faults.strike(call, 'role-removed') !== undefined) {
      call.blind = true
      if (method !== 'GET' && method !== 'HEAD') return answer(api.error(403, 'Policy does not allow this request to be performed.', call))
    }
    const struck = world.faults.strike(call, 'status', 'reset', 'silence-after-success', 'late-effect', 'slow', 'held')
    if (struck === undefined) return answer(await perform(api, call, found))
    const fault = struck.fault
    switch (fault.kind) {
      case 'status': {
        if (isRaw) request.resume()
        const reply = api.error(fault.status, fault.message ?? (fault.status === 429 ? 'This request was rate-limited.' : 'The server is currently unavailable. Please try again at a later time.'), call)
        return answer(fault.retryAfter === undefined ? reply : { ...reply, headers: { ...reply.headers, 'retry-after': String(fault.retryAfter) } })
      }
      case 'reset':
        if (fault.when === 'after') await perform(api, call, found)
        request.socket.resetAndDestroy()
        return
      case 'silence-after-success':
        await perform(api, call, found)
        return
      case 'late-effect':
        world.settings.clock.after(Math.min(fault.afterMs, 45_000), () => { void perform(api, call, found) })
        return
      case 'held':
        await struck.removed
        return answer(await perform(api, call, found))
      case 'slow':
        await new Promise<void>((resolve) => { world.settings.clock.after(fault.ms, resolve) })
        return answer(await perform(api, call, found))
    }
  }

  const server = createServer({ keepAliveTimeout: 60_000, noDelay: true }, (request, response) => { void serve(request, response) })
  server.maxConnections = Number.MAX_SAFE_INTEGER
  const stats: Stats = {
    byRoute, byMethod, byStatus,
    get total() { return total },
    reset() {
      byRoute.clear()
      byMethod.clear()
      byStatus.clear()
      total = 0
    },
  }
  return { server, stats }
}
