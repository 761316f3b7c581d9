/** Watches: every change once and in order, bookmarks, initial events; a reader that does not read is dropped (rules S4, A1, E5). */
import type { ServerResponse } from 'node:http'
import type { Change, Row } from '../store/store.ts'
import type { Watch } from '../store/watchers.ts'
import { isExpired } from '../store/errors.ts'
import type { Api } from './api.ts'
import { objectOf, textOf } from './objects.ts'
import { awaitVersion, selectionOf } from './read.ts'
import { isTrue, type RequestInfo } from './request.ts'
import type { Served } from './served.ts'
import { badRequest, gone, apiStatusOf, internal } from './status.ts'
import { partialMetadata, tableOf, type View } from './table.ts'
import type { Mutable } from './values.ts'

type Type = 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR'

/** An event is serialised once for each kind and view; watchers of one change share the line. */
const lines = new WeakMap<Row, Map<string, string>>()
const lineOf = (api: Api, served: Served, view: View, include: string | null, type: Type, row: Row, version: number, first: boolean): string => {
  const id = `${type}/${served.apiVersion}/${view}/${include ?? ''}/${version}/${first}`
  const have = lines.get(row)?.get(id)
  if (have !== undefined) return have
  let text: string
  if (view === 'object') text = textOf(served, row, version)
  else {
    const o = objectOf(served, row)
    const at = { ...o, metadata: { ...(o['metadata'] as Mutable), resourceVersion: String(version) } }
    text = JSON.stringify(view === 'metadata' ? partialMetadata(at) : tableOf(served.kind, [at], { resourceVersion: String(version) }, api.now().getTime(), include, first))
  }
  const line = `{"type":"${type}","object":${text}}\n`
  const kept = lines.get(row) ?? new Map<string, string>()
  // A table shows ages: it is not kept.
  if (view !== 'table') kept.set(id, line)
  lines.set(row, kept)
  return line
}

const bookmark = (served: Served, view: View, version: number, isInitialEnd: boolean): string => {
  const metadata = { resourceVersion: String(version), creationTimestamp: null, ...(isInitialEnd && { annotations: { 'k8s.io/initial-events-end': 'true' } }) }
  const object = view === 'metadata' ? { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata } : view === 'table' ? { kind: 'Table', apiVersion: 'meta.k8s.io/v1', metadata, columnDefinitions: [], rows: [] } : { kind: served.kind.kind, apiVersion: served.apiVersion, metadata }
  return `${JSON.stringify({ type: 'BOOKMARK', object })}\n`
}

export interface Stream { end(): void }

/** What a change is to somebody who sees only what the selector wants. */
const seenAs = (wants: (row: Row) => boolean, c: Change): { readonly type: Type; readonly row: Row } | undefined => {
  const before = c.before !== undefined && wants(c.before)
  const after = c.after !== undefined && wants(c.after)
  if (after) return { type: before ? 'MODIFIED' : 'ADDED', row: c.after! }
  return before ? { type: 'DELETED', row: c.before! } : undefined
}

/** Answers the request until the client, the time or the server ends it. `streams` lets the server end all of them. */
export const watch = async (api: Api, served: Served, r: RequestInfo, view: View, response: ServerResponse, streams: Set<Stream>): Promise<void> => {
  const { wants } = selectionOf(served, r)
  const resourceVersion = r.query.get('resourceVersion')
  const initial = r.query.get('sendInitialEvents')
  const wantsInitial = initial === null ? undefined : isTrue(initial)
  const match = r.query.get('resourceVersionMatch')
  if (wantsInitial !== undefined && match !== 'NotOlderThan') throw badRequest('sendInitialEvents requires setting resourceVersionMatch to NotOlderThan')
  if (wantsInitial === undefined && match !== null && match !== '') throw badRequest('resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided')
  const bookmarks = isTrue(r.query.get('allowWatchBookmarks') ?? 'false')
  const include = r.query.get('includeObject')
  const namespace = served.kind.namespaced && r.namespace !== '' ? r.namespace : undefined
  const asked = Number(r.query.get('timeoutSeconds') ?? 0)
  const limit = (1800 + api.random() * 1800) * 1000
  const timeoutMs = asked > 0 ? Math.min(asked * 1000, limit) : limit

  await awaitVersion(api, resourceVersion)
  const fromStart = wantsInitial ?? (resourceVersion === null || resourceVersion === '' || resourceVersion === '0')
  response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-cache, private' })

  let open = true
  let first = true
  let handle: Watch | undefined
  const timers: NodeJS.Timeout[] = []
  const end = (): void => {
    if (!open) return
    open = false
    handle?.stop()
    for (const t of timers) clearTimeout(t)
    streams.delete(stream)
    response.end()
  }
  const stream: Stream = { end }
  const send = (text: string): void => {
    if (!open) return
    response.write(text)
    if (response.writableLength > api.slowWatcherBytes) {
      api.log.warn({ resource: served.resource, bytes: response.writableLength }, 'slow watcher dropped')
      open = false
      handle?.stop()
      for (const t of timers) clearTimeout(t)
      streams.delete(stream)
      response.destroy()
    }
  }
  const event = (type: Type, row: Row, version: number): string => { const line = lineOf(api, served, view, include, type, row, version, first); first = false; return line }

  // No await between the list and the watch: no gap.
  const version = fromStart ? api.cache.version : Number(resourceVersion)
  let batch = ''
  if (fromStart) for (const row of api.cache.list(served.resource, namespace)) {
    if (wants(row)) batch += event('ADDED', row, row.version)
    if (batch.length > 1 << 18) { send(batch); batch = '' }
  }
  if (wantsInitial === true && bookmarks) batch += bookmark(served, view, version, true)
  if (batch === '') response.flushHeaders()
  else send(batch)
  handle = api.cache.watch(served.resource, namespace, version, (changes) => {
    let text = ''
    for (const c of changes) {
      const seen = seenAs(wants, c)
      if (seen !== undefined) text += event(seen.type, seen.row, c.version)
    }
    if (text !== '') send(text)
  }, (error) => {
    const status = apiStatusOf(isExpired(error) ? gone(`too old resource version: ${version}`) : internal('the watch was ended'))
    send(`${JSON.stringify({ type: 'ERROR', object: status })}\n`)
    end()
  })
  streams.add(stream)
  response.on('close', end)
  response.on('error', end)
  timers.push(setTimeout(end, timeoutMs))
  if (bookmarks) {
    const tick = (): void => { send(bookmark(served, view, handle!.version, false)); timers[1] = setTimeout(tick, api.bookmarkMs) }
    timers[1] = setTimeout(tick, api.bookmarkMs * (0.5 + api.random() / 2))
  }
  if (!open) for (const t of timers) clearTimeout(t)
}
