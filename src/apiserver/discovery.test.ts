import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { caller, startLab, type LabServer } from './testing/lab-server.ts'
import { swagger } from './openapi-v2.ts'

let lab: LabServer
let call: ReturnType<typeof caller>
beforeAll(async () => {
  lab = await startLab({ subresources: { 'clusters/kubeconfig': async () => ({ kind: 'Answer' }) } })
  call = caller(lab)
})
afterAll(() => lab.close())

describe('A1 what is served', () => {
  test('A1 plain discovery', async () => {
    expect((await call('GET', '/api')).body).toMatchObject({ kind: 'APIVersions', versions: ['v1'] })
    expect((await call('GET', '/apis')).body.groups.map((g: { name: string }) => g.name)).toEqual(['skerry.dev', 'lab.skerry.test', 'events.k8s.io', 'coordination.k8s.io', 'authorization.k8s.io', 'authentication.k8s.io'])
    expect((await call('GET', '/apis/lab.skerry.test')).body).toMatchObject({ kind: 'APIGroup', name: 'lab.skerry.test', preferredVersion: { groupVersion: 'lab.skerry.test/v1' } })
    const { resources } = (await call('GET', '/apis/lab.skerry.test/v1')).body
    expect(resources.map((r: { name: string }) => r.name)).toEqual(['clusters', 'clusters/status', 'clusters/scale', 'clusters/kubeconfig', 'machines', 'machines/status'])
    expect(resources[0]).toMatchObject({ singularName: 'cluster', namespaced: true, kind: 'Cluster', shortNames: ['skc'], categories: ['skerry'], verbs: expect.arrayContaining(['watch', 'deletecollection']) })
    expect((await call('GET', '/api/v1')).body.resources.map((r: { name: string }) => r.name)).toEqual(['configmaps', 'nodes', 'nodes/status', 'namespaces', 'events'])
    expect((await call('GET', '/apis/nothing')).body.code).toBe(404)
  })

  test('A1 aggregated discovery by Accept', async () => {
    const accept = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json'
    const { body, headers } = await call('GET', '/apis', undefined, { accept })
    expect(headers.get('content-type')).toBe('application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList')
    expect(body).toMatchObject({ kind: 'APIGroupDiscoveryList', apiVersion: 'apidiscovery.k8s.io/v2' })
    const lab = body.items.find((g: { metadata: { name: string } }) => g.metadata.name === 'lab.skerry.test')
    expect(lab.versions[0].resources[0]).toMatchObject({ resource: 'clusters', scope: 'Namespaced', responseKind: { kind: 'Cluster' }, subresources: [{ subresource: 'status' }, { subresource: 'scale', responseKind: { group: 'autoscaling', kind: 'Scale' } }, { subresource: 'kubeconfig' }] })
    expect((await call('GET', '/api', undefined, { accept })).body.items[0].metadata.name).toBeUndefined()
  })

  test('A1 the version is a semver, health needs nobody', async () => {
    expect((await call('GET', '/version')).body).toMatchObject({ major: '1', minor: '36', gitVersion: expect.stringMatching(/^v\d+\.\d+\.\d+/) })
    for (const path of ['/healthz', '/livez', '/readyz', '/readyz?verbose']) expect((await call('GET', path, undefined, { as: 'stranger' })).text).toBe('ok')
  })

  test('A1 OpenAPI v2: kinds with their fields, what may hold anything has none, every reference leads somewhere, options and content types of each operation', async () => {
    const { paths } = (await call('GET', '/openapi/v3')).body as { paths: Record<string, { serverRelativeURL: string }> }
    const body: any = swagger(await Promise.all(Object.values(paths).map(async (p) => (await call('GET', p.serverRelativeURL)).body)))
    const text = JSON.stringify(body)
    for (const [, name] of text.matchAll(/"#\/definitions\/([^"]+)"/g)) expect(Object.keys(body.definitions)).toContain(name)
    expect(text).not.toMatch(/#\/components|"oneOf"|"anyOf"|"allOf"|"nullable"/)
    expect(body.definitions['test.skerry.lab.v1.Cluster']).toMatchObject({
      type: 'object', required: ['spec'], 'x-kubernetes-group-version-kind': [{ group: 'lab.skerry.test', version: 'v1', kind: 'Cluster' }],
      properties: { metadata: { $ref: '#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta' }, spec: { properties: { site: { type: 'string', maxLength: 63 }, pools: { type: 'array', 'x-kubernetes-list-type': 'map' } } } },
    })
    const event = body.definitions['io.k8s.api.core.v1.Event']
    expect(event).toMatchObject({ 'x-kubernetes-group-version-kind': [{ group: '', version: 'v1', kind: 'Event' }] })
    expect([event.type, event.properties]).toEqual([undefined, undefined])
    const { patch, parameters } = body.paths['/apis/lab.skerry.test/v1/namespaces/{namespace}/clusters/{name}']
    expect(patch.consumes).toEqual(['application/json-patch+json', 'application/merge-patch+json', 'application/apply-patch+yaml'])
    expect(patch.parameters).toEqual(expect.arrayContaining([expect.objectContaining({ name: 'body', in: 'body', required: true }), expect.objectContaining({ name: 'fieldValidation', in: 'query', type: 'string' })]))
    expect(parameters).toContainEqual(expect.objectContaining({ name: 'name', in: 'path', required: true, type: 'string' }))
  })

  test('A1 OpenAPI v2 as protobuf, which is all that client-go asks for; to others it is 404', async () => {
    expect((await call('GET', '/openapi/v2')).body).toMatchObject({ code: 404, reason: 'NotFound' })
    const answer = await fetch(`${lab.listening.url}/openapi/v2`, { headers: { authorization: 'Bearer admin', accept: 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf' } })
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf'])
    const bytes = Buffer.from(await answer.arrayBuffer())
    // Field 1 of the document is the version of Swagger.
    expect(bytes.subarray(0, 5).toString('latin1')).toBe('\n\u00032.0')
  })

  test('A1 OpenAPI v3: kinds on schemas and operations, options inline, every reference leads somewhere, every operation has a name of its own', async () => {
    const { paths } = (await call('GET', '/openapi/v3')).body
    expect(Object.keys(paths)).toContain('apis/lab.skerry.test/v1')
    const ids: string[] = []
    for (const { serverRelativeURL } of Object.values(paths) as { serverRelativeURL: string }[]) {
      const { body, text } = await call('GET', serverRelativeURL)
      for (const [, name] of text.matchAll(/"#\/components\/schemas\/([^"]+)"/g)) expect(Object.keys(body.components.schemas)).toContain(name)
      for (const path of Object.values(body.paths) as Record<string, { operationId?: string }>[]) for (const o of Object.values(path)) if (o.operationId !== undefined) ids.push(o.operationId)
    }
    expect(ids.length).toBe(new Set(ids).size)
    const { body } = await call('GET', paths['apis/lab.skerry.test/v1'].serverRelativeURL)
    expect(body.components.schemas['test.skerry.lab.v1.Cluster']).toMatchObject({
      'x-kubernetes-group-version-kind': [{ group: 'lab.skerry.test', version: 'v1', kind: 'Cluster' }], description: 'A cluster of the lab.', required: ['spec'],
      properties: { spec: { properties: { site: { type: 'string', maxLength: 63, description: 'Where it runs.' }, replicas: { type: 'integer', minimum: 0, maximum: 1000, default: 3 }, mode: { enum: ['fast', 'safe'] } } } },
    })
    const one = body.paths['/apis/lab.skerry.test/v1/namespaces/{namespace}/clusters/{name}']
    const parameters = (operation: string): readonly string[] => one[operation].parameters.map((p: { name: string }) => p.name)
    expect(parameters('patch')).toEqual(expect.arrayContaining(['dryRun', 'fieldManager', 'fieldValidation', 'force']))
    expect(parameters('put')).toEqual(expect.arrayContaining(['dryRun', 'fieldManager', 'fieldValidation']))
    expect(Object.keys(one.patch.requestBody.content)).not.toContain('application/strategic-merge-patch+json')
    expect(one.patch['x-kubernetes-group-version-kind']).toEqual({ group: 'lab.skerry.test', version: 'v1', kind: 'Cluster' })
  })

  test('who takes no JSON gets none: 406', async () => {
    for (const path of ['/version', '/apis', '/apis/lab.skerry.test/v1', '/openapi/v3']) expect((await call('GET', path, undefined, { accept: 'text/html' })).code).toBe(406)
    expect((await call('GET', '/apis', undefined, { accept: 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList' })).code).toBe(200)
  })

  test('A1 a server with the same kinds and subresources has the same documents; one without subresources does not name them', async () => {
    const [other, without] = [await startLab({ subresources: { 'clusters/kubeconfig': async () => ({}) } }), await startLab()]
    const path = '/openapi/v3/apis/lab.skerry.test/v1'
    expect((await caller(other)('GET', path)).text).toBe((await call('GET', path)).text)
    expect((await caller(other)('GET', path)).text).toContain('clusters/{name}/kubeconfig')
    expect((await caller(without)('GET', path)).text).not.toContain('clusters/{name}/kubeconfig')
    await other.close()
    await without.close()
  })

  test('A1 reviews say who asks and what they may', async () => {
    const review = (group: string, resource: string, spec: object, as: string) => call('POST', `/apis/${group}/v1/${resource}`, { spec }, { as })
    expect((await review('authentication.k8s.io', 'selfsubjectreviews', {}, 'site')).body).toMatchObject({ kind: 'SelfSubjectReview', status: { userInfo: { username: 'site-sto1', groups: ['skerry:sites', 'system:authenticated'] } } })
    const attributes = { resourceAttributes: { group: 'lab.skerry.test', resource: 'clusters', verb: 'create', namespace: 'x' } }
    expect((await review('authorization.k8s.io', 'selfsubjectaccessreviews', attributes, 'admin')).body.status.allowed).toBe(true)
    expect((await review('authorization.k8s.io', 'selfsubjectaccessreviews', attributes, 'nobody')).body.status.allowed).toBe(false)
    expect((await review('authorization.k8s.io', 'selfsubjectrulesreviews', { namespace: 'x' }, 'nobody')).body.status.resourceRules.flatMap((r: { resources: string[] }) => r.resources)).toEqual(['selfsubjectaccessreviews', 'selfsubjectrulesreviews', 'selfsubjectreviews'])
  })

  test('a subresource of one\'s own is asked by POST, for an object that is there', async () => {
    await call('POST', '/api/v1/namespaces', { metadata: { name: 'shop' } })
    const path = '/apis/lab.skerry.test/v1/namespaces/shop/clusters'
    expect((await call('POST', `${path}/a/kubeconfig`, {})).body.code).toBe(404)
    await call('POST', path, { metadata: { name: 'a' }, spec: { site: 's' } })
    expect((await call('POST', `${path}/a/kubeconfig`, {})).body).toEqual({ kind: 'Answer' })
    expect((await call('GET', `${path}/a/kubeconfig`)).body.code).toBe(405)
    expect((await call('POST', `${path}/a/status`, {})).body.code).toBe(405)
  })
})
