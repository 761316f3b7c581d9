/** One API over one store: `handle` answers the requests of any node server, or of none. Light: what depends on kinds only is shared by the process. */
import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Kind, Resource } from '../api/meta/index.ts'
import { resourceName } from '../api/meta/index.ts'
import { openCache, type Cache } from '../store/cache.ts'
import { scopedCache, type Scope } from '../store/scoped-cache.ts'
import type { Api, ApiOptions, Reader } from './api.ts'
import type { Asker } from './audit/record.ts'
import { auditRecords } from './audit/records.ts'
import { openTrail } from './audit/trail.ts'
import { refusalOf } from './authority.ts'
import { eventKind, leaseKind, namespacesOf, newEvents, plainNamespaceKind } from './builtins.ts'
import { dispatch } from './dispatch.ts'
import { noFlowControl, openFlowControl, type FlowControl, type Turn } from './flow-control.ts'
import { openEventBudget } from './event-budget.ts'
import { collectGarbage } from './gc.ts'
import { openMetrics } from './metrics.ts'
import { health, isHealth, nonResource } from './nonresource.ts'
import { storedObject } from './objects.ts'
import { parseRequest, type RequestInfo } from './request.ts'
import { awaitReader, patience, readBody, sendError, statusOf, stopReading, unread, type Patience } from './respond.ts'
import { serve, type Served } from './served.ts'
import { gone, unauthorized, type ApiError } from './status.ts'
import type { Streams } from './watch.ts'

export interface ApiServer {
  readonly api: Api
  readonly flows: Pick<FlowControl, 'state'>
  /** Under `node:http`, `node:https` or `node:http2` (compatibility API). */
  handle(request: IncomingMessage, response: ServerResponse): void
  /** From now on not ready (`/readyz`), so that whoever balances sends nobody here; everything is answered as before. */
  drain(): void
  /** Ends watches, each with a last bookmark: who resumes from it lists nothing again. */
  endWatches(): void
  /** When no request is under way any more. The caller closes its sockets before, and the store after. */
  close(): Promise<void>
}

const namespacesIn = (o: ApiOptions): Served | undefined => {
  if (o.namespaceKind !== undefined) return namespacesOf(o.namespaceKind)
  if (o.builtins?.includes('namespaces') === true) return namespacesOf(plainNamespaceKind)
  const own = o.kinds.find((k) => k.group === '' && k.plural === 'namespaces')
  return own === undefined ? undefined : serve(own)
}

const readerOf = (cache: Cache): Reader => ({
  get: <R extends Resource>(kind: Kind<R>, key: { readonly namespace: string; readonly name: string }) => {
    const row = cache.get({ resource: resourceName(kind), namespace: key.namespace, name: key.name })
    return row === undefined ? undefined : (storedObject(row) as unknown as R)
  },
  list: <R extends Resource>(kind: Kind<R>, namespace?: string) => cache.list(resourceName(kind), namespace).map((row) => storedObject(row) as unknown as R),
})

/** What was written and not taken yet: in memory, and so limited in bytes and time. */
const holdUnread = (response: ServerResponse, turn: Turn, patience: Patience): void => {
  const bytes = response.writableEnded ? unread(response) : 0
  if (bytes === 0 || response.closed) return
  try { turn.hold(bytes) } catch { response.destroy() }
  awaitReader(response, patience)
}

const within = (api: Api, scope: Scope | undefined): Api => (scope === undefined ? api : { ...api, scope, cache: scopedCache(api.cache, scope) })

const minute = 60_000
const day = 86_400_000

export const createApiServer = async (o: ApiOptions): Promise<ApiServer> => {
  const cache = o.cache ?? (await openCache(o.store, { log: o.log, ...(o.pollMs !== undefined && { pollMs: o.pollMs }), ...(o.ring !== undefined && { ring: o.ring }) }))
  const namespaces = namespacesIn(o)
  const served = [
    ...o.kinds.map(serve), ...(namespaces === undefined ? [] : [namespaces]),
    ...(o.builtins?.includes('events') === true ? [serve(eventKind), newEvents] : []), ...(o.builtins?.includes('leases') === true ? [serve(leaseKind)] : []),
    ...(o.store.audit === undefined ? [] : [auditRecords]),
  ]
  const byPath = new Map(served.map((s) => [`${s.kind.group}/${s.kind.version}/${s.kind.plural}`, s]))
  const now = o.now ?? (() => new Date())
  const subresources = o.subresources ?? {}
  const trail = openTrail({ store: o.store, served: byPath, subresources, log: o.log, now, windowMs: o.repeatsMs ?? minute })
  const api: Api = {
    store: o.store, cache, scope: undefined, authorize: o.authorize, admission: o.admission ?? {}, subresources, trail, eventBudget: o.limitEvents === true ? openEventBudget(now) : undefined, chain: o.chain, log: o.log, version: o.version,
    now, newUid: o.newUid ?? (() => crypto.randomUUID()), random: o.random ?? Math.random, slowWatcherBytes: o.slowWatcherBytes ?? 4 << 20, bookmarkMs: o.bookmarkMs ?? 30_000, reauthorizeMs: o.reauthorizeMs ?? 60_000,
    served: byPath, namespaces, read: readerOf(cache), metrics: o.metrics, collectsGarbage: o.collectGarbage ?? true, patience: { ...patience, ...o.patience },
  }
  const streams: Streams = new Set()
  const stopAccess = o.onAccessChange?.(() => { for (const s of streams) s.reauthorize() })
  const stopGarbage = api.collectsGarbage ? collectGarbage(api, o.keepEventsMs ?? day) : () => {}
  const metrics = o.metrics === undefined ? undefined : openMetrics(o.metrics, streams)
  const flows = o.flowControl === undefined ? noFlowControl : openFlowControl(o.flowControl, metrics?.flows ?? { refused() {}, waited() {} })
  metrics?.show(flows)

  let isDraining = false
  const answer = async (request: IncomingMessage, response: ServerResponse, r: RequestInfo, asker: Asker): Promise<void> => {
    if (isHealth(r.path)) return health(api, r.path, isDraining, response)
    const identity = await o.authenticate(request)
    asker.identity = identity
    const turn = flows.arrive(identity ?? { address: asker.source })
    response.once('close', turn.end)
    if (identity === undefined) throw unauthorized()
    try {
      await trail.login(asker, request)
      // Who sends slowly holds bytes, and no seat.
      const body = await readBody(request, api.patience, turn.hold)
      await turn.sit()
      const scope = o.scopeOf?.(identity)
      const own = within(api, scope)
      const again = async (): Promise<ApiError | undefined> => {
        const same = await o.authenticate(request)
        if (same === undefined) return unauthorized()
        // What is seen may change from a part to everything and back without any answer of `authorize` changing.
        return refusalOf(api, same, r) ?? ((o.scopeOf?.(same) === undefined) === (scope === undefined) ? undefined : gone('what you may see changed: list again'))
      }
      if (r.verb === 'nonresource') await nonResource(own, r, asker, request.headers.accept, response)
      else await dispatch(own, streams, asker, r, request, body, turn, response, again)
      holdUnread(response, turn, api.patience)
    } finally { turn.rise() }
  }

  const endWatches = (): void => {
    for (const s of streams) s.end()
  }

  return {
    api, flows,
    handle(request, response) {
      const done = metrics?.begin()
      const asker: Asker = { requestId: randomUUID(), identity: undefined, source: request.socket.remoteAddress ?? '', userAgent: request.headers['user-agent'] ?? '' }
      response.setHeader('audit-id', asker.requestId)
      let r: RequestInfo | undefined
      const run = async (): Promise<void> => {
        r = parseRequest(request.method ?? 'GET', request.url ?? '/')
        await answer(request, response, r, asker)
      }
      run().catch(async (error: unknown) => {
        stopReading(request)
        const status = statusOf(error)
        if (status === undefined) o.log.error({ error: error instanceof Error ? (error.stack ?? error.message) : String(error), path: r?.path }, 'request failed')
        await trail.failed(asker, r, status ?? { code: 500, reason: 'InternalError', message: '' })
        sendError(response, status)
      }).finally(() => done?.(r, response.statusCode))
    },
    drain() {
      isDraining = true
    },
    endWatches,
    async close() {
      stopAccess?.()
      stopGarbage()
      endWatches()
      await trail.close()
      await cache.close()
    },
  }
}
