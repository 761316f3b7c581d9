/** Kubernetes' Status of a failure, from a closed list of reasons; thrown inside, written as JSON at the edge. */
import type { FieldError, Kind } from '../api/meta/index.ts'

export interface StatusCause { readonly reason?: string; readonly message: string; readonly field?: string }
export interface Status {
  readonly kind: 'Status'
  readonly apiVersion: 'v1'
  readonly metadata: { readonly continue?: string }
  readonly status: 'Failure' | 'Success'
  readonly message?: string
  readonly reason?: string
  readonly details?: { readonly name?: string; readonly group?: string; readonly kind?: string; readonly uid?: string; readonly causes?: readonly StatusCause[]; readonly retryAfterSeconds?: number }
  /** Of a failure. */
  readonly code?: number
}
export type Failure = Status & { readonly code: number }
export type ApiError = Error & { readonly apiStatus: Failure }

/** What a client sent is repeated in part only. */
const messageAtMost = 8_192
const failure = (code: number, reason: string, text: string, details?: Status['details']): ApiError => {
  const message = text.length > messageAtMost ? `${text.slice(0, messageAtMost)}...` : text
  return Object.assign(new Error(message), { apiStatus: { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason, ...(details !== undefined && { details }), code } as const })
}

export const apiStatusOf = (e: unknown): Failure | undefined => (e as { apiStatus?: Failure } | undefined)?.apiStatus

type Named = Pick<Kind, 'group' | 'plural'>
const full = (k: Named): string => (k.group === '' ? k.plural : `${k.plural}.${k.group}`)
const details = (k: Named, name: string) => ({ ...(name !== '' && { name }), ...(k.group !== '' && { group: k.group }), kind: k.plural })

export const badRequest = (message: string) => failure(400, 'BadRequest', message)
export const unauthorized = () => failure(401, 'Unauthorized', 'Unauthorized')
export const forbidden = (k: Named, name: string, message: string, causes: readonly StatusCause[] = []) =>
  failure(403, 'Forbidden', `${full(k)}${name === '' ? '' : ` "${name}"`} is forbidden: ${message}`, { ...details(k, name), ...(causes.length > 0 && { causes }) })
export const notFound = (k: Named, name: string) => failure(404, 'NotFound', `${full(k)} "${name}" not found`, details(k, name))
export const noSuchPath = () => failure(404, 'NotFound', 'the server could not find the requested resource', {})
export const methodNotAllowed = (method: string, k?: Named) => failure(405, 'MethodNotAllowed', `the server does not allow the method ${method} on the requested resource`, k && details(k, ''))
export const notAcceptable = (message: string) => failure(406, 'NotAcceptable', message)
export const alreadyExists = (k: Named, name: string) => failure(409, 'AlreadyExists', `${full(k)} "${name}" already exists`, details(k, name))
export const conflict = (k: Named, name: string, message: string) => failure(409, 'Conflict', `Operation cannot be fulfilled on ${full(k)} "${name}": ${message}`, details(k, name))
export const modified = (k: Named, name: string) => conflict(k, name, 'the object has been modified; please apply your changes to the latest version and try again')
export const fenced = (k: Named, name: string) => failure(409, 'Conflict', `${full(k)} "${name}": the writer's lease is held by somebody else now`, { ...details(k, name), causes: [{ reason: 'Fenced', message: 'the lease of the fence is not held with this epoch' }] })
export const applyConflict = (conflicts: readonly { readonly manager: string; readonly field: string; readonly using: string }[]) =>
  failure(409, 'Conflict', `Apply failed with ${conflicts.length} conflict${conflicts.length === 1 ? '' : 's'}: ${conflicts.map((c) => `conflict with "${c.manager}"${c.using}: ${c.field}`).join(', ')}`, {
    causes: conflicts.map((c) => ({ reason: 'FieldManagerConflict', message: `conflict with "${c.manager}"${c.using}`, field: c.field })),
  })
/** `token`: with which a list may go on that is not consistent any more. */
export const gone = (message: string, token?: string): ApiError => {
  const error = failure(410, 'Expired', message)
  return token === undefined ? error : Object.assign(error, { apiStatus: { ...error.apiStatus, metadata: { continue: token } } })
}
export const tooBig = (limit: number) => failure(413, 'RequestEntityTooLarge', `the request is larger than ${limit} bytes`)
export const unsupportedMediaType = (given: string, allowed: readonly string[]) =>
  failure(415, 'UnsupportedMediaType', `the body of the request was in an unknown format - accepted media types include: ${allowed.join(', ')}${given === '' ? '' : ` (given: ${given})`}`)
export const unsupportedEncoding = (given: string) => failure(415, 'UnsupportedMediaType', `the body of the request is encoded: bodies are read as they are (given: ${given.slice(0, 40)})`)
/** Whoever has more is told of the others when these are mended. */
const causesAtMost = 64
export const invalid = (k: Pick<Kind, 'group' | 'kind' | 'plural'>, name: string, errors: readonly FieldError[]) => {
  const causes = errors.slice(0, causesAtMost).map((e) => ({ reason: e.reason, message: `${words[e.reason]}: ${e.message}`, field: e.field }))
  const one = causes.map((c) => `${c.field}: ${c.message}`)
  return failure(422, 'Invalid', `${k.kind}${k.group === '' ? '' : `.${k.group}`} "${name}" is invalid: ${one.length === 1 ? one[0]! : `[${one.join(', ')}]`}`, { ...(name !== '' && { name }), ...(k.group !== '' && { group: k.group }), kind: k.kind, causes })
}
const words: Readonly<Record<FieldError['reason'], string>> = {
  FieldValueInvalid: 'Invalid value', FieldValueRequired: 'Required value', FieldValueNotSupported: 'Unsupported value', FieldValueForbidden: 'Forbidden', FieldValueDuplicate: 'Duplicate value', FieldValueTooLong: 'Too long',
  FieldValueTooMany: 'Too many', FieldValueTypeInvalid: 'Invalid value',
}
/** What a patch makes of its object cannot be read as one. */
export const unreadablePatch = (message: string) => failure(422, 'Invalid', `the patched object is invalid: patch: Invalid value: ${message}`, { causes: [{ reason: 'FieldValueInvalid', message: `Invalid value: ${message}`, field: 'patch' }] })
/** A patch that does not fit its object. */
export const unprocessable = (message: string) => failure(422, 'Invalid', `the server rejected our request due to an error in our request: ${message}`, {})
export const internal = (message: string) => failure(500, 'InternalError', `Internal error occurred: ${message}`)
export const cutOff = () => badRequest('the request was cut off')
export const tooSlow = (what: string) => failure(408, 'Timeout', what)
export const tooManyRequests = (retryAfterSeconds: number) => failure(429, 'TooManyRequests', 'too many requests, please try again later', { retryAfterSeconds })
export const unavailable = (message: string) => failure(503, 'ServiceUnavailable', message, { retryAfterSeconds: 1 })
export const timeout = (message: string, causes: readonly StatusCause[] = []) => failure(504, 'Timeout', message, { ...(causes.length > 0 && { causes }), retryAfterSeconds: 1 })

export const success = (k: Named, name: string, uid: string): Status => ({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details: { ...details(k, name), uid } })
