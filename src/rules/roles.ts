/** What each role may do, as tables from resource to verbs; who has a role is not known here. What is in no table is denied. */
import { kinds } from '../api/index.ts'
import { projectRoles, type ClusterRole, type ProjectRole } from '../api/access-grant/index.ts'

/** The group of sites' certificates. */
export const sites = 'skerry:sites'

/** `site`: the controllers of a site; nobody can be granted it. */
export type Role = ProjectRole | ClusterRole | 'site'
/** By `clusters` or `clusters/kubeconfig`, or a path. `*`: every resource and part of it that can be read. */
type Rights = Readonly<Record<string, readonly string[]>>

const read = ['get', 'list', 'watch']
const change = ['create', 'update', 'patch', 'delete', 'deletecollection']
const remove = ['delete', 'deletecollection']
const part = ['get']
const each = (verbs: readonly string[], ...resources: readonly string[]): Rights => Object.fromEntries(resources.map((r) => [r, verbs]))
const merged = (...all: readonly Rights[]): Rights => {
  const sum: Record<string, readonly string[]> = {}
  for (const rights of all) for (const [resource, verbs] of Object.entries(rights)) sum[resource] = [...new Set([...(sum[resource] ?? []), ...verbs])]
  return sum
}

/** What everybody who has a role anywhere needs to make a cluster. Sites are not in it: they tell of what is in other projects. */
const catalogue = each(read, 'releases', 'machinetypes')
const viewer = merged(catalogue, each(read, 'projects', 'namespaces', 'clusters', 'nodepools', 'machines', 'events'), each(part, 'projects/status', 'clusters/status', 'nodepools/status', 'nodepools/scale', 'machines/status'))
const editor = merged(viewer, each(change, 'clusters', 'nodepools'), each(['update', 'patch'], 'nodepools/scale'), each(remove, 'machines'),
  each(['create'], 'clusters/kubeconfig', 'clusters/talosconfig', 'machines/console', 'machines/logs'))
const owner = merged(editor, each([...read, ...change], 'accessgrants'), each(['create'], 'clusters/secrets'), each(['update', 'patch'], 'projects', 'namespaces'))

const everyKind = merged(viewer, each(read, 'sites', 'cloudprojects'), each(part, 'sites/status'))
const auditor = merged(everyKind, { '*': read, '/metrics': part, '/audit/export': part })
const operator = merged(everyKind, each([...read, ...change], 'accessgrants'), each(read, 'clusteraccessgrants'), each(change, 'sites', 'releases', 'projects', 'namespaces'), each(remove, 'machinetypes', 'cloudprojects'),
  each(['create'], 'sites/credential', 'machines/console', 'machines/logs'), { '/metrics': part })

const siteChange = ['create', 'update', 'patch', 'delete']
const site = merged(everyKind, each(siteChange, 'clusters', 'nodepools', 'machines', 'machinetypes', 'cloudprojects', 'sites', 'events'),
  each(['update', 'patch'], 'clusters/status', 'nodepools/status', 'nodepools/scale', 'machines/status', 'sites/status'))

const tables: Readonly<Record<Exclude<Role, 'administrator'>, Rights>> = { viewer, editor, owner, auditor, operator, site }
export const allRoles: readonly Role[] = ['viewer', 'editor', 'owner', 'auditor', 'operator', 'administrator', 'site']

const ofCore: Readonly<Record<string, readonly string[]>> = { namespaces: [''], events: ['', 'events.k8s.io'] }
const groupsOf = new Map<string, readonly string[]>([...kinds.map((k) => [k.plural, [k.group]] as const), ...Object.entries(ofCore)])

const holds = (role: Role, name: string, verb: string): boolean => {
  if (role === 'administrator') return true
  const rights = tables[role]
  return rights[name]?.includes(verb) === true || (!name.startsWith('/') && rights['*']?.includes(verb) === true)
}

export interface Wish { readonly verb: string; readonly group: string; readonly resource: string; readonly subresource: string }

export const mayWithRole = (role: Role, { verb, group, resource, subresource }: Wish): boolean =>
  role === 'administrator' || ((groupsOf.get(resource)?.includes(group) ?? role === 'auditor') && holds(role, subresource === '' ? resource : `${resource}/${subresource}`, verb))
export const mayReachWithRole = holds as (role: Role, path: string, verb: string) => boolean

/** What is at the installation's level and open to whoever has a role in any project. */
export const isCatalogue = (resource: string): boolean => Object.hasOwn(catalogue, resource)
/** Whoever has it may read what is in every project. */
export const seesEverything = (role: Role): boolean => !(projectRoles as readonly Role[]).includes(role)

/** Whether somebody who holds these roles in a place holds all that `role` gives there: nobody gives what they do not have. */
export const covers = (held: readonly Role[], role: Role): boolean =>
  held.includes('administrator') || (role !== 'administrator' && Object.entries(tables[role]).every(([name, verbs]) => verbs.every((verb) => held.some((h) => holds(h, name, verb)))))
