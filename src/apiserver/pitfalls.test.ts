/** What JSON, YAML, JSON patches, selectors and paths allow and an API must not, or must do in bounded time. */
import { request } from 'node:http'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { caller, startLab, type Ask, type LabServer } from './testing/lab-server.ts'

let lab: LabServer
let call: ReturnType<typeof caller>
beforeAll(async () => {
  lab = await startLab()
  call = caller(lab)
  await call('POST', '/apis/skerry.dev/v1alpha1/projects', { metadata: { name: 'shop' }, spec: {} })
  await call('POST', loose, { metadata: { name: 'there' }, data: { text: 'x'.repeat(1_000) } })
})
afterAll(() => lab.close())

const loose = '/api/v1/namespaces/shop/configmaps'
const strict = '/apis/lab.skerry.test/v1/namespaces/shop/clusters'
const yaml: Ask = { type: 'application/yaml' }
const answer = async (method: string, path: string, body?: unknown, ask?: Ask): Promise<string> => {
  const { code, body: status } = await call(method, path, body, ask)
  return code < 300 ? 'accepted' : `${code} ${status.message}`
}
let names = 0
const withData = (data: string): string => `{"metadata":{"name":"a${names++}"},"data":${data}}`
const inYaml = (data: string): string => `metadata: {name: a${names++}}\n${data}`
const many = (count: number, f: (i: number) => string): string => Array.from({ length: count }, (_, i) => f(i)).join(',')

test.each([
  ['an integer that no double holds', '{"a":1234567890123456789}', '400 the number 1234567890123456800 cannot be kept exactly'],
  ['the first of them', '{"a":9007199254740992}', '400 the number 9007199254740992 cannot be kept exactly'],
  ['one that Kubernetes keeps as a double too', '{"a":12345678901234567890}', 'accepted'],
  ['the last that one holds', '{"a":-9007199254740991}', 'accepted'],
  ['a number beyond doubles', '{"a":1e999}', '400 the number Infinity cannot be kept exactly'],
  ['-0 and 1.0', '{"a":-0,"b":1.0,"c":0.1}', 'accepted'],
  ['half of a surrogate pair', '{"a":"\\ud800"}', '400 a string has half of a surrogate pair'],
  ['half of one in a name', '{"\\udc00":1}', '400 a field\'s name has half of a surrogate pair'],
  ['NUL in a string', '{"a":"x\\u0000y"}', 'accepted'],
  ['__proto__', '{"__proto__":{"admin":true}}', '400 a field is called __proto__'],
  ['constructor, toString, hasOwnProperty', '{"constructor":{"prototype":{"admin":true}},"toString":1,"hasOwnProperty":2}', 'accepted'],
  ['nesting', `${'['.repeat(200_000)}${']'.repeat(200_000)}`, '400 the object is nested deeper than 100'],
  ['many items', `[${'1,'.repeat(200_000)}1]`, '400 the object has more than 100000 values'],
  ['many fields', `{${many(101_000, (i) => `"k${i}":1`)}}`, '400 the object has more than 100000 values'],
])('JSON: %s', async (_, data, wanted) => { expect(await answer('POST', loose, withData(data))).toBe(wanted) })

test('JSON: a field that stands twice is a warning and the last one counts, or an error with Strict, as in kube-apiserver; in YAML it is an error', async () => {
  const { code, body, headers } = await call('POST', loose, withData('{"a":1,"\\u0061":2}'))
  expect([code, body.data, headers.get('warning')]).toEqual([201, { a: 2 }, expect.stringContaining('duplicate field \\"data.a\\"')])
  expect(await answer('POST', `${loose}?fieldValidation=Strict`, withData('{"a":1,"a":2}'))).toMatch(/^400 .*duplicate field "data.a"/)
})

test('JSON: what the prototype has is not what the object has', async () => {
  await call('POST', loose, withData('{}'))
  const name = `a${names - 1}`
  await call('PATCH', `${loose}/${name}`, { data: { constructor: { prototype: { polluted: true } }, valueOf: 1 } })
  await call('PATCH', `${loose}/${name}?fieldManager=x&force=1`, { apiVersion: 'v1', kind: 'ConfigMap', data: { toString: { polluted: true } } }, { type: 'application/apply-patch+yaml' })
  expect((await call('GET', `${loose}/${name}`)).body.data).toEqual({ constructor: { prototype: { polluted: true } }, valueOf: 1, toString: { polluted: true } })
  expect(({} as Record<string, unknown>)['polluted']).toBe(undefined)
})

test('JSON: a byte order mark, bytes that are no UTF-8, another charset, and a compressed body are refused', async () => {
  const bytes = Buffer.concat([Buffer.from('{"metadata":{"name":"b"},"data":"'), Buffer.from([0xff]), Buffer.from('"}')])
  const send = async (body: Buffer, headers: Readonly<Record<string, string>>): Promise<number> =>
    (await fetch(`${lab.listening.url}${loose}`, { method: 'POST', body: new Uint8Array(body), headers: { authorization: 'Bearer admin', 'content-type': 'application/json', ...headers } })).status
  expect(await send(Buffer.from(`\uFEFF${withData('{}')}`), {})).toBe(400)
  expect(await send(bytes, {})).toBe(400)
  expect(await send(Buffer.from(withData('{}')), { 'content-type': 'application/json; charset=utf-16' })).toBe(415)
  expect(await send(gzipSync(Buffer.alloc(100 << 20)), { 'content-encoding': 'gzip' })).toBe(415)
  expect(await send(Buffer.from(withData('{}')), { 'content-type': 'application/json; charset=UTF-8' })).toBe(201)
})

test.each([
  ['a merge key', 'base: &b {x: "1"}\ndata: {<<: *b, y: "2"}', 'accepted'],
  ['a tag of a language', 'data: {a: !!js/function "x"}', '400 the body is no YAML: TAG_RESOLVE_FAILED at line 2, column 11'],
  ['a type that JSON does not have', 'data: {a: !!binary aGk=}', '400 the body is no YAML: TAG_RESOLVE_FAILED at line 2, column 11'],
  ['two documents', 'data: {}\n---\ndata: {}', '400 the body is no YAML: MULTIPLE_DOCS at line 3, column 1'],
  ['a key twice', 'data: {"1": a, 1: b}', '400 strict decoding error: duplicate field "1"'],
  ['a key that is a list', 'data: {[1, 2]: a}', '400 the body is no YAML: a key is not a scalar'],
  ['no number', 'data: {a: .nan}', '400 the number NaN cannot be kept exactly'],
  ['infinity', 'data: {a: .inf}', '400 the number Infinity cannot be kept exactly'],
  ['__proto__', 'data: {__proto__: {a: 1}}', '400 a field is called __proto__'],
  ['an alias within its anchor', 'data: &a [*a]', '400 the object is nested deeper than 100'],
  ['aliases of aliases', `a: &a [x,x,x,x]\n${['b', 'c', 'd', 'e', 'f'].map((l, i) => `${l}: &${l} [${many(9, () => `*${'abcde'[i]!}`)}]`).join('\n')}`, '400 the body is no YAML: Excessive alias count indicates a resource exhaustion attack'],
  ['nesting', `data: ${'['.repeat(5_000)}`, expect.stringMatching(/^400 the body is no YAML/)],
  ['many keys', `data: {${many(8_000, (i) => `k${i}: x`)}}`, 'accepted'],
  ['more than the parser is good for', `data: {${many(20_000, (i) => `k${i}: x`)}}`, '413 the request is larger than 131072 bytes'],
])('YAML: %s', async (_, data, wanted) => { expect(await answer('POST', loose, inYaml(data), yaml)).toEqual(wanted) })

test('YAML: yes, no and octal numbers are what YAML 1.2 says; a merge key merges', async () => {
  const { body } = await call('POST', loose, inYaml('base: &b {x: 1, y: 1}\ndata: {<<: *b, y: 2, a: yes, b: 017, c: 0o17, d: 2001-01-01, e: ~}'), yaml)
  expect(body.data).toEqual({ x: 1, y: 2, a: 'yes', b: 17, c: 15, d: '2001-01-01', e: null })
})

const patch = (operations: unknown): Promise<string> => answer('PATCH', `${loose}/there?dryRun=All`, operations, { type: 'application/json-patch+json' })
test.each([
  ['copies of copies', Array.from({ length: 60 }, (_, i) => ({ op: 'copy', from: '/data', path: `/data/b${i}` })), '422 the server rejected our request due to an error in our request: copies of more than 3145728 bytes'],
  ['a path of a megabyte', [{ op: 'add', path: '/a'.repeat(500_000), value: 1 }], expect.stringMatching(/^422 .{8000,8400}$/)],
  ['too many operations', Array.from({ length: 10_001 }, () => ({ op: 'remove', path: '/data' })), '400 a JSON patch has at most 10000 operations'],
  ['many inserts at the front', [{ op: 'add', path: '/data/l', value: [] }, ...Array.from({ length: 9_000 }, () => ({ op: 'add', path: '/data/l/0', value: 1 }))], 'accepted'],
  ['into a prototype', [{ op: 'add', path: '/__proto__/x', value: 1 }], '400 a field is called __proto__'],
  ['out of a prototype', [{ op: 'copy', from: '/constructor/prototype', path: '/data/x' }], expect.stringMatching(/^422 /)],
  ['the length of a list', [{ op: 'add', path: '/data/l', value: [1] }, { op: 'replace', path: '/data/l/length', value: 1e9 }], expect.stringMatching(/^422 /)],
  ['a place beyond the end', [{ op: 'add', path: '/data/l', value: [] }, { op: 'add', path: '/data/l/4294967295', value: 1 }], expect.stringMatching(/^422 /)],
  ['the whole', [{ op: 'replace', path: '', value: 5 }], expect.stringMatching(/^422 /)],
  ['__proto__ in a value', '[{"op":"add","path":"/data/x","value":{"__proto__":{}}}]', '400 a field is called __proto__'],
])('JSON patch: %s', async (_, operations, wanted) => { expect(await patch(operations)).toEqual(wanted) })

test('as many values as a body may have are read, compared and owned within the time of a test: sets, list maps, unknown fields, finalizers', async () => {
  const of = (parts: string): Promise<string> => answer('POST', `${strict}?dryRun=All`, `{"metadata":{"name":"q"},"spec":{"site":"x",${parts}}}`)
  const patched = (parts: string): Promise<string> => answer('PATCH', `${strict}/q?dryRun=All&fieldManager=x`, `{"apiVersion":"lab.skerry.test/v1","kind":"Cluster","metadata":{"name":"q"},"spec":{"site":"x",${parts}}}`, { type: 'application/apply-patch+yaml' })
  const tags = `"tags":[${many(90_000, (i) => `"k${i}"`)}]`
  const pools = `"pools":[${many(32_000, (i) => `{"name":"k${i}"}`)}]`
  // What owns so many fields is larger than an object may be: 413 comes after all the work.
  for (const parts of [tags, pools]) {
    expect(await of(parts)).toMatch(/^(accepted|413)/)
    expect(await patched(parts)).toMatch(/^(accepted|413)/)
  }
  expect(await of(`"tags":[${many(90_000, () => '"k"')}]`)).toMatch(/^422 .*Duplicate value/)
  expect(await of(many(90_000, (i) => `"k${i}":1`))).toBe('accepted')
  expect(await answer('POST', `${loose}?dryRun=All`, `{"metadata":{"name":"q","finalizers":[${many(90_000, (i) => `"a.b/k${i}"`)}]}}`)).toMatch(/^(accepted|413)/)
})

test('selectors of any size and shape are read in time, or refused', async () => {
  const list = (query: string): Promise<string> => answer('GET', `${strict}?${query}`)
  const label = (text: string): Promise<string> => list(`labelSelector=${encodeURIComponent(text)}`)
  expect(await label(`${'a'.repeat(8_000)}!!`)).toMatch(/^400 unable to parse/)
  expect(await label(`a${' '.repeat(4_000)}x${' '.repeat(2_000)}y`)).toMatch(/^400 unable to parse/)
  expect(await label(`a in (${many(3_000, (i) => `v${i}`)}`)).toMatch(/^400 unable to parse/)
  expect(await label(many(1_000, (i) => `a${i}!=b`))).toBe('accepted')
  expect(await list(`fieldSelector=${encodeURIComponent(`metadata.name${' '.repeat(8_000)}x`)}`)).toMatch(/^400 invalid field selector/)
  expect(await list(`fieldSelector=${encodeURIComponent(`metadata.name=${' '.repeat(8_000)}x`)}`)).toBe('accepted')
  expect(await list('fieldSelector=__proto__%3Dx')).toBe('400 field label not supported: __proto__')
  expect(await list('labelSelector=constructor')).toBe('accepted')
  expect(await list('limit=1e3')).toMatch(/^400 limit: Invalid value/)
})

test('field managers are short and printable; one that comes of the user agent is made so', async () => {
  expect(await answer('PATCH', `${loose}/there?fieldManager=${'x'.repeat(129)}`, { data: {} })).toMatch(/^422 PatchOptions.* fieldManager: Too long/)
  expect(await answer('PATCH', `${loose}/there?fieldManager=a%00b`, { data: {} })).toMatch(/^422 PatchOptions.* fieldManager: Invalid value/)
  const { body } = await call('POST', loose, withData('{"a":"b"}'), { headers: { 'user-agent': `${'y'.repeat(500)}\t/1` } })
  expect(body.metadata.managedFields[0].manager).toBe('y'.repeat(128))
})

/** Paths as they are: fetch would resolve dots. */
const raw = (method: string, path: string, body?: string): Promise<number> => new Promise((done, failed) => {
  const r = request(`${lab.listening.url}/`, { method, path, headers: { authorization: 'Bearer admin', ...(body !== undefined && { 'content-type': 'application/json' }) } }, (response) => {
    response.resume().on('end', () => done(response.statusCode!))
  })
  r.on('error', failed).end(body)
})
test('names in paths are names and nothing else: slashes, dots, NUL, line ends, other scripts, what every object has', async () => {
  for (const name of ['a%2Fb', '..', '.', '%2e%2e', '%2E', 'a%00b', '%E2%80%AE', 'A', 'a'.repeat(300), '%20', 'a;b', '%C3%A9', 'constructor', '__proto__', '%5B', 'a%0d%0ax:%20y', 'a%3fb', 'a%23b'])
    expect([name, await raw('GET', `${loose}/${name}`), await raw('DELETE', `${loose}/${name}`), await raw('GET', `/api/v1/namespaces/${name}/configmaps/there`), await raw('GET', `/api/v1/namespaces/shop/${name}/there`)]).toEqual([name, 404, 404, 404, 404])
  for (const name of ['%ff', '%', '%zz']) expect(await raw('GET', `${loose}/${name}`)).toBe(400)
  for (const name of ['a/b', '..', '.', 'a\0', '\u202e\n', 'a%2fb', '', 'x'.repeat(254)]) expect([name, (await call('POST', loose, { metadata: { name } })).code]).toEqual([name, 422])
  for (const name of ['é', 'A', 'a_b', '__proto__', '-a']) expect([name, (await call('POST', strict, { metadata: { name }, spec: { site: 'x' } })).code]).toEqual([name, 422])
  expect(await raw('POST', '/api/v1/namespaces/../configmaps', '{"metadata":{"name":"x"}}')).toBe(404)
  expect(await raw('GET', '//api//v1/../v1/nodes')).toBe(404)
})

const meta = (text: string): string => `{"metadata":{"name":"m",${text}},"spec":{"site":"x"}}`
test('bodies of the wrong shape are the client\'s fault, in every place', async () => {
  const bodies = ['', 'null', '1', '"x"', '[]', '{', 'true', '{"metadata":null}', '{"metadata":[]}', '{"metadata":{"name":1}}', '{"metadata":{"generateName":1}}', '{"metadata":{"generateName":["a"]}}',
    ...['"labels":[]', '"labels":{"a":1}', '"ownerReferences":{}', '"ownerReferences":[null]', '"ownerReferences":[{}]', '"ownerReferences":[{"uid":1}]', '"finalizers":[null,1]', '"finalizers":"x"', '"annotations":{"a":{}}',
      '"deletionTimestamp":1', '"namespace":{}', '"resourceVersion":1', '"uid":[]', '"generation":"x"', '"managedFields":"x"', '"managedFields":[1]'].map(meta),
    '{"apiVersion":1,"kind":[]}', '{"metadata":{"name":"m"},"spec":null}', '{"metadata":{"name":"m"},"spec":[]}', '{"metadata":{"name":"m"},"spec":{"site":{}}}', '{"metadata":{"name":"m"},"spec":{"site":"x","pools":[null]}}', '{"metadata":{"name":"m"},"spec":{"site":"x","pools":{"name":"x"}}}', '{"metadata":{"name":"m"},"status":5}']
  for (const path of [loose, strict]) for (const body of bodies) for (const ask of [{}, yaml]) {
    const { code } = await call('POST', `${path}?dryRun=All`, body, ask)
    expect([path, body, code < 500]).toEqual([path, body, true])
  }
  for (const body of ['null', '[]', '"x"', '{"op":"add"}', '[null]', '[{}]', '[{"op":1,"path":2}]', '[{"op":"add","path":"x","value":1}]', '[{"op":"move","from":1,"path":"/a"}]', '{"metadata":5}', '{"metadata":{"labels":5}}', '{"metadata":{"managedFields":5}}', '{"metadata":{"managedFields":[{"manager":"x","operation":"Apply","fieldsV1":{"k:{x":{".":5}}}]}}', '{"data":{"a":null}}'])
    for (const type of ['application/json-patch+json', 'application/merge-patch+json', 'application/strategic-merge-patch+json', 'application/apply-patch+yaml', 'application/json', 'x', ''])
      expect([type, body, (await call('PATCH', `${loose}/there?fieldManager=x`, body, { type })).code < 500]).toEqual([type, body, true])
  for (const body of ['null', '[]', '{"preconditions":1}', '{"preconditions":{"uid":5}}', '{"preconditions":[]}', '{"dryRun":"All"}', '{"dryRun":[{}]}', '{"propagationPolicy":[]}', '{"gracePeriodSeconds":"x"}', '{"orphanDependents":"x"}', '{"kind":"X","apiVersion":"y"}'])
    expect([body, (await call('DELETE', `${loose}/gone`, body, { type: 'application/json' })).code]).toEqual([body, expect.toSatisfy((c: number) => c >= 400 && c < 500)])
})
