/** Checks of grants when they are written or go: nobody gives or takes more than they have, and an administrator always remains. */
import { AccessGrant, ClusterAccessGrant } from '../api/index.ts'
import type { Kind, Resource } from '../api/meta/index.ts'
import { type Admission, type Reader } from '../apiserver/index.ts'
import type { Authorization } from './authorization.ts'

const isGrant = (kind: Kind<any>): boolean => kind === AccessGrant || kind === ClusterAccessGrant
const isAdministrators = (o: Resource | undefined): boolean => (o as ClusterAccessGrant | undefined)?.spec.role === 'administrator'

/** Two who take each other's grant at one moment can both succeed; whoever owns the machine finds a way back (docs/runbooks/no-administrator.md). */
const lastAdministrator = (grant: Resource, after: ClusterAccessGrant | undefined, read: Reader): string | undefined => {
  if (!isAdministrators(grant) || isAdministrators(after)) return undefined
  return read.list(ClusterAccessGrant).some((g) => g.metadata.name !== grant.metadata.name && isAdministrators(g)) ? undefined : 'it is the last that makes anybody administrator; make another first'
}

export const grantAdmission = (authorization: Pick<Authorization, 'demandCover'>): Required<Pick<Admission, 'validate' | 'refuseDeletion'>> => ({
  validate(kind, object, old, read, identity) {
    if (!isGrant(kind)) return []
    authorization.demandCover(kind, [old, object], identity)
    const refusal = kind === ClusterAccessGrant && old !== undefined ? lastAdministrator(old, object as ClusterAccessGrant, read) : undefined
    return refusal === undefined ? [] : [{ field: 'spec.role', reason: 'FieldValueForbidden', message: refusal }]
  },
  refuseDeletion(kind, object, read, identity) {
    if (!isGrant(kind)) return undefined
    authorization.demandCover(kind, [object], identity)
    return kind === ClusterAccessGrant ? lastAdministrator(object, undefined, read) : undefined
  },
})
