/** The rows of the cache, sorted by (namespace, name) within each resource, and by owner. Knows nothing of time or watchers. */
import type { Row, StoreKey } from './store.ts'
import { keyId } from './row.ts'

export interface RowIndex {
  get(key: StoreKey): Row | undefined
  /** A copy, in order of (namespace, name). */
  list(resource: string, namespace?: string): Row[]
  byOwner(uid: string): Row[]
  put(row: Row): void
  remove(key: StoreKey): void
}

interface Bucket {
  readonly namespace: string
  readonly rows: Row[]
}

/** Where `text` stands, or (negative, minus one) where it would go. Code unit order equals the database's collation "C" for names, which are ASCII. */
function find<T>(sorted: readonly T[], text: string, textOf: (each: T) => string): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >>> 1
    const there = textOf(sorted[middle]!)
    if (there === text) return middle
    if (there < text) low = middle + 1
    else high = middle
  }
  return -low - 1
}

const nameOf = (row: Row): string => row.name
const namespaceOf = (bucket: Bucket): string => bucket.namespace

export function rowIndex(rows: Iterable<Row> = []): RowIndex {
  // One sorted array a namespace: an insert moves only the names of one project.
  const resources = new Map<string, Bucket[]>()
  const owned = new Map<string, Map<string, Row>>()

  const bucketOf = (resource: string, namespace: string): Bucket | undefined => {
    const buckets = resources.get(resource)
    return buckets?.[find(buckets, namespace, namespaceOf)]
  }

  function disown(row: Row): void {
    for (const uid of row.ownerUids) {
      const children = owned.get(uid)
      children?.delete(keyId(row))
      if (children?.size === 0) owned.delete(uid)
    }
  }

  function own(row: Row): void {
    for (const uid of row.ownerUids) {
      const children = owned.get(uid)
      if (children === undefined) owned.set(uid, new Map([[keyId(row), row]]))
      else children.set(keyId(row), row)
    }
  }

  const index: RowIndex = {
    get(key) {
      const bucket = bucketOf(key.resource, key.namespace)
      return bucket?.rows[find(bucket.rows, key.name, nameOf)]
    },
    list(resource, namespace) {
      if (namespace !== undefined) return bucketOf(resource, namespace)?.rows.slice() ?? []
      return resources.get(resource)?.flatMap((bucket) => bucket.rows) ?? []
    },
    byOwner: (uid) => [...(owned.get(uid)?.values() ?? [])],
    put(row) {
      let buckets = resources.get(row.resource)
      if (buckets === undefined) resources.set(row.resource, (buckets = []))
      const place = find(buckets, row.namespace, namespaceOf)
      if (place < 0) buckets.splice(-place - 1, 0, { namespace: row.namespace, rows: [] })
      const { rows: sorted } = buckets[place < 0 ? -place - 1 : place]!
      const at = find(sorted, row.name, nameOf)
      if (at < 0) sorted.splice(-at - 1, 0, row)
      else {
        disown(sorted[at]!)
        sorted[at] = row
      }
      own(row)
    },
    remove(key) {
      const buckets = resources.get(key.resource)
      if (buckets === undefined) return
      const place = find(buckets, key.namespace, namespaceOf)
      const bucket = buckets[place]
      const at = bucket === undefined ? -1 : find(bucket.rows, key.name, nameOf)
      if (bucket === undefined || at < 0) return
      disown(bucket.rows[at]!)
      bucket.rows.splice(at, 1)
      if (bucket.rows.length === 0) buckets.splice(place, 1)
      if (buckets.length === 0) resources.delete(key.resource)
    },
  }
  for (const row of rows) index.put(row)
  return index
}
