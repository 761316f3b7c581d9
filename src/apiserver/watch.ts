/** Watches: every change once and in order, bookmarks, initial events; a reader that does not read is dropped (rules S4, A1, E5). */
import type { ServerResponse } from 'node:http'
import type { Writable } from 'node:stream'
import type { Watch } from '../store/cache.ts'
import { isExpired } from '../store/errors.ts'
import type { Change, Row } from '../store/store.ts'
import type { Api } from './api.ts'
import type { Turn } from './flow-control.ts'
import { shownOf, textOf } from './objects.ts'
import { awaitVersion, selectionOf } from './read.ts'
import { isTrue, type RequestInfo } from './request.ts'
import { commonHeaders, drained, sinkOf } from './respond.ts'
import type { Served } from './served.ts'
import { apiStatusOf, badRequest, gone, internal, type ApiError } from './status.ts'
import { partialText, tableText, type View } from './table.ts'

type Type = 'ADDED' | 'MODIFIED' | 'DELETED'
/** What a reader gets, apart from the selector. Readers of one format share it, and so the bytes of an event. */
interface Format {
  readonly served: Served
  readonly view: View
  readonly include: string | null
  /** The bytes of this turn's events (rule E5). Kept for as long as the change, they weighed as much as the ring. */
  readonly events: Readonly<Record<Type, Map<Change, Buffer>>>
}
const formats = new WeakMap<Served, Map<string, Format>>()
const formatOf = (served: Served, view: View, include: string | null): Format => {
  const of = formats.get(served) ?? new Map<string, Format>()
  formats.set(served, of)
  const id = `${view} ${include ?? ''}`
  const format = of.get(id) ?? { served, view, include, events: { ADDED: new Map(), MODIFIED: new Map(), DELETED: new Map() } }
  of.set(id, format)
  return format
}

/** Open watches, so that the server can end them, and ask again whether they may go on. */
export type Streams = Set<{ end(): void; reauthorize(): void }>

const lineOf = (api: Api, f: Format, type: Type, row: Row, version: number, withColumns: boolean): string => {
  const object = f.view === 'object' ? textOf(f.served, row, version)
    : f.view === 'metadata' ? partialText(shownOf(f.served, row, version))
      : tableText(f.served.kind, [shownOf(f.served, row, version)], { resourceVersion: String(version) }, api.now().getTime(), f.include, withColumns)
  return `{"type":"${type}","object":${object}}\n`
}

/** Made once for all who are told of it in this turn. */
const eventOf = (api: Api, f: Format, type: Type, row: Row, c: Change): Buffer => {
  const events = f.events[type]
  const made = events.get(c)
  if (made !== undefined) return made
  if (events.size === 0) setImmediate(() => { events.clear() })
  const bytes = Buffer.from(lineOf(api, f, type, row, c.version, false))
  events.set(c, bytes)
  return bytes
}

const bookmarkOf = ({ served, view }: Format, version: number, isInitialEnd: boolean): string => {
  const metadata = { resourceVersion: String(version), ...(isInitialEnd && { annotations: { 'k8s.io/initial-events-end': 'true' } }) }
  const object = view === 'metadata' ? { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata }
    : view === 'table' ? { kind: 'Table', apiVersion: 'meta.k8s.io/v1', metadata: { resourceVersion: String(version) }, columnDefinitions: null, rows: [{ cells: [], object: { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata } }] }
      : { kind: served.kind.kind, apiVersion: served.apiVersion, metadata }
  return `${JSON.stringify({ type: 'BOOKMARK', object })}\n`
}

/** What a change is to somebody who sees only what the selector wants (rule S4): entering is ADDED, leaving is DELETED. */
const seenAs = (wants: (row: Row) => boolean, c: Change): { readonly type: Type; readonly row: Row } | undefined => {
  const before = c.before !== undefined && wants(c.before)
  if (c.after !== undefined && wants(c.after)) return { type: before ? 'MODIFIED' : 'ADDED', row: c.after }
  return before ? { type: 'DELETED', row: c.before! } : undefined
}

interface Plan {
  readonly namespace: string | undefined
  readonly wants: (row: Row) => boolean
  /** Begins with what is there. */
  readonly fromStart: boolean
  /** An annotated bookmark ends what was there. */
  readonly marksEnd: boolean
  /** Changes after this one; undefined: after now. */
  readonly after: number | undefined
  readonly bookmarks: boolean
  readonly timeoutMs: number
}

const planOf = (api: Api, served: Served, r: RequestInfo): Plan => {
  const { query } = r
  const version = query.get('resourceVersion') ?? ''
  const initial = query.get('sendInitialEvents')
  const wantsInitial = initial === null ? undefined : isTrue(initial)
  if (!['', '0', null].includes(query.get('limit'))) throw badRequest('limit is not supported by a watch')
  const seconds = Number(query.get('timeoutSeconds') ?? 0)
  if (!Number.isInteger(seconds) || seconds < 0) throw badRequest('timeoutSeconds: Invalid value: must be a whole number of seconds')
  // 30 to 60 min at random, so that readers do not all come back at once.
  const limitMs = (1800 + api.random() * 1800) * 1000
  const bookmarks = isTrue(query.get('allowWatchBookmarks'))
  const isUnset = version === '' || version === '0'
  return {
    namespace: served.kind.namespaced && r.namespace !== '' ? r.namespace : undefined, wants: selectionOf(served, r).wants, bookmarks,
    fromStart: wantsInitial ?? isUnset, marksEnd: wantsInitial === true && bookmarks, after: isUnset || wantsInitial === true ? undefined : Number(version),
    timeoutMs: seconds > 0 ? Math.min(seconds * 1000, limitMs) : limitMs,
  }
}

/** Why a watch may not go on (rule A4); undefined: it may. */
export type Again = () => Promise<ApiError | undefined>

/** Answers the request until the client, the time or the server ends it. */
export const watch = async (api: Api, served: Served, r: RequestInfo, view: View, response: ServerResponse, streams: Streams, turn: Turn, again: Again): Promise<void> => {
  const plan = planOf(api, served, r)
  await awaitVersion(api, r.query.get('resourceVersion'))
  if (response.destroyed) return
  turn.stream()
  response.writeHead(200, { 'content-type': 'application/json', ...commonHeaders } as never)
  response.flushHeaders()
  await new WatchStream(api, formatOf(served, view, r.query.get('includeObject')), plan, response, streams, again).run()
}

const anotherScope = (version: number): ApiError => gone(`what you may see changed after version ${version}: list again`)

/** Lives as long as the response. It begins to watch when what was there has been read: until then what comes waits in the ring and the log. */
class WatchStream {
  readonly #api: Api
  readonly #format: Format
  readonly #plan: Plan
  readonly #response: ServerResponse
  readonly #sink: Writable
  readonly #streams: Streams
  readonly #again: Again
  readonly #timers: NodeJS.Timeout[] = []
  /** The version from which the reader knows everything. */
  #from = 0
  #handle: Watch | undefined
  #isOpen = true
  /** In the middle of what its version does not cover: no bookmark now. */
  #isBetween = false
  #hasColumns = false

  constructor(api: Api, format: Format, plan: Plan, response: ServerResponse, streams: Streams, again: Again) {
    this.#api = api
    this.#format = format
    this.#plan = plan
    this.#response = response
    this.#sink = sinkOf(response)
    this.#streams = streams
    this.#again = again
  }

  async run(): Promise<void> {
    const { cache } = this.#api
    const { namespace, fromStart, after, wants } = this.#plan
    this.#streams.add(this)
    this.#response.on('close', () => this.end())
    this.#response.on('error', () => this.end())
    this.#timers.push(setTimeout(() => this.end(), this.#plan.timeoutMs))
    // No await between the two: what is there, and where what comes begins.
    const version = after ?? cache.version
    this.#from = version
    const rows = fromStart ? cache.list(this.#format.served.resource, namespace).filter(wants) : []
    // Between the list and this watch its reader may have been let into another project, or out of one.
    if (this.#isOfAnotherScope()) return this.#fail(anotherScope(version))
    this.#reauthorizeLater()
    await this.#sendInPace(rows, (row) => Buffer.from(lineOf(this.#api, this.#format, 'ADDED', row, row.version, this.#takesColumns())))
    if (this.#plan.marksEnd) this.#send(bookmarkOf(this.#format, version, true))
    if (!this.#isOpen) return
    this.#handle = cache.watch(this.#format.served.resource, namespace, version, (changes, _, isLive) => this.#onChanges(changes, isLive), (error) => this.#onEnd(error, version))
    if (this.#plan.bookmarks) this.#bookmark(this.#api.bookmarkMs * (0.5 + this.#api.random() / 2))
  }

  /** With a last bookmark, from which the client resumes. */
  end(): void {
    if (!this.#isOpen) return
    if (this.#plan.bookmarks) this.#sendBookmark()
    this.#close()
    this.#response.end()
  }

  /** Does not wait. A question that fails is asked again later: rights that end are in the cache, which needs no database. */
  reauthorize(): void {
    if (this.#isOfAnotherScope()) return this.#fail(anotherScope(this.#from))
    this.#again().then((refusal) => { if (refusal !== undefined) this.#fail(refusal) }, (err: unknown) => this.#api.log.warn({ err }, 'a watch could not be authorised again'))
  }

  #reauthorizeLater(): void {
    this.#timers[2] = setTimeout(() => {
      this.reauthorize()
      if (this.#isOpen) this.#reauthorizeLater()
    }, this.#api.reauthorizeMs * (0.75 + this.#api.random() / 4))
  }

  /** What spans several namespaces shows those that its reader may see; when they become others only a new list tells. */
  #isOfAnotherScope(): boolean {
    const { scope } = this.#api
    return scope !== undefined && this.#plan.namespace === undefined && scope.since > this.#from
  }

  #close(): void {
    this.#isOpen = false
    this.#handle?.stop()
    for (const t of this.#timers) clearTimeout(t)
    this.#streams.delete(this)
  }

  /** No faster than it is read: what is there, and what came before the watch is live, may be more than a slow reader's limit. */
  async #sendInPace<T>(items: readonly T[], toBytes: (item: T) => Buffer | undefined): Promise<void> {
    let parts: Buffer[] = []
    let size = 0
    const flush = async (): Promise<void> => {
      if (this.#isOpen && !this.#sink.write(Buffer.concat(parts))) await drained(this.#sink, this.#api.patience)
      parts = []
      size = 0
    }
    this.#isBetween = true
    for (const item of items) {
      const bytes = toBytes(item)
      if (bytes === undefined) continue
      parts.push(bytes)
      size += bytes.length
      if (size >= 1 << 16) await flush()
      if (!this.#isOpen) return
    }
    if (size > 0) await flush()
    this.#isBetween = false
  }

  #onChanges(changes: readonly Change[], isLive: boolean): void | Promise<void> {
    if (!this.#isOpen) return
    if (!isLive) return this.#sendInPace(changes, (c) => this.#lineOfChange(c))
    const parts: Buffer[] = []
    for (const c of changes) {
      const line = this.#lineOfChange(c)
      if (line !== undefined) parts.push(line)
    }
    if (parts.length > 0) this.#send(parts.length === 1 ? parts[0]! : Buffer.concat(parts))
  }

  #lineOfChange(c: Change): Buffer | undefined {
    const seen = seenAs(this.#plan.wants, c)
    if (seen === undefined) return undefined
    return this.#takesColumns() ? Buffer.from(lineOf(this.#api, this.#format, seen.type, seen.row, c.version, true)) : eventOf(this.#api, this.#format, seen.type, seen.row, c)
  }

  /** The first Table of a stream defines the columns. */
  #takesColumns(): boolean {
    if (this.#format.view !== 'table' || this.#hasColumns) return false
    this.#hasColumns = true
    return true
  }

  #onEnd(error: unknown, version: number): void {
    this.#fail(isExpired(error) ? gone(`too old resource version: ${version}`) : internal('the watch was ended'))
  }

  #fail(error: ApiError): void {
    this.#send(`${JSON.stringify({ type: 'ERROR', object: apiStatusOf(error) })}\n`)
    if (!this.#isOpen) return
    this.#close()
    this.#response.end()
  }

  #bookmark(afterMs: number): void {
    if (!this.#isOpen) return
    this.#timers[1] = setTimeout(() => {
      this.#sendBookmark()
      this.#bookmark(this.#api.bookmarkMs)
    }, afterMs)
  }

  #sendBookmark(): void {
    if (this.#handle !== undefined && !this.#isBetween && !this.#response.destroyed) this.#send(bookmarkOf(this.#format, this.#handle.version, false))
  }

  #send(data: string | Buffer): void {
    if (!this.#isOpen) return
    this.#sink.write(data)
    const bytes = this.#sink.writableLength
    if (bytes <= this.#api.slowWatcherBytes) return
    this.#api.log.warn({ resource: this.#format.served.resource, bytes }, 'slow watcher dropped')
    this.#close()
    this.#response.destroy()
  }
}
