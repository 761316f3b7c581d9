/** Get and list: from the cache, fresh when asked without a version (rule S5), in pages of one snapshot. */
import { isExpired } from '../store/errors.ts'
import type { Row } from '../store/store.ts'
import type { Api } from './api.ts'
import { objectOf, shownOf, textOf } from './objects.ts'
import { firstBehind, positionIn, tokenOf } from './pages.ts'
import type { RequestInfo } from './request.ts'
import { parseFieldSelector, parseLabelSelector } from './selectors.ts'
import type { Served } from './served.ts'
import { badRequest, gone, notFound } from './status.ts'
import { partialText, rowText, tableText, type View } from './table.ts'
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

const everything = (): boolean => true
export const selectionOf = (served: Served, r: RequestInfo): Selection => {
  const labels = parseLabelSelector(r.query.get('labelSelector') ?? undefined)
  const fields = parseFieldSelector(r.query.get('fieldSelector') ?? undefined, served.kind.selectableFields ?? [])
  if (labels === undefined && fields === undefined) return { name: undefined, wants: everything }
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
    case 'metadata': return partialText(shownOf(served, row))
    case 'table': return tableText(served.kind, [shownOf(served, row)], { resourceVersion: String(row.version) }, api.now().getTime(), r.query.get('includeObject'))
  }
}

export interface Page { readonly rows: readonly Row[]; readonly version: number; readonly token: string | undefined; readonly remaining: number | undefined }

/** The rows that are listed from, in order, the version they are of, and where the page begins. */
interface Source { readonly rows: readonly Row[]; readonly version: number; readonly from: number }

export const page = async (api: Api, served: Served, r: RequestInfo): Promise<Page> => {
  const { query } = r
  const { wants, name } = selectionOf(served, r)
  const limitText = query.get('limit') ?? ''
  // Less than none is none.
  const limit = Math.max(0, Number(limitText))
  if (!/^-?\d{0,15}$/.test(limitText)) throw badRequest(`limit: Invalid value: "${limitText.slice(0, 40)}": must be a whole number`)
  const namespace = served.kind.namespaced && r.namespace !== '' ? r.namespace : undefined
  const selector = `${query.get('labelSelector') ?? ''}&${query.get('fieldSelector') ?? ''}`
  const list = `${served.resource} ${namespace ?? ''} ${selector}`
  const token = query.get('continue') ?? ''
  const { rows, version, from } = token !== '' ? await continued(api, served, namespace, list, token, query)
    : await begun(api, served, namespace, query, limit, name !== undefined && (namespace !== undefined || !served.kind.namespaced) ? name : undefined)
  if (limit === 0) return { rows: rows.slice(from).filter(wants), version, token: undefined, remaining: undefined }
  const chosen: Row[] = []
  let at = from
  // One further than the page: whether there is more must be known.
  for (; at < rows.length; at++) {
    if (!wants(rows[at]!)) continue
    if (chosen.length === limit) break
    chosen.push(rows[at]!)
  }
  if (at === rows.length) return { rows: chosen, version, token: undefined, remaining: undefined }
  return { rows: chosen, version, token: await tokenOf(api.store, list, { version, after: chosen.at(-1)! }), remaining: selector === '&' ? rows.length - at : undefined }
}

/** `name`: only that one is looked at. */
const begun = async (api: Api, served: Served, namespace: string | undefined, query: URLSearchParams, limit: number, name: string | undefined): Promise<Source> => {
  const exact = await awaitList(api, query, limit)
  if (exact !== undefined) return { rows: await rowsAt(api, served, namespace, exact, () => gone(`version ${exact} is compacted`)), version: exact, from: 0 }
  // No await between the rows and their version.
  const rows = name === undefined ? api.cache.list(served.resource, namespace) : [api.cache.get({ resource: served.resource, namespace: namespace ?? '', name }) ?? []].flat()
  return { rows, version: api.cache.version, from: 0 }
}

const continued = async (api: Api, served: Served, namespace: string | undefined, list: string, token: string, query: URLSearchParams): Promise<Source> => {
  if (!['', '0', null].includes(query.get('resourceVersion'))) throw badRequest('resourceVersion: Forbidden: specifying resource version is not allowed when using continue')
  const { version, after } = await positionIn(api.store, list, token)
  if (version === undefined) {
    await api.cache.fresh()
    const rows = api.cache.list(served.resource, namespace)
    return { rows, version: api.cache.version, from: firstBehind(rows, after) }
  }
  const anyhow = await tokenOf(api.store, list, { version: undefined, after })
  const rows = await rowsAt(api, served, namespace, version, () => gone(
    'the list that the continue token belongs to is compacted: list again from the start, or go on with the token in this answer, which continues with the present objects and is not consistent with the pages before', anyhow))
  return { rows, version, from: firstBehind(rows, after) }
}

const rowsAt = async (api: Api, served: Served, namespace: string | undefined, version: number, compacted: () => Error): Promise<readonly Row[]> => {
  try {
    return await api.cache.listAt(version, served.resource, namespace)
  } catch (error) {
    throw isExpired(error) ? compacted() : error
  }
}

/** Until the list may be answered. Returns the version it must be of; undefined: the present one. */
const awaitList = async (api: Api, query: URLSearchParams, limit: number): Promise<number | undefined> => {
  const version = query.get('resourceVersion') ?? ''
  await awaitVersion(api, version)
  const match = query.get('resourceVersionMatch') ?? ''
  // As kube-apiserver: a page at a version is of that version, unless the client says otherwise.
  return match === 'Exact' || (match === '' && limit > 0 && version !== '' && version !== '0') ? Number(version) : undefined
}

/** As many lists as there are slow readers wait in memory, a piece of each. V8 maps memory anew for every string of 128 KiB or more. */
const pieceAtLeast = 64 << 10
/** The list as text in pieces, so that a long one is written with back-pressure and the event loop breathes (rule E5). */
export const listTexts = function* (api: Api, served: Served, r: RequestInfo, view: View, p: Page): Generator<string> {
  const meta = { resourceVersion: String(p.version), ...(p.token !== undefined && { continue: p.token }), ...(p.remaining !== undefined && { remainingItemCount: p.remaining }) }
  const include = r.query.get('includeObject')
  const now = api.now().getTime()
  const item = (row: Row): string => (view === 'object' ? textOf(served, row) : view === 'table' ? rowText(served.kind, shownOf(served, row), now, include) : partialText(shownOf(served, row)))
  const head = view === 'table' ? tableText(served.kind, [], meta, now, include).slice(0, -2)
    : `{"kind":"${view === 'metadata' ? 'PartialObjectMetadataList' : `${served.kind.kind}List`}","apiVersion":"${view === 'metadata' ? 'meta.k8s.io/v1' : served.apiVersion}","metadata":${JSON.stringify(meta)},"items":[`
  let text = head
  for (const [i, row] of p.rows.entries()) {
    text += (i === 0 ? '' : ',') + item(row)
    if (text.length >= pieceAtLeast) { yield text; text = '' }
  }
  yield `${text}]}`
}
