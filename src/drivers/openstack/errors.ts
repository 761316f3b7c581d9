/** Errors of OpenStack, classified once by service, code and type (rule O3); others ask the predicates. Texts hold no token and no secret. */

export type ServiceName = 'identity' | 'compute' | 'network' | 'volume' | 'image' | 'load-balancer'
export type Kind =
  | 'transient' | 'conflict' | 'quota' | 'denied' | 'not-found' | 'invalid'
  /** Octavia's "immutable": wait. */
  | 'busy'
  /** The log-in, or a token just issued, was refused (rule O4). */
  | 'credential'
  /** The list ended in an error or lost its marker: it is thrown away (rule E2). */
  | 'incomplete'

export interface Details {
  readonly kind: Kind
  readonly service: ServiceName
  /** 0: no answer came. */
  readonly code: number
  /** Neutron's type, e.g. `OverQuota`. */
  readonly type?: string | undefined
  /** A creating call whose outcome is not known (rule E3). */
  readonly unclear: boolean
  readonly retryAfterSeconds?: number | undefined
  readonly requestId?: string | undefined
}

export const openstackError = (message: string, openstack: Details, cause?: unknown): Error => Object.assign(new Error(message, cause === undefined ? undefined : { cause }), { openstack })
export const detailsOf = (e: unknown): Details | undefined => (e as { openstack?: Details } | undefined)?.openstack
const is = (kind: Kind) => (e: unknown): boolean => detailsOf(e)?.kind === kind

export const isTransient = is('transient')
export const isConflict = is('conflict')
export const isQuota = is('quota')
export const isDenied = is('denied')
export const isNotFound = is('not-found')
export const isInvalid = is('invalid')
export const isBusy = is('busy')
export const isCredentialRejected = is('credential')
export const isIncomplete = is('incomplete')
export const isUnclear = (e: unknown): boolean => detailsOf(e)?.unclear === true

interface Said { readonly message: string; readonly type: string | undefined }

/** Each service words its errors in its own way. */
export const saidBy = (body: unknown): Said => {
  const o = (typeof body === 'object' && body !== null ? body : {}) as Record<string, any>
  if (typeof o['faultstring'] === 'string') return { message: o['faultstring'], type: undefined }
  const inner = (o['NeutronError'] ?? o['error'] ?? Object.values(o).find((v) => typeof v === 'object' && v !== null && typeof (v as { message?: unknown }).message === 'string') ?? o) as Record<string, unknown>
  return { message: typeof inner['message'] === 'string' ? inner['message'] : typeof o['message'] === 'string' ? o['message'] : '', type: typeof inner['type'] === 'string' ? inner['type'] : undefined }
}

export const classify = (service: ServiceName, code: number, said: Said): Kind => {
  const quota = /quota|limit exceeded|exceeds allowed/i.test(said.message)
  switch (true) {
    case code === 404: return 'not-found'
    case code === 401: return 'credential'
    case code === 413 && (service === 'volume' || service === 'compute'): return 'quota'
    case code === 403: return quota && (service === 'compute' || service === 'load-balancer' || service === 'volume') ? 'quota' : 'denied'
    case code === 409 && service === 'network': return said.type === 'OverQuota' ? 'quota' : 'conflict'
    case code === 409 && service === 'load-balancer': return /immutable/i.test(said.message) ? 'busy' : 'conflict'
    case code === 409: return 'conflict'
    case code === 429 || code >= 500 || code === 408: return 'transient'
    default: return 'invalid'
  }
}
