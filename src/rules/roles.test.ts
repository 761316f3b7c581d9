import fc from 'fast-check'
import { expect, test } from 'vitest'
import { allRoles, covers, mayReachWithRole, mayWithRole, type Role } from './roles.ts'

const verbs = ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete', 'deletecollection']
const names = ['projects', 'projects/status', 'namespaces', 'sites', 'sites/credential', 'machinetypes', 'cloudprojects', 'releases', 'clusters', 'clusters/kubeconfig', 'clusters/secrets', 'nodepools/scale', 'machines/logs', 'accessgrants', 'clusteraccessgrants', 'events']
const wish = fc.record({ name: fc.constantFrom(...names), verb: fc.constantFrom(...verbs) }).map(({ name, verb }) => {
  const [resource = '', subresource = ''] = name.split('/')
  return { verb, resource, subresource, group: resource === 'namespaces' || resource === 'events' ? '' : 'skerry.dev' }
})
const role = fc.constantFrom(...allRoles)

test('A5 whoever covers a role may do all that the role may', () => {
  fc.assert(fc.property(fc.array(role, { maxLength: 3 }), role, wish, (held, given, w) => !covers(held, given) || !mayWithRole(given, w) || held.some((h) => mayWithRole(h, w))))
})

test('A5 who covers whom', () => {
  expect(allRoles.map((holder) => `${holder} > ${allRoles.filter((r) => r !== holder && covers([holder], r)).join(' ')}`)).toEqual([
    'viewer > ', 'editor > viewer', 'owner > viewer editor', 'auditor > viewer', 'operator > viewer', 'administrator > viewer editor owner auditor operator site', 'site > viewer',
  ])
  expect(covers(['operator', 'auditor', 'owner'], 'administrator')).toBe(false)
})

test('A5 another group\'s kind of the same name, and paths that no role names, are denied', () => {
  for (const r of allRoles.filter((x): x is Exclude<Role, 'administrator' | 'auditor'> => x !== 'administrator' && x !== 'auditor')) {
    expect(mayWithRole(r, { verb: 'get', group: 'apps', resource: 'clusters', subresource: '' }), r).toBe(false)
    expect(mayReachWithRole(r, '/logs', 'get'), r).toBe(false)
  }
})
