import { afterEach, beforeEach, expect, test } from 'vitest'
import { caller, labKinds, startLab, until, watching, type LabServer } from './testing/lab-server.ts'

let lab: LabServer
let call: ReturnType<typeof caller>
const projects = '/apis/skerry.dev/v1alpha1/projects'
const namespaces = '/api/v1/namespaces'
const maps = (ns: string) => `/api/v1/namespaces/${ns}/configmaps`

beforeEach(async () => {
  lab = await startLab()
  call = caller(lab)
})
afterEach(() => lab.close())

test('A6 a Namespace is a view of a Project: same uid, version and deletion, made and deleted through either', async () => {
  const project = (await call('POST', projects, { metadata: { name: 'shop' }, spec: { displayName: 'The shop' } })).body
  const ns = (await call('GET', `${namespaces}/shop`)).body
  expect(ns).toMatchObject({ apiVersion: 'v1', kind: 'Namespace', metadata: { uid: project.metadata.uid, resourceVersion: project.metadata.resourceVersion, labels: { 'kubernetes.io/metadata.name': 'shop' } }, status: { phase: 'Active' } })
  const made = (await call('POST', namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'web' } })).body
  expect((await call('GET', `${projects}/web`)).body.metadata).toMatchObject({ uid: made.metadata.uid, resourceVersion: made.metadata.resourceVersion })
  expect((await call('PATCH', `${namespaces}/shop`, { metadata: { labels: { a: 'b' } } })).body.metadata.labels).toMatchObject({ a: 'b' })
  expect((await call('GET', `${projects}/shop`)).body).toMatchObject({ metadata: { labels: { a: 'b' } }, spec: { displayName: 'The shop' } })
  expect((await call('GET', `${namespaces}?labelSelector=kubernetes.io/metadata.name%3Dweb`)).body.items).toHaveLength(1)
  expect((await call('PATCH', `${namespaces}/shop`, { metadata: { annotations: { c: 'd' } } }, { type: 'application/strategic-merge-patch+json' })).body.metadata.annotations).toEqual({ c: 'd' })
  const applied = await call('PATCH', `${namespaces}/new?fieldManager=m`, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'new', labels: { x: 'y' } } }, { type: 'application/apply-patch+yaml' })
  expect(applied.body).toMatchObject({ kind: 'Namespace', metadata: { name: 'new', labels: { x: 'y' } } })
  await call('DELETE', `${projects}/web`)
  await until(async () => (await call('GET', `${namespaces}/web`)).code, (c) => c === 404)
  await call('DELETE', `${namespaces}/new`)
  await until(async () => (await call('GET', `${projects}/new`)).code, (c) => c === 404)
})

test('A6 both are seen in their own watches, with one version', async () => {
  const [ns, project] = await Promise.all([watching(lab, `${namespaces}?watch=1`), watching(lab, `${projects}?watch=1`)])
  await call('POST', projects, { metadata: { name: 'shop' }, spec: {} })
  const [a, b] = [(await ns.take(1))[0]!, (await project.take(1))[0]!]
  expect([a.object.kind, b.object.kind]).toEqual(['Namespace', 'Project'])
  expect(a.object.metadata.resourceVersion).toBe(b.object.metadata.resourceVersion)
  ns.stop()
  project.stop()
})

test('nothing is made in a namespace that is not there (404) or is going (403), but for Events of cluster-scoped objects', async () => {
  expect((await call('POST', maps('nowhere'), { metadata: { name: 'a' } })).body).toMatchObject({ code: 404, message: 'namespaces "nowhere" not found' })
  await call('POST', namespaces, { metadata: { name: 'shop' } })
  await call('POST', maps('shop'), { metadata: { name: 'held', finalizers: ['lab.test/hold'] } })
  await call('POST', maps('shop'), { metadata: { name: 'free' } })
  expect((await call('DELETE', `${namespaces}/shop`)).body.status.phase).toBe('Terminating')
  expect((await call('POST', maps('shop'), { metadata: { name: 'b' } })).body).toMatchObject({ code: 403, details: { name: 'b', causes: [{ reason: 'NamespaceTerminating' }] } })
  await until(async () => (await call('GET', maps('shop'))).body.items.map((o: any) => o.metadata.name).join(), (n) => n === 'held')
  expect((await call('GET', `${projects}/shop`)).code).toBe(200)
  await call('PATCH', `${maps('shop')}/held`, { metadata: { finalizers: null } })
  await until(async () => (await call('GET', `${projects}/shop`)).code, (c) => c === 404)
  expect((await call('POST', '/api/v1/namespaces/default/events', { metadata: { name: 'e' }, involvedObject: {} })).code).toBe(201)
})

test('where nothing else stands for them, namespaces are a kind of their own', async () => {
  const tenant = await startLab({ kinds: labKinds.filter((k) => k.kind === 'ConfigMap'), builtins: ['namespaces', 'events'], namespaceKind: undefined as never })
  const ask = caller(tenant)
  expect((await ask('POST', namespaces, { metadata: { name: 'kube-system' } })).body).toMatchObject({ kind: 'Namespace', status: { phase: 'Active' } })
  expect((await ask('POST', maps('kube-system'), { metadata: { name: 'a' } })).code).toBe(201)
  await ask('DELETE', `${namespaces}/kube-system`)
  await until(async () => (await ask('GET', `${namespaces}/kube-system`)).code, (c) => c === 404)
  await tenant.close()
})

test('events.k8s.io shows and takes the same Events as core/v1', async () => {
  await call('POST', namespaces, { metadata: { name: 'shop' } })
  const path = '/apis/events.k8s.io/v1/namespaces/shop/events'
  expect((await call('POST', path, { metadata: { name: 'e' }, note: 'hello', reason: 'Tested', regarding: { name: 'a' }, reportingController: 'lab', eventTime: '2026-01-01T00:00:00.000000Z' })).code).toBe(201)
  expect((await call('GET', '/api/v1/namespaces/shop/events/e')).body).toMatchObject({ apiVersion: 'v1', message: 'hello', involvedObject: { name: 'a' }, reportingComponent: 'lab' })
  await call('POST', '/api/v1/namespaces/shop/events', { metadata: { name: 'f' }, message: 'there', involvedObject: { name: 'b', uid: 'u' } })
  expect((await call('GET', `${path}?fieldSelector=regarding.uid%3Du`)).body.items).toMatchObject([{ apiVersion: 'events.k8s.io/v1', kind: 'Event', note: 'there' }])
  expect((await call('GET', '/api/v1/namespaces/shop/events?fieldSelector=involvedObject.name%3Da')).body.items).toHaveLength(1)
})
