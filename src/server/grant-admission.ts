/** Checks of grants and certificates when they are written or go: nobody gives or takes more than they have, and an administrator always remains. */
import { AccessGrant, ClientCertificate, ClusterAccessGrant } from '../api/index.ts'
import { endOf } from '../api/client-certificate/index.ts'
import type { Kind, Resource } from '../api/meta/index.ts'
import type { Admission, Reader } from '../apiserver/index.ts'
import type { Authorization } from './authorization.ts'

const isGrant = (kind: Kind<any>): boolean => kind === AccessGrant || kind === ClusterAccessGrant

/** Who could come in as administrator: a grant that makes them one, and a certificate that can be renewed. */
const hasAdministrator = (grants: readonly ClusterAccessGrant[], certificates: readonly ClientCertificate[], now: Date): boolean => {
  const subjects = new Set(grants.filter((g) => g.spec.role === 'administrator').flatMap((g) => g.spec.subjects.map((s) => `${s.kind} ${s.name}`)))
  return certificates.some((c) => endOf(c) > now.getTime() && (subjects.has(`User ${c.spec.user}`) || c.spec.groups.some((g) => subjects.has(`Group ${g}`))))
}

/**
 * Why `old` may not become `after`, or go. Two who take each other's right at one moment can both succeed; whoever owns the machine
 * finds a way back (docs/runbooks/no-administrator.md).
 */
const lastAdministrator = (kind: Kind<any>, old: Resource, after: Resource | undefined, read: Reader, now: Date): string | undefined => {
  if (kind !== ClusterAccessGrant && kind !== ClientCertificate) return undefined
  const grants = read.list(ClusterAccessGrant)
  const certificates = read.list(ClientCertificate)
  const others = <R extends Resource>(all: readonly R[]): readonly R[] => [...all.filter((o) => o.metadata.uid !== old.metadata.uid), ...(after === undefined ? [] : [after as R])]
  if (!hasAdministrator(grants, certificates, now)) return undefined
  const remains = kind === ClusterAccessGrant ? hasAdministrator(others(grants), certificates, now) : hasAdministrator(grants, others(certificates), now)
  return remains ? undefined : 'no administrator with a certificate would be left; make another one first'
}

export const grantAdmission = (authorization: Pick<Authorization, 'demandCover'>, now: () => Date): Required<Pick<Admission, 'validate' | 'refuseDeletion'>> => ({
  validate(kind, object, old, read, identity) {
    if (!isGrant(kind)) return []
    authorization.demandCover(kind, [old, object], identity)
    const refusal = old === undefined ? undefined : lastAdministrator(kind, old, object, read, now())
    return refusal === undefined ? [] : [{ field: 'spec', reason: 'FieldValueForbidden', message: refusal }]
  },
  refuseDeletion(kind, object, read, identity) {
    if (isGrant(kind)) authorization.demandCover(kind, [object], identity)
    return lastAdministrator(kind, object, undefined, read, now())
  },
})
