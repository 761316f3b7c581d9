// @kubernetes/client-node: typed and generic clients, server-side apply, watch and its abort, informer through a restart, pages.
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import * as k8s from '@kubernetes/client-node'

const { NAMESPACE: namespace } = process.env
let failed = 0
const that = (what, ok, detail = '') => {
  if (ok) console.log(`ok   ${what}`)
  else { failed++; console.log(`FAIL ${what}: ${String(detail?.body ?? detail?.message ?? JSON.stringify(detail)).replaceAll('\n', ' ')}`) }
}
const code = (promise) => promise.then(() => 200, (error) => error.code ?? error)
const until = async (holds) => {
  for (const end = Date.now() + 20_000; Date.now() < end; await sleep(50)) if (await holds()) return true
  return false
}
const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]()

const kc = new k8s.KubeConfig()
kc.loadFromDefault()
const asSite = new k8s.KubeConfig()
asSite.loadFromDefault()
asSite.setCurrentContext('site')
const api = kc.makeApiClient(k8s.CustomObjectsApi)
const core = kc.makeApiClient(k8s.CoreV1Api)
const generic = k8s.KubernetesObjectApi.makeApiClient(kc)
const at = { group: 'skerry.dev', version: 'v1alpha1', namespace, plural: 'nodepools' }
const path = `/apis/skerry.dev/v1alpha1/namespaces/${namespace}/nodepools`
const pool = (name, replicas = 1, more = {}) => ({ apiVersion: 'skerry.dev/v1alpha1', kind: 'NodePool', metadata: { name, namespace }, spec: { cluster: 'base', machineType: 'b2.c2r4', replicas, ...more } })
const list = (more = {}) => api.listNamespacedCustomObject({ ...at, ...more })

that('version', (await kc.makeApiClient(k8s.VersionApi).getCode()).gitVersion.startsWith('v1.'))
that('typed namespace', (await core.readNamespace({ name: namespace })).status.phase === 'Active')
that('may I', (await kc.makeApiClient(k8s.AuthorizationV1Api).createSelfSubjectAccessReview({ body: { spec: { resourceAttributes: { group: 'skerry.dev', resource: 'nodepools', verb: 'delete', namespace } } } })).status.allowed)

const made = await generic.create(pool('node', 2))
that('generic create, defaults filled in', made.spec.drainTimeout === '10m', made)
that('generic read', (await generic.read(pool('node'))).metadata.uid === made.metadata.uid)
that('create again is 409', (await code(generic.create(pool('node')))) === 409)
that('strict field validation is 400', (await code(api.createNamespacedCustomObject({ ...at, fieldValidation: 'Strict', body: pool('odd', 1, { bogus: 1 }) }))) === 400)
that('what does not fit is 422', (await code(api.createNamespacedCustomObject({ ...at, body: pool('odd', -1) }))) === 422)
that('generic list', (await generic.list('skerry.dev/v1alpha1', 'NodePool', namespace)).items.length === 1)

const apply = (body, manager, force) => generic.patch(body, undefined, undefined, manager, force, k8s.PatchStrategy.ServerSideApply)
that('server-side apply creates', (await apply(pool('applied'), 'a')).spec.replicas === 1)
that('apply by another is 409', (await code(apply(pool('applied', 2), 'b'))) === 409)
that('forced', (await apply(pool('applied', 2), 'b', true)).spec.replicas === 2)
that('merge patch', (await generic.patch({ ...pool('node'), spec: { replicas: 3 } }, undefined, undefined, undefined, undefined, k8s.PatchStrategy.MergePatch)).spec.replicas === 3)
that('JSON patch', (await api.patchNamespacedCustomObject({ ...at, name: 'node', body: [{ op: 'replace', path: '/spec/replicas', value: 4 }] }, k8s.setHeaderOptions('Content-Type', k8s.PatchStrategy.JsonPatch))).spec.replicas === 4)
const got = await api.getNamespacedCustomObject({ ...at, name: 'node' })
that('replace', (await api.replaceNamespacedCustomObject({ ...at, name: 'node', body: { ...got, spec: { ...got.spec, replicas: 5 } } })).spec.replicas === 5)
that('replace with an old version is 409', (await code(api.replaceNamespacedCustomObject({ ...at, name: 'node', body: got }))) === 409)
const seen = await api.getNamespacedCustomObject({ ...at, name: 'node' })
that('status', (await asSite.makeApiClient(k8s.CustomObjectsApi).replaceNamespacedCustomObjectStatus({ ...at, name: 'node', body: { ...seen, status: { readyReplicas: 1 } } })).status.readyReplicas === 1)
that('scale', (await api.getNamespacedCustomObjectScale({ ...at, name: 'node' })).spec.replicas === 5)

for (let i = 0; i < 7; i++) await api.createNamespacedCustomObject({ ...at, body: { ...pool(`many-${i}`, 0), metadata: { name: `many-${i}`, labels: { set: 'many' } } } })
const names = []
for (let token; token !== '';) {
  const page = await list({ labelSelector: 'set=many', limit: 3, ...(token !== undefined && { _continue: token }) })
  names.push(...page.items.map((o) => o.metadata.name))
  token = page.metadata.continue ?? ''
}
that('pages', names.join(' ') === 'many-0 many-1 many-2 many-3 many-4 many-5 many-6', names)
that('by a field of the kind', (await list({ fieldSelector: 'spec.cluster=base,metadata.name=node' })).items.length === 1)

const events = []
let over
const request = await new k8s.Watch(kc).watch(path, { resourceVersion: (await list()).metadata.resourceVersion, labelSelector: 'watched' }, (type, o) => events.push(`${type} ${o.metadata.name}`), (error) => { over = error })
await generic.create({ ...pool('watched'), metadata: { name: 'watched', namespace, labels: { watched: 'yes' } } })
that('watch', await until(() => events.includes('ADDED watched')), events)
request.abort()
that('watch is aborted', await until(() => over !== undefined), over)

const told = []
const lists = []
const informer = k8s.makeInformer(kc, path, () => { lists.push(1); return list() })
for (const verb of ['add', 'update', 'delete']) informer.on(verb, (o) => told.push(`${verb} ${o.metadata.name}`))
informer.on('error', () => { setTimeout(() => { informer.start().catch(() => {}) }, 200) })
await informer.start()
that('informer lists', informer.list().length === (await list()).items.length)
await generic.create(pool('informed'))
that('informer sees a creation', await until(() => told.includes('add informed')), told.slice(-5))
console.log('RESTART')
that('the server is killed and comes back', (await answers.next()).value === 'restarted')
that('write after the restart', await until(() => generic.create(pool('after')).then(() => true, (error) => error.code === 409)))
that('informer sees it', await until(() => told.includes('add after')), told.slice(-5))
await generic.delete(pool('informed'))
that('informer sees a deletion', await until(() => told.includes('delete informed')), told.slice(-5))
await informer.stop()

await core.createNamespacedEvent({ namespace, body: { metadata: { generateName: 'node-', namespace }, type: 'Normal', reason: 'Tested', message: 'by Node', involvedObject: { apiVersion: 'skerry.dev/v1alpha1', kind: 'NodePool', name: 'node', namespace } } })
that('typed events', (await core.listNamespacedEvent({ namespace, fieldSelector: 'involvedObject.name=node' })).items.some((e) => e.message === 'by Node'))
await api.deleteCollectionNamespacedCustomObject({ ...at, labelSelector: 'set=many' })
that('delete a collection', await until(async () => (await list({ labelSelector: 'set=many' })).items.length === 0))
that('delete with a precondition that does not hold is 409', (await code(api.deleteNamespacedCustomObject({ ...at, name: 'node', body: { preconditions: { uid: 'other' } } }))) === 409)
process.exit(failed > 0 ? 1 : 0)
