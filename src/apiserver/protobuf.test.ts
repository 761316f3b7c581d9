import { expect, test } from 'vitest'
import { parseProtobuf } from './protobuf.ts'
import { apiStatusOf } from './status.ts'

// As kubectl 1.36 sends it for `kubectl auth can-i create clusters.lab.skerry.test -n default`, written out by hand.
const field = (number: number, value: string | Buffer): Buffer => { const b = Buffer.from(value); return Buffer.concat([Buffer.from([number << 3 | 2, b.length]), b]) }
const varint = (value: number): readonly number[] => (value < 128 ? [value] : [value % 128 | 128, ...varint(Math.floor(value / 128))])
const int = (number: number, value: number): Buffer => Buffer.from([number << 3, ...varint(value)])
const message = (...fields: Buffer[]): Buffer => Buffer.concat(fields)
const envelope = (apiVersion: string, kind: string, raw: Buffer): Buffer => message(Buffer.from('k8s\0'), field(1, message(field(1, apiVersion), field(2, kind))), field(2, raw), field(3, ''), field(4, ''))

test('A2 a review, a namespace and delete options are read', () => {
  const attributes = message(field(1, 'default'), field(2, 'create'), field(3, 'lab.skerry.test'), field(4, '*'), field(5, 'clusters'), field(6, ''), field(7, ''))
  expect(parseProtobuf(envelope('authorization.k8s.io/v1', 'SelfSubjectAccessReview', message(field(1, message(field(1, ''))), field(2, field(1, attributes)))))).toEqual({
    apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectAccessReview', metadata: {},
    spec: { resourceAttributes: { namespace: 'default', verb: 'create', group: 'lab.skerry.test', version: '*', resource: 'clusters' } },
  })
  const metadata = message(field(1, 'shop'), field(11, message(field(1, 'a'), field(2, 'b'))), field(11, message(field(1, 'c'), field(2, ''))), field(8, ''), field(14, 'x/y'), field(14, 'z/w'))
  expect(parseProtobuf(envelope('v1', 'Namespace', field(1, metadata)))).toEqual({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop', labels: { a: 'b', c: '' }, finalizers: ['x/y', 'z/w'] } })
  expect(parseProtobuf(envelope('lab.skerry.test/v1', 'DeleteOptions', message(int(1, 0), field(2, field(1, 'uid')), field(4, 'Foreground'))))).toEqual({
    apiVersion: 'lab.skerry.test/v1', kind: 'DeleteOptions', gracePeriodSeconds: 0, preconditions: { uid: 'uid' }, propagationPolicy: 'Foreground',
  })
})

test('A2 times are read, to the second or the microsecond', () => {
  const time = message(int(1, Date.parse('2026-01-01T04:00:00Z') / 1000), int(2, 123_456_789))
  expect(parseProtobuf(envelope('coordination.k8s.io/v1', 'Lease', field(2, message(field(1, 'me'), int(2, 15), field(4, time)))))).toMatchObject({ spec: { holderIdentity: 'me', leaseDurationSeconds: 15, renewTime: '2026-01-01T04:00:00.123456Z' } })
})

test('A2 other messages are 415, and bytes that are none 400', () => {
  const code = (b: Buffer): number | undefined => { try { parseProtobuf(b); return 200 } catch (e) { return apiStatusOf(e)?.code } }
  expect(code(envelope('v1', 'Pod', Buffer.alloc(0)))).toBe(415)
  expect(code(envelope('constructor', '', Buffer.alloc(0)))).toBe(415)
  expect(code(Buffer.from('{}'))).toBe(400)
  expect(code(Buffer.concat([Buffer.from('k8s\0'), Buffer.from([0x0a, 0xff, 0xff])]))).toBe(400)
  expect(code(envelope('v1', 'Namespace', Buffer.from([0x0a, 0x7f, 1])))).toBe(400)
})
