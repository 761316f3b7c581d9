/** Who may do what: identities over verbs and resources, in one file; `./dev golden` writes it anew. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { kinds } from '../api/index.ts'
import { administrators, authorize, sites, writerOf } from './roles.ts'
import { subresources } from './subresources.ts'

const identities = { administrator: [administrators], site: [sites], 'anybody else': [] } as const
const verbs = ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete', 'deletecollection']

const places = [
  ...kinds.flatMap((k) => [
    { group: k.group, resource: k.plural, subresource: '', verbs },
    ...[...(k.status === undefined ? [] : ['status']), ...(k.scale === undefined ? [] : ['scale'])].map((subresource) => ({ group: k.group, resource: k.plural, subresource, verbs: ['get', 'update', 'patch'] })),
    // Names only: nothing is called.
    ...Object.keys(subresources(undefined as never, undefined as never, undefined as never)).filter((name) => name.startsWith(`${k.plural}/`)).map((name) => ({ group: k.group, resource: k.plural, subresource: name.slice(k.plural.length + 1), verbs: ['create'] })),
  ]),
  { group: 'audit.skerry.dev', resource: 'auditrecords', subresource: '', verbs: ['list'] },
  { group: '', resource: 'namespaces', subresource: '', verbs }, { group: '', resource: 'events', subresource: '', verbs },
  ...['selfsubjectaccessreviews', 'selfsubjectrulesreviews'].map((resource) => ({ group: 'authorization.k8s.io', resource, subresource: '', verbs: ['create'] })),
  { group: 'authentication.k8s.io', resource: 'selfsubjectreviews', subresource: '', verbs: ['create'] },
]
const paths = ['/api', '/apis', '/apis/skerry.dev/v1alpha1', '/openapi/v3', '/version', '/audit/export', '/logs', '/']

const matrix = Object.entries(identities).map(([name, groups]) => {
  const identity = { user: name, groups: [...groups, 'system:authenticated'], writer: writerOf(name, groups) }
  const ask = { namespace: 'acme', name: '', path: '' }
  const lines = [
    ...places.map((p) => [`${p.resource}${p.subresource === '' ? '' : `/${p.subresource}`}`, p.verbs.filter((verb) => authorize(identity, { ...ask, verb, group: p.group, resource: p.resource, subresource: p.subresource }))] as const),
    ...paths.map((path) => [path, ['get'].filter((verb) => authorize(identity, { ...ask, verb, group: '', resource: '', subresource: '', path }))] as const),
  ]
  return `${name} (writes as ${identity.writer})\n${lines.map(([what, may]) => `  ${what.padEnd(28)} ${may.length === 0 ? '-' : may.join(' ')}`).join('\n')}\n`
}).join('\n')

test('who may do what is as it was reviewed', async () => {
  await expect(matrix).toMatchFileSnapshot(join(import.meta.dirname, 'golden/authz-matrix.txt'))
})

test('T8 no controller and nobody without a role gets access to a cluster or to a credential, or abandons one', () => {
  for (const groups of [[sites], []])
    for (const [resource, subresource] of [['clusters', 'kubeconfig'], ['clusters', 'talosconfig'], ['clusters', 'secrets'], ['clusters', 'abandon'], ['sites', 'credential']] as const)
      expect(authorize({ user: 'x', groups, writer: 'user' }, { verb: 'create', group: 'skerry.dev', resource, subresource, namespace: 'acme', name: 'shop', path: '' }), `${groups.join()} ${subresource}`).toBe(false)
})
