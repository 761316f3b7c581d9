/** Who may do what, until roles by project exist: administrators everything, the site what its controllers need, others nothing. */
import type { Authorize, Identity, WriterRole } from '../apiserver/index.ts'

export const administrators = 'skerry:admins'
export const sites = 'skerry:sites'

export const writerOf = (_user: string, groups: readonly string[]): WriterRole => (groups.includes(sites) ? 'site' : groups.includes(administrators) ? 'admin' : 'user')

const siteWrites = new Set(['clusters', 'nodepools', 'machines', 'machinetypes', 'cloudprojects', 'sites', 'events'])
/** What hands out or takes in keys (`access.ts`) is a subresource too, and is not here. */
const siteParts = new Set(['', 'status', 'scale'])
const discovery = /^\/(api|apis|version|openapi)(\/|$)/

export const authorize: Authorize = (identity: Identity, a) => {
  if (identity.groups.includes(administrators)) return true
  if (a.path !== '' && a.resource === '') return discovery.test(a.path)
  if (a.resource.startsWith('selfsubject')) return true
  if (!identity.groups.includes(sites) || a.group === 'audit.skerry.dev') return false
  return ['get', 'list', 'watch'].includes(a.verb) || (siteWrites.has(a.resource) && ['create', 'update', 'patch', 'delete'].includes(a.verb) && siteParts.has(a.subresource))
}
