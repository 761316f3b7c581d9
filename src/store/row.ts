/** Keys and rows compared: the identity of a key, and what counts as "nothing changed" (rule S8). */
import type { NewRow, Operation, StoreKey, Transaction } from './store.ts'

/** NUL cannot stand in a name, so two keys never share an id. */
export const keyId = (key: StoreKey): string => `${key.resource}\0${key.namespace}\0${key.name}`

const sameTexts = (a: readonly string[], b: readonly string[]): boolean => a.length === b.length && a.every((text, i) => text === b[i])

function sameLabels(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  const names = Object.keys(a)
  return names.length === Object.keys(b).length && names.every((name) => a[name] === b[name])
}

/** True when writing `b` over `a` would store the same bytes: nothing is written then, and the version stays. */
export const isSameRow = (a: NewRow | undefined, b: NewRow | undefined): boolean =>
  a === undefined || b === undefined
    ? a === b
    : a.body === b.body && a.uid === b.uid && a.deleting === b.deleting && sameTexts(a.ownerUids, b.ownerUids) && sameTexts(a.finalizers, b.finalizers) && sameLabels(a.labels, b.labels)

/** Throws on a transaction that no store can carry out: a mistake of the caller, never of the data. */
export function checkTransaction(transaction: Transaction): void {
  const seen = new Set<string>()
  for (const { key, row, expect } of transaction.operations) {
    const id = keyId(key)
    if (seen.has(id)) throw new TypeError(`one transaction names ${key.resource} ${key.namespace}/${key.name} twice`)
    seen.add(id)
    if (row !== undefined && keyId(row) !== id) throw new TypeError(`a row of ${row.resource} ${row.namespace}/${row.name} under the key ${key.namespace}/${key.name}`)
    if (expect !== 'absent' && !(Number.isSafeInteger(expect) && expect > 0)) throw new TypeError(`expect is a version or 'absent', not ${String(expect)}`)
  }
  if (transaction.operations.length === 0 && (transaction.audit === undefined || transaction.fence !== undefined)) throw new TypeError('a transaction without operations carries an audit record and nothing else')
}

/** How much of a batch's 4 MiB one operation takes, in characters. */
export const sizeOf = ({ key, row }: Operation): number =>
  64 + key.resource.length + key.namespace.length + key.name.length + (row === undefined ? 0 : row.body.length + 40 * (row.ownerUids.length + row.finalizers.length) + 60 * Object.keys(row.labels).length)
