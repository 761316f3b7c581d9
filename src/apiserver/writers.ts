/** Rule H2: each part of an object has one writer, enforced by identity. Rule H1: the server's finalizers are the site's to remove. */
import type { Call } from './call.ts'
import type { Identity } from './identity.ts'
import type { Served } from './served.ts'
import { forbidden, invalid } from './status.ts'
import { equal, isObject, shown, type Mutable } from './values.ts'

const isNothing = (v: unknown): boolean => v === undefined || (isObject(v) && Object.keys(v).length === 0)

/** An administrator is a person and may write what people and the hub write; the site's parts are the site's alone. */
const mayWrite = (identity: Identity, writer: 'user' | 'site' | 'hub'): boolean => writer === identity.writer || (identity.writer === 'admin' && writer !== 'site')

/** What is unchanged was not written. Kinds without a schema have no writers. */
export const checkWriter = (object: Mutable, live: Mutable | undefined, served: Served, identity: Identity): void => {
  if (served.isLoose) return
  for (const part of ['spec', 'status'] as const) {
    const writer = served.kind.writers[part]
    if (mayWrite(identity, writer) || equal(object[part], live?.[part]) || (isNothing(object[part]) && isNothing(live?.[part]))) continue
    throw forbidden(served.kind, shown((object['metadata'] as Mutable)['name']), `${part} of ${served.kind.kind} is written by the ${writer} only; you are ${identity.user} (${identity.writer})`)
  }
}

/** Sets the finalizers of a new object, and lets nobody but the site take them off: absence never deletes. Changes `meta` in place. */
export const checkFinalizers = (meta: Mutable, live: Mutable | undefined, c: Call, served: Served): void => {
  const { kind } = served
  const own = kind.finalizers ?? []
  const wanted = (meta['finalizers'] ?? []) as readonly string[]
  if (live === undefined) {
    if (own.length > 0) meta['finalizers'] = [...new Set([...wanted, ...own])]
    return
  }
  const name = shown(meta['name'])
  const before = ((live['metadata'] as Mutable)['finalizers'] ?? []) as readonly string[]
  const had = new Set(before)
  const taken = own.filter((f) => had.has(f) && !wanted.includes(f))
  if (taken.length > 0 && c.identity.writer !== 'site') {
    // A manifest that says nothing of finalizers (kubectl replace) does not mean to remove one.
    if (c.r.verb !== 'update' || wanted.length > 0) throw forbidden(kind, name, `the finalizer ${taken.join(', ')} is removed by the site only, when nothing of ${name} is left in its cloud`)
    meta['finalizers'] = [...before]
    return
  }
  const added = meta['deletionTimestamp'] === undefined ? [] : wanted.filter((f) => !had.has(f))
  if (added.length > 0) throw invalid(kind, name, [{ field: 'metadata.finalizers', reason: 'FieldValueForbidden', message: `no new finalizers can be added if the object is being deleted, found new finalizers ${JSON.stringify(added)}` }])
}
