/** Authorisation lets everybody do everything here: what is not told is not told because of the second line. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Project, Release } from '../api/index.ts'
import { admin, ours, pathOf, startAccessBed, type AccessBed } from './testing/access-bed.ts'

let bed: AccessBed
const tess = { as: 'tess' }
const event = (name: string) => ({ metadata: { name }, type: 'Normal', reason: name, involvedObject: { kind: 'Cluster', name } })
const release = { metadata: { name: 'r1' }, spec: { talosVersion: 'v1.13.9', kubernetesVersion: 'v1.36.3', installerImage: 'i' } }
const paths = [
  '/api/v1/events', '/api/v1/namespaces/hidden/events', '/apis/events.k8s.io/v1/events', '/apis/events.k8s.io/v1/namespaces/hidden/events', '/api/v1/namespaces', `${ours}/projects`, `${ours}/accessgrants`,
  `${ours}/namespaces/hidden/accessgrants`, `${ours}/clusteraccessgrants`, `${ours}/sites`, `${ours}/cloudprojects`,
]
const one = ['/api/v1/namespaces/hidden/events/secret', '/apis/events.k8s.io/v1/namespaces/hidden/events/secret', '/api/v1/namespaces/hidden', `${ours}/projects/hidden`, `${ours}/projects/hidden/status`, `${ours}/namespaces/hidden/accessgrants/owner-secret`,
  `${ours}/clusteraccessgrants/bootstrap-administrator`, `${ours}/sites/secret`, '/api/v1/namespaces/mine/events/secret', '/api/v1/namespaces/default/events/secret']
const accepts = [undefined, 'application/json;as=Table;v=v1;g=meta.k8s.io', 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io']
const tells = (text: string): boolean => /hidden|secret|bootstrap/.test(text)

beforeEach(async () => {
  bed = await startAccessBed({ authorize: () => true })
  for (const name of ['mine', 'hidden']) await bed.call('POST', pathOf(Project, ''), { metadata: { name }, spec: {} }, admin)
  await bed.grant('owner', 'mine', 'tess')
  await bed.grant('owner', 'hidden', 'secret')
  const made = await Promise.all([
    ...['mine', 'hidden', 'default'].map((project) => bed.call('POST', `/api/v1/namespaces/${project}/events`, event(project === 'mine' ? 'open' : 'secret'), admin)),
    bed.call('POST', `${ours}/sites`, { metadata: { name: 'secret' }, spec: { authUrl: 'https://keystone.example.org/v3' } }, admin), bed.call('POST', pathOf(Release, ''), release, admin),
  ])
  expect(made.map((a) => a.code)).toEqual([201, 201, 201, 201, 201])
})
afterEach(() => bed.close())

test('A5 without authorisation lists, Tables and metadata still tell only of the identity\'s projects', async () => {
  for (const path of paths) for (const accept of accepts) {
    const ask = { ...tess, ...(accept !== undefined && { accept }) }
    for (const query of ['', '?limit=1', '?fieldSelector=metadata.name%3Dsecret', '?fieldSelector=metadata.namespace%3Dhidden', '?resourceVersion=0']) {
      const answer = await bed.call('GET', `${path}${query}`, undefined, ask)
      if (path.includes('/hidden/') || answer.code !== 200) { expect(answer.body.items ?? answer.body.rows ?? [], `${path}${query}`).toEqual([]); continue }
      expect(tells(answer.text), `${path}${query} ${answer.text}`).toBe(false)
    }
  }
  expect((await bed.call('GET', `${ours}/releases`, undefined, tess)).body.items).toHaveLength(1)
  expect((await bed.call('GET', '/api/v1/events', undefined, tess)).body.items).toHaveLength(1)
})

test('A5 without authorisation nothing else is found by its name, also not under another project\'s', async () => {
  for (const path of one) expect((await bed.call('GET', path, undefined, tess)).code, path).toBe(404)
})

test('A5 without authorisation what is not seen cannot be written, and a write tells nothing of it', async () => {
  for (const path of one.filter((p) => !p.endsWith('/status'))) {
    for (const [method, body, type] of [['PATCH', { metadata: { labels: { x: 'y' } } }, undefined], ['DELETE', undefined, undefined], ['PATCH', [{ op: 'test', path: '/metadata/name', value: 'x' }], 'application/json-patch+json']] as const)
      expect((await bed.call(method, path, body, { ...tess, ...(type !== undefined && { type }) })).code, `${method} ${path}`).toBe(404)
  }
  expect((await bed.call('POST', '/api/v1/namespaces/hidden/events', event('secret'), tess)).code).toBe(404)
  expect((await bed.call('DELETE', '/api/v1/namespaces/hidden/events', undefined, tess)).body.items).toEqual([])
  expect((await bed.call('GET', '/api/v1/namespaces/hidden/events/secret', undefined, admin)).code).toBe(200)
})

test('A5 without authorisation watches tell only of the identity\'s projects, from the start and afterwards', async () => {
  const watches = await Promise.all(['/api/v1/events', '/apis/events.k8s.io/v1/events', '/api/v1/namespaces/hidden/events'].map((path) => bed.watch(`${path}?watch=1&timeoutSeconds=1&allowWatchBookmarks=true`, tess)))
  for (const [project, name] of [['hidden', 'secret-2'], ['mine', 'open-2']] as const) await bed.call('POST', `/api/v1/namespaces/${project}/events`, event(name), admin)
  const seen = await Promise.all(watches.map((w) => w.take(3)))
  expect(seen.map((events) => events.map((e) => `${e.type} ${e.object.metadata.name}`))).toEqual([['ADDED open', 'ADDED open-2'], ['ADDED open', 'ADDED open-2'], []])
})

test('A5 a continue token leads into nobody else\'s list', async () => {
  await bed.call('POST', '/api/v1/namespaces/mine/events', event('open-2'), admin)
  const { body } = await bed.call('GET', '/api/v1/events?limit=1', undefined, admin)
  const next = await bed.call('GET', `/api/v1/events?limit=1&continue=${encodeURIComponent(body.metadata.continue)}`, undefined, tess)
  expect(tells(JSON.stringify(next.body.items ?? []))).toBe(false)
  const first = await bed.call('GET', '/api/v1/events?limit=1', undefined, tess)
  const second = await bed.call('GET', `/api/v1/events?limit=1&continue=${encodeURIComponent(first.body.metadata.continue)}`, undefined, tess)
  const past = await bed.call('GET', `/api/v1/events?resourceVersion=${first.body.metadata.resourceVersion}&resourceVersionMatch=Exact`, undefined, tess)
  expect(past.body.items).toHaveLength(2)
  expect([first, second].flatMap((a) => a.body.items.map((o: { metadata: { name: string } }) => o.metadata.name))).toEqual(['open', 'open-2'])
})
