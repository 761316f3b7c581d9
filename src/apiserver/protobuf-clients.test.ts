/** Rule A2 with the bytes that client-go encodes; `lab/clients/protobuf` makes them. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parseProtobuf, protobufType } from './protobuf.ts'
import { caller, startLab, type LabServer } from './testing/lab-server.ts'
import { isObject } from './values.ts'

interface Fixture { readonly name: string; readonly bytes: string; readonly object: any }
const fixtures = JSON.parse(readFileSync(join(import.meta.dirname, 'testing/protobuf.json'), 'utf8')) as readonly Fixture[]
const bytesOf = (name: string): Uint8Array<ArrayBuffer> => new Uint8Array(Buffer.from(fixtures.find((f) => f.name === name)!.bytes, 'base64'))

/** Go writes some fields that are empty in one form and not in the other; nothing is said by them. */
const said = (v: unknown): unknown => {
  if (Array.isArray(v)) return v.map(said)
  if (!isObject(v)) return v
  const kept = Object.entries(v).map(([k, x]) => [k, said(x)] as const).filter(([, x]) => x !== null && x !== undefined && !(isObject(x) && Object.keys(x).length === 0))
  return Object.fromEntries(kept)
}

test.each(fixtures.map((f) => [f.name, f] as const))('A2 %s is read as its JSON is', (_, f) => {
  expect(said(parseProtobuf(Buffer.from(f.bytes, 'base64')))).toEqual(said(f.name.includes('Review') ? { ...f.object, status: undefined } : f.object))
})

let lab: LabServer
beforeAll(async () => {
  lab = await startLab()
  await caller(lab)('POST', '/apis/skerry.dev/v1alpha1/projects', { metadata: { name: 'shop' }, spec: {} })
})
afterAll(() => lab.close())
const send = async (method: string, path: string, name: string): Promise<{ readonly code: number; readonly body: any }> => {
  const response = await fetch(`${lab.listening.url}${path}`, { method, headers: { authorization: 'Bearer admin', 'content-type': protobufType, accept: `${protobufType},application/json` }, body: bytesOf(name) })
  return { code: response.status, body: await response.json() }
}

test('A2 typed clients ask, hold a lease, give it back, write an event, make a namespace and delete, all in protobuf; answers are JSON', async () => {
  expect(await send('POST', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', 'SelfSubjectAccessReview, of a resource')).toMatchObject({ code: 201, body: { status: { allowed: true } } })
  expect(await send('POST', '/apis/authorization.k8s.io/v1/selfsubjectrulesreviews', 'SelfSubjectRulesReview')).toMatchObject({ code: 201, body: { status: { incomplete: false } } })
  expect(await send('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', 'SelfSubjectReview')).toMatchObject({ code: 201, body: { status: { userInfo: { username: 'ada' } } } })
  const leases = '/apis/coordination.k8s.io/v1/namespaces/shop/leases'
  expect(await send('POST', leases, 'Lease that is given back')).toMatchObject({ code: 201, body: { spec: { holderIdentity: '', leaseTransitions: 0 } } })
  expect(await send('PUT', `${leases}/a`, 'Lease that is given back')).toMatchObject({ code: 200, body: { kind: 'Lease', spec: { holderIdentity: '', leaseDurationSeconds: 1 } } })
  expect(await send('POST', '/api/v1/namespaces', 'Namespace, only a name')).toMatchObject({ code: 201, body: { kind: 'Namespace', metadata: { name: 'a' } } })
  // An Event that names a version is none of a client's making; it says so.
  expect(await send('POST', '/api/v1/namespaces/shop/events', 'Event of core/v1')).toMatchObject({ code: 400 })
  expect(await send('DELETE', `${leases}/gone`, 'DeleteOptions')).toMatchObject({ code: 404, body: { reason: 'NotFound' } })
  expect(await send('DELETE', `${leases}/a`, 'DeleteOptions')).toMatchObject({ code: 409, body: { reason: 'Conflict' } })
  expect(await send('DELETE', `${leases}/a`, 'DeleteOptions, orphans')).toMatchObject({ code: 200 })
})

test('A2 bytes that were cut off or changed are the client\'s fault', async () => {
  for (const f of fixtures) {
    const whole = Buffer.from(f.bytes, 'base64')
    for (let i = 0; i < whole.length; i += 3) {
      for (const bytes of [whole.subarray(0, i), Buffer.from(whole.map((b, at) => (at === i ? b ^ 0xff : b)))]) {
        try { parseProtobuf(bytes) } catch (error) { expect((error as { apiStatus?: { code: number } }).apiStatus?.code).toSatisfy((c: number) => c === 400 || c === 415) }
      }
    }
  }
})
