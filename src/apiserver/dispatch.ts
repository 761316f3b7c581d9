/** Routes one request of a known caller to its verb. Routing is Kubernetes' RequestInfo and not a table of paths, so that a thousand servers share it. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Api, Subresource } from './api.ts'
import type { Asker } from './audit/record.ts'
import { auditRecords, listRecords, recordOptions } from './audit/records.ts'
import { demandAuthority } from './authority.ts'
import { keyOf, type Call, type Written } from './call.ts'
import { sinkFor } from './compress.ts'
import { create } from './create.ts'
import { decider } from './decide.ts'
import { demandObject, parseBody } from './decode.ts'
import type { Turn } from './flow-control.ts'
import type { Identity } from './identity.ts'
import { objectOf, storedObject, textOf } from './objects.ts'
import { checkOptions, checkPatchOptions } from './options.ts'
import { isApply, patch, update } from './patch.ts'
import { get, listTexts, page } from './read.ts'
import { deleteWish, remove } from './remove.ts'
import type { RequestInfo } from './request.ts'
import { awaitReader, commonHeaders, drained, send } from './respond.ts'
import { answerReview, findReview } from './reviews.ts'
import { scaleOf, writeScale } from './scale.ts'
import type { Served } from './served.ts'
import { apiStatusOf, badRequest, methodNotAllowed, noSuchPath, notFound, unavailable, type ApiError } from './status.ts'
import { checkInclude, partialText, shownAs, tableText, viewOf, type View } from './table.ts'
import type { Mutable } from './values.ts'
import { watch, type Streams } from './watch.ts'

/** What a request may be told is what `api.cache` holds; `again` says why a watch may not go on. */
export const dispatch = async (api: Api, streams: Streams, asker: Asker, r: RequestInfo, request: IncomingMessage, body: Buffer, turn: Turn, response: ServerResponse, again: () => Promise<ApiError | undefined>): Promise<void> => {
  const identity = asker.identity!
  const served = api.served.get(`${r.group}/${r.version}/${r.resource}`)
  if (served === undefined) return review(api, identity, r, body, request.headers['content-type'], response)
  const { kind } = served
  const custom = r.subresource === '' ? undefined : api.subresources[`${kind.plural}/${r.subresource}`]
  if (!isServed(served, r.subresource) && custom === undefined) throw noSuchPath()
  demandAuthority(api, identity, r)
  checkOptions(r, served === auditRecords ? recordOptions : [])
  checkPlace(served, r)
  if (custom !== undefined) {
    if (r.verb !== 'create') throw methodNotAllowed(r.method, kind)
    return answerCustom(callOf(api, served, r, asker, request, Buffer.alloc(0)), custom, demandObject(parseBody(body, request.headers['content-type'])), response)
  }
  if (!served.verbs.includes(r.verb) || (r.subresource !== '' && !partVerbs.has(r.verb))) throw methodNotAllowed(r.method, kind)
  const view = viewOf(request.headers.accept)
  if (view === 'table') checkInclude(r.query.get('includeObject'))
  if (served === auditRecords) {
    // The second line (rule A5): it tells of every project.
    if (api.scope !== undefined) throw noSuchPath()
    await ((r.query.get('continue') ?? '') === '' ? api.trail.told(asker, r, 200) : api.trail.paged(asker, r))
    return listRecords(api, api.store.audit!, r, view, response)
  }
  switch (r.verb) {
    case 'watch': refuseWebSocket(request); return watch(api, served, r, view, response, streams, turn, again)
    case 'get': return send(response, 200, r.subresource === 'scale' ? scaleOf(served, JSON.parse(await get(api, served, r, 'object')) as Mutable) : await get(api, served, r, view))
    case 'list': return list(api, served, r, view, request, response, turn)
    default: return write(api, served, r, asker, view, request, body, response)
  }
}

/** One of ours: it leaves a record, in the transaction of what it decided or of its own, before it is answered (rule S12). */
const answerCustom = async (call: Call, custom: Subresource, body: Mutable, response: ServerResponse): Promise<void> => {
  const { api, served, r } = call
  await api.cache.fresh()
  const row = api.cache.get(keyOf(call))
  if (row === undefined) throw notFound(served.kind, r.name)
  let isTold = false
  let note: string | undefined
  const decide = decider(call, row.uid)
  const answer = await custom({
    identity: call.identity, object: storedObject(row) as never, body, read: api.read, now: api.now(),
    decide: async (decision) => { const decided = await decide(decision); isTold = true; return decided },
    tell: async (text) => { await api.trail.told(call, r, 201, { note: text, uid: row.uid }); isTold = true },
    note: (text) => { note = text },
  })
  if (!isTold) await api.trail.told(call, r, 201, { note, uid: row.uid })
  send(response, 201, answer as object)
}

const partVerbs = new Set(['get', 'update', 'patch'])
const isServed = (served: Served, subresource: string): boolean =>
  subresource === '' || (subresource === 'status' && served.kind.status !== undefined) || (subresource === 'scale' && served.kind.scale !== undefined)

/** Cluster-scoped kinds have no namespace in their path; namespaced ones may be without for list and watch only. */
const checkPlace = ({ kind }: Served, r: RequestInfo): void => {
  if (!kind.namespaced && r.namespace !== '') throw noSuchPath()
  if (kind.namespaced && r.namespace === '' && r.verb !== 'list' && r.verb !== 'watch') throw noSuchPath()
  if (r.name === '' && (r.verb === 'update' || r.verb === 'patch')) throw badRequest('name must be provided')
}

const review = (api: Api, identity: Identity, r: RequestInfo, body: Buffer, contentType: string | undefined, response: ServerResponse): void => {
  const found = findReview(r.group, r.version, r.resource)
  if (found === undefined) throw noSuchPath()
  if (r.verb !== 'create' || r.name !== '') throw methodNotAllowed(r.method)
  send(response, 201, answerReview(api, identity, found, demandObject(parseBody(body, contentType))))
}

/** A list of so many objects is as dear as one request. */
const rowsOfARequest = 500
/** In pieces with back-pressure: a long list holds up nobody else (rule E5). */
const list = async (api: Api, served: Served, r: RequestInfo, view: View, request: IncomingMessage, response: ServerResponse, turn: Turn): Promise<void> => {
  const found = await page(api, served, r)
  turn.spend(found.rows.length / rowsOfARequest)
  const sink = sinkFor(request, response, found.rows.reduce((sum, row) => sum + row.body.length, 0))
  response.writeHead(200, { 'content-type': 'application/json', ...commonHeaders, ...sink.headers } as never)
  const out = sink.open()
  for (const text of listTexts(api, served, r, view, found)) {
    if (out.destroyed) return
    if (out.write(text)) continue
    try { turn.stream() } catch { out.destroy(); return }
    await drained(out, api.patience)
  }
  out.end()
  // What is left in the compressor has the time of any answer that is written.
  if (out !== response) awaitReader(response, api.patience)
}

/** fabric8 asks for a WebSocket first, and would wait for the end of a watch that answers without one; after 503 it asks again without. */
const refuseWebSocket = (request: IncomingMessage): void => {
  if (request.headers.upgrade?.toLowerCase() === 'websocket') throw unavailable('a watch is not served over WebSocket; ask again without Upgrade')
}

const warningsAtMost = 20
const write = async (api: Api, served: Served, r: RequestInfo, asker: Asker, view: View, request: IncomingMessage, body: Buffer, response: ServerResponse): Promise<void> => {
  const warnings = new Set<string>()
  const call = callOf(api, served, r, asker, request, body, (message) => { if (warnings.size < warningsAtMost) warnings.add(message) })
  const done = await run(call).finally(() => {
    // Also of what is refused.
    if (warnings.size > 0) response.setHeader('warning', [...warnings].map((w) => `299 - "${w.replaceAll(/["\\]/g, '\\$&').replaceAll(/[^\x20-\x7e]/g, '?')}"`))
  })
  const version = 'row' in done ? done.row.version : done.version
  send(response, done.code, answerOf(call, done, view), { ...(version !== undefined && { 'skerry-version': String(version) }) })
}

const callOf = (api: Api, served: Served, r: RequestInfo, { identity, source, userAgent, requestId }: Asker, request: IncomingMessage, body: Buffer, warn: Call['warn'] = () => {}): Call => ({
  api, served, r, identity: identity!, source, userAgent, contentType: request.headers['content-type'], body, fence: fenceOf(request), requestId, warn,
})

const run = (c: Call): Promise<Written> => {
  if (c.r.verb === 'patch') checkPatchOptions(c.r, isApply(c))
  if (c.r.subresource === 'scale') return writeScale(c)
  switch (c.r.verb) {
    case 'create': return create(c)
    case 'update': return update(c)
    case 'patch': return patch(c)
    case 'delete': return remove(c, deleteWish(c))
    case 'deletecollection': return removeAll(c)
    default: throw methodNotAllowed(c.r.method)
  }
}

/** What is served as it is stored is answered as the text that was stored. */
const answerOf = (c: Call, done: Written, view: View): object | string => {
  if ('row' in done && view === 'object') return textOf(c.served, done.row)
  const o = 'row' in done ? objectOf(c.served, done.row) : (done.object as Mutable)
  if (view === 'object' || o['kind'] !== c.served.kind.kind) return o
  if (view === 'metadata') return partialText(shownAs(o))
  return tableText(c.served.kind, [shownAs(o)], { resourceVersion: (o['metadata'] as Mutable)['resourceVersion'] as string }, c.api.now().getTime(), c.r.query.get('includeObject'))
}

const fenceOf = (request: IncomingMessage): Call['fence'] => {
  const text = request.headers['skerry-fence']
  if (text === undefined) return undefined
  const m = /^([^/]{1,100})\/(\d{1,15})$/.exec(String(text))
  if (m === null) throw badRequest('Skerry-Fence is SLOT/EPOCH')
  return { slot: m[1]!, epoch: Number(m[2]) }
}

const atOnce = 32
const removeAll = async (c: Call): Promise<Written> => {
  const wish = deleteWish(c)
  const selection = new URLSearchParams([...c.r.query].filter(([k]) => k === 'labelSelector' || k === 'fieldSelector'))
  const found = await page(c.api, c.served, { ...c.r, query: selection })
  for (let i = 0; i < found.rows.length; i += atOnce)
    await Promise.all(found.rows.slice(i, i + atOnce).map(async (row) => {
      try {
        // The uid of what was listed: a new one of that name was not asked for.
        await remove({ ...c, r: { ...c.r, namespace: row.namespace } }, { ...wish, uid: row.uid }, row.name)
      } catch (error) {
        const status = apiStatusOf(error)
        if (status?.code !== 404 && !(status?.code === 409 && status.reason === 'Conflict')) throw error
      }
    }))
  return { code: 200, object: { kind: `${c.served.kind.kind}List`, apiVersion: c.served.apiVersion, metadata: { resourceVersion: String(found.version) }, items: found.rows.map((row) => objectOf(c.served, row)) } }
}
