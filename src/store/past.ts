/** Rows as they were at an earlier version (rule S6): the present ones with every change since then undone. Pure. */
import { keyId } from './row.ts'
import type { Change, Earlier, Row } from './store.ts'

/** What the changes, in order, have overwritten first. */
export function overwritten(changes: Iterable<Change>): Earlier[] {
  const first = new Map<string, Earlier>()
  for (const { key, before } of changes) {
    const id = keyId(key)
    if (!first.has(id)) first.set(id, { key, row: before })
  }
  return [...first.values()]
}

/** In order of (namespace, name), as the index has them. */
export const inOrder = (a: { readonly namespace: string; readonly name: string }, b: { readonly namespace: string; readonly name: string }): number =>
  a.namespace < b.namespace ? -1 : a.namespace > b.namespace ? 1 : a.name < b.name ? -1 : a.name > b.name ? 1 : 0

/** `rows`: of one resource, sorted. */
export function undone(rows: readonly Row[], earlier: readonly Earlier[]): readonly Row[] {
  if (earlier.length === 0) return rows
  const changed = new Set(earlier.map(({ key }) => keyId(key)))
  return [...rows.filter((row) => !changed.has(keyId(row))), ...earlier.flatMap(({ row }) => row ?? [])].sort(inOrder)
}
