/** Who may do what: roles over kinds, verbs and subresources, in one file; `./dev golden` writes it anew. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { AuditRecordKind } from '../api/audit/index.ts'
import { uriOf } from '../api/client-certificate/index.ts'
import { kinds, Project } from '../api/index.ts'
import { createApiServer } from '../apiserver/index.ts'
import { reviewResources } from '../apiserver/reviews.ts'
import { allRoles, sites, type Role } from '../rules/roles.ts'
import { silent } from '../store/log.ts'
import { openMemoryStore } from '../store/memory/memory.ts'
import { openAuthorization } from './authorization.ts'
import type { Grants } from './grants.ts'
import { subresources } from './subresources.ts'

const verbs = ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete', 'deletecollection']
const partVerbs = ['get', 'update', 'patch']

// Names only: nothing is called.
const ours = subresources(undefined as never, undefined as never, undefined as never, undefined as never)
const store = openMemoryStore()
const server = await createApiServer({
  store, kinds, namespaceKind: Project, builtins: ['events'], subresources: ours, authenticate: () => undefined, authorize: () => false,
  version: { major: '1', minor: '36', gitVersion: 'v1.36.0' }, log: silent, collectGarbage: false, pollMs: 0,
})
// A memory store keeps no audit, so it is not among those.
const served = [...[...server.api.served.values()].map(({ kind }) => kind), AuditRecordKind]
await server.close()
await store.close()

interface Place { readonly group: string; readonly resource: string; readonly subresource: string; readonly verbs: readonly string[]; readonly namespaced: boolean }
const places: readonly Place[] = [
  ...served.flatMap((k): readonly Place[] => {
    const at = { group: k.group, resource: k.plural, namespaced: k.namespaced }
    const ownParts = Object.keys(ours).filter((name) => name.startsWith(`${k.plural}/`)).map((name) => name.slice(k.plural.length + 1))
    return [
      { ...at, subresource: '', verbs: k === AuditRecordKind ? ['list'] : verbs },
      ...[...(k.status === undefined ? [] : ['status']), ...(k.scale === undefined ? [] : ['scale'])].map((subresource) => ({ ...at, subresource, verbs: partVerbs })),
      ...ownParts.map((subresource) => ({ ...at, subresource, verbs: ['create'] })),
    ]
  }),
  ...reviewResources.map((r) => ({ group: r.group, resource: r.name, subresource: '', verbs: ['create'], namespaced: false })),
]
const paths = ['/api', '/apis', '/apis/skerry.dev/v1alpha1', '/openapi/v3', '/version', '/metrics', '/audit/export', '/logs', '/']

/** One who has the role and no other: in project acme, or everywhere. */
const grantsOf = (role: Role | 'nobody'): Grants => {
  const isProjectRole = role === 'viewer' || role === 'editor' || role === 'owner'
  return {
    everywhere: () => (role === 'auditor' || role === 'operator' || role === 'administrator' ? [role] : []), in: (_, project) => (isProjectRole && project === 'acme' ? [role] : []),
    projects: () => (isProjectRole ? ['acme'] : []), since: () => 0, onChange: () => () => {},
  }
}
const own = { subjectAltName: `URI:${uriOf({ name: 'own', uid: crypto.randomUUID() })}`, credentialId: 'X509SHA256=ab', notAfter: 0 }
const identityOf = (role: Role | 'nobody') => ({ user: 'tess', groups: [...(role === 'site' ? [sites] : []), 'system:authenticated'], writer: 'user' as const, certificate: own })

const may = (role: Role | 'nobody', project: string, named = 'a-name') => {
  const { authorize } = openAuthorization(grantsOf(role))
  return (p: Omit<Place, 'verbs'>, verb: string): boolean => {
    const isOne = !['list', 'watch', 'create', 'deletecollection'].includes(verb) || p.subresource !== ''
    return authorize(identityOf(role), { verb, group: p.group, resource: p.resource, subresource: p.subresource, namespace: p.namespaced ? project : '', name: isOne ? (p.resource === 'projects' || p.resource === 'namespaces' ? project : named) : '', path: '' })
  }
}

const nameOf = (p: Pick<Place, 'group' | 'resource' | 'subresource'>): string => `${p.resource}${p.group === '' || p.group === 'skerry.dev' ? '' : `.${p.group}`}${p.subresource === '' ? '' : `/${p.subresource}`}`
const section = (title: string, role: Role | 'nobody', project: string, named?: string): string => {
  const allows = may(role, project, named)
  const { authorize, writerOf } = openAuthorization(grantsOf(role))
  const lines = [
    ...places.map((p) => [nameOf(p), p.verbs.filter((verb) => allows(p, verb))] as const),
    ...paths.map((path) => [path, authorize(identityOf(role), { verb: 'get', group: '', resource: '', subresource: '', namespace: '', name: '', path }) ? ['get'] : []] as const),
  ]
  return `${title} (writes as ${writerOf(identityOf(role))})\n${lines.map(([what, verbs_]) => `  ${what.padEnd(44)} ${verbs_.length === 0 ? '-' : verbs_.join(' ')}`).join('\n')}\n`
}

test('A5 who may do what is as it was reviewed', async () => {
  const matrix = [
    ...allRoles.map((role) => section(role, role, 'acme')), section('owner of acme, in another project', 'owner', 'other'), section('nobody in particular', 'nobody', 'acme'), section('nobody in particular, by the name of their own certificate', 'nobody', 'acme', 'own'),
  ].join('\n')
  await expect(matrix).toMatchFileSnapshot(join(import.meta.dirname, 'golden/authz-matrix.txt'))
})

test('A5 everything that is served stands in the matrix', () => {
  const inMatrix = new Set(places.map(nameOf))
  const all = [...served.flatMap((k) => [{ group: k.group, resource: k.plural, subresource: '' }, ...(k.status === undefined ? [] : [{ group: k.group, resource: k.plural, subresource: 'status' }])]), ...reviewResources.map((r) => ({ group: r.group, resource: r.name, subresource: '' }))].map(nameOf)
  expect([...all, ...Object.keys(ours)].filter((name) => !inMatrix.has(name))).toEqual([])
})

test('A5 in another project an owner may do nothing but read the catalogue and look at the list of their own projects', () => {
  const allows = may('owner', 'other')
  const what = places.flatMap((p) => p.verbs.filter((verb) => allows(p, verb)).map((verb) => `${verb} ${nameOf(p)}`)).filter((w) => !w.includes('selfsubject'))
  expect(what).toEqual(['list projects', 'watch projects', 'get machinetypes', 'list machinetypes', 'watch machinetypes', 'get releases', 'list releases', 'watch releases', 'list namespaces', 'watch namespaces'])
})

test('T8 no controller and nobody without a role gets access to a cluster or to a credential, or abandons one', () => {
  for (const role of ['site', 'nobody', 'viewer', 'auditor', 'operator'] as const)
    for (const [resource, subresource] of [['clusters', 'kubeconfig'], ['clusters', 'talosconfig'], ['clusters', 'secrets'], ['clusters', 'abandon'], ['sites', 'credential']] as const) {
      if (role === 'operator' && resource === 'sites') continue
      expect(may(role, 'acme')({ group: 'skerry.dev', resource, subresource, namespaced: resource === 'clusters' }, 'create'), `${role} ${subresource}`).toBe(false)
    }
})
