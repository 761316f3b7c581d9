/** Get and list: from the cache, fresh when asked without a version (rule S5), in pages of one snapshot. */
import type { Row } from '../store/store.ts'
import type { Api } from './api.ts'
import { isTooLarge } from '../store/errors.ts'
import { objectOf, textOf } from './objects.ts'
import type { RequestInfo } from './request.ts'
import { parseFieldSelector, parseLabelSelector } from './selectors.ts'
import type { Served } from './served.ts'
import { badRequest, gone, notFound, timeout } from './status.ts'
import { partialMetadata, rowOf, tableOf, type View } from './table.ts'

const futureMs = 3_000

/** Waits until the cache may answer for the version that was asked for. */
export const awaitVersion = async (api: Api, resourceVersion: string | null): Promise<void> => {
  if (resourceVersion === null || resourceVersion === '') { await api.cache.fresh(); return }
  if (!/^\d{1,15}$/.test(resourceVersion)) throw badRequest(`resourceVersion: Invalid value: "${resourceVersion.slice(0, 40)}": must be a plain decimal integer`)
  const wanted = Number(resourceVersion)
  if (wanted <= api.cache.version) return
  try {
    await api.cache.waitFor(wanted, futureMs)
  } catch (error) {
    if (!isTooLarge(error)) throw error
    throw timeout(`Too large resource version: ${wanted}, current: ${api.cache.version}`, [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }])
  }
}

export interface Selection {
  readonly wants: (row: Row) => boolean
  /** Only this one. */
  readonly name: string | undefined
}
export const selectionOf = (served: Served, r: RequestInfo): Selection => {
  const labels = parseLabelSelector(r.query.get('labelSelector') ?? undefined)
  const fields = parseFieldSelector(r.query.get('fieldSelector') ?? undefined, served.kind.selectableFields ?? [])
  const test = fields?.test
  return {
    name: fields?.name,
    wants: (row) => (labels === undefined || labels(row.labels)) && (fields === undefined
      || ((fields.name === undefined || fields.name === row.name) && (fields.namespace === undefined || fields.namespace === row.namespace) && (test === undefined || test(objectOf(served, row))))),
  }
}

export const get = async (api: Api, served: Served, r: RequestInfo, view: View): Promise<string> => {
  await awaitVersion(api, r.query.get('resourceVersion'))
  const row = api.cache.get({ resource: served.resource, namespace: served.kind.namespaced ? r.namespace : '', name: r.name })
  if (row === undefined) throw notFound(served.kind, r.name)
  switch (view) {
    case 'object': return textOf(served, row)
    case 'metadata': return JSON.stringify(partialMetadata(objectOf(served, row)))
    case 'table': return JSON.stringify(tableOf(served.kind, [objectOf(served, row)], { resourceVersion: String(row.version) }, api.now().getTime(), r.query.get('includeObject')))
  }
}

/** Snapshots that continue tokens lead into: rows never change, so one costs an array. */
interface Snapshot { readonly version: number; readonly rows: readonly Row[]; readonly until: number }
const snapshots = new WeakMap<Api, Map<string, Snapshot>>()
const keepMs = 300_000
const keepMost = 64

const keep = (api: Api, id: string, s: Snapshot): void => {
  const mine = snapshots.get(api) ?? new Map<string, Snapshot>()
  snapshots.set(api, mine)
  mine.delete(id)
  mine.set(id, s)
  for (const [k, v] of mine) if (v.until < performance.now() || mine.size > keepMost) mine.delete(k)
}

export interface Page { readonly rows: readonly Row[]; readonly version: number; readonly token: string | undefined; readonly remaining: number | undefined }

export const page = async (api: Api, served: Served, r: RequestInfo): Promise<Page> => {
  const { wants, name } = selectionOf(served, r)
  const limitText = r.query.get('limit')
  const limit = limitText === null || limitText === '' ? 0 : Number(limitText)
  if (!Number.isInteger(limit) || limit < 0) throw badRequest(`limit: Invalid value: "${limitText ?? ''}"`)
  const token = r.query.get('continue')
  const namespace = served.kind.namespaced && r.namespace !== '' ? r.namespace : undefined
  let version: number
  let rows: readonly Row[]
  let offset = 0
  if (token !== null && token !== '') {
    const [id, at] = Buffer.from(token, 'base64url').toString().split('@')
    const s = id === undefined ? undefined : snapshots.get(api)?.get(id)
    if (s === undefined || !/^\d+$/.test(at ?? '')) throw gone('The provided continue parameter is too old to display a consistent list result. You must start a new list without the continue parameter.')
    version = s.version
    rows = s.rows
    offset = Number(at)
    if (limit > 0 && offset + limit < rows.length) return { rows: rows.slice(offset, offset + limit), version, token: Buffer.from(`${id!}@${offset + limit}`).toString('base64url'), remaining: rows.length - offset - limit }
    return { rows: rows.slice(offset), version, token: undefined, remaining: undefined }
  }
  await awaitVersion(api, r.query.get('resourceVersion'))
  version = api.cache.version
  const one = name !== undefined && (namespace !== undefined || !served.kind.namespaced) ? api.cache.get({ resource: served.resource, namespace: namespace ?? '', name }) : undefined
  rows = (one !== undefined ? [one] : api.cache.list(served.resource, namespace)).filter(wants)
  if (limit === 0 || rows.length <= limit) return { rows, version, token: undefined, remaining: undefined }
  const id = `${served.resource}/${namespace ?? ''}/${version}/${r.query.get('labelSelector') ?? ''}/${r.query.get('fieldSelector') ?? ''}`.replaceAll('@', '%')
  keep(api, id, { version, rows, until: performance.now() + keepMs })
  return { rows: rows.slice(0, limit), version, token: Buffer.from(`${id}@${limit}`).toString('base64url'), remaining: r.query.get('labelSelector') === null && r.query.get('fieldSelector') === null ? rows.length - limit : undefined }
}

const chunk = 500
/** The list as text in pieces, so that a long one is written with back-pressure and the event loop breathes (rule E5). */
export const listTexts = function* (api: Api, served: Served, r: RequestInfo, view: View, p: Page): Generator<string> {
  const meta = { resourceVersion: String(p.version), ...(p.token !== undefined && { continue: p.token }), ...(p.remaining !== undefined && { remainingItemCount: p.remaining }) }
  const include = r.query.get('includeObject')
  const now = api.now().getTime()
  const item = (row: Row): string => (view === 'object' ? textOf(served, row) : JSON.stringify(view === 'table' ? rowOf(served.kind, objectOf(served, row), now, include) : partialMetadata(objectOf(served, row))))
  const head = view === 'table' ? JSON.stringify(tableOf(served.kind, [], meta, now, include)).slice(0, -2)
    : `{"kind":"${view === 'metadata' ? 'PartialObjectMetadataList' : `${served.kind.kind}List`}","apiVersion":"${view === 'metadata' ? 'meta.k8s.io/v1' : served.apiVersion}","metadata":${JSON.stringify(meta)},"items":[`
  let text = head
  for (const [i, row] of p.rows.entries()) {
    text += (i === 0 ? '' : ',') + item(row)
    if (i % chunk === chunk - 1) { yield text; text = '' }
  }
  yield `${text}]}`
}
