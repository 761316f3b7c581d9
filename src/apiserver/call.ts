/** One writing request, as the verbs see it. */
import type { Row, StoreKey } from '../store/store.ts'
import type { Api } from './api.ts'
import type { Writer } from './apply.ts'
import { checkFields, checkIdentity, demandObject, levelOf, parseBody, type Form } from './decode.ts'
import type { Identity } from './identity.ts'
import type { RequestInfo } from './request.ts'
import type { Served } from './served.ts'
import { forbidden, notFound, type Status } from './status.ts'
import { guard, seconds, type Mutable } from './values.ts'

export interface Call {
  readonly api: Api
  readonly served: Served
  readonly r: RequestInfo
  readonly identity: Identity
  /** Address; empty: a part of the server. */
  readonly source: string
  readonly userAgent: string
  readonly contentType: string | undefined
  readonly body: Buffer
  /** Of the lease under which the write is made (rule E6). */
  readonly fence: { readonly slot: string; readonly epoch: number } | undefined
  readonly requestId: string
  warn(message: string): void
}

/** The row that stands there now; or what stands nowhere: of a dry run, of what was removed (`version`: of its removal), a view of a part. */
export type Written =
  | { readonly code: number; readonly row: Row }
  | { readonly code: number; readonly object: Mutable | Status; readonly version?: number }

export const keyOf = (c: Call, name = c.r.name): StoreKey => ({ resource: c.served.resource, namespace: c.served.kind.namespaced ? c.r.namespace : '', name })
/** The kind that is stored: another one where the served kind is a view. */
export const storedAs = (c: Pick<Call, 'served'>): Served => (c.served.view === undefined ? c.served : c.served.view.stored)
export const isDryRun = (r: RequestInfo): boolean => r.query.getAll('dryRun').includes('All')

const managerOf = (c: Call): string => (c.r.query.get('fieldManager') || c.userAgent.split('/')[0]!.replaceAll(/\p{C}/gu, '') || 'unknown').slice(0, 128)
/** Under whose name fields are owned. */
export const writerOf = (c: Call, operation: Writer['operation']): Writer => ({
  manager: managerOf(c), operation, subresource: c.r.subresource, apiVersion: c.served.apiVersion, time: seconds(c.api.now()),
})

/** The object as the client sees it. */
export const seen = (c: Pick<Call, 'served'>, o: Mutable): Mutable => (c.served.view === undefined ? o : c.served.view.toView(o))
/** What to store when the client wants this. */
export const unseen = (c: Pick<Call, 'served'>, o: Mutable, live: Mutable | undefined): Mutable => (c.served.view === undefined ? o : c.served.view.fromView(o, live))

export const withVersion = (o: Mutable, version: number): Mutable => ({ ...o, metadata: { ...(o['metadata'] as Mutable), resourceVersion: String(version) } })

/** Names the path's object, without fields that the kind does not have. */
export const admitted = (c: Call, object: Mutable, form: Form): Mutable => {
  guard(object)
  checkIdentity(object, c.served, c.r, form)
  for (const w of checkFields(object, c.served, c.r, form)) c.warn(w)
  return object
}

/** The object that was sent whole. */
export const sent = (c: Call): Mutable => {
  const level = levelOf(c.r)
  const onTwice = level === 'Strict' ? undefined : (path: string): void => { if (level === 'Warn') c.warn(`duplicate field "${path}"`) }
  return admitted(c, demandObject(parseBody(c.body, c.contentType, onTwice)), 'sent')
}

/** Where Events of cluster-scoped objects are kept, whether or not there is such a project. */
const eventsNamespace = 'default'

/** Where the namespace of such an object stands; undefined: it needs none. */
export const namespaceKey = ({ namespaces }: Api, { kind }: Served, namespace: string): StoreKey | undefined =>
  (!kind.namespaced || namespaces === undefined || (kind.kind === 'Event' && namespace === eventsNamespace) ? undefined : { resource: namespaces.resource, namespace: '', name: namespace })

/** A namespaced object is made only in a namespace that is there and stays. Where a lagging cache let one through, garbage collection takes it. */
export const checkNamespace = async (c: Call, name: string): Promise<void> => {
  const { cache } = c.api
  const { namespace } = c.r
  const key = namespaceKey(c.api, c.served, namespace)
  if (key === undefined) return
  if (cache.get(key) === undefined) await cache.fresh()
  const row = cache.get(key)
  if (row === undefined) throw notFound({ group: '', plural: 'namespaces' }, namespace)
  if (row.deleting) throw forbidden(c.served.kind, name, `unable to create new content in namespace ${namespace} because it is being terminated`, [{ reason: 'NamespaceTerminating', message: `namespace ${namespace} is being terminated`, field: 'metadata.namespace' }])
}
