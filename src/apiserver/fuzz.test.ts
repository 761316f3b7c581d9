/** Every route with every method and any body: no 5xx, and no request without an end. Schemathesis does the same with schemas (`./dev lab fuzz`). */
import { request } from 'node:http'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { caller, startLab, type LabServer } from './testing/lab-server.ts'

let lab: LabServer
const errors: string[] = []
beforeAll(async () => {
  lab = await startLab({ log: { info() {}, warn() {}, error: (fields, message) => { errors.push(`${message} ${JSON.stringify(fields)}`) } }, subresources: { 'clusters/mirror': async ({ body }) => body } })
  const call = caller(lab)
  for (const name of ['shop', 'a']) await call('POST', '/apis/skerry.dev/v1alpha1/projects', { metadata: { name }, spec: {} })
  fill = async () => {
    await call('POST', '/apis/lab.skerry.test/v1/namespaces/shop/clusters', { metadata: { name: 'a' }, spec: { site: 'x', pools: [{ name: 'p' }], tags: ['t'] } })
    await call('POST', '/api/v1/namespaces/shop/configmaps', { metadata: { name: 'a' }, data: { k: 'v' } })
  }
})
/** What is there when a request comes; the one before may have deleted it. */
let fill: () => Promise<void>
afterAll(() => lab.close())

const some = <T>(...of: readonly T[]): fc.Arbitrary<T> => fc.constantFrom(...of)
const odd = fc.oneof({ weight: 5, arbitrary: some('a', 'shop', 'b') }, { weight: 1, arbitrary: fc.string({ maxLength: 20 }).map(encodeURIComponent) }, { weight: 1, arbitrary: some('..', '%2F', '%00', '%ff', '__proto__', 'constructor', '') })
const resources = ['clusters', 'machines', 'configmaps', 'nodes', 'namespaces', 'projects', 'events', 'leases', 'selfsubjectaccessreviews', 'selfsubjectrulesreviews', 'selfsubjectreviews', 'constructor']
const groups = ['/api/v1', '/apis/lab.skerry.test/v1', '/apis/skerry.dev/v1alpha1', '/apis/events.k8s.io/v1', '/apis/coordination.k8s.io/v1', '/apis/authorization.k8s.io/v1', '/apis/authentication.k8s.io/v1', '/apis/__proto__/v1']
const served = ['/apis/lab.skerry.test/v1/namespaces/shop/clusters', '/api/v1/namespaces/shop/configmaps', '/api/v1/nodes', '/apis/lab.skerry.test/v1/namespaces/shop/machines', '/apis/coordination.k8s.io/v1/namespaces/shop/leases', '/api/v1/namespaces', '/apis/skerry.dev/v1alpha1/projects', '/api/v1/namespaces/shop/events', '/apis/events.k8s.io/v1/namespaces/shop/events']
const path = fc.oneof(
  { weight: 12, arbitrary: fc.tuple(some(...served), fc.option(fc.oneof({ weight: 9, arbitrary: fc.constant('a') }, { weight: 1, arbitrary: odd })), fc.oneof({ weight: 6, arbitrary: fc.constant('') }, { weight: 1, arbitrary: some('/status', '/scale', '/mirror') })).map(([collection, name, sub]) => `${collection}${name === null ? '' : `/${name}${sub}`}`) },
  { weight: 3, arbitrary: fc.tuple(some(...groups), some('', '/namespaces/shop', '/namespaces/gone'), some(...resources), fc.option(odd), some('', '/status', '/scale', '/toString')).map(([g, n, r, name, sub]) => `${g}${n}/${r}${name === null ? '' : `/${name}${sub}`}`) },
  { weight: 1, arbitrary: some('/', '/api', '/apis', '/apis/lab.skerry.test', '/openapi/v3', '/openapi/v3/api/v1', '/version', '/livez', '/readyz', '/healthz', '/metrics', '//', '/apis/', '/openapi/v3/__proto__') },
  { weight: 1, arbitrary: fc.webPath() },
)
const options = ['labelSelector', 'fieldSelector', 'limit', 'continue', 'resourceVersion', 'resourceVersionMatch', 'timeoutSeconds', 'includeObject', 'dryRun', 'fieldManager', 'fieldValidation', 'force', 'gracePeriodSeconds', 'propagationPolicy', 'orphanDependents', 'pretty', 'timeout', 'sendInitialEvents', 'allowWatchBookmarks']
const value = fc.oneof(some('a', 'a=b', 'a in (b,c)', '!a', 'metadata.name=a', 'spec.site!=x', '0', '1', '-1', '1e9', 'All', 'true', 'Strict', 'Ignore', 'Exact', 'NotOlderThan', 'Foreground', 'Orphan', 'MQ'), fc.string({ maxLength: 20 }))
/** Most have none: one that is wrong hides everything behind it. */
const query = fc.oneof({ weight: 3, arbitrary: fc.constant([['fieldManager', 'x']]) }, { weight: 1, arbitrary: fc.array(fc.tuple(some(...options), value), { maxLength: 3 }) }).map((pairs) => new URLSearchParams(pairs as [string, string][]).toString())

const key = fc.oneof({ weight: 4, arbitrary: some('metadata', 'spec', 'status', 'name', 'generateName', 'namespace', 'labels', 'annotations', 'finalizers', 'ownerReferences', 'managedFields', 'resourceVersion', 'uid', 'apiVersion', 'kind', 'site', 'replicas', 'pools', 'tags', 'options', 'zones', 'data', 'conditions', 'preconditions', 'dryRun', 'op', 'path', 'from', 'value') }, { weight: 1, arbitrary: fc.string({ maxLength: 8 }) }, { weight: 1, arbitrary: some('constructor', '__proto__', 'toString', 'f:a', 'k:{"a":1}') })
const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
  tree: fc.oneof({ maxDepth: 5, withCrossShrink: true },
    fc.oneof(fc.constant(null), fc.boolean(), fc.double({ noNaN: true, noDefaultInfinity: true }), fc.integer(), fc.string({ maxLength: 12, unit: 'binary' }), some('a', 'Cluster', 'v1', 'lab.skerry.test/v1', 'Apply', 'add', 'test', 'copy', 'move', 'remove', 'replace', '/metadata/labels/a', '/spec/pools/0', '/spec', '', '/data/-')),
    fc.array(tie('tree'), { maxLength: 4 }), fc.array(fc.tuple(key, tie('tree')), { maxLength: 6 }).map((pairs) => Object.fromEntries(pairs))),
}))
const part = (v: unknown): object => (typeof v === 'object' && v !== null && !Array.isArray(v) ? v : {})
const rarely = (f: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> => fc.oneof({ weight: 4, arbitrary: fc.constant({}) }, { weight: 1, arbitrary: f })
const withOne = fc.tuple(key, tree).map(([k, v]) => ({ [k]: v }))
/** Nearly right: what is right gets past the first check. */
const nearly = fc.tuple(rarely(fc.oneof(tree, withOne)), rarely(fc.oneof(tree, withOne)), rarely(withOne), some('a', 'a', 'a', 'b', 'c')).map(([meta, spec, more, name]) =>
  ({ metadata: { name, ...part(meta) }, spec: { site: 'x', cluster: 'a', ...part(spec) }, ...part(more) }))
const operations = fc.array(fc.record({ op: some('add', 'remove', 'replace', 'move', 'copy', 'test'), path: some('', '/metadata', '/metadata/labels', '/metadata/name', '/metadata/managedFields', '/metadata/finalizers/-', '/spec', '/spec/pools/0', '/spec/pools/-', '/spec/tags', '/data', '/kind'), from: some('/spec', '/metadata', '/data', ''), value: tree }), { maxLength: 5 })
const bytes = fc.uint8Array({ maxLength: 100 }).map((b) => Buffer.from(b).toString('latin1'))
const types = ['application/json', 'application/yaml', 'application/json-patch+json', 'application/merge-patch+json', 'application/apply-patch+yaml', 'application/strategic-merge-patch+json', 'application/vnd.kubernetes.protobuf', 'text/plain']
const json = (v: unknown): string => JSON.stringify(v)
const typed = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(some('application/json', 'application/merge-patch+json', 'application/apply-patch+yaml'), nearly.map(json)) },
  { weight: 2, arbitrary: fc.tuple(fc.constant('application/json-patch+json'), operations.map(json)) },
  { weight: 1, arbitrary: fc.tuple(some(...types), fc.oneof(tree.map(json), fc.string({ maxLength: 200, unit: 'binary' }), bytes, bytes.map((b) => `k8s\0${b}`))) },
)
const accepts = ['*/*', 'application/json', 'application/json;as=Table;v=v1;g=meta.k8s.io', 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io', 'application/vnd.kubernetes.protobuf', 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList', ';;;']

interface Sent { readonly method: string; readonly path: string; readonly query: string; readonly typed: readonly [string, string]; readonly accept: string; readonly as: string }
const send = ({ typed: [given, body], ...s }: Sent): Promise<number> => new Promise((done, failed) => {
  // A patch's type with another method ends at the first check.
  const type = s.method === 'PATCH' || !given.includes('patch') ? given : 'application/json'
  const r = request(lab.listening.url, { method: s.method, path: `${s.path}?${s.query}`, headers: { authorization: `Bearer ${s.as}`, 'content-type': type, accept: s.accept, ...(['GET', 'HEAD'].includes(s.method) ? {} : { 'content-length': Buffer.byteLength(body) }) } }, (response) => {
    response.resume().on('end', () => done(response.statusCode!)).on('error', failed)
  })
  r.setTimeout(10_000, () => r.destroy(new Error('no end')))
  r.on('error', failed).end(['GET', 'HEAD'].includes(s.method) ? undefined : body)
})

test('no request is answered with 5xx, every one is answered, and nothing is left behind on connections', async () => {
  const warnings: string[] = []
  const seen = new Map<number, number>()
  await fill()
  const warned = (w: Error): void => { warnings.push(w.message) }
  process.on('warning', warned)
  const requests = fc.record<Sent>({ method: some('GET', 'POST', 'POST', 'PUT', 'PUT', 'PATCH', 'PATCH', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'), path, query, typed, accept: fc.oneof({ weight: 4, arbitrary: fc.constant('*/*') }, { weight: 1, arbitrary: some(...accepts) }),
    as: fc.oneof({ weight: 9, arbitrary: fc.constant('admin') }, { weight: 1, arbitrary: some('user', 'site', 'nobody', 'unknown') }) })
  await fc.assert(fc.asyncProperty(requests, async (s) => {
    errors.length = 0
    // Without projects everything is 404.
    const isOfProjects = s.method === 'DELETE' && /\/(projects|namespaces(\/[^/]*)?\/?$)/.test(s.path)
    const code = await send(isOfProjects ? { ...s, query: `${s.query}&dryRun=All` } : s)
    if (s.method === 'DELETE') await fill()
    seen.set(code, (seen.get(code) ?? 0) + 1)
    // 504: a version that is not there yet.
    if (code === 504) { expect(s.query).toContain('resourceVersion'); return }
    expect([code < 500, [...errors]]).toEqual([true, []])
  }), { numRuns: Number(process.env['SKERRY_FUZZ_RUNS'] ?? 1_000) })
  process.off('warning', warned)
  expect(warnings).toEqual([])
  // It is not the first check that answers all of them.
  expect([200, 201, 422].filter((code) => !seen.has(code))).toEqual([])
}, 120_000)
