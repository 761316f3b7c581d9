import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { caller, startLab, type LabServer } from './testing/lab-server.ts'

let lab: LabServer
let call: ReturnType<typeof caller>
const clusters = '/apis/lab.skerry.test/v1/namespaces/shop/clusters'
const machines = '/apis/lab.skerry.test/v1/namespaces/shop/machines'
const cluster = (name: string, spec: object = {}, metadata: object = {}) => ({ apiVersion: 'lab.skerry.test/v1', kind: 'Cluster', metadata: { name, ...metadata }, spec: { site: 'sto1', ...spec } })
const apply = (path: string, object: object, query = 'fieldManager=m&force=true', as = 'admin') => call('PATCH', `${path}?${query}`, object, { type: 'application/apply-patch+yaml', as })

beforeEach(async () => {
  lab = await startLab()
  call = caller(lab)
  await call('POST', '/api/v1/namespaces', { metadata: { name: 'shop' } })
})
afterEach(() => lab.close())

describe('writes', () => {
  test('create fills in defaults, system metadata and managedFields, and refuses a second of the name', async () => {
    const { code, body } = await call('POST', `${clusters}?fieldManager=me`, cluster('a'), { headers: {} })
    expect(code).toBe(201)
    expect(body).toMatchObject({ apiVersion: 'lab.skerry.test/v1', kind: 'Cluster', metadata: { name: 'a', namespace: 'shop', generation: 1 }, spec: { site: 'sto1', replicas: 3 } })
    expect(body.metadata.uid).toMatch(/^[0-9a-f-]{36}$/)
    expect(body.metadata.managedFields).toMatchObject([{ manager: 'me', operation: 'Update', fieldsV1: { 'f:spec': { 'f:site': {}, 'f:replicas': {} } } }])
    expect((await call('POST', clusters, cluster('a'))).body).toMatchObject({ kind: 'Status', code: 409, reason: 'AlreadyExists', details: { name: 'a', kind: 'clusters', group: 'lab.skerry.test' } })
  })

  test('every write is answered with the text that a get answers, in any script, and with its length in bytes', async () => {
    const writes: readonly (() => ReturnType<typeof call>)[] = [
      () => call('POST', clusters, cluster('a', { payload: 'größer → 大' }, { finalizers: ['lab.test/hold'] })),
      () => call('PATCH', `${clusters}/a`, { spec: { replicas: 5 } }),
      () => call('PATCH', `${clusters}/a`, { spec: { replicas: 5 } }),
      () => apply(`${clusters}/a`, cluster('a', { replicas: 1 })),
      async () => call('PUT', `${clusters}/a`, { ...(await call('GET', `${clusters}/a`)).body, spec: { site: 'sto1', replicas: 3 } }),
      () => call('DELETE', `${clusters}/a`),
    ]
    for (const write of writes) {
      const { text, body, headers } = await write()
      expect(text).toBe((await call('GET', `${clusters}/a`)).text)
      expect(headers.get('skerry-version')).toBe(body.metadata.resourceVersion)
      expect(headers.get('content-length')).toBe(String(Buffer.byteLength(text)))
    }
  })

  test('generateName makes a name; dryRun writes nothing', async () => {
    const dry = await call('POST', `${clusters}?dryRun=All`, { ...cluster('x'), metadata: { generateName: 'made-' } })
    expect(dry.body.metadata.name).toMatch(/^made-[a-z0-9]{5}$/)
    expect((await call('GET', clusters)).body.items).toEqual([])
    const made = await call('POST', clusters, { ...cluster('x'), metadata: { generateName: 'made-' } })
    expect(made.body.metadata.managedFields[0].fieldsV1['f:metadata']).toEqual({ 'f:generateName': {} })
    expect(made.body.metadata.name).toMatch(/^made-[a-z0-9]{5}$/)
    expect((await call('GET', `${clusters}/${made.body.metadata.name}`)).code).toBe(200)
  })

  test('what does not fit the schema is 422 with a cause for each field', async () => {
    const { body } = await call('POST', clusters, cluster('a', { site: 's'.repeat(64), replicas: -1, mode: 'slow', pools: [{ size: 'x' }] }))
    expect(body).toMatchObject({ code: 422, reason: 'Invalid' })
    expect(body.details.causes.map((c: { field: string; reason: string }) => `${c.field} ${c.reason}`).toSorted()).toEqual([
      'spec.mode FieldValueNotSupported', 'spec.pools[0].name FieldValueRequired', 'spec.pools[0].size FieldValueTypeInvalid', 'spec.replicas FieldValueInvalid', 'spec.site FieldValueTooLong',
    ])
    expect((await call('POST', clusters, cluster('Bad_Name'))).body.details.causes[0].field).toBe('metadata.name')
    expect((await call('POST', clusters, cluster('a', {}, { labels: { a: 1 } }))).body).toMatchObject({ code: 400, message: expect.stringContaining('metadata.labels.a') })
    expect((await call('POST', clusters, cluster('a', {}, { finalizers: 'x' }))).code).toBe(400)
    const causes = (body: any) => body.details.causes.map((c: { field: string }) => c.field)
    expect(causes((await call('POST', clusters, cluster('Bad_Name', { replicas: -1 }, { generateName: 'Bad_', ownerReferences: [{ apiVersion: 'v1', kind: '', name: 'x', uid: '' }] }))).body)).toEqual(['metadata.generateName', 'metadata.name', 'metadata.ownerReferences.kind', 'metadata.ownerReferences.uid', 'spec.replicas'])
    expect(causes((await call('POST', clusters, cluster('a', {}, { annotations: { 'Fine.io/x': '', 'bad key': '' } }))).body)).toEqual(['metadata.annotations'])
    for (const name of ['a/b', '..', 'a\0b', 'a%2fb']) expect((await call('POST', '/api/v1/nodes', { metadata: { name } })).body.code).toBe(422)
    expect((await call('POST', '/api/v1/nodes', { metadata: { name: 'system:node' } })).code).toBe(201)
  })

  test('unknown fields: Strict refuses, Warn warns, Ignore drops; `constructor` is unknown too', async () => {
    const strict = await call('POST', `${clusters}?fieldValidation=Strict`, cluster('a', { bogus: 1, constructor: 2 }))
    expect(strict.body).toMatchObject({ code: 400, message: expect.stringContaining('unknown field "spec.bogus", unknown field "spec.constructor"') })
    const warned = await call('POST', clusters, cluster('a', { bogus: 1 }))
    expect(warned.headers.get('warning')).toBe('299 - "unknown field \\"spec.bogus\\""')
    expect(warned.body.spec).toEqual({ site: 'sto1', replicas: 3 })
    expect((await call('POST', `${clusters}?fieldValidation=Ignore`, cluster('b', { bogus: 1 }))).headers.get('warning')).toBeNull()
    const refused = await call('POST', clusters, cluster('c', { site: { x: 1 }, replicas: [{ y: 1 }] }))
    expect([refused.code, refused.headers.get('warning')]).toEqual([422, '299 - "unknown field \\"spec.site.x\\"", 299 - "unknown field \\"spec.replicas[0].y\\""'])
  })

  test('unknown fields of an apply are refused whatever fieldValidation says', async () => {
    for (const more of ['', '&fieldValidation=Ignore', '&dryRun=All']) {
      const { body } = await call('PATCH', `${clusters}/a?fieldManager=m${more}`, cluster('a', { bogus: 1 }), { type: 'application/apply-patch+yaml' })
      expect(body).toMatchObject({ code: 400, reason: 'BadRequest', message: expect.stringContaining('unknown field "spec.bogus"') })
    }
  })

  test('an item stands once in a set and in a list map, whichever way it is written', async () => {
    const pools = [{ name: 'x' }, { name: 'x', size: 2 }]
    expect((await call('POST', clusters, cluster('a', { tags: ['t', 'u', 't'], pools }))).body).toMatchObject({ code: 422, details: { causes: [{ field: 'spec.tags[2]', reason: 'FieldValueDuplicate' }, { field: 'spec.pools[1]', reason: 'FieldValueDuplicate' }] } })
    await call('POST', clusters, cluster('a', { zones: ['z', 'z'] }))
    expect((await call('PATCH', `${clusters}/a`, { spec: { pools } })).body.code).toBe(422)
    expect((await call('PATCH', `${clusters}/a/status`, { status: { conditions: [{ type: 'A', status: 'True' }, { type: 'A', status: 'False' }] } })).body).toMatchObject({ code: 422, details: { causes: [{ field: 'status.conditions[1]' }] } })
  })

  test('an item that stands twice is named besides what does not fit, once', async () => {
    const { body } = await call('POST', clusters, cluster('a', { tags: ['x', 'x', 'x'], replicas: -1, pools: [{ name: 'p' }, { name: 'p', size: 'x', zones: ['z', 'z'] }] }))
    expect((await call('POST', clusters, cluster('a', { pools: [{ name: 'p' }, { name: 'p' }, 'q'] }))).body.details.causes).toMatchObject([{ field: 'spec.pools[2]', reason: 'FieldValueTypeInvalid' }, { field: 'spec.pools[2]', reason: 'FieldValueInvalid' }])
    expect(body.details.causes.map((c: { field: string; reason: string }) => `${c.field} ${c.reason}`).toSorted()).toEqual([
      'spec.pools[1] FieldValueDuplicate', 'spec.pools[1].size FieldValueTypeInvalid', 'spec.pools[1].zones[1] FieldValueDuplicate', 'spec.replicas FieldValueInvalid', 'spec.tags[1] FieldValueDuplicate',
    ])
  })

  test('an owner that stands twice is kept once, with a warning; one without a uid is invalid', async () => {
    const owner = { apiVersion: 'v1', kind: 'ConfigMap', name: 'x', uid: 'u1' }
    const twice = await call('POST', clusters, cluster('a', {}, { ownerReferences: [owner, { ...owner, name: 'y' }, owner] }))
    expect(twice.body.metadata.ownerReferences).toEqual([owner, { ...owner, name: 'y' }])
    expect(twice.headers.get('warning')).toContain('metadata.ownerReferences')
    const { uid: _, ...without } = owner
    expect((await call('POST', clusters, cluster('b', {}, { ownerReferences: [without] }))).body.details.causes).toMatchObject([{ field: 'metadata.ownerReferences.uid', reason: 'FieldValueInvalid' }])
  })

  test('null is absent, and so defaulted', async () => {
    expect((await call('POST', clusters, cluster('a', { replicas: null }))).body.spec.replicas).toBe(3)
  })

  test('bodies: YAML is read; too large, __proto__, other types are refused', async () => {
    expect((await call('POST', clusters, 'apiVersion: lab.skerry.test/v1\nkind: Cluster\nmetadata: {name: y}\nspec: {site: sto1}\n', { type: 'application/yaml' })).code).toBe(201)
    expect((await call('POST', clusters, '{"metadata":{"name":"a"},"spec":{"__proto__":{}}}')).code).toBe(400)
    expect((await call('POST', clusters, 'x', { type: 'text/plain' })).body.code).toBe(415)
    expect((await call('POST', clusters, `{"a":"${'x'.repeat(3 << 20)}"}`)).body).toMatchObject({ code: 413, reason: 'RequestEntityTooLarge' })
  })

  test('fields that stand twice: Strict refuses, Warn warns, Ignore takes the last', async () => {
    const body = (name: string) => `{"metadata":{"name":"${name}"},"spec":{"site":"a","site":"b","options":{"k":"1","k":"2"}}}`
    expect((await call('POST', `${clusters}?fieldValidation=Strict`, body('a'))).body).toMatchObject({ code: 400, message: expect.stringContaining('duplicate field "spec.site"') })
    const warned = await call('POST', clusters, body('a'))
    expect([warned.headers.get('warning'), warned.body.spec.site]).toEqual(['299 - "duplicate field \\"spec.site\\"", 299 - "duplicate field \\"spec.options.k\\""', 'b'])
    expect((await call('POST', `${clusters}?fieldValidation=Ignore`, body('b'))).headers.get('warning')).toBeNull()
    expect((await call('PATCH', `${clusters}/a`, '{"spec":{"site":"a","site":"b"}}')).body.code).toBe(400)
  })

  test('metadata: a null label is empty, a finalizer without a domain is warned of, what the server decides cannot be changed', async () => {
    expect((await call('POST', clusters, cluster('a', {}, { labels: { k: null }, resourceVersion: '0' }))).body.metadata.labels).toEqual({ k: '' })
    expect((await call('POST', clusters, cluster('b', {}, { finalizers: ['plain'] }))).headers.get('warning')).toContain('metadata.finalizers')
    const causes = async (metadata: object, type = 'application/merge-patch+json') => (await call('PATCH', `${clusters}/a`, { metadata }, { type })).body.details.causes.map((c: { field: string }) => c.field)
    expect(await causes({ deletionTimestamp: '2020-01-01T00:00:00Z', creationTimestamp: '2020-01-01T00:00:00Z' })).toEqual(['metadata.deletionTimestamp'])
    expect(await causes({ uid: 'other' })).toEqual(['metadata.uid'])
  })

  test('what a patch makes is 422 when it cannot be read as an object; the same sent is 400', async () => {
    const made = (await call('POST', clusters, cluster('a'))).body
    for (const patch of [{ metadata: { labels: { a: 1 } } }, { kind: null }, { metadata: 'x' }])
      expect([patch, (await call('PATCH', `${clusters}/a`, patch)).body]).toMatchObject([patch, { code: 422, details: { causes: [{ field: 'patch' }] } }])
    expect((await call('PATCH', `${clusters}/a?fieldValidation=Strict`, { spec: { bogus: 1 } })).body).toMatchObject({ code: 422, details: { causes: [{ field: 'patch' }] } })
    expect((await call('PATCH', `${clusters}/a`, { kind: 'Other' })).body).toMatchObject({ code: 422, details: { causes: [{ field: 'kind' }] } })
    expect((await call('PATCH', `${clusters}/a`, { metadata: null })).body.code).toBe(400)
    expect((await call('PUT', `${clusters}/a`, { ...made, metadata: { ...made.metadata, labels: { a: 1 } } })).body.code).toBe(400)
  })

  test('who replaces a custom resource says what he has seen; a built-in kind is replaced by anybody', async () => {
    await call('POST', clusters, cluster('a'))
    for (const resourceVersion of [undefined, '', '0'])
      expect((await call('PUT', `${clusters}/a`, cluster('a', {}, { resourceVersion }))).body).toMatchObject({ code: 422, details: { causes: [{ field: 'metadata.resourceVersion' }] } })
    const configMaps = '/api/v1/namespaces/shop/configmaps'
    await call('POST', configMaps, { metadata: { name: 'c' } })
    expect((await call('PUT', `${configMaps}/c`, { metadata: { name: 'c' }, data: { a: 'b' } })).code).toBe(200)
  })

  test('an update needs the version it has seen, when it names one; the spec counts the generation, the status does not', async () => {
    const made = (await call('POST', clusters, cluster('a'))).body
    const second = (await call('PUT', `${clusters}/a`, { ...made, spec: { site: 'sto2' } })).body
    expect(second.metadata.generation).toBe(2)
    expect((await call('PUT', `${clusters}/a`, { ...made, spec: { site: 'sto3' } })).body).toMatchObject({ code: 409, reason: 'Conflict' })
    const third = (await call('PATCH', `${clusters}/a/status`, { status: { phase: 'Ready' }, spec: { site: 'no' } })).body
    expect(third).toMatchObject({ metadata: { generation: 2 }, spec: { site: 'sto2' }, status: { phase: 'Ready' } })
    const fourth = (await call('PATCH', `${clusters}/a`, { spec: { replicas: 4 }, status: { phase: 'no' } })).body
    expect(fourth).toMatchObject({ metadata: { generation: 3 }, status: { phase: 'Ready' } })
  })

  test('many writers without a precondition all pass, each on the copy of the one before', async () => {
    await call('POST', clusters, cluster('a'))
    const all = await Promise.all(Array.from({ length: 20 }, (_, i) => call('PATCH', `${clusters}/a`, { metadata: { labels: { [`l${i}`]: 'x' } } })))
    expect(all.map((a) => a.code)).toEqual(Array(20).fill(200))
    expect(Object.keys((await call('GET', `${clusters}/a`)).body.metadata.labels)).toHaveLength(20)
  })

  test('json patch: test and misfits are 422; strategic merge patch is 415 for kinds with a schema', async () => {
    await call('POST', clusters, cluster('a'))
    const patch = (body: unknown, type: string) => call('PATCH', `${clusters}/a`, body, { type })
    expect((await patch([{ op: 'test', path: '/spec/site', value: 'sto1' }, { op: 'replace', path: '/spec/site', value: 'osl1' }], 'application/json-patch+json')).body.spec.site).toBe('osl1')
    expect((await patch([{ op: 'test', path: '/spec/site', value: 'sto1' }], 'application/json-patch+json')).body).toMatchObject({ code: 422, reason: 'Invalid' })
    expect((await patch({ spec: { site: 'x' } }, 'application/strategic-merge-patch+json')).body).toMatchObject({ code: 415, reason: 'UnsupportedMediaType' })
  })

  test('a kind without a schema keeps what it is given, and takes a strategic patch without lists (kubectl cordon)', async () => {
    const made = await call('POST', '/api/v1/nodes', { metadata: { name: 'n1' }, spec: { podCIDR: '10.0.0.0/24' }, status: { x: 1 } })
    expect(made.body).toMatchObject({ spec: { podCIDR: '10.0.0.0/24' }, metadata: { generation: 1 } })
    expect(made.body.status).toBeUndefined()
    expect((await call('PATCH', '/api/v1/nodes/n1', { spec: { unschedulable: true } }, { type: 'application/strategic-merge-patch+json' })).body.spec).toEqual({ podCIDR: '10.0.0.0/24', unschedulable: true })
    expect((await call('PATCH', '/api/v1/nodes/n1/status', { status: { conditions: [] } }, { type: 'application/strategic-merge-patch+json' })).code).toBe(415)
    expect((await call('PATCH', '/api/v1/nodes/n1/status', { status: { conditions: [{ type: 'Ready' }] } })).body.status).toEqual({ conditions: [{ type: 'Ready' }] })
    expect((await call('POST', '/api/v1/namespaces/shop/configmaps', { metadata: { name: 'c' }, data: { a: 'b' } })).body).toMatchObject({ data: { a: 'b' } })
  })

  test('scale reads and writes replicas and owns them under its own subresource', async () => {
    await call('POST', `${clusters}?fieldManager=me`, cluster('a'))
    expect((await call('GET', `${clusters}/a/scale`)).body).toMatchObject({ kind: 'Scale', apiVersion: 'autoscaling/v1', spec: { replicas: 3 } })
    expect((await call('PATCH', `${clusters}/a/scale?fieldManager=scaler`, { spec: { replicas: 5 } })).body.spec.replicas).toBe(5)
    const { body } = await call('GET', `${clusters}/a`)
    expect(body.metadata).toMatchObject({ generation: 2 })
    expect(body.metadata.managedFields.find((e: { manager: string }) => e.manager === 'scaler')).toMatchObject({ subresource: 'scale', fieldsV1: { 'f:spec': { 'f:replicas': {} } } })
    const scale = (await call('GET', `${clusters}/a/scale`)).body
    expect((await call('PUT', `${clusters}/a/scale`, { ...scale, spec: { replicas: 6 } })).code).toBe(200)
    expect((await call('PUT', `${clusters}/a/scale`, { ...scale, spec: { replicas: 7 } })).body.code).toBe(409)
    expect((await call('PATCH', `${clusters}/a/scale`, { spec: { replicas: -1 } })).body.code).toBe(422)
  })

  test('options that do not fit are 422, as of an object; a flag that is there and does not say no is yes', async () => {
    await call('POST', clusters, cluster('a', { replicas: 4 }))
    const refused = async (method: string, path: string, body?: unknown) => { const { body: said } = await call(method, `${clusters}${path}`, body); return `${said.code} ${said.details.kind} ${said.details.causes.map((c: { field: string; reason: string }) => `${c.field} ${c.reason}`).join()}` }
    expect(await refused('POST', '?dryRun=Some', cluster('b'))).toBe('422 CreateOptions dryRun FieldValueNotSupported')
    expect(await refused('PUT', '/a?fieldValidation=Some', cluster('a'))).toBe('422 UpdateOptions fieldValidation FieldValueNotSupported')
    expect(await refused('PATCH', '/a?force=true', {})).toBe('422 PatchOptions force FieldValueForbidden')
    expect(await refused('PATCH', `/a?fieldManager=${'m'.repeat(129)}`, {})).toBe('422 PatchOptions fieldManager FieldValueTooLong')
    expect(await refused('DELETE', '/a?propagationPolicy=Some')).toBe('422 DeleteOptions propagationPolicy FieldValueNotSupported')
    expect(await refused('DELETE', '/a', { propagationPolicy: 'Foreground', orphanDependents: true })).toBe('422 DeleteOptions propagationPolicy FieldValueInvalid')
    expect(await refused('DELETE', '/a', { dryRun: ['Some'] })).toBe('422 DeleteOptions dryRun FieldValueNotSupported')
    expect((await apply(`${clusters}/a`, cluster('a', { replicas: 5 }), 'fieldManager=b&force=false')).code).toBe(409)
    expect((await apply(`${clusters}/a`, cluster('a', { replicas: 5 }), 'fieldManager=b&force=yes')).code).toBe(200)
  })

  test('delete: preconditions, unknown options, and a second time 404', async () => {
    const made = (await call('POST', clusters, cluster('a'))).body
    expect((await call('DELETE', `${clusters}/a`, { preconditions: { uid: 'other' } })).body).toMatchObject({ code: 409, reason: 'Conflict' })
    expect((await call('DELETE', `${clusters}/a?bogus=1`)).body.code).toBe(400)
    expect((await call('DELETE', `${clusters}/a`, { kind: 'Other', apiVersion: 'v1' })).body.code).toBe(400)
    expect((await call('DELETE', `${clusters}/a`, { preconditions: { uid: made.metadata.uid, resourceVersion: made.metadata.resourceVersion } })).body).toMatchObject({ kind: 'Status', status: 'Success', details: { uid: made.metadata.uid } })
    expect((await call('DELETE', `${clusters}/a`)).body).toMatchObject({ code: 404, reason: 'NotFound' })
  })

  test('another propagation policy said later changes the finalizers of one that is going', async () => {
    await lab.close()
    lab = await startLab({ collectGarbage: false })
    call = caller(lab)
    await call('POST', '/api/v1/namespaces', { metadata: { name: 'shop' } })
    await call('POST', clusters, cluster('a', {}, { finalizers: ['a.b/c'] }))
    const after = async (query: string) => (await call('DELETE', `${clusters}/a${query}`)).body.metadata
    const first = await after('?propagationPolicy=Foreground')
    expect(first.finalizers).toEqual(['a.b/c', 'foregroundDeletion'])
    expect(await after('')).toEqual(first)
    expect((await after('?propagationPolicy=Orphan')).finalizers).toEqual(['a.b/c', 'orphan'])
    const last = await after('?propagationPolicy=Background')
    expect(last).toMatchObject({ finalizers: ['a.b/c'], generation: first.generation, deletionTimestamp: first.deletionTimestamp })
  })

  test('deletecollection takes what the selector wants and nothing else', async () => {
    for (const name of ['a', 'b', 'c']) await call('POST', clusters, cluster(name, {}, { labels: { goes: name === 'b' ? 'no' : 'yes' } }))
    expect((await call('DELETE', `${clusters}?labelSelector=goes%3Dyes`)).body.items.map((o: { metadata: { name: string } }) => o.metadata.name)).toEqual(['a', 'c'])
    expect((await call('GET', clusters)).body.items.map((o: { metadata: { name: string } }) => o.metadata.name)).toEqual(['b'])
  })
})

test('S8 a write that changes nothing stores nothing and answers the same version', async () => {
  const made = (await call('POST', `${clusters}?fieldManager=m`, cluster('a'))).body
  const before = await lab.store.version()
  const same = [
    await call('PUT', `${clusters}/a?fieldManager=other`, made), await call('PATCH', `${clusters}/a`, { spec: { site: 'sto1' } }),
    await call('PATCH', `${clusters}/a`, [], { type: 'application/json-patch+json' }), await call('PATCH', `${clusters}/a/status`, {}),
  ]
  expect(same.map((s) => s.body.metadata.resourceVersion)).toEqual(Array(4).fill(made.metadata.resourceVersion))
  const applied = await apply(`${clusters}/a`, cluster('a'), 'fieldManager=applier')
  const again = await apply(`${clusters}/a`, cluster('a'), 'fieldManager=applier')
  expect(again.body).toEqual(applied.body)
  expect(await lab.store.version()).toBe(before + 1)
})

test('S8 a manager that applies to an object and to its status in turn changes nothing the second time', async () => {
  const status = { apiVersion: 'lab.skerry.test/v1', kind: 'Cluster', metadata: { name: 'a' }, status: { phase: 'x' } }
  const both = async () => [await apply(`${clusters}/a`, cluster('a')), await apply(`${clusters}/a/status`, status)].map((a) => a.body.metadata.resourceVersion)
  const [, version] = await both()
  expect([await both(), await both()].flat()).toEqual(Array(4).fill(version))
})

test('S8 "nothing changed" is judged on what stands there now: a value set, changed by another and set again is written', async () => {
  await call('POST', clusters, cluster('a'))
  for (let i = 0; i < 20; i++) {
    const [one, two] = [`x${i}`, `y${i}`]
    await call('PATCH', `${clusters}/a`, { spec: { site: one } })
    await call('PATCH', `${clusters}/a`, { spec: { site: two } })
    await call('PATCH', `${clusters}/a`, { spec: { site: one } })
    expect((await call('GET', `${clusters}/a`)).body.spec.site).toBe(one)
  }
})

describe('A3', () => {
  test('A3 apply creates, names its conflicts, and takes over by force; status is applied apart', async () => {
    expect((await apply(`${clusters}/a`, cluster('a', { replicas: 5 }), 'fieldManager=a')).code).toBe(201)
    const conflict = await apply(`${clusters}/a`, cluster('a', { replicas: 6 }), 'fieldManager=b')
    expect(conflict.body).toMatchObject({ code: 409, reason: 'Conflict', message: 'Apply failed with 1 conflict: conflict with "a": .spec.replicas', details: { causes: [{ reason: 'FieldManagerConflict', field: '.spec.replicas' }] } })
    expect((await apply(`${clusters}/a`, cluster('a', { replicas: 6 }), 'fieldManager=b&force=true')).body.spec.replicas).toBe(6)
    const status = await apply(`${clusters}/a/status`, { apiVersion: 'lab.skerry.test/v1', kind: 'Cluster', metadata: { name: 'a' }, status: { phase: 'Ready', conditions: [{ type: 'Ready', status: 'True' }] } }, 'fieldManager=a&force=true')
    expect(status.body).toMatchObject({ spec: { replicas: 6 }, status: { phase: 'Ready' } })
    expect(status.body.metadata.managedFields.map((e: { manager: string; subresource?: string }) => `${e.manager} ${e.subresource ?? ''}`).toSorted()).toEqual(['a ', 'a status', 'b '])
    expect((await apply(`${clusters}/none/status`, { apiVersion: 'lab.skerry.test/v1', kind: 'Cluster', metadata: { name: 'none' }, status: {} })).body.code).toBe(404)
    expect((await apply(`${clusters}/a`, cluster('a'), 'force=true')).body).toMatchObject({ code: 422, details: { group: 'meta.k8s.io', kind: 'PatchOptions', causes: [{ field: 'fieldManager', reason: 'FieldValueRequired' }] } })
  })

  test('A3 a field that is no longer applied falls back to its default; a uid that is named must be there', async () => {
    await apply(`${clusters}/a`, cluster('a', { replicas: 5, tags: ['x'] }))
    expect((await apply(`${clusters}/a`, cluster('a'))).body.spec).toEqual({ site: 'sto1', replicas: 3 })
    expect((await apply(`${clusters}/a`, cluster('a', {}, { uid: 'other' }))).body.code).toBe(409)
    expect((await apply(`${clusters}/b`, cluster('b', {}, { uid: 'other' }))).body.code).toBe(409)
  })

  test('A3 an update owns what it makes as a whole too, an apply only what it names', async () => {
    const parts = { options: { k: 'v' }, tags: ['t'], pools: [{ name: 'x', size: 1 }] }
    const spec = { 'f:site': {}, 'f:options': { 'f:k': {} }, 'f:tags': { 'v:"t"': {} }, 'f:pools': { 'k:{"name":"x"}': { '.': {}, 'f:name': {}, 'f:size': {} } } }
    const made = await call('POST', clusters, cluster('a', parts, { labels: { l: '1' } }))
    expect(made.body.metadata.managedFields[0].fieldsV1).toEqual({
      'f:metadata': { 'f:labels': { '.': {}, 'f:l': {} } },
      'f:spec': { '.': {}, ...spec, 'f:replicas': {}, 'f:options': { '.': {}, 'f:k': {} }, 'f:tags': { '.': {}, 'v:"t"': {} }, 'f:pools': { '.': {}, ...spec['f:pools'] } },
    })
    expect((await apply(`${clusters}/b`, cluster('b', parts, { labels: { l: '1' } }))).body.metadata.managedFields[0].fieldsV1).toEqual({ 'f:metadata': { 'f:labels': { 'f:l': {} } }, 'f:spec': spec })
  })

  test('A3 managedFields that a client made up do no harm', async () => {
    const made = (await call('POST', clusters, cluster('a'))).body
    const said = [{ manager: 'x', operation: 'Apply', apiVersion: 'v9', fieldsType: 'FieldsV1', fieldsV1: { 'f:spec': { 'f:site': {}, 'k:{': {}, constructor: {} }, 'i:0': {} } }]
    await call('PUT', `${clusters}/a`, { ...made, metadata: { ...made.metadata, managedFields: said } })
    expect((await apply(`${clusters}/a`, cluster('a', { site: 'other' }), 'fieldManager=y')).body).toMatchObject({ code: 409, message: expect.stringContaining('conflict with "x": .spec.site') })
    expect((await apply(`${clusters}/a`, cluster('a', { site: 'other' }))).code).toBe(200)
    expect((await call('PATCH', `${clusters}/a/status`, { metadata: { managedFields: [{}] }, status: { phase: 'x' } })).body.metadata.managedFields.length).toBeGreaterThan(1)
    for (const none of [[{}], []]) {
      await apply(`${clusters}/a`, cluster('a', { site: 'other' }), 'fieldManager=z')
      expect((await call('PATCH', `${clusters}/a`, { metadata: { managedFields: none } })).body.metadata.managedFields).toBeUndefined()
    }
  })

  test('A3 what nobody owns any more is tracked again by the next apply, which takes over nothing unseen', async () => {
    const made = (await call('POST', `${clusters}?fieldManager=one`, cluster('a', { replicas: 4 }))).body
    const status = (await call('PATCH', `${clusters}/a/status?fieldManager=s`, { status: { phase: 'Up' } })).body
    const forgotten = (await call('PUT', `${clusters}/a?fieldManager=two`, { ...made, metadata: { ...made.metadata, resourceVersion: status.metadata.resourceVersion, managedFields: [] }, spec: { ...made.spec, mode: 'fast' } })).body
    expect(forgotten.metadata.managedFields).toBeUndefined()
    expect((await apply(`${clusters}/a`, cluster('a', { replicas: 5 }), 'fieldManager=three')).body).toMatchObject({ code: 409, details: { causes: [{ message: expect.stringContaining('before-first-apply'), field: '.spec.replicas' }] } })
    const applied = (await apply(`${clusters}/a`, cluster('a', { replicas: 4 }), 'fieldManager=three')).body
    expect(applied.metadata.managedFields.map((e: any) => [e.manager, Object.keys(e.fieldsV1)])).toEqual([['three', ['f:spec']], ['before-first-apply', ['f:spec']]])
  })

  test('A3 many apply at once and each keeps what is its own', async () => {
    await apply(`${clusters}/a`, cluster('a'))
    await Promise.all(Array.from({ length: 12 }, (_, i) => apply(`${clusters}/a`, { apiVersion: 'lab.skerry.test/v1', kind: 'Cluster', metadata: { name: 'a' }, spec: { pools: [{ name: `p${i}`, size: i }] } }, `fieldManager=m${i}&force=true`)))
    expect((await call('GET', `${clusters}/a`)).body.spec.pools).toHaveLength(12)
  })
})

test('H1 the site\'s finalizer is set in the creating transaction and only the site takes it off', async () => {
  const made = await call('POST', machines, { metadata: { name: 'm' }, spec: { cluster: 'a' } }, { as: 'site' })
  expect(made.body.metadata.finalizers).toEqual(['skerry.dev/site'])
  const applied = await apply(`${machines}/n`, { apiVersion: 'lab.skerry.test/v1', kind: 'Machine', metadata: { name: 'n' }, spec: { cluster: 'a' } }, 'fieldManager=c&force=true', 'site')
  expect(applied.body.metadata.finalizers).toEqual(['skerry.dev/site'])
  for (const as of ['admin', 'user']) {
    expect((await call('PATCH', `${machines}/m`, { metadata: { finalizers: null } }, { as })).body).toMatchObject({ code: 403, message: expect.stringContaining('removed by the site only') })
    const { finalizers: _, ...metadata } = made.body.metadata
    expect((await call('PUT', `${machines}/m`, { ...made.body, metadata }, { as })).body.metadata.finalizers).toEqual(['skerry.dev/site'])
  }
  const deleted = await call('DELETE', `${machines}/m`, undefined, { as: 'admin' })
  expect(deleted.body.metadata.deletionTimestamp).toBeDefined()
  expect((await call('GET', `${machines}/m`)).code).toBe(200)
  expect((await call('PATCH', `${machines}/m`, { metadata: { finalizers: ['skerry.dev/site', 'a.b/c'] } }, { as: 'site' })).body.code).toBe(422)
  expect((await call('PATCH', `${machines}/m`, { metadata: { finalizers: null } }, { as: 'site' })).code).toBe(200)
  expect((await call('GET', `${machines}/m`)).code).toBe(404)
})

test('H2 each part has one writer, enforced by who asks', async () => {
  const machine = { metadata: { name: 'm' }, spec: { cluster: 'a' } }
  for (const as of ['user', 'admin']) expect((await call('POST', machines, machine, { as })).body).toMatchObject({ code: 403, reason: 'Forbidden', message: expect.stringContaining('spec of Machine is written by the site only') })
  expect((await call('POST', machines, machine, { as: 'site' })).code).toBe(201)
  expect((await call('PATCH', `${machines}/m/status`, { status: { phase: 'Running' } }, { as: 'user' })).body.code).toBe(403)
  expect((await call('PATCH', `${machines}/m/status`, { status: { phase: 'Running' } }, { as: 'site' })).code).toBe(200)
  expect((await call('PATCH', `${machines}/m`, { metadata: { labels: { a: 'b' } } }, { as: 'user' })).code).toBe(200)
  expect((await call('POST', clusters, cluster('c'), { as: 'site' })).body).toMatchObject({ code: 403, message: expect.stringContaining('spec of Cluster is written by the user only') })
  expect((await call('POST', clusters, cluster('c'), { as: 'user' })).code).toBe(201)
})

test('E6 a write under a lease that somebody else holds now is refused, and says so', async () => {
  const held = await lab.store.leases.acquire('controllers', 'one', 1)
  const headers = { 'skerry-fence': `controllers/${held.kind === 'held' ? held.lease.epoch : 0}` }
  expect((await call('POST', clusters, cluster('a'), { headers })).code).toBe(201)
  const taken = async () => { for (;;) { const l = await lab.store.leases.acquire('controllers', 'two', 60_000); if (l.kind === 'held') return l.lease.epoch } }
  const epoch = await taken()
  const late = await call('PATCH', `${clusters}/a`, { spec: { site: 'late' } }, { headers })
  expect(late.body).toMatchObject({ code: 409, details: { causes: [{ reason: 'Fenced' }] } })
  expect((await call('DELETE', `${clusters}/a`, undefined, { headers })).body.code).toBe(409)
  expect((await call('PATCH', `${clusters}/a`, { spec: { site: 'new' } }, { headers: { 'skerry-fence': `controllers/${epoch}` } })).body.spec.site).toBe('new')
  expect((await call('PATCH', `${clusters}/a`, { spec: { site: 'x' } }, { headers: { 'skerry-fence': 'nonsense' } })).body.code).toBe(400)
})

test('who is not known is 401, who may not is 403, what is not served is 404, what is not allowed 405', async () => {
  expect((await call('GET', clusters, undefined, { as: 'nobody-at-all' })).body).toMatchObject({ kind: 'Status', code: 401, reason: 'Unauthorized' })
  expect((await call('GET', clusters, undefined, { as: 'nobody' })).body).toMatchObject({ code: 403, reason: 'Forbidden', message: expect.stringContaining('User "nemo" cannot list resource "clusters"') })
  expect((await call('GET', '/apis/lab.skerry.test/v1/things')).body).toMatchObject({ code: 404, reason: 'NotFound' })
  expect((await call('PATCH', clusters, {})).body).toMatchObject({ code: 400, message: 'name must be provided' })
  expect((await call('POST', '/apis/lab.skerry.test/v1/clusters', cluster('a'))).body.code).toBe(404)
  expect((await call('DELETE', `${clusters}/a/status`)).body).toMatchObject({ code: 405, reason: 'MethodNotAllowed', details: { group: 'lab.skerry.test', kind: 'clusters' } })
  expect((await call('GET', `${clusters}/a/bogus`)).body).toMatchObject({ code: 404, message: 'the server could not find the requested resource' })
})
