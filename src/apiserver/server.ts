/** One API: takes a request from any node server, answers it. Routing is Kubernetes' RequestInfo, not a table of paths. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Counter, Histogram } from 'prom-client'
import { openCache } from '../store/cache.ts'
import type { Kind, Resource } from '../api/meta/index.ts'
import { resourceName } from '../api/meta/index.ts'
import type { Api, ApiOptions, Reader } from './api.ts'
import { parseBody, demandObject } from './decode.ts'
import { aggregated, coreVersions, group, groupList, isAggregated, resourceList } from './discovery.ts'
import { collectGarbage } from './gc.ts'
import type { Identity } from './identity.ts'
import { objectOf, storedObject } from './objects.ts'
import { openapiDocument, openapiIndex } from './openapi.ts'
import { get, listTexts, page } from './read.ts'
import { checkOptions, parseRequest, type RequestInfo } from './request.ts'
import { review, reviewGroups, reviewKind } from './reviews.ts'
import { fromScale, scaleOf } from './scale.ts'
import { eventKind, leaseKind, namespacesOf, newEvents, serve } from './served.ts'
import { apiStatusOf, badRequest, forbidden, internal, methodNotAllowed, noSuchPath, notFound, tooBig, unauthorized, type Status } from './status.ts'
import { partialMetadata, tableOf, viewOf } from './table.ts'
import type { Mutable } from './values.ts'
import { watch, type Stream } from './watch.ts'
import { create, deleteWish, mergePatch, patch, remove, update, type Call, type Written } from './write.ts'

export interface ApiServer {
  readonly api: Api
  handle(request: IncomingMessage, response: ServerResponse): void
  /** Ends watches; requests that are under way finish. */
  close(): Promise<void>
}

const bodyLimit = 3 << 20
const writing = new Set(['create', 'update', 'patch', 'delete', 'deletecollection'])

const readBody = (request: IncomingMessage): Promise<string> => new Promise((resolve, reject) => {
  if (Number(request.headers['content-length'] ?? 0) > bodyLimit) { reject(tooBig(bodyLimit)); request.resume(); return }
  const chunks: Buffer[] = []
  let size = 0
  request.on('data', (c: Buffer) => {
    size += c.length
    if (size > bodyLimit) { reject(tooBig(bodyLimit)); request.removeAllListeners('data'); request.resume() } else chunks.push(c)
  })
  request.on('end', () => resolve(Buffer.concat(chunks).toString('utf8')))
  request.on('error', reject)
  request.on('close', () => reject(badRequest('the request was cut off')))
})

const fenceOf = (request: IncomingMessage): Call['fence'] => {
  const text = request.headers['skerry-fence']
  if (text === undefined) return undefined
  const m = /^([^/]{1,100})\/(\d{1,15})$/.exec(String(text))
  if (m === null) throw badRequest('Skerry-Fence is SLOT/EPOCH')
  return { slot: m[1]!, epoch: Number(m[2]) }
}

const send = (response: ServerResponse, code: number, body: object | string, headers: Readonly<Record<string, string | readonly string[]>> = {}): void => {
  if (response.headersSent || response.destroyed) { response.destroy(); return }
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  response.writeHead(code, { 'content-type': 'application/json', 'cache-control': 'no-cache, private', 'x-content-type-options': 'nosniff', 'content-length': Buffer.byteLength(text), ...headers } as never)
  response.end(text)
}

export const createApiServer = async (o: ApiOptions): Promise<ApiServer> => {
  const cache = await openCache(o.store, { log: o.log })
  const namespaces = o.namespaceKind === undefined ? (o.kinds.find((k) => k.group === '' && k.plural === 'namespaces') === undefined ? undefined : serve(o.kinds.find((k) => k.plural === 'namespaces')!)) : namespacesOf(o.namespaceKind)
  const all = [...o.kinds.map(serve), ...(o.namespaceKind === undefined ? [] : [namespaces!]), ...(o.builtins?.includes('events') === true ? [serve(eventKind), newEvents()] : []), ...(o.builtins?.includes('leases') === true ? [serve(leaseKind)] : [])]
  const read: Reader = {
    get: <R extends Resource>(kind: Kind<R>, key: { readonly namespace: string; readonly name: string }) => { const row = cache.get({ resource: resourceName(kind), ...key }); return row === undefined ? undefined : (storedObject(row) as unknown as R) },
    list: <R extends Resource>(kind: Kind<R>, namespace?: string) => cache.list(resourceName(kind), namespace).map((row) => storedObject(row) as unknown as R),
  }
  const api: Api = {
    store: o.store, cache, authorize: o.authorize, admission: o.admission ?? {}, subresources: o.subresources ?? {}, log: o.log, version: o.version,
    now: o.now ?? (() => new Date()), newUid: o.newUid ?? (() => crypto.randomUUID()), random: o.random ?? Math.random, slowWatcherBytes: o.slowWatcherBytes ?? 4 << 20, bookmarkMs: o.bookmarkMs ?? 30_000,
    served: new Map(all.map((s) => [`${s.kind.group}/${s.kind.version}/${s.kind.plural}`, s])), namespaces, read,
  }
  const streams = new Set<Stream>()
  const stopGarbage = o.collectGarbage === false ? () => {} : collectGarbage(api, o.keepEventsMs ?? 24 * 3_600_000)
  const registers = o.metrics === undefined ? [] : [o.metrics]
  const requests = registers.length === 0 ? undefined : new Counter({ name: 'skerry_api_requests_total', help: 'Requests by verb, resource and code.', labelNames: ['verb', 'resource', 'code'], registers })
  const duration = registers.length === 0 ? undefined : new Histogram({ name: 'skerry_api_request_seconds', help: 'Time to answer, but for watches.', labelNames: ['verb', 'resource'], buckets: [0.001, 0.005, 0.025, 0.1, 0.5, 2, 10], registers })

  const nonResource = async (r: RequestInfo, identity: Identity, request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { path } = r
    const accept = request.headers.accept
    const agg = isAggregated(accept)
    const parts = path.split('/').filter((p) => p !== '')
    if (['/healthz', '/livez', '/readyz'].includes(path)) { response.writeHead(200, { 'content-type': 'text/plain' }); response.end('ok'); return }
    if (!api.authorize(identity, { verb: r.method.toLowerCase(), group: '', resource: '', subresource: '', namespace: '', name: '', path })) throw forbidden({ group: '', plural: path }, '', `User "${identity.user}" cannot ${r.method.toLowerCase()} path "${path}"`)
    if (r.method !== 'GET' && r.method !== 'HEAD') throw methodNotAllowed(r.method)
    if (path === '/version' || path === '/version/') return send(response, 200, { ...api.version, gitCommit: '', gitTreeState: 'clean', buildDate: '', goVersion: '', compiler: '', platform: 'linux/amd64' })
    if (parts[0] === 'api' && parts.length === 1) return agg !== undefined ? send(response, 200, aggregated(api, true, agg), { 'content-type': `application/json;g=apidiscovery.k8s.io;v=${agg};as=APIGroupDiscoveryList` }) : send(response, 200, coreVersions())
    if (parts[0] === 'apis' && parts.length === 1) {
      const withReviews = (list: { groups: object[] }) => ({ ...list, groups: [...list.groups, ...reviewGroups.map((g) => ({ name: g.group, versions: [{ groupVersion: `${g.group}/v1`, version: 'v1' }], preferredVersion: { groupVersion: `${g.group}/v1`, version: 'v1' } }))] })
      if (agg === undefined) return send(response, 200, withReviews(groupList(api) as never))
      const found = aggregated(api, false, agg) as { items: object[] }
      return send(response, 200, { ...found, items: [...found.items, ...reviewGroups.map((g) => ({
        metadata: { name: g.group, creationTimestamp: null },
        versions: [{ version: g.version, freshness: 'Current', resources: g.resources.map((x) => ({ resource: x, responseKind: { group: g.group, version: g.version, kind: reviewKind(x) }, scope: 'Cluster', singularResource: reviewKind(x).toLowerCase(), verbs: ['create'] })) }],
      }))] }, { 'content-type': `application/json;g=apidiscovery.k8s.io;v=${agg};as=APIGroupDiscoveryList` })
    }
    if (parts[0] === 'api' && parts.length === 2) { const list = resourceList(api, '', parts[1]!); if (list !== undefined) return send(response, 200, list) }
    if (parts[0] === 'apis' && parts.length === 2) { const g = group(api, parts[1]!); if (g !== undefined) return send(response, 200, { kind: 'APIGroup', apiVersion: 'v1', ...g }) }
    if (parts[0] === 'apis' && parts.length === 3) {
      const reviewed = reviewGroups.find((g) => g.group === parts[1] && g.version === parts[2])
      if (reviewed !== undefined) return send(response, 200, { kind: 'APIResourceList', apiVersion: 'v1', groupVersion: `${reviewed.group}/v1`, resources: reviewed.resources.map((x) => ({ name: x, singularName: '', namespaced: false, kind: reviewKind(x), verbs: ['create'] })) })
      const list = resourceList(api, parts[1]!, parts[2]!)
      if (list !== undefined) return send(response, 200, list)
    }
    if (path === '/openapi/v3') return send(response, 200, openapiIndex(api))
    if (path.startsWith('/openapi/v3/')) { const text = openapiDocument(api, path.slice('/openapi/v3/'.length)); if (text !== undefined) return send(response, 200, text) }
    throw noSuchPath()
  }

  const deleteAll = async (c: Call): Promise<Written> => {
    const wish = deleteWish(c)
    const p = await page(api, c.served, { ...c.r, query: new URLSearchParams([...c.r.query].filter(([k]) => k === 'labelSelector' || k === 'fieldSelector')) })
    const items: unknown[] = []
    for (const row of p.rows) {
      const one = { ...c, r: { ...c.r, namespace: row.namespace, name: row.name } }
      try { await remove(one, wish, row.name) } catch (error) { if (apiStatusOf(error)?.code !== 404) throw error }
      items.push(objectOf(c.served, row))
    }
    return { code: 200, object: { kind: `${c.served.kind.kind}List`, apiVersion: c.served.apiVersion, metadata: { resourceVersion: String(p.version) }, items } as Mutable }
  }

  const scaled = async (c: Call, text: string): Promise<Written> => {
    const asObject = async (): Promise<Mutable> => JSON.parse(await get(api, c.served, { ...c.r, query: new URLSearchParams() }, 'object')) as Mutable
    for (let attempt = 0; ; attempt++) {
      const live = await asObject()
      let wanted: Mutable
      if (c.r.verb === 'update') wanted = demandObject(parseBody(text, c.contentType))
      else {
        if (!(c.contentType ?? '').startsWith('application/merge-patch+json')) throw badRequest('scale takes a merge patch or an update')
        wanted = mergePatch(scaleOf(c.served, live), JSON.parse(text)) as Mutable
      }
      const isExact = c.r.verb === 'update' && (wanted['metadata'] as Mutable)['resourceVersion'] !== undefined
      const next = fromScale(c.served, { ...wanted, metadata: { ...(wanted['metadata'] as Mutable), resourceVersion: isExact ? (wanted['metadata'] as Mutable)['resourceVersion'] : (live['metadata'] as Mutable)['resourceVersion'] } }, live)
      try {
        const done = await update({ ...c, r: { ...c.r, subresource: '' }, contentType: 'application/json', body: JSON.stringify(next) })
        return { ...done, object: scaleOf(c.served, done.object as Mutable) }
      } catch (error) {
        if (isExact || attempt > 10 || apiStatusOf(error)?.code !== 409) throw error
      }
    }
  }

  const answer = async (request: IncomingMessage, response: ServerResponse, r: RequestInfo): Promise<void> => {
    const identity = await o.authenticate(request)
    if (identity === undefined) { if (['/healthz', '/livez', '/readyz'].includes(r.path)) { send(response, 200, 'ok'); return } throw unauthorized() }
    if (r.verb === 'nonresource') return nonResource(r, identity, request, response)
    const served = api.served.get(`${r.group}/${r.version}/${r.resource}`)
    if (served === undefined) {
      if (r.verb !== 'create' || !reviewGroups.some((g) => g.group === r.group)) throw noSuchPath()
      const done = review(api, identity, r.group, r.version, r.resource, demandObject(parseBody(await readBody(request), request.headers['content-type'])))
      if (done === undefined) throw noSuchPath()
      return send(response, 201, done)
    }
    const { kind } = served
    const sub = r.subresource
    const custom = sub === '' ? undefined : api.subresources[`${kind.plural}/${sub}`]
    if (sub !== '' && custom === undefined && !(sub === 'status' && kind.status !== undefined) && !(sub === 'scale' && kind.scale !== undefined)) throw noSuchPath()
    if (!api.authorize(identity, { verb: r.verb, group: r.group, resource: r.resource, subresource: sub, namespace: r.namespace, name: r.name, path: r.path }))
      throw forbidden(kind, r.name, `User "${identity.user}" cannot ${r.verb} resource "${r.resource}${sub === '' ? '' : `/${sub}`}" in API group "${r.group}"${r.namespace === '' ? ' at the cluster scope' : ` in the namespace "${r.namespace}"`}`)
    checkOptions(r)
    if (!served.verbs.includes(r.verb) || (kind.namespaced && r.namespace === '' && !['list', 'watch'].includes(r.verb)) || (!kind.namespaced && r.namespace !== '')) throw r.verb === '' || kind.namespaced ? methodNotAllowed(request.method ?? '') : noSuchPath()
    const view = viewOf(request.headers.accept)
    if (!writing.has(r.verb)) {
      if (custom !== undefined) throw methodNotAllowed('GET')
      if (r.verb === 'watch') return watch(api, served, r, view, response, streams)
      if (r.verb === 'get') {
        const text = await get(api, served, r, view)
        return send(response, 200, sub === 'scale' ? scaleOf(served, JSON.parse(text) as Mutable) : text)
      }
      const p = await page(api, served, r)
      response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-cache, private', 'x-content-type-options': 'nosniff' })
      for (const text of listTexts(api, served, r, view, p)) if (!response.write(text)) await new Promise<void>((go) => { response.once('drain', go); response.once('close', go) })
      response.end()
      return
    }
    const body = await readBody(request)
    const warnings: string[] = []
    const call: Call = { api, served, r, identity, userAgent: request.headers['user-agent'] ?? '', contentType: request.headers['content-type'], body, fence: fenceOf(request), warn: (m) => { if (warnings.length < 20) warnings.push(m) } }
    if (custom !== undefined) {
      if (r.verb !== 'create') throw methodNotAllowed(request.method ?? '')
      await cache.fresh()
      const row = cache.get({ resource: served.resource, namespace: kind.namespaced ? r.namespace : '', name: r.name })
      if (row === undefined) throw notFound(kind, r.name)
      return send(response, 201, (await custom({ identity, object: storedObject(row) as never, body: demandObject(parseBody(body, request.headers['content-type'])), read })) as object)
    }
    if (sub === 'scale') { const done = await scaled(call, body); return send(response, done.code, done.object) }
    const done = await (r.verb === 'create' ? create(call) : r.verb === 'update' ? update(call) : r.verb === 'patch' ? patch(call) : r.verb === 'delete' ? remove(call, deleteWish(call)) : deleteAll(call))
    const isTable = view === 'table' && (done.object as Mutable)['kind'] === kind.kind
    send(response, done.code, isTable ? tableOf(kind, [done.object as Mutable], { resourceVersion: (((done.object as Mutable)['metadata']) as Mutable)['resourceVersion'] }, api.now().getTime(), r.query.get('includeObject')) : view === 'metadata' && (done.object as Mutable)['kind'] !== 'Status' ? partialMetadata(done.object as Mutable) : done.object, {
      ...(warnings.length > 0 && { warning: warnings.map((w) => `299 - "${w.replaceAll(/["\\]/g, '\\$&')}"`) }), ...(done.version !== undefined && { 'skerry-version': String(done.version) }),
    })
  }

  return {
    api,
    handle(request, response) {
      const begun = performance.now()
      let r: RequestInfo | undefined
      const run = async (): Promise<void> => { r = parseRequest(request.method ?? 'GET', request.url ?? '/'); await answer(request, response, r) }
      run().catch((error: unknown) => {
        let status: Status | undefined = apiStatusOf(error)
        if (status === undefined) {
          o.log.error({ error: error instanceof Error ? (error.stack ?? error.message) : String(error), path: r?.path }, 'request failed')
          status = apiStatusOf(internal('see the server\'s log'))!
        }
        send(response, status.code, status, status.details?.retryAfterSeconds === undefined ? {} : { 'retry-after': String(status.details.retryAfterSeconds) })
      }).finally(() => {
        if (r === undefined) return
        requests?.inc({ verb: r.verb, resource: r.resource, code: response.statusCode })
        if (r.verb !== 'watch') duration?.observe({ verb: r.verb, resource: r.resource }, (performance.now() - begun) / 1000)
      })
    },
    async close() {
      stopGarbage()
      for (const s of [...streams]) s.end()
      await cache.close()
    },
  }
}
