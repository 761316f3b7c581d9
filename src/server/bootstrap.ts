/** What the owner of the machine does in the store without asking the API: the first administrator, the way back when there is none, and this machine's own certificates. */
import { randomUUID } from 'node:crypto'
import { ClientCertificate, ClusterAccessGrant } from '../api/index.ts'
import type { AuditRecord } from '../api/audit/index.ts'
import { endOf, type ClientCertificateSpec } from '../api/client-certificate/index.ts'
import { apiVersionOf, resourceName, type Kind } from '../api/meta/index.ts'
import { rowFor } from '../apiserver/objects.ts'
import { serve } from '../apiserver/served.ts'
import type { Cache } from '../store/cache.ts'
import type { NewRow, Row, Store } from '../store/store.ts'

export const bootstrapUser = 'bootstrap-admin'
export const bootstrapGrant = 'bootstrap-administrator'
const owner = 'owner of the machine'

const newRow = (kind: Kind<any>, name: string, spec: object, now: Date): NewRow => rowFor(serve(kind), {
  apiVersion: apiVersionOf(kind), kind: kind.kind, metadata: { name, uid: randomUUID(), generation: 1, creationTimestamp: `${now.toISOString().slice(0, 19)}Z` }, spec,
})
const put = (store: Store, kind: Kind<any>, row: NewRow, expect: number | 'absent', note: string, now: Date) => {
  const record: AuditRecord = {
    auditID: randomUUID(), time: now.toISOString(), level: 'Metadata', verb: expect === 'absent' ? 'create' : 'update', user: { username: owner, groups: [] }, sourceIPs: [], userAgent: '', decision: 'allow',
    objectRef: { apiGroup: kind.group, apiVersion: kind.version, resource: kind.plural, name: row.name, uid: row.uid }, responseStatus: { code: expect === 'absent' ? 201 : 200 }, note,
  }
  return store.commit({ operations: [{ key: { resource: row.resource, namespace: '', name: row.name }, expect, row }], audit: JSON.stringify(record) })
}

/** Makes the bootstrap administrator one, and says so in the audit. false: it is one already. */
export const enableBootstrap = async (store: Store, why: string, now: Date): Promise<boolean> => {
  const row = newRow(ClusterAccessGrant, bootstrapGrant, { role: 'administrator', subjects: [{ kind: 'User', name: bootstrapUser }] }, now)
  return (await put(store, ClusterAccessGrant, row, 'absent', why, now)).kind === 'committed'
}

/** At a start: an installation that nobody administers gets its first administrator. */
export const ensureAdministrator = async (store: Store, cache: Cache, now: Date): Promise<void> => {
  const isThere = cache.list(resourceName(ClusterAccessGrant)).some((r) => (JSON.parse(r.body) as ClusterAccessGrant).spec.role === 'administrator')
  if (!isThere) await enableBootstrap(store, 'the installation had no administrator when it started', now)
}

const day = 86_400_000
/** Longer than any certificate that is signed for it. */
const renewBeforeMs = 100 * day
const certificateOf = (row: Row): ClientCertificate => JSON.parse(row.body) as ClientCertificate

/** The object that certificates of this machine are signed for: the one that stands, or a new one where it was revoked or ends soon. Answers its uid. */
export const ensureOwnCertificate = async (store: Store, name: string, spec: Pick<ClientCertificateSpec, 'user' | 'purpose'>, now: Date): Promise<string> => {
  const wanted = newRow(ClientCertificate, name, { ...spec, groups: [], renewableDays: 366 }, now)
  let expect: number | 'absent' = 'absent'
  for (let tries = 0; tries < 5; tries++) {
    const done = await put(store, ClientCertificate, wanted, expect, 'for this machine', now)
    if (done.kind === 'committed') return wanted.uid
    const current: Row | undefined = done.kind === 'conflict' ? done.current : undefined
    if (current !== undefined && !current.deleting && endOf(certificateOf(current)) - now.getTime() > renewBeforeMs) return current.uid
    expect = current?.version ?? 'absent'
  }
  throw new Error(`the certificate ${name} is being changed by somebody else`)
}
