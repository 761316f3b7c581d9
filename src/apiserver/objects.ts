/** Rows of the store and the objects that they are. Parsed only when somebody must look inside; the cache itself holds text (rule E5). */
import { bodyOf, cut, withVersion } from '../store/body.ts'
import type { NewRow, Row } from '../store/store.ts'
import type { Served } from './served.ts'
import { shownAs, type Shown } from './table.ts'
import type { Mutable } from './values.ts'

/** Two generations: what was asked for lately stays parsed, for all servers of the process together. */
const generation = 1_024
let young = new Map<Row, Mutable>()
let old = new Map<Row, Mutable>()

/** The stored object; shared, so never changed in place. */
export const storedObject = (row: Row): Mutable => {
  const have = young.get(row)
  if (have !== undefined) return have
  let o = old.get(row)
  if (o === undefined) {
    o = JSON.parse(row.body) as Mutable
    o['metadata'] = { ...(o['metadata'] as Mutable), resourceVersion: String(row.version) }
  }
  if (young.size >= generation) {
    old = young
    young = new Map()
  }
  young.set(row, o)
  return o
}
export const objectOf = (served: Served, row: Row): Mutable => (served.view === undefined ? storedObject(row) : served.view.toView(storedObject(row)))

const objectAt = (served: Served, row: Row, version: number): Mutable => {
  const o = objectOf(served, row)
  return { ...o, metadata: { ...(o['metadata'] as Mutable), resourceVersion: String(version) } }
}

/** The text as served; nothing is parsed where the kind is served as it is stored. */
export const textOf = (served: Served, row: Row, version = row.version): string =>
  (served.view === undefined ? withVersion(row.body, version) : JSON.stringify(objectAt(served, row, version)))

/** For Tables and metadata only: most of an object's text is not parsed. */
export const shownOf = (served: Served, row: Row, version = row.version): Shown => {
  if (served.view !== undefined) return shownAs(objectAt(served, row, version))
  const { metadata, brief } = cut(row.body, version)
  return { metadata, object: () => JSON.parse(brief) as Mutable, whole: () => withVersion(row.body, version) }
}

export const rowFor = (served: Served, object: Mutable): NewRow => {
  const m = object['metadata'] as Mutable
  return {
    resource: served.resource, namespace: (m['namespace'] as string | undefined) ?? '', name: m['name'] as string, uid: m['uid'] as string, body: bodyOf(object as never),
    labels: (m['labels'] as Record<string, string> | undefined) ?? {}, ownerUids: [...new Set(((m['ownerReferences'] as { uid: string }[] | undefined) ?? []).map((r) => r.uid))],
    finalizers: (m['finalizers'] as string[] | undefined) ?? [], deleting: m['deletionTimestamp'] !== undefined,
  }
}
