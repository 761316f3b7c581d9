/** One simulated cluster's objects, read and written in process: what kubelets and controllers do, without the way over HTTP. */
import { resourceName, type Kind } from '../../../api/meta/index.ts'
import { rowFor, storedObject } from '../../../apiserver/objects.ts'
import type { CacheView } from '../../../store/scoped-cache.ts'
import type { Row, Store } from '../../../store/store.ts'
import { servedAs } from './kinds.ts'

export interface Meta {
  readonly name: string
  readonly namespace?: string
  readonly uid: string
  readonly resourceVersion: string
  readonly generation: number
  readonly creationTimestamp: string
  readonly deletionTimestamp?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  readonly ownerReferences?: readonly { readonly apiVersion: string; readonly kind: string; readonly name: string; readonly uid: string; readonly controller?: boolean }[]
}
export interface Stored { readonly apiVersion: string; readonly kind: string; readonly metadata: Meta; readonly spec?: any; readonly status?: any; readonly [field: string]: any }
export type New = Omit<Stored, 'apiVersion' | 'kind' | 'metadata'> & { readonly metadata: Partial<Meta> & { readonly name: string } }
export interface Key { readonly name: string; readonly namespace?: string }

export interface Objects {
  get(kind: Kind<any>, key: Key): Stored | undefined
  list(kind: Kind<any>, namespace?: string): readonly Stored[]
  /** Nothing when it is there. */
  create(kind: Kind<any>, object: New): Promise<void>
  /** `mutate` answers the object whole, `undefined` to remove it, or what it got to leave it. Nothing when it is not there. */
  change(kind: Kind<any>, key: Key, mutate: (object: Stored) => Stored | undefined): Promise<void>
  remove(kind: Kind<any>, key: Key): Promise<void>
}

export const openObjects = (store: Store, cache: CacheView, now: () => Date, newUid: () => string): Objects => {
  const keyOf = (kind: Kind<any>, { name, namespace }: Key) => ({ resource: resourceName(kind), namespace: namespace ?? '', name })
  const read = (row: Row): Stored => storedObject(row) as unknown as Stored

  const change: Objects['change'] = async (kind, key, mutate) => {
    const at = keyOf(kind, key)
    await cache.fresh()
    for (let row = cache.get(at); row !== undefined;) {
      const before = read(row)
      const after = mutate(before)
      if (after === before) return
      const done = await store.commit({ operations: [{ key: at, expect: row.version, row: after === undefined ? undefined : rowFor(servedAs(kind), after as never) }] })
      if (done.kind !== 'conflict') return
      row = done.current
    }
  }
  return {
    get: (kind, key) => { const row = cache.get(keyOf(kind, key)); return row === undefined ? undefined : read(row) },
    list: (kind, namespace) => cache.list(resourceName(kind), namespace).map(read),
    create: async (kind, object) => {
      const served = servedAs(kind)
      const { metadata, ...rest } = object
      const whole = { apiVersion: served.apiVersion, kind: kind.kind, metadata: { ...metadata, uid: newUid(), generation: 1, creationTimestamp: `${now().toISOString().slice(0, 19)}Z` }, ...rest }
      await store.commit({ operations: [{ key: keyOf(kind, metadata), expect: 'absent', row: rowFor(served, whole) }] })
    },
    change,
    remove: (kind, key) => change(kind, key, () => undefined),
  }
}
