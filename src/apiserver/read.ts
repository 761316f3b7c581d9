/** Get and list: from the cache, fresh when asked without a version (rule S5), in pages of one snapshot. */
import type { Row } from '../store/store.ts'
import type { Api } from './api.ts'
import { objectOf, textOf } from './objects.ts'
import type { RequestInfo } from './request.ts'
import { parseFieldSelector, parseLabelSelector } from './selectors.ts'
import type { Served } from './served.ts'
import { badRequest, gone, notFound } from './status.ts'
import { partialMetadata, rowOf, tableOf, type View } from './table.ts'
import type { Mutable } from './values.ts'

const futureMs = 3_000

/** Waits until the cache may answer for the version that was asked for (rule S5). */
export const awaitVersion = async (api: Api, resourceVersion: string | null): Promise<void> => {
  if (resourceVersion === null || resourceVersion === '') { await api.cache.fresh(); return }
  if (!/^\d{1,15}$/.test(resourceVersion)) throw badRequest(`resourceVersion: Invalid value: "${resourceVersion.slice(0, 40)}": must be a plain decimal integer`)
  const wanted = Number(resourceVersion)
  if (wanted <= api.cache.version) return
  await api.cache.waitFor(wanted, futureMs)
}

export interface Selection {
  readonly wants: (row: Row) => boolean
  /** Only this one. */
  readonly name: string | undefined
}
/** A view may have labels that are not stored. */
const labelsOf = (served: Served, row: Row): Readonly<Record<string, string>> =>
  served.view === undefined ? row.labels : (((objectOf(served, row)['metadata'] as Mutable)['labels'] ?? {}) as Readonly<Record<string, string>>)

export const selectionOf = (served: Served, r: RequestInfo): Selection => {
  const labels = parseLabelSelector(r.query.get('labelSelector') ?? undefined)
  const fields = parseFieldSelector(r.query.get('fieldSelector') ?? undefined, served.kind.selectableFields ?? [])
  const passes = (row: Row): boolean => {
    if (fields === undefined) return true
    if ((fields.name !== undefined && fields.name !== row.name) || (fields.namespace !== undefined && fields.namespace !== row.namespace)) return false
    if (fields.test === undefined) return true
    return (served.view !== undefined || fields.needles.every((text) => row.body.includes(text))) && fields.test(objectOf(served, row))
  }
  return { name: fields?.name, wants: (row) => (labels === undefined || labels(labelsOf(served, row))) && passes(row) }
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
const keepAtMost = 64

const keep = (api: Api, id: string, s: Snapshot): void => {
  const mine = snapshots.get(api) ?? new Map<string, Snapshot>()
  snapshots.set(api, mine)
  mine.delete(id)
  mine.set(id, s)
  for (const [k, v] of mine) if (v.until < performance.now() || mine.size > keepAtMost) mine.delete(k)
}

export interface Page { readonly rows: readonly Row[]; readonly version: number; readonly token: string | undefined; readonly remaining: number | undefined }

const tokenOf = (version: number, offset: number): string => Buffer.from(`${version}@${offset}`).toString('base64url')

export const page = async (api: Api, served: Served, r: RequestInfo): Promise<Page> => {
  const { query } = r
  const { wants, name } = selectionOf(served, r)
  const limitText = query.get('limit') ?? ''
  // Less than none is none.
  const limit = Math.max(0, Number(limitText))
  if (!Number.isInteger(limit)) throw badRequest(`limit: Invalid value: "${limitText.slice(0, 40)}": must be a whole number`)
  const namespace = served.kind.namespaced && r.namespace !== '' ? r.namespace : undefined
  const selector = `${query.get('labelSelector') ?? ''}&${query.get('fieldSelector') ?? ''}`
  // A token says only where in a snapshot: which one follows from the request, which was authorised.
  const idAt = (version: number): string => `${version} ${served.resource} ${namespace ?? ''} ${selector}`
  const cut = (rows: readonly Row[], version: number, offset: number): Page => {
    const end = limit === 0 ? rows.length : offset + limit
    if (end >= rows.length) return { rows: offset === 0 ? rows : rows.slice(offset), version, token: undefined, remaining: undefined }
    keep(api, idAt(version), { version, rows, until: performance.now() + keepMs })
    return { rows: rows.slice(offset, end), version, token: tokenOf(version, end), remaining: selector === '&' ? rows.length - end : undefined }
  }
  const token = query.get('continue') ?? ''
  if (token !== '') {
    if (!['', '0', null].includes(query.get('resourceVersion'))) throw badRequest('resourceVersion: Forbidden: specifying resource version is not allowed when using continue')
    const [version, offset] = Buffer.from(token, 'base64url').toString().split('@').map(Number)
    if (!Number.isSafeInteger(version) || !Number.isSafeInteger(offset) || offset! < 0) throw badRequest('continue key is not valid')
    const kept = snapshots.get(api)?.get(idAt(version!))
    if (kept === undefined) throw gone('The provided continue parameter is too old to display a consistent list result. You must start a new list without the continue parameter.')
    return cut(kept.rows, kept.version, offset!)
  }
  await awaitList(api, query)
  const { version } = api.cache
  const one = name !== undefined && (namespace !== undefined || !served.kind.namespaced)
  const candidates = one ? [api.cache.get({ resource: served.resource, namespace: namespace ?? '', name })].filter((row) => row !== undefined) : api.cache.list(served.resource, namespace)
  return cut(candidates.filter(wants), version, 0)
}

/** Only the present can be listed: an exact version is served when it is the present one. */
const awaitList = async (api: Api, query: URLSearchParams): Promise<void> => {
  const version = query.get('resourceVersion') ?? ''
  await awaitVersion(api, version)
  if (query.get('resourceVersionMatch') === 'Exact' && Number(version) !== api.cache.version) throw gone(`version ${version} is not the present one any more`)
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
