/** Server-side apply and the ownership of fields after every write (rule A3). Works on objects without system metadata. */
import type { ManagedFieldsEntry } from '../api/meta/index.ts'
import { compare, difference, fieldsOf, fieldSchema, intersection, listTypeOf, partsOf, pathsOf, removeFields, union, wholeItems, within, without, withParents, type Fields } from './fields.ts'
import { mergedOrder } from './list-order.ts'
import type { Schema } from './schema.ts'
import { applyConflict } from './status.ts'
import { equal, isObject, type Mutable } from './values.ts'

/** Who writes, how, and what of the object that write may touch. */
export interface Writer {
  readonly manager: string
  readonly operation: 'Apply' | 'Update'
  readonly subresource: string
  readonly apiVersion: string
  readonly time: string
}

/** Fields that nobody owns. */
const system: ReadonlySet<string> = new Set(['name', 'namespace', 'uid', 'resourceVersion', 'selfLink', 'generation', 'creationTimestamp', 'deletionTimestamp', 'deletionGracePeriodSeconds', 'managedFields'])

/** The part of an object that is owned by managers. */
export const owned = (object: Mutable): Mutable => {
  const { apiVersion: _, kind: __, metadata, ...rest } = object
  const meta: Mutable = {}
  for (const k of Object.keys((metadata as Mutable | undefined) ?? {})) if (!system.has(k)) meta[k] = (metadata as Mutable)[k]
  return Object.keys(meta).length === 0 ? rest : { ...rest, metadata: meta }
}

/** Metadata is always there, so that nobody owns it as a whole. */
const withMetadata = (object: Mutable): Mutable => ({ metadata: {}, ...owned(object) })

/** An entry of managedFields. */
export type Owned = ManagedFieldsEntry
type Entry = ManagedFieldsEntry & { readonly fieldsV1: Fields }
const entriesOf = (object: Mutable | undefined): readonly Entry[] => ((object?.['metadata'] as Mutable | undefined)?.['managedFields'] ?? []) as Entry[]
const isOf = (e: Entry, w: Writer): boolean => e.manager === w.manager && e.operation === w.operation && (e.subresource ?? '') === w.subresource

const entry = (w: Writer, fields: Fields, before: Entry | undefined): Entry => ({
  manager: w.manager, operation: w.operation, apiVersion: w.apiVersion, time: before !== undefined && equal(before.fieldsV1, fields) ? before.time ?? w.time : w.time,
  fieldsType: 'FieldsV1', fieldsV1: fields, ...(w.subresource !== '' && { subresource: w.subresource }),
})
const sort = (list: readonly Entry[]): readonly Entry[] => list.toSorted((a, b) => a.operation.localeCompare(b.operation) || (a.time ?? '').localeCompare(b.time ?? '') || a.manager.localeCompare(b.manager) || (a.subresource ?? '').localeCompare(b.subresource ?? ''))
const withFields = (e: Entry, fields: Fields | undefined): readonly Entry[] => (fields === undefined ? [] : [fields === e.fieldsV1 ? e : { ...e, fieldsV1: fields }])

const isEntry = (e: unknown): e is Entry => isObject(e) && typeof e['manager'] === 'string' && (e['operation'] === 'Apply' || e['operation'] === 'Update') && isObject(e['fieldsV1'])

/**
 * What a caller that writes the whole object says of managedFields: kubectl moves its own from Update to Apply in this way.
 * `[]` and `[{}]` forget all; nothing, or what is none, leaves them.
 */
const saidEntries = (before: Mutable | undefined, said: unknown): readonly Entry[] => {
  if (!Array.isArray(said)) return entriesOf(before)
  if (said.length === 0) return []
  if (said.length === 1 && isObject(said[0]) && Object.keys(said[0]).length === 0) return []
  return said.every(isEntry) ? said : entriesOf(before)
}

/** managedFields after an update: the writer owns what it changed, nobody owns what is gone. */
export const afterUpdate = (before: Mutable | undefined, after: Mutable, schema: Schema, w: Writer, said?: unknown): readonly Entry[] => {
  const { changed, removed } = compare(before === undefined ? { metadata: {} } : withMetadata(before), withMetadata(after), schema)
  const entries = saidEntries(before, said)
  // Of which nobody owns anything is tracked again from the next apply on, as in kube-apiserver.
  if (before !== undefined && entries.length === 0) return []
  if (changed === undefined && removed === undefined) return entries
  const mine = entries.find((e) => isOf(e, w))
  const fields = union(without(mine?.fieldsV1, removed), changed)
  const others = entries.filter((e) => e !== mine).flatMap((e) => withFields(e, without(without(e.fieldsV1, changed), removed)))
  return sort([...others, ...(fields === undefined ? [] : [entry(w, fields, mine)])])
}

/** Before the first apply to an object of which nobody owns anything, all of `part` gets an owner, so that nothing is taken over unseen. */
export const beforeFirstApply = (live: Mutable, part: Mutable, schema: Schema, w: Writer): Mutable =>
  (entriesOf(live).length > 0 ? live : { ...live, metadata: { ...(live['metadata'] as Mutable), managedFields: afterUpdate(undefined, part, schema, { ...w, manager: 'before-first-apply', operation: 'Update' }) } })

const merge = (live: unknown, applied: unknown, s: Schema | undefined): unknown => {
  if (applied === null) return undefined
  const a = partsOf(applied, s)
  const l = partsOf(live, s)
  if (a === undefined || l === undefined) return dropNulls(applied)
  if (Array.isArray(applied)) {
    const type = listTypeOf(s)
    return mergedOrder([...l.keys()], [...a.keys()]).map((e) => {
      const [there, mine] = [l.get(e), a.get(e)]
      if (mine === undefined || (type === 'set' && there !== undefined)) return there!.value
      return there === undefined ? dropNulls(mine.value) : merge(there.value, mine.value, s?.items)
    })
  }
  const out: Mutable = { ...(live as Mutable) }
  for (const [e, p] of a) {
    const name = e.slice(2)
    const v = merge(out[name], p.value, fieldSchema(s, name))
    if (v === undefined) delete out[name]
    else out[name] = v
  }
  return out
}
const dropNulls = (v: unknown): unknown => {
  if (Array.isArray(v)) return v.map(dropNulls)
  if (!isObject(v)) return v === null ? undefined : v
  return Object.fromEntries(Object.entries(v).map(([k, x]) => [k, dropNulls(x)] as const).filter(([, x]) => x !== undefined))
}

/**
 * The object after an apply: what the manager gave over what is there, less what it gave before and gives no more and nobody else
 * owns. Throws 409 with the owners when it would change what others own and `force` is not set.
 */
export const apply = (live: Mutable | undefined, applied: Mutable, schema: Schema, w: Writer, force: boolean): { readonly object: Mutable; readonly managedFields: readonly Entry[] } => {
  const base = live === undefined ? {} : owned(live)
  const given = owned(applied)
  const entries = entriesOf(live)
  const mine = entries.find((e) => isOf(e, w))
  const others = entries.filter((e) => e !== mine)
  const fields = fieldsOf(dropNulls(given), schema, 'Apply') ?? {}
  const merged = merge(base, given, schema) as Mutable
  const { changed } = compare(base, merged, schema)
  const conflicts = others.map((e) => ({ e, taken: intersection(e.fieldsV1, changed) ?? within(e.fieldsV1, intersection(changed, fields)) })).filter((c) => c.taken !== undefined)
  if (conflicts.length > 0 && !force) {
    throw applyConflict(conflicts.flatMap(({ e, taken }) => pathsOf(taken!).map((field) => ({
      manager: e.manager, field, using: `${e.subresource === undefined ? '' : ` with subresource "${e.subresource}"`}${e.operation === 'Update' ? ` using ${e.apiVersion}` : ''}`,
    }))))
  }
  const left = others.flatMap((e) => withFields(e, without(e.fieldsV1, changed)))
  const keptByOthers = left.reduce<Fields | undefined>((all, e) => union(all, withParents(e.fieldsV1)), undefined)
  const dropped = difference(difference(mine?.fieldsV1, withParents(fields)), keptByOthers)
  const object = dropped === undefined ? merged : ((removeFields(merged, dropped, schema, union(fields, keptByOthers)) ?? {}) as Mutable)
  const isEmpty = Object.keys(fields).length === 0
  const lost = dropped === undefined ? undefined : wholeItems(dropped)
  return { object, managedFields: sort([...left.flatMap((e) => withFields(e, without(e.fieldsV1, lost))), ...(isEmpty ? [] : [entry(w, fields, mine)])]) }
}
