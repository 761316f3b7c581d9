import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { AccessGrant, ClientCertificate, ClusterAccessGrant, Project } from '../api/index.ts'
import type { Answer } from '../apiserver/testing/lab-server.ts'
import { enableBootstrap } from './bootstrap.ts'
import { admin, ours, pathOf, startAccessBed, type AccessBed } from './testing/access-bed.ts'

let bed: AccessBed
const as = (user: string) => ({ as: user })
const spec = (role: string, ...users: readonly string[]) => ({ role, subjects: users.map((name) => ({ kind: 'User', name })) })
const brief = (a: Answer) => `${a.code} ${a.body?.reason ?? ''} ${(a.body?.details?.causes ?? []).map((c: { field?: string }) => c.field).join()}`.trim()
const names = (a: Answer): readonly string[] => a.body.items.map((o: { metadata: { name: string } }) => o.metadata.name)

beforeEach(async () => {
  bed = await startAccessBed()
  for (const name of ['acme', 'other']) expect((await bed.call('POST', pathOf(Project, ''), { metadata: { name }, spec: {} }, admin)).code).toBe(201)
})
afterEach(() => bed.close())

test('A5 a grant opens its project and no other, and what it opened closes with it', async () => {
  const clusters = (project: string) => bed.call('GET', `${ours}/namespaces/${project}/clusters`, undefined, as('tess'))
  expect(brief(await clusters('acme'))).toBe('403 Forbidden')
  const path = await bed.grant('viewer', 'acme', 'tess')
  expect(brief(await clusters('acme'))).toBe('200')
  expect(brief(await clusters('other'))).toBe('403 Forbidden')
  expect(brief(await bed.call('PATCH', path, { spec: { subjects: [{ kind: 'Group', name: 'staff' }] } }, admin))).toBe('200')
  expect(brief(await clusters('acme'))).toBe('403 Forbidden')
  expect(brief(await bed.call('GET', `${ours}/namespaces/acme/clusters`, undefined, as('tess+staff')))).toBe('200')
  await bed.call('DELETE', path, undefined, admin)
  expect(brief(await bed.call('GET', `${ours}/namespaces/acme/clusters`, undefined, as('tess+staff')))).toBe('403 Forbidden')
})

test('A5 what may not be read is 403 whether or not it is there', async () => {
  await bed.grant('owner', 'acme', 'tess')
  const [there, not] = await Promise.all(['other', 'nowhere'].map((p) => bed.call('GET', `${ours}/projects/${p}`, undefined, as('tess'))))
  expect([there, not].map((a) => [a!.code, a!.body.message.replace(/other|nowhere/g, 'P')])).toEqual(Array(2).fill([403, 'projects.skerry.dev "P" is forbidden: User "tess" cannot get resource "projects" in API group "skerry.dev" at the cluster scope']))
  expect(brief(await bed.call('GET', `${ours}/clusters`, undefined, as('tess')))).toBe('403 Forbidden')
})

test('A5 people list the projects and namespaces in which they have a role; who may read everything lists all', async () => {
  await bed.grant('viewer', 'acme', 'tess')
  await bed.grant('auditor', '', 'olga')
  for (const path of [`${ours}/projects`, '/api/v1/namespaces']) {
    expect(names(await bed.call('GET', path, undefined, as('tess')))).toEqual(['acme'])
    expect(names(await bed.call('GET', path, undefined, as('olga')))).toEqual(['acme', 'other'])
    expect(brief(await bed.call('GET', path, undefined, as('nobody')))).toBe('403 Forbidden')
  }
})

test('A5 nobody gives a role that they do not have: not by create, update, patch or apply', async () => {
  await bed.grant('operator', '', 'olga')
  await bed.grant('owner', 'acme', 'tess')
  const at = pathOf(AccessGrant, 'acme')
  expect(brief(await bed.call('POST', at, { metadata: { name: 'g' }, spec: spec('owner', 'olga') }, as('olga')))).toBe('403 Forbidden spec.role')
  expect(brief(await bed.call('POST', at, { metadata: { name: 'g' }, spec: spec('viewer', 'olga') }, as('olga')))).toBe('201')
  const { resourceVersion } = (await bed.call('GET', `${at}/g`, undefined, as('olga'))).body.metadata
  expect(brief(await bed.call('PUT', `${at}/g`, { metadata: { name: 'g', resourceVersion }, spec: spec('editor', 'olga') }, as('olga')))).toBe('403 Forbidden spec.role')
  expect(brief(await bed.call('PATCH', `${at}/g`, { spec: { role: 'owner' } }, as('olga')))).toBe('403 Forbidden spec.role')
  expect(brief(await bed.call('PATCH', `${at}/g`, [{ op: 'replace', path: '/spec/role', value: 'owner' }], { ...as('olga'), type: 'application/json-patch+json' }))).toBe('403 Forbidden spec.role')
  for (const name of ['g', 'new']) {
    const body = { apiVersion: 'skerry.dev/v1alpha1', kind: 'AccessGrant', metadata: { name }, spec: spec('owner', 'olga') }
    expect(brief(await bed.call('PATCH', `${at}/${name}?fieldManager=x&force=true`, body, { ...as('olga'), type: 'application/apply-patch+yaml' }))).toBe('403 Forbidden spec.role')
  }
  expect(brief(await bed.call('POST', at, { metadata: { name: 'h' }, spec: spec('editor', 'ed') }, as('tess')))).toBe('201')
  // An editor of the project gives nothing to anybody.
  expect(brief(await bed.call('POST', at, { metadata: { name: 'i' }, spec: spec('viewer', 'vic') }, as('ed')))).toBe('403 Forbidden')
})

test('A5 nobody takes away a role that they do not have', async () => {
  await bed.grant('operator', '', 'olga')
  const path = await bed.grant('owner', 'acme', 'tess')
  expect(brief(await bed.call('DELETE', path, undefined, as('olga')))).toBe('403 Forbidden spec.role')
  expect(brief(await bed.call('DELETE', pathOf(AccessGrant, 'acme'), undefined, as('olga')))).toBe('403 Forbidden spec.role')
  expect(brief(await bed.call('PATCH', path, { spec: spec('viewer', 'olga') }, as('olga')))).toBe('403 Forbidden spec.role')
})

test('A4 the bootstrap administrator goes once there is another with a certificate, and then there is always one', async () => {
  const [last, next] = ['bootstrap-administrator', 'administrator-ada'].map((name) => pathOf(ClusterAccessGrant, '', name))
  const certificate = (name: string) => pathOf(ClientCertificate, '', name)
  const refused = 'no administrator with a certificate would be left; make another one first'
  const first = await bed.call('DELETE', last!, undefined, admin)
  expect([brief(first), first.body.message]).toEqual(['403 Forbidden', `clusteraccessgrants.skerry.dev "bootstrap-administrator" is forbidden: ${refused}`])
  expect(brief(await bed.call('PATCH', last!, { spec: { role: 'auditor' } }, admin))).toBe('422 Invalid spec')
  await bed.grant('administrator', '', 'ada')
  // A role alone lets nobody in.
  expect(brief(await bed.call('DELETE', last!, undefined, admin))).toBe('403 Forbidden')
  expect(brief(await bed.call('POST', pathOf(ClientCertificate, ''), { metadata: { name: 'ada' }, spec: { user: 'ada' } }, admin))).toBe('201')
  expect(brief(await bed.call('DELETE', last!, undefined, as('ada')))).toBe('200')
  expect(brief(await bed.call('GET', `${ours}/projects`, undefined, admin))).toBe('403 Forbidden')
  expect(brief(await bed.call('DELETE', next!, undefined, as('ada')))).toBe('403 Forbidden')
  expect(brief(await bed.call('PATCH', next!, { spec: { subjects: [{ kind: 'User', name: 'bob' }] } }, as('ada')))).toBe('422 Invalid spec')
  expect(brief(await bed.call('DELETE', certificate('ada'), undefined, as('ada')))).toBe('403 Forbidden')
  expect(brief(await bed.call('DELETE', certificate('bootstrap-admin'), undefined, as('ada')))).toBe('200')
})

test('A4 the owner of the machine makes the bootstrap administrator one again, and the audit says so', async () => {
  await bed.grant('administrator', '', 'ada')
  await bed.call('POST', pathOf(ClientCertificate, ''), { metadata: { name: 'ada' }, spec: { user: 'ada' } }, admin)
  await bed.call('DELETE', pathOf(ClusterAccessGrant, '', 'bootstrap-administrator'), undefined, as('ada'))
  const commits = vi.spyOn(bed.lab.store, 'commit')
  expect(await enableBootstrap(bed.lab.store, 'ada is on holiday', new Date())).toBe(true)
  expect(JSON.parse(commits.mock.calls[0]![0].audit!)).toMatchObject({ user: { username: 'owner of the machine' }, verb: 'create', objectRef: { name: 'bootstrap-administrator' }, note: 'ada is on holiday' })
  expect(brief(await bed.call('GET', `${ours}/projects`, undefined, admin))).toBe('200')
  expect(await enableBootstrap(bed.lab.store, 'again', new Date())).toBe(false)
})

test('a grant names people and groups, not the platform\'s own', async () => {
  for (const name of ['system:authenticated', 'skerry:sites'])
    expect(brief(await bed.call('POST', pathOf(AccessGrant, 'acme'), { metadata: { name: 'g' }, spec: { role: 'viewer', subjects: [{ kind: 'Group', name }] } }, admin))).toBe('422 Invalid spec.subjects[0].name')
  expect(brief(await bed.call('POST', pathOf(AccessGrant, 'acme'), { metadata: { name: 'g' }, spec: { role: 'boss', subjects: [] } }, admin))).toMatch(/^422 Invalid .*spec\.role/)
})
