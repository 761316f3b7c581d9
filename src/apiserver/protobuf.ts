/**
 * Reads the few Kubernetes messages that typed clients send as protobuf and in no other form (rule A2): reviews, Namespace, Event,
 * Lease, DeleteOptions. Field numbers: generated.proto of k8s.io/api and k8s.io/apimachinery. Answers are always JSON.
 */
import { badRequest, unsupportedMediaType } from './status.ts'
import type { Json, Mutable } from './values.ts'

export const protobufType = 'application/vnd.kubernetes.protobuf'

/** `text` and `int` may be empty and 0, which is something; a `string` that is empty and a `count` of 0 are absent: Go has no pointer there and always writes them. */
type FieldType = 'string' | 'text' | 'int' | 'count' | 'bool' | 'time' | 'microtime' | 'strings' | 'map' | 'rawJson' | Message | readonly [Message]
interface Message { readonly [number: number]: readonly [name: string, type: FieldType] }

const ownerReference: Message = { 5: ['apiVersion', 'string'], 1: ['kind', 'string'], 3: ['name', 'string'], 4: ['uid', 'string'], 6: ['controller', 'bool'], 7: ['blockOwnerDeletion', 'bool'] }
const managedFields: Message = { 1: ['manager', 'string'], 2: ['operation', 'string'], 3: ['apiVersion', 'string'], 4: ['time', 'time'], 6: ['fieldsType', 'string'], 7: ['fieldsV1', 'rawJson'], 8: ['subresource', 'string'] }
const metadata: Message = {
  1: ['name', 'string'], 2: ['generateName', 'string'], 3: ['namespace', 'string'], 5: ['uid', 'string'], 6: ['resourceVersion', 'string'], 7: ['generation', 'count'],
  8: ['creationTimestamp', 'time'], 9: ['deletionTimestamp', 'time'], 10: ['deletionGracePeriodSeconds', 'int'], 11: ['labels', 'map'], 12: ['annotations', 'map'],
  13: ['ownerReferences', [ownerReference]], 14: ['finalizers', 'strings'], 17: ['managedFields', [managedFields]],
}
const reference: Message = { 1: ['kind', 'string'], 2: ['namespace', 'string'], 3: ['name', 'string'], 4: ['uid', 'string'], 5: ['apiVersion', 'string'], 6: ['resourceVersion', 'string'], 7: ['fieldPath', 'string'] }
const source: Message = { 1: ['component', 'string'], 2: ['host', 'string'] }
const series: Message = { 1: ['count', 'count'], 2: ['lastObservedTime', 'microtime'] }
const selector: Message = { 1: ['rawSelector', 'string'], 2: ['requirements', [{ 1: ['key', 'string'], 2: ['operator', 'string'], 3: ['values', 'strings'] }]] }
const resourceAttributes: Message = { 1: ['namespace', 'string'], 2: ['verb', 'string'], 3: ['group', 'string'], 4: ['version', 'string'], 5: ['resource', 'string'], 6: ['subresource', 'string'], 7: ['name', 'string'], 8: ['fieldSelector', selector], 9: ['labelSelector', selector] }

const condition: Message = { 1: ['type', 'string'], 2: ['status', 'string'], 4: ['lastTransitionTime', 'time'], 5: ['reason', 'string'], 6: ['message', 'string'] }

const messages: Readonly<Record<string, Message>> = {
  'v1/Namespace': { 1: ['metadata', metadata], 2: ['spec', { 1: ['finalizers', 'strings'] }], 3: ['status', { 1: ['phase', 'string'], 2: ['conditions', [condition]] }] },
  'v1/Event': {
    1: ['metadata', metadata], 2: ['involvedObject', reference], 3: ['reason', 'string'], 4: ['message', 'string'], 5: ['source', source], 6: ['firstTimestamp', 'time'], 7: ['lastTimestamp', 'time'],
    8: ['count', 'count'], 9: ['type', 'string'], 10: ['eventTime', 'microtime'], 11: ['series', series], 12: ['action', 'string'], 13: ['related', reference], 14: ['reportingComponent', 'string'], 15: ['reportingInstance', 'string'],
  },
  'events.k8s.io/v1/Event': {
    1: ['metadata', metadata], 2: ['eventTime', 'microtime'], 3: ['series', series], 4: ['reportingController', 'string'], 5: ['reportingInstance', 'string'], 6: ['action', 'string'], 7: ['reason', 'string'],
    8: ['regarding', reference], 9: ['related', reference], 10: ['note', 'string'], 11: ['type', 'string'], 12: ['deprecatedSource', source], 13: ['deprecatedFirstTimestamp', 'time'], 14: ['deprecatedLastTimestamp', 'time'], 15: ['deprecatedCount', 'count'],
  },
  'coordination.k8s.io/v1/Lease': {
    1: ['metadata', metadata], 2: ['spec', { 1: ['holderIdentity', 'text'], 2: ['leaseDurationSeconds', 'int'], 3: ['acquireTime', 'microtime'], 4: ['renewTime', 'microtime'], 5: ['leaseTransitions', 'int'], 6: ['strategy', 'text'], 7: ['preferredHolder', 'text'] }],
  },
  'authorization.k8s.io/v1/SelfSubjectAccessReview': { 1: ['metadata', metadata], 2: ['spec', { 1: ['resourceAttributes', resourceAttributes], 2: ['nonResourceAttributes', { 1: ['path', 'string'], 2: ['verb', 'string'] }] }] },
  'authorization.k8s.io/v1/SelfSubjectRulesReview': { 1: ['metadata', metadata], 2: ['spec', { 1: ['namespace', 'string'] }] },
  'authentication.k8s.io/v1/SelfSubjectReview': { 1: ['metadata', metadata] },
}
/** DeleteOptions come with the version of whatever is deleted. */
const deleteOptions: Message = { 1: ['gracePeriodSeconds', 'int'], 2: ['preconditions', { 1: ['uid', 'text'], 2: ['resourceVersion', 'text'] }], 3: ['orphanDependents', 'bool'], 4: ['propagationPolicy', 'text'], 5: ['dryRun', 'strings'], 6: ['ignoreStoreReadErrorWithClusterBreakingPotential', 'bool'] }

const magic = Buffer.from('k8s\0')

/** The object in the envelope `k8s\0` + runtime.Unknown. Throws 415 for what is not in the table, 400 for bytes that are none. */
export const parseProtobuf = (body: Buffer): Json => {
  if (!body.subarray(0, 4).equals(magic)) throw badRequest('the body is no Kubernetes protobuf: it does not begin with k8s')
  let raw: Buffer = Buffer.alloc(0)
  let apiVersion = ''
  let kind = ''
  for (const [number, value] of fields(body.subarray(4))) {
    if (number === 1) for (const [n, v] of fields(bytes(value))) { if (n === 1) apiVersion = bytes(v).toString(); if (n === 2) kind = bytes(v).toString() }
    if (number === 2) raw = bytes(value)
  }
  const message = kind === 'DeleteOptions' ? deleteOptions : Object.hasOwn(messages, `${apiVersion}/${kind}`) ? messages[`${apiVersion}/${kind}`] : undefined
  if (message === undefined) throw unsupportedMediaType(`${protobufType} of ${apiVersion} ${kind}`, ['application/json', 'application/yaml'])
  return { apiVersion, kind, ...decode(raw, message, 0) }
}

type Wire = Buffer | bigint
const broken = () => badRequest('the body is no protobuf')
const bytes = (v: Wire): Buffer => { if (typeof v === 'bigint') throw broken(); return v }
const number = (v: Wire): number => { if (typeof v !== 'bigint') throw broken(); return Number(BigInt.asIntN(64, v)) }

function* fields(b: Buffer): Generator<readonly [number, Wire]> {
  let at = 0
  const varint = (): bigint => {
    let value = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = b[at++]
      if (byte === undefined) throw broken()
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return BigInt.asUintN(64, value)
    }
    throw broken()
  }
  while (at < b.length) {
    const key = Number(varint())
    const skip = (n: number): Buffer => { if (n > b.length - at) throw broken(); at += n; return b.subarray(at - n, at) }
    switch (key & 7) {
      case 0: yield [key >>> 3, varint()]; break
      case 1: yield [key >>> 3, skip(8)]; break
      case 2: yield [key >>> 3, skip(Number(varint()))]; break
      case 5: yield [key >>> 3, skip(4)]; break
      default: throw broken()
    }
  }
}

const decode = (b: Buffer, message: Message, depth: number): Mutable => {
  if (depth > 20) throw broken()
  const out: Mutable = {}
  for (const [n, value] of fields(b)) {
    const field = message[n]
    if (field === undefined) continue
    const [name, type] = field
    if (type === 'strings') (out[name] ??= []).push(bytes(value).toString())
    else if (Array.isArray(type)) (out[name] ??= []).push(decode(bytes(value), (type as unknown as readonly [Message])[0], depth + 1))
    else if (type === 'map') {
      const [k, v] = entry(bytes(value))
      if (k === '__proto__') throw badRequest('a field is called __proto__')
      ;(out[name] ??= {})[k] = v
    } else {
      const v = scalar(value, type as Exclude<FieldType, readonly [Message]>, depth)
      if (v !== undefined && !(type === 'string' && v === '') && !(type === 'count' && v === 0)) out[name] = v
    }
  }
  return out
}
const entry = (b: Buffer): readonly [string, string] => {
  let k = ''
  let v = ''
  for (const [n, value] of fields(b)) { if (n === 1) k = bytes(value).toString(); if (n === 2) v = bytes(value).toString() }
  return [k, v]
}
const scalar = (value: Wire, type: Exclude<FieldType, readonly [Message]>, depth: number): unknown => {
  switch (type) {
    case 'string': case 'text': return bytes(value).toString()
    case 'int': case 'count': return number(value)
    case 'bool': return number(value) !== 0
    case 'time': case 'microtime': return timeOf(bytes(value), type === 'microtime')
    case 'rawJson': return rawOf(bytes(value))
    default: return decode(bytes(value), type as Message, depth + 1)
  }
}
const rawOf = (b: Buffer): unknown => {
  for (const [n, v] of fields(b)) if (n === 1) try { return JSON.parse(bytes(v).toString()) as unknown } catch { throw broken() }
  return {}
}
/** A zero time has no fields. */
const timeOf = (b: Buffer, micro: boolean): string | undefined => {
  let seconds: number | undefined
  let nanos = 0
  for (const [n, v] of fields(b)) { if (n === 1) seconds = number(v); if (n === 2) nanos = number(v) }
  if (seconds === undefined || Math.abs(seconds) > 253_402_300_799) return undefined
  const text = new Date(seconds * 1000).toISOString().slice(0, 19)
  return micro ? `${text}.${String(Math.floor(nanos / 1000)).padStart(6, '0')}Z` : `${text}Z`
}
