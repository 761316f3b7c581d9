/** Just enough of RBAC: who is in system:masters or bound to cluster-admin may do all, others may read what is served and nothing in it. */
import type { Authorize, Identity } from '../../../apiserver/identity.ts'
import { ClusterRoleBinding } from './kinds.ts'
import type { Objects } from './objects.ts'

const isBound = ({ user, groups }: Identity, objects: Objects): boolean => objects.list(ClusterRoleBinding).some((b) => b['roleRef']?.name === 'cluster-admin' && b['roleRef']?.kind === 'ClusterRole'
  && ((b['subjects'] ?? []) as readonly { readonly kind?: string; readonly name?: string }[]).some((s) => (s.kind === 'Group' && groups.includes(s.name ?? '')) || (s.kind === 'User' && s.name === user)))

const open = /^\/(version\/?|api|apis|openapi|healthz|livez|readyz)(\/|$)/

export const authorizeBy = (objects: () => Objects): Authorize => (identity, { path, resource }) =>
  identity.groups.includes('system:masters') || (resource === '' && open.test(path)) || isBound(identity, objects())
