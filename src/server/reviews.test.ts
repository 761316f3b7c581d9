import { afterEach, beforeEach, expect, test } from 'vitest'
import { Project } from '../api/index.ts'
import { subresources } from './subresources.ts'
import { admin, ours, pathOf, startAccessBed, type AccessBed } from './testing/access-bed.ts'

let bed: AccessBed
beforeEach(async () => {
  // Names only: nothing is called.
  bed = await startAccessBed({ subresources: subresources(undefined as never, undefined as never, undefined as never, undefined as never) })
  for (const name of ['acme', 'other']) await bed.call('POST', pathOf(Project, ''), { metadata: { name }, spec: {} }, admin)
  await bed.grant('owner', 'acme', 'tess')
})
afterEach(() => bed.close())

const canI = async (attributes: object): Promise<boolean> => (await bed.call('POST', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', { spec: { resourceAttributes: attributes } }, { as: 'tess' })).body.status.allowed
const ofUs = { group: 'skerry.dev' }

test('A5 can-i answers what a request would meet', async () => {
  expect(await Promise.all([
    canI({ ...ofUs, verb: 'create', resource: 'clusters', namespace: 'acme' }), canI({ ...ofUs, verb: 'create', resource: 'clusters', subresource: 'kubeconfig', name: 'shop', namespace: 'acme' }),
    canI({ ...ofUs, verb: 'patch', resource: 'projects', name: 'acme', namespace: 'other' }), canI({ ...ofUs, verb: 'list', resource: 'releases', namespace: 'default' }), canI({ verb: 'list', resource: 'namespaces', namespace: 'default' }),
  ])).toEqual([true, true, true, true, true])
  expect(await Promise.all([
    canI({ ...ofUs, verb: 'create', resource: 'clusters', namespace: 'other' }), canI({ ...ofUs, verb: 'list', resource: 'clusters' }), canI({ ...ofUs, verb: 'patch', resource: 'projects', name: 'other', namespace: 'acme' }),
    canI({ ...ofUs, verb: 'list', resource: 'sites', namespace: 'acme' }), canI({ group: 'apps', verb: 'list', resource: 'clusters', namespace: 'acme' }), canI({ ...ofUs, verb: '*', resource: '*', namespace: 'acme' }),
  ])).toEqual([false, false, false, false, false, false])
})

test('A5 what can-i --list says is allowed is allowed, and it says all of it', async () => {
  for (const project of ['acme', 'other', '']) {
    const { body } = await bed.call('POST', '/apis/authorization.k8s.io/v1/selfsubjectrulesreviews', { spec: { namespace: project } }, { as: 'tess' })
    const rules = (body.status.resourceRules as readonly { verbs: string[]; apiGroups: string[]; resources: string[]; resourceNames?: string[] }[])
    const told = new Set(rules.flatMap((r) => r.verbs.map((verb) => `${verb} ${r.resources[0]}.${r.apiGroups[0]} ${r.resourceNames?.[0] ?? ''}`)))
    for (const rule of rules) for (const verb of rule.verbs) {
      const [resource, subresource] = rule.resources[0]!.split('/')
      expect(await canI({ verb, group: rule.apiGroups[0], resource, ...(subresource !== undefined && { subresource }), ...(rule.resourceNames !== undefined && { name: rule.resourceNames[0] }), namespace: project }), `${verb} ${rule.resources[0]} in ${project}`).toBe(true)
    }
    const isOwner = project === 'acme'
    expect([told.has('create clusters/secrets.skerry.dev '), told.has('patch projects.skerry.dev acme'), told.has('get projects.skerry.dev acme'), told.has('get releases.skerry.dev '), told.has('list projects.skerry.dev '), told.has('get projects.skerry.dev ')])
      .toEqual([isOwner, isOwner, isOwner, true, true, false])
  }
})

test('A5 whoami tells user and groups', async () => {
  const { body } = await bed.call('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', {}, { as: 'tess+staff' })
  expect(body.status.userInfo).toEqual({ username: 'tess', groups: ['staff', 'system:authenticated'] })
  expect((await bed.call('GET', `${ours}/projects/acme`, undefined, { as: 'tess' })).code).toBe(200)
})
