/** From roles to answers: what an identity may do (deny by default), what it may be told (rule A5), and as whom it writes (rule H2). */
import { ClientCertificate, Project, type AccessGrant, type ClusterAccessGrant } from '../api/index.ts'
import { resourceName, type FieldError, type Kind, type Resource } from '../api/meta/index.ts'
import { forbidden, type Attributes, type Authorize, type Identity, type WriterRole } from '../apiserver/index.ts'
import { covers, sites, isCatalogue, mayReachWithRole, mayWithRole, seesEverything, type Role } from '../rules/roles.ts'
import type { Scope } from '../store/scoped-cache.ts'
import { ownCertificate } from './client-certificates.ts'
import type { Grants, Who } from './grants.ts'

export interface Authorization {
  readonly authorize: Authorize
  scopeOf(identity: Identity): Scope | undefined
  writerOf(identity: Who): WriterRole
  /** Nobody gives or takes a role that they do not have themselves. Throws 403. */
  demandCover(kind: Kind<any>, grants: readonly (Resource | undefined)[], identity: Identity): void
}

const projects = resourceName(Project)
const certificates = resourceName(ClientCertificate)
const discovery = /^\/(api|apis|version|openapi)(\/|$)/
/** A project is asked for by its name, through either of its kinds. */
const isProject = (resource: string): boolean => resource === 'projects' || resource === 'namespaces'

/** Whoever holds a certificate may look at what stands behind it, and renew it. */
const isOwnCertificate = (identity: Identity, a: Attributes): boolean => a.name !== '' && a.name === ownCertificate(identity) && (a.subresource === '' ? a.verb === 'get' : a.subresource === 'certificate' && a.verb === 'create')

export const openAuthorization = (grants: Grants): Authorization => {
  const everywhere = (identity: Who): readonly Role[] => (identity.groups.includes(sites) ? ['site'] : grants.everywhere(identity))
  const held = (identity: Identity, project: string): readonly Role[] => [...everywhere(identity), ...grants.in(identity, project)]

  const may = (identity: Identity, a: Attributes): boolean => {
    const roles = everywhere(identity)
    if (a.resource === '') return discovery.test(a.path) || roles.some((role) => mayReachWithRole(role, a.path, a.verb))
    if (a.resource.startsWith('selfsubject')) return a.verb === 'create'
    if (roles.some((role) => mayWithRole(role, a))) return true
    if (a.resource === ClientCertificate.plural && a.group === ClientCertificate.group) return isOwnCertificate(identity, a)
    if (isProject(a.resource) && a.name !== '') return grants.in(identity, a.name).some((role) => mayWithRole(role, a))
    // Of projects the second line shows those in which somebody has a role.
    if (isProject(a.resource)) return (a.verb === 'list' || a.verb === 'watch') && grants.projects(identity).length > 0 && mayWithRole('viewer', a)
    if (a.namespace === '' && isCatalogue(a.resource)) return grants.projects(identity).length > 0 && mayWithRole('viewer', a)
    return grants.in(identity, a.namespace).some((role) => mayWithRole(role, a))
  }

  return {
    authorize: may,
    writerOf: (identity) => { const roles = everywhere(identity); return roles.includes('site') ? 'site' : roles.includes('administrator') ? 'admin' : 'user' },
    scopeOf(identity) {
      if (everywhere(identity).some(seesEverything)) return undefined
      const has = (project: string): boolean => grants.in(identity, project).length > 0
      return {
        hasNamespace: has, namespaces: () => grants.projects(identity),
        hasClusterScoped: ({ resource, name }) => (resource === projects ? has(name) : resource === certificates ? name === ownCertificate(identity) : isCatalogue(resource.split('.')[0]!) && grants.projects(identity).length > 0),
        get since() { return grants.since(identity) },
      }
    },
    demandCover(kind, objects, identity) {
      for (const o of objects as readonly (AccessGrant | ClusterAccessGrant | undefined)[]) {
        if (o === undefined || covers(held(identity, o.metadata.namespace ?? ''), o.spec.role)) continue
        const message = `you (${identity.user}) do not have all that the role ${o.spec.role} gives ${o.metadata.namespace === undefined ? 'over the installation' : `in project ${o.metadata.namespace}`}, and nobody gives or takes what they do not have`
        throw forbidden(kind, o.metadata.name, message, [{ reason: 'FieldValueForbidden', message, field: 'spec.role' } satisfies FieldError & { reason: string }])
      }
    },
  }
}
