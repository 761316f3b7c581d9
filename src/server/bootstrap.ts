/** What the owner of the machine does in the store without asking the API: the first administrator, and the way back when there is none. */
import { randomUUID } from 'node:crypto'
import { ClusterAccessGrant } from '../api/index.ts'
import { apiVersionOf, resourceName } from '../api/meta/index.ts'
import { rowFor } from '../apiserver/objects.ts'
import { serve } from '../apiserver/served.ts'
import type { Store } from '../store/store.ts'

export const bootstrapUser = 'bootstrap-admin'
export const bootstrapGrant = 'bootstrap-administrator'
const key = { resource: resourceName(ClusterAccessGrant), namespace: '', name: bootstrapGrant }

const newGrant = (now: Date) => rowFor(serve(ClusterAccessGrant), {
  apiVersion: apiVersionOf(ClusterAccessGrant), kind: ClusterAccessGrant.kind,
  metadata: { name: bootstrapGrant, uid: randomUUID(), generation: 1, creationTimestamp: `${now.toISOString().slice(0, 19)}Z` },
  spec: { role: 'administrator', subjects: [{ kind: 'User', name: bootstrapUser }] },
})

/** Makes the bootstrap administrator one, and says so in the audit; nothing when it is one already. */
export const enableBootstrap = async (store: Store, why: string, now: Date): Promise<void> => {
  await store.commit({
    operations: [{ key, expect: 'absent', row: newGrant(now) }],
    audit: { time: now.toISOString(), user: 'owner of the machine', verb: 'create', ...key, subresource: '', requestId: randomUUID(), note: why },
  })
}

/** At a start: who finds an installation that nobody administers makes its first administrator. */
export const ensureAdministrator = async (store: Store, now: Date): Promise<void> => {
  const { rows } = await store.snapshot()
  const isThere = rows.some((r) => r.resource === key.resource && (JSON.parse(r.body) as ClusterAccessGrant).spec.role === 'administrator')
  if (!isThere) await enableBootstrap(store, 'the installation had no administrator when it started', now)
}
