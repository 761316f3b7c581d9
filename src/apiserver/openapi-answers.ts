/** What operations answer, as OpenAPI says it: objects, Status, Scale, and which failures there can be. */
import type { Schema } from './schema.ts'

export const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` })
export const metaName = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta'
export const statusName = 'io.k8s.apimachinery.pkg.apis.meta.v1.Status'
export const scaleName = 'io.k8s.api.autoscaling.v1.Scale'

const text = { type: 'string' }
const gvk = (group: string, kind: string) => [{ group, version: 'v1', kind }]
export const commonSchemas: Readonly<Record<string, Schema>> = {
  [statusName]: {
    type: 'object', description: 'What became of a request.', required: ['kind', 'apiVersion', 'status'], 'x-kubernetes-group-version-kind': gvk('', 'Status'),
    properties: {
      apiVersion: text, kind: { type: 'string', enum: ['Status'] }, metadata: { type: 'object' }, status: { type: 'string', enum: ['Success', 'Failure'] }, message: text, reason: text, code: { type: 'integer' },
      details: { type: 'object', properties: { name: text, group: text, kind: text, uid: text, retryAfterSeconds: { type: 'integer' }, causes: { type: 'array', items: { type: 'object', properties: { reason: text, message: text, field: text } } } } },
    },
  },
  [scaleName]: {
    type: 'object', description: 'How many there are to be, and are.', 'x-kubernetes-group-version-kind': gvk('autoscaling', 'Scale'),
    properties: {
      apiVersion: text, kind: text, metadata: { allOf: [ref(metaName)], default: {} }, spec: { type: 'object', properties: { replicas: { type: 'integer' } } },
      status: { type: 'object', properties: { replicas: { type: 'integer' }, selector: text } },
    },
  },
}

const failures: Readonly<Record<number, string>> = {
  400: 'BadRequest', 401: 'Unauthorized', 403: 'Forbidden', 404: 'NotFound', 405: 'MethodNotAllowed', 406: 'NotAcceptable', 408: 'Timeout: the body did not come', 409: 'AlreadyExists, Conflict',
  410: 'Expired', 413: 'RequestEntityTooLarge', 415: 'UnsupportedMediaType', 422: 'Invalid', 429: 'TooManyRequests', 500: 'InternalError', 503: 'ServiceUnavailable: nothing was done', 504: 'Timeout: it is not known what was done',
}
const everywhere = [400, 401, 403, 404, 405, 406, 408, 413, 415, 429, 500, 503, 504]
const besides = { get: [], list: [410, 422], write: [409, 422] } as const

const json = (description: string, schema: object) => ({ description, content: { 'application/json': { schema } } })
export const answers = (kind: keyof typeof besides, schema: object, codes: readonly (200 | 201)[]): object => ({
  ...Object.fromEntries(codes.map((code) => [code, json(code === 200 ? 'OK' : 'Created', schema)])),
  ...Object.fromEntries([...everywhere, ...besides[kind]].toSorted((a, b) => a - b).map((code) => [code, json(failures[code]!, ref(statusName))])),
})
