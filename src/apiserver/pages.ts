/**
 * Continue tokens (rule S6): the version that the pages of one list are of, and the key after which the next one begins. They are signed
 * over the list they belong to, with a key that all servers of a store share, so a token works on every one of them and for nothing else.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import type { Row, Store } from '../store/store.ts'
import { badRequest } from './status.ts'

export interface Position {
  /** undefined: the present one. Such a list goes on, but is not consistent with the pages before. */
  readonly version: number | undefined
  /** Of the last row that was given out. */
  readonly after: { readonly namespace: string; readonly name: string }
}

const macBytes = 16

/** `list` says which list it is: resource, namespace, selectors. */
const macOf = (key: Buffer, list: string, position: string): Buffer => createHmac('sha256', key).update(list).update('\0').update(position).digest().subarray(0, macBytes)

const keys = new WeakMap<Store, Promise<Buffer>>()
/** Asked of the store once. */
const keyOf = (store: Store): Promise<Buffer> => {
  let key = keys.get(store)
  if (key === undefined) {
    keys.set(store, (key = store.tokenKey()))
    key.catch(() => keys.delete(store))
  }
  return key
}

export const tokenOf = async (store: Store, list: string, { version, after }: Position): Promise<string> => {
  const position = `${version ?? ''}/${after.namespace}/${after.name}`
  return Buffer.concat([macOf(await keyOf(store), list, position), Buffer.from(position)]).toString('base64url')
}

export const positionIn = async (store: Store, list: string, token: string): Promise<Position> => {
  const bytes = Buffer.from(token, 'base64url')
  const position = bytes.subarray(macBytes).toString()
  const expected = macOf(await keyOf(store), list, position)
  if (bytes.length <= macBytes || !timingSafeEqual(bytes.subarray(0, macBytes), expected)) throw badRequest('continue key is not valid: it is not of this list, or not from this server')
  const [version, namespace, name] = position.split('/') as [string, string, string]
  return { version: version === '' ? undefined : Number(version), after: { namespace, name } }
}

/** The index of the first row behind a position, in rows that are sorted by (namespace, name). */
export const firstBehind = (rows: readonly Row[], { namespace, name }: Position['after']): number => {
  let low = 0
  let high = rows.length
  while (low < high) {
    const middle = (low + high) >>> 1
    const row = rows[middle]!
    if (row.namespace < namespace || (row.namespace === namespace && row.name <= name)) low = middle + 1
    else high = middle
  }
  return low
}
