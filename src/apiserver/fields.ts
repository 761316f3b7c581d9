/**
 * Sets of fields in the form of managedFields (FieldsV1) and what is done with them: of a value, of a difference, union,
 * difference, intersection, removal. Shape: KEP-555; `f:` a field, `k:` an item of a list map, `v:` an item of a set, `.` the thing itself.
 */
import type { Schema } from './schema.ts'
import { equal, isObject, type JsonObject, type Mutable } from './values.ts'

export type Fields = { readonly [element: string]: Fields }
const leaf: Fields = Object.freeze({})

const elements = (f: Fields): readonly string[] => Object.keys(f).filter((k) => k !== '.')
const isMember = (f: Fields): boolean => f['.'] !== undefined || Object.keys(f).length === 0
const build = (member: boolean, children: Readonly<Record<string, Fields>>): Fields | undefined =>
  Object.keys(children).length === 0 ? (member ? leaf : undefined) : member ? { '.': leaf, ...children } : children

export const union = (a: Fields | undefined, b: Fields | undefined): Fields | undefined => {
  if (a === undefined) return b
  if (b === undefined) return a
  const children: Record<string, Fields> = {}
  for (const e of elements(a)) children[e] = union(a[e], b[e])!
  for (const e of elements(b)) children[e] ??= b[e]!
  return build(isMember(a) || isMember(b), children)
}
const combine = (a: Fields, b: Fields | undefined, member: (a: boolean, b: boolean) => boolean, child: (a: Fields, b: Fields | undefined) => Fields | undefined): Fields | undefined => {
  const children: Record<string, Fields> = {}
  for (const e of elements(a)) { const c = child(a[e]!, b?.[e]); if (c !== undefined) children[e] = c }
  return build(member(isMember(a), b !== undefined && isMember(b)), children)
}
export const difference = (a: Fields | undefined, b: Fields | undefined): Fields | undefined =>
  a === undefined || b === undefined ? a : combine(a, b, (x, y) => x && !y, difference)
export const intersection = (a: Fields | undefined, b: Fields | undefined): Fields | undefined =>
  a === undefined || b === undefined ? undefined : combine(a, b, (x, y) => x && y, intersection)
/** What of `a` lies at or below a member of `b`: when something is replaced whole, so is what is in it. */
export const within = (a: Fields | undefined, b: Fields | undefined): Fields | undefined => {
  if (a === undefined || b === undefined) return undefined
  if (Object.keys(b).length === 0) return a
  return combine(a, b, (x, y) => x && y, (c, d) => within(c, d))
}
export const without = (a: Fields | undefined, b: Fields | undefined): Fields | undefined => {
  if (a === undefined || b === undefined) return a
  if (Object.keys(b).length === 0) return undefined
  return combine(a, b, (x, y) => x && !y, (c, d) => without(c, d))
}

/** Every named field that has something in it is a member itself. Not so an item: who changed a field of it does not keep it (structured-merge-diff: EnsureNamedFieldsAreMembers). */
export const withParents = (f: Fields, isItem = false): Fields => {
  const children = elements(f)
  return children.length === 0 ? f : { ...((!isItem || isMember(f)) && { '.': leaf }), ...Object.fromEntries(children.map((e) => [e, withParents(f[e]!, e.startsWith('k:'))])) }
}
/** Items that are members, with all that is in them. */
export const wholeItems = (f: Fields): Fields => Object.fromEntries(elements(f).map((e) => [e, e.startsWith('k:') && isMember(f[e]!) ? leaf : elements(f[e]!).length === 0 ? f[e]! : wholeItems(f[e]!)]))

/** How a list is merged. */
export const listTypeOf = (s: Schema | undefined): 'map' | 'set' | 'atomic' => s?.['x-kubernetes-list-type'] ?? 'atomic'
export const itemKey = (item: unknown, s: Schema): string => {
  const keys = (s['x-kubernetes-list-map-keys'] ?? []).toSorted()
  return `k:${JSON.stringify(Object.fromEntries(keys.map((k) => [k, (isObject(item) ? item[k] : undefined) ?? s.items?.properties?.[k]?.default])))}`
}
export const setKey = (item: unknown): string => `v:${JSON.stringify(item)}`
const isAtomic = (s: Schema | undefined): boolean => s?.['x-kubernetes-map-type'] === 'atomic'
/** The schema of a field: named (`properties` has no prototype), or of a map's values. */
export const fieldSchema = (s: Schema | undefined, name: string): Schema | undefined => s?.properties?.[name] ?? (isObject(s?.additionalProperties) ? (s.additionalProperties as Schema) : undefined)
const isMap = (s: Schema | undefined): boolean => s !== undefined && s.properties === undefined && isObject(s.additionalProperties)

/**
 * All fields of a value. What an update makes is a member itself, whatever is in it; of what is applied only leaves, items and the
 * values of maps are (structured-merge-diff: Compare, ToFieldSet). undefined: a list of items with keys was applied, and no item.
 */
export const fieldsOf = (value: unknown, s: Schema | undefined, operation: 'Apply' | 'Update'): Fields | undefined => {
  if (Array.isArray(value)) {
    const type = listTypeOf(s)
    if (type === 'atomic') return leaf
    const children: Record<string, Fields> = {}
    for (const item of value) {
      if (type === 'set') children[setKey(item)] = leaf
      else children[itemKey(item, s!)] = isAtomic(s!.items) ? leaf : { '.': leaf, ...childFields(item, s!.items, operation) }
    }
    return build(operation === 'Update', children)
  }
  if (!isObject(value) || isAtomic(s)) return leaf
  return build(operation === 'Update' || Object.values(value).every((v) => v === undefined), childFields(value, s, operation))
}
const childFields = (value: unknown, s: Schema | undefined, operation: 'Apply' | 'Update'): Record<string, Fields> => {
  const children: Record<string, Fields> = {}
  if (!isObject(value)) return children
  const isOfMap = isMap(s)
  for (const [k, v] of Object.entries(value)) {
    const f = v === undefined ? undefined : fieldsOf(v, fieldSchema(s, k), operation)
    // The value of a map is a member, as an item of a list is.
    if (f !== undefined) children[`f:${k}`] = isOfMap && Object.keys(f).length > 0 ? { '.': leaf, ...f } : f
  }
  return children
}

export interface Changed { readonly changed: Fields | undefined; readonly removed: Fields | undefined }
const unchanged: Changed = { changed: undefined, removed: undefined }

/** What differs between two values: what is in `b` and new or different, and what is only in `a`. */
export const compare = (a: unknown, b: unknown, s: Schema | undefined): Changed => {
  if (a === b) return unchanged
  if (a === undefined) return { changed: fieldsOf(b, s, 'Update'), removed: undefined }
  if (b === undefined) return { changed: undefined, removed: fieldsOf(a, s, 'Update') }
  if (isObject(a) && isObject(b) && !isAtomic(s)) return compareObjects(a, b, s)
  if (equal(a, b)) return unchanged
  const x = partsOf(a, s)
  const y = partsOf(b, s)
  if (x === undefined || y === undefined) return { changed: leaf, removed: undefined }
  const changed: Record<string, Fields> = {}
  const removed: Record<string, Fields> = {}
  for (const e of new Set([...x.keys(), ...y.keys()])) {
    const p = x.get(e)
    const q = y.get(e)
    const c = compare(p?.value, q?.value, (p ?? q)!.schema)
    if (c.changed !== undefined) changed[e] = p === undefined && e.startsWith('k:') ? asItem(c.changed) : c.changed
    if (c.removed !== undefined) removed[e] = q === undefined && e.startsWith('k:') ? asItem(c.removed) : c.removed
  }
  return { changed: build(false, changed), removed: build(false, removed) }
}

/** Names are made only of what differs: of two large objects that is mostly little. */
const compareObjects = (a: JsonObject, b: JsonObject, s: Schema | undefined): Changed => {
  const changed: Record<string, Fields> = {}
  const removed: Record<string, Fields> = {}
  const look = (k: string): void => {
    const c = compare(own(a, k), own(b, k), fieldSchema(s, k))
    if (c.changed !== undefined) changed[`f:${k}`] = c.changed
    if (c.removed !== undefined) removed[`f:${k}`] = c.removed
  }
  for (const k of Object.keys(b)) look(k)
  for (const k of Object.keys(a)) if (!Object.hasOwn(b, k)) look(k)
  return { changed: build(false, changed), removed: build(false, removed) }
}
const own = (o: JsonObject, k: string): unknown => (Object.hasOwn(o, k) ? o[k] : undefined)

/** An item is a member itself, with what is in it; one that is replaced whole is nothing else. */
const asItem = (f: Fields): Fields => (Object.keys(f).length === 0 ? f : { '.': leaf, ...f })

interface Part { readonly value: unknown; readonly schema: Schema | undefined }
/** The parts of a granular value by element; undefined: it is replaced whole. */
export const partsOf = (v: unknown, s: Schema | undefined): Map<string, Part> | undefined => {
  if (Array.isArray(v)) {
    const type = listTypeOf(s)
    return type === 'atomic' ? undefined : new Map(v.map((item) => (type === 'set' ? [setKey(item), { value: item, schema: s?.items }] : [itemKey(item, s!), { value: item, schema: s?.items }])))
  }
  if (!isObject(v) || isAtomic(s)) return undefined
  const parts = new Map<string, Part>()
  for (const [k, value] of Object.entries(v)) if (value !== undefined) parts.set(`f:${k}`, { value, schema: fieldSchema(s, k) })
  return parts
}

/** Takes fields out of a value; what becomes empty by it goes too, unless somebody owns it (`kept`). An item that stays keeps its keys. */
export const removeFields = (value: unknown, fields: Fields, s: Schema | undefined, kept?: Fields): unknown => {
  if (Array.isArray(value)) return removeItems(value, fields, s, kept)
  if (!isObject(value)) return undefined
  const out: Mutable = { ...value }
  for (const e of elements(fields)) {
    if (!e.startsWith('f:')) continue
    const name = e.slice(2)
    const f = fields[e]!
    if (out[name] === undefined) continue
    const rest = elements(f).length === 0 ? undefined : removeFields(out[name], f, fieldSchema(s, name), kept?.[e])
    if (rest === undefined) delete out[name]
    else out[name] = rest
  }
  return Object.keys(out).length === 0 && kept === undefined ? undefined : out
}
const removeItems = (value: readonly unknown[], fields: Fields, s: Schema | undefined, kept: Fields | undefined): unknown => {
  const type = listTypeOf(s)
  const keys = s?.['x-kubernetes-list-map-keys'] ?? []
  const left = value.flatMap((item) => {
    const e = type === 'set' ? setKey(item) : type === 'map' ? itemKey(item, s!) : ''
    const f = fields[e]
    if (f === undefined) return [item]
    if (isMember(f)) return []
    const rest = (removeFields(item, f, s?.items, kept?.[e]) ?? {}) as Mutable
    return [{ ...Object.fromEntries(keys.filter((k) => (item as Mutable)[k] !== undefined).map((k) => [k, (item as Mutable)[k]])), ...rest }]
  })
  return left.length === 0 && kept === undefined ? undefined : left
}

/** Members as people read them: `.spec.pools[name="x"].size`. */
export const pathsOf = (f: Fields, path = ''): readonly string[] => [
  ...(isMember(f) && path !== '' ? [path] : []),
  ...elements(f).flatMap((e) => pathsOf(f[e]!, path + stepOf(e))),
]
const stepOf = (element: string): string => {
  if (element.startsWith('f:')) return `.${element.slice(2)}`
  if (element.startsWith('v:')) return `[=${element.slice(2)}]`
  try { return `[${Object.entries(JSON.parse(element.slice(2)) as object).map(([k, v]) => `${k}=${JSON.stringify(v)}`).join(',')}]` } catch { return `[${element}]` }
}
