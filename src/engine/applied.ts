/**
 * What a manager applied, read back from an object's managedFields. So the last applied value survives a restart without a
 * copy of ours, and "nothing changed, nothing written" is decided on parsed values (rule S8).
 */
import type { ManagedFieldsEntry, Resource } from '../api/meta/index.ts'
import type { Applied } from './resources.ts'

type Fields = Record<string, unknown>
type Plain = Record<string, unknown>

const isPlain = (v: unknown): v is Plain => typeof v === 'object' && v !== null && !Array.isArray(v)

/** Equal as JSON: absent and undefined are one. */
export const isSame = (a: unknown, b: unknown): boolean => {
  if (a === b) return true
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((x, i) => isSame(x, b[i]))
  if (!isPlain(a) || !isPlain(b)) return false
  for (const k in a) if (!isSame(a[k], b[k])) return false
  for (const k in b) if (b[k] !== undefined && a[k] === undefined) return false
  return true
}

/** `k:{"type":"Ready"}` and `v:"x"`, parsed once: there are few different ones. */
const selectors = new Map<string, unknown>()
const selectorOf = (text: string): unknown => {
  let parsed = selectors.get(text)
  if (parsed === undefined) {
    if (selectors.size > 10_000) selectors.clear()
    selectors.set(text, (parsed = JSON.parse(text)))
  }
  return parsed
}
const isSelected = (item: unknown, field: string): boolean => {
  if (field.startsWith('v:')) return isSame(item, selectorOf(field.slice(2)))
  const keys = selectorOf(field.slice(2)) as Plain
  return isPlain(item) && Object.entries(keys).every(([k, v]) => item[k] === v)
}

/** The fields of `value` that a fieldsV1 tree names. An empty tree is a leaf: the whole value. */
const pick = (value: unknown, fields: Fields): unknown => {
  let isLeaf = true
  for (const _ in fields) { isLeaf = false; break }
  if (isLeaf) return value
  if (Array.isArray(value)) {
    const names = Object.keys(fields).filter((f) => f !== '.')
    const picked: unknown[] = []
    for (const item of value) {
      const field = names.find((f) => isSelected(item, f))
      if (field === undefined) continue
      const below = pick(item, fields[field] as Fields)
      // The key fields of an item belong to whoever has the item.
      picked.push(isPlain(below) && field.startsWith('k:') ? { ...(selectorOf(field.slice(2)) as Plain), ...below } : below)
    }
    return picked
  }
  if (!isPlain(value)) return undefined
  const picked: Plain = {}
  for (const field in fields) {
    if (!field.startsWith('f:')) continue
    const name = field.slice(2)
    if (value[name] !== undefined) picked[name] = pick(value[name], fields[field] as Fields)
  }
  return picked
}

const entryOf = (object: Resource, manager: string, subresource: string): ManagedFieldsEntry | undefined =>
  object.metadata.managedFields?.find((m) => m.manager === manager && m.operation === 'Apply' && (m.subresource ?? '') === subresource)

/** The manager's part of status; undefined when it never applied one. */
export const appliedStatus = (object: Resource, manager: string): Plain | undefined => {
  const fields = entryOf(object, manager, 'status')?.fieldsV1['f:status'] as Fields | undefined
  return fields === undefined ? undefined : ((pick(object.status, fields) ?? {}) as Plain)
}

/** Whether applying `wanted` again would change nothing. */
export const isApplied = (object: Resource, wanted: Applied, manager: string): boolean => {
  const entry = entryOf(object, manager, '')
  if (entry === undefined) return false
  const { name: _n, namespace: _s, uid: _u, ...metadata } = wanted.metadata
  const metadataFields = entry.fieldsV1['f:metadata'] as Fields | undefined
  const specFields = entry.fieldsV1['f:spec'] as Fields | undefined
  return isSame(metadataFields === undefined ? {} : pick(object.metadata, metadataFields), metadata)
    && isSame(specFields === undefined ? undefined : pick(object.spec, specFields), wanted.spec)
}
