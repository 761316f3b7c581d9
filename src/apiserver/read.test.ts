import { afterEach, beforeEach, expect, test } from 'vitest'
import { caller, startLab, watching, type LabServer } from './testing/lab-server.ts'

let lab: LabServer
let call: ReturnType<typeof caller>
const clusters = '/apis/lab.skerry.test/v1/namespaces/shop/clusters'
const namesOf = (body: any): readonly string[] => body.items.map((o: { metadata: { name: string } }) => o.metadata.name)

beforeEach(async () => {
  lab = await startLab()
  call = caller(lab)
  for (const name of ['shop', 'other']) await call('POST', '/api/v1/namespaces', { metadata: { name } })
  for (const name of ['a', 'b', 'c', 'd', 'e']) await call('POST', clusters, { metadata: { name, labels: { half: name < 'c' ? '1' : '2' } }, spec: { site: name < 'c' ? 'sto1' : 'osl1' } })
})
afterEach(() => lab.close())

test('S6 pages of one list are one snapshot, whatever happens in between', async () => {
  const first = (await call('GET', `${clusters}?limit=2`)).body
  expect(first.metadata.remainingItemCount).toBe(3)
  await call('DELETE', `${clusters}/d`)
  await call('POST', clusters, { metadata: { name: 'aa' }, spec: { site: 'x' } })
  const second = (await call('GET', `${clusters}?limit=2&continue=${first.metadata.continue}`)).body
  const third = (await call('GET', `${clusters}?limit=2&continue=${second.metadata.continue}`)).body
  expect([...namesOf(first), ...namesOf(second), ...namesOf(third)]).toEqual(['a', 'b', 'c', 'd', 'e'])
  expect([second, third].map((l) => l.metadata.resourceVersion)).toEqual(Array(2).fill(first.metadata.resourceVersion))
  expect(third.metadata.continue).toBeUndefined()
})

test('S6 a token opens no other list than its own', async () => {
  const { metadata } = (await call('GET', `${clusters}?limit=2`)).body
  expect((await call('GET', `/apis/lab.skerry.test/v1/namespaces/other/clusters?limit=2&continue=${metadata.continue}`)).body).toMatchObject({ code: 400, reason: 'BadRequest' })
  expect((await call('GET', `${clusters}?limit=2&labelSelector=half%3D1&continue=${metadata.continue}`)).body.code).toBe(400)
  expect((await call('GET', `${clusters}?limit=2&continue=nonsense`)).body.code).toBe(400)
})

test('selectors by labels and fields, in one namespace and in all', async () => {
  expect(namesOf((await call('GET', `${clusters}?labelSelector=half%20in%20(1)`)).body)).toEqual(['a', 'b'])
  expect(namesOf((await call('GET', `${clusters}?fieldSelector=spec.site%3Dosl1,metadata.name!%3Dd`)).body)).toEqual(['c', 'e'])
  expect(namesOf((await call('GET', '/apis/lab.skerry.test/v1/clusters?fieldSelector=metadata.namespace%3Dshop,metadata.name%3Db')).body)).toEqual(['b'])
  expect(namesOf((await call('GET', '/apis/lab.skerry.test/v1/namespaces/other/clusters')).body)).toEqual([])
})

test('S5 a read without a version sees every write that was answered before', async () => {
  for (let i = 0; i < 50; i++) {
    await call('PATCH', `${clusters}/a`, { spec: { replicas: i } })
    expect((await call('GET', `${clusters}/a`)).body.spec.replicas).toBe(i)
    expect((await call('GET', clusters)).body.items[0].spec.replicas).toBe(i)
  }
})

test('S5 0 answers at once, a version from the future is 504 with its cause, nonsense is 400', async () => {
  expect((await call('GET', `${clusters}?resourceVersion=0`)).code).toBe(200)
  const now = (await call('GET', clusters)).body.metadata.resourceVersion
  expect((await call('GET', `${clusters}?resourceVersion=${now}&resourceVersionMatch=Exact`)).code).toBe(200)
  const { body } = await call('GET', `${clusters}?resourceVersion=${Number(now) + 100}`)
  expect(body).toMatchObject({ code: 504, reason: 'Timeout', details: { causes: [{ reason: 'ResourceVersionTooLarge' }] } })
  await call('DELETE', `${clusters}/a`)
  expect(namesOf((await call('GET', `${clusters}?resourceVersion=${now}&resourceVersionMatch=Exact`)).body)).toEqual(['a', 'b', 'c', 'd', 'e'])
  expect((await call('GET', `${clusters}?resourceVersion=${now}&limit=1`)).body).toMatchObject({ items: [{ metadata: { name: 'a' } }], metadata: { resourceVersion: now } })
  expect(namesOf((await call('GET', `${clusters}?resourceVersion=${now}`)).body)).toEqual(['b', 'c', 'd', 'e'])
  expect((await call('GET', `${clusters}?resourceVersion=x`)).body.code).toBe(400)
})

test('A1 an unknown or unsupported list option is an error', async () => {
  for (const query of ['bogus=1', 'limit=x', 'watch=true&limit=5', 'fieldSelector=spec.nothing%3D1'])
    expect([query, (await call('GET', `${clusters}?${query}`)).code]).toEqual([query, 400])
  const table = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' }
  expect((await call('GET', `${clusters}?includeObject=Other`, undefined, table)).body).toMatchObject({ code: 400, message: expect.stringContaining('includeObject') })
})

test('options of a list or a watch that do not go together are 422, as of an object', async () => {
  for (const [query, causes] of [
    ['resourceVersionMatch=Exact', ['FieldValueForbidden']], ['resourceVersionMatch=Exact&resourceVersion=0', ['FieldValueForbidden']], ['resourceVersionMatch=Other&resourceVersion=1', ['FieldValueNotSupported']],
    ['resourceVersionMatch=NotOlderThan&resourceVersion=1&continue=x', ['FieldValueForbidden']], ['sendInitialEvents=true', ['FieldValueForbidden']],
    ['watch=true&sendInitialEvents=true', ['FieldValueForbidden']], ['watch=true&resourceVersionMatch=Exact', ['FieldValueForbidden', 'FieldValueNotSupported']], ['watch=true&continue=x', ['FieldValueForbidden']],
  ] as const) {
    const { body } = await call('GET', `${clusters}?${query}`)
    expect([query, body.code, body.details.kind, body.details.causes.map((c: { reason: string }) => c.reason)]).toEqual([query, 422, 'ListOptions', causes])
  }
})

test('S9 the metadata in Tables, in metadata only and in watches of them is that of the object, managedFields and version included', async () => {
  const object = (await call('GET', `${clusters}/a`)).body
  expect(object.metadata.managedFields).toHaveLength(1)
  const partial = { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: object.metadata }
  const table = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' }
  const metadata = { accept: 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io' }
  const rowOf = async (path: string): Promise<unknown> => (await call('GET', path, undefined, table)).body.rows[0].object
  expect(await rowOf(clusters)).toEqual(partial)
  expect(await rowOf(`${clusters}/a`)).toEqual(partial)
  expect(await rowOf(`${clusters}?includeObject=Object`)).toEqual(object)
  expect((await call('GET', `${clusters}/a`, undefined, metadata)).body).toEqual(partial)
  expect((await call('GET', clusters, undefined, metadata)).body.items[0]).toEqual(partial)
  const w = await watching(lab, `${clusters}?watch=1`, table)
  expect((await w.next())!.object.rows[0].object).toEqual(partial)
  w.stop()
})

test('Tables and metadata only, of lists and of one', async () => {
  const table = (await call('GET', `${clusters}?limit=2`, undefined, { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json' })).body
  expect(table).toMatchObject({ kind: 'Table', apiVersion: 'meta.k8s.io/v1', columnDefinitions: [{ name: 'Name', format: 'name' }, { name: 'Site' }, { name: 'Replicas' }, { name: 'Phase' }, { name: 'Age', type: 'date' }] })
  expect(table.rows.map((r: { cells: unknown[] }) => r.cells.slice(0, 3))).toEqual([['a', 'sto1', 3], ['b', 'sto1', 3]])
  expect(table.metadata.continue).toBeDefined()
  expect((await call('GET', `${clusters}?includeObject=None`, undefined, { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' })).body.rows[0].object).toBeNull()
  expect((await call('GET', `${clusters}/a`, undefined, { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' })).body.rows).toHaveLength(1)
  expect((await call('GET', clusters, undefined, { accept: 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io' })).body).toMatchObject({ kind: 'PartialObjectMetadataList', items: [{ kind: 'PartialObjectMetadata', metadata: { name: 'a' } }, {}, {}, {}, {}] })
  expect((await call('GET', clusters, undefined, { accept: 'application/vnd.kubernetes.protobuf,application/json' })).body.kind).toBe('ClusterList')
  expect((await call('GET', clusters, undefined, { accept: 'application/xml' })).body).toMatchObject({ code: 406, reason: 'NotAcceptable' })
})
