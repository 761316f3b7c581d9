/** What a client asked to get back: objects, a Table of them, or their metadata only (content negotiation). */
import type { Column, Kind } from '../api/meta/index.ts'
import { evaluate } from './jsonpath.ts'
import { badRequest, notAcceptable } from './status.ts'
import { shown, type Mutable } from './values.ts'

export type View = 'object' | 'table' | 'metadata'

/** From the Accept header; the first that we serve wins. */
export const viewOf = (accept: string | undefined): View => {
  if (accept === undefined || accept === '') return 'object'
  const types = accept.split(',').map((t) => t.trim())
  for (const t of types) {
    const [media, ...params] = t.split(';').map((p) => p.trim())
    const as = params.find((p) => p.startsWith('as='))?.slice(3)
    if (media !== 'application/json' && media !== '*/*' && media !== 'application/*' && media !== 'application/yaml') continue
    if (as === undefined) return 'object'
    if (as === 'Table' && params.includes('v=v1')) return 'table'
    if (as === 'PartialObjectMetadata' || as === 'PartialObjectMetadataList') return 'metadata'
  }
  throw notAcceptable(`only the following media types are accepted: application/json, application/yaml (asked: ${accept.slice(0, 200)})`)
}

const includes: readonly (string | null)[] = [null, '', 'None', 'Metadata', 'Object']
/** How much of each object a row of a Table holds; throws 400. */
export const checkInclude = (include: string | null): void => {
  if (!includes.includes(include)) throw badRequest(`includeObject: Invalid value: "${String(include).slice(0, 40)}": must be 'Metadata', 'Object', 'None' or empty`)
}

const ageColumn: Column = { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp', description: 'When it was made.' }
const nameColumn = { name: 'Name', type: 'string', format: 'name', description: 'Unique within its namespace.', priority: 0 }
/** A kind that names the age itself says where it stands; else it is the last. */
export const columnsOf = (kind: Kind<any>): readonly Column[] => (kind.columns.some((c) => c.name === ageColumn.name) ? kind.columns : [...kind.columns, ageColumn])

export const columnDefinitions = (kind: Kind<any>): readonly object[] => [nameColumn, ...columnsOf(kind).map((c) => ({ name: c.name, type: c.type, format: '', description: c.description ?? '', priority: c.priority ?? 0 }))]

/** `3m`, `5h12m`, `4d` as kubectl prints ages. */
export const age = (from: string, now: number): string => {
  const s = Math.max(0, Math.floor((now - Date.parse(from)) / 1000))
  if (Number.isNaN(s)) return '<invalid>'
  if (s < 120) return `${s}s`
  const m = Math.floor(s / 60)
  if (m < 10) return s % 60 === 0 ? `${m}m` : `${m}m${s % 60}s`
  if (m < 180) return `${m}m`
  const h = Math.floor(m / 60)
  if (h < 8) return m % 60 === 0 ? `${h}h` : `${h}h${m % 60}m`
  if (h < 48) return `${h}h`
  const d = Math.floor(h / 24)
  if (d < 8) return h % 24 === 0 ? `${d}d` : `${d}d${h % 24}h`
  return d < 730 ? `${d}d` : `${Math.floor(d / 365)}y`
}

const cell = (c: Column, v: unknown, now: number): unknown => {
  if (v === undefined || v === null) return c.absent ?? (c.type === 'date' ? '<unknown>' : null)
  if (c.type === 'date') return age(shown(v), now)
  return typeof v === 'object' ? JSON.stringify(v) : c.type === 'string' ? String(v) : v
}

/** An object as far as it is shown. */
export interface Shown {
  /** Its metadata as JSON. */
  readonly metadata: string
  /** For the cells, and so perhaps without managedFields. */
  object(): Mutable
  /** All of it as JSON. */
  whole(): string
}
export const shownAs = (object: Mutable): Shown => ({ metadata: JSON.stringify(object['metadata']), object: () => object, whole: () => JSON.stringify(object) })

export const partialText = ({ metadata }: Shown): string => `{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":${metadata}}`

export const rowText = (kind: Kind<any>, shown: Shown, now: number, include: string | null): string => {
  const object = shown.object()
  const cells = [(object['metadata'] as Mutable)['name'], ...columnsOf(kind).map((c) => cell(c, 'value' in c ? c.value(object) : evaluate(object, c.jsonPath), now))]
  return `{"cells":${JSON.stringify(cells)},"object":${include === 'None' ? 'null' : include === 'Object' ? shown.whole() : partialText(shown)}}`
}

export const tableText = (kind: Kind<any>, rows: readonly Shown[], metadata: object, now: number, include: string | null, withColumns = true): string => {
  const head = JSON.stringify({ kind: 'Table', apiVersion: 'meta.k8s.io/v1', metadata, columnDefinitions: withColumns ? columnDefinitions(kind) : null })
  return `${head.slice(0, -1)},"rows":[${rows.map((row) => rowText(kind, row, now, include)).join(',')}]}`
}
