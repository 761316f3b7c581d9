/**
 * What went wrong with a call to OpenStack, classified once and asked by predicate. Messages name service, method, path, code and
 * request id; they hold nothing of a request's body and no secret.
 */

export type OpenStackErrorKind =
  /** Nothing is wrong with the request; later it may pass. */
  | 'transient'
  /** Something else has it, or its state does not allow it now. */
  | 'conflict'
  /** A limit of the project or an exhausted pool. Never retried faster than once a minute (rule O3). */
  | 'quota'
  | 'denied'
  | 'not-found'
  /** This request will never pass. */
  | 'invalid'
  | 'no-valid-host'
  /** The log-in or a token that was just issued was refused (rule O4). */
  | 'credential-rejected'
  /** The cloud lacks what we need: older than microversion 2.79, no such service or region. */
  | 'unsupported'

export type Service = 'identity' | 'compute' | 'network' | 'volume' | 'image' | 'load-balancer'

export interface Failure {
  readonly kind: OpenStackErrorKind
  readonly service: Service
  /** 0: no answer. */
  readonly status: number
  /** The service's own word: Neutron's type, Nova's key, Octavia's and Cinder's recognised sentence; '' when it gave none. */
  readonly type: string
  /** The call creates something, it was sent, and whether it was done is unknown (rule E3). */
  readonly unclear?: boolean
  /** The same thing is there already: to be adopted. */
  readonly duplicate?: boolean
  /** Seconds until another try makes sense. */
  readonly retryAfter?: number
  readonly requestId?: string
}

class OpenStackError extends Error {
  override readonly name = 'OpenStackError'
  readonly openstack: Failure
  constructor(failure: Failure, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.openstack = failure
  }
}

export const openstackError = (failure: Failure, message: string, cause?: unknown): Error => new OpenStackError(failure, message, cause)

/** The failure within an error or within what caused it; undefined when it is not of OpenStack. */
export const failureOf = (error: unknown): Failure | undefined => {
  for (let e = error, depth = 0; typeof e === 'object' && e !== null && depth < 8; e = (e as Error).cause, depth++) {
    if ((e as Error).name === 'OpenStackError') return (e as OpenStackError).openstack
  }
  return undefined
}

export const detailsOf = failureOf

const has = (test: (f: Failure) => boolean) => (error: unknown): boolean => { const f = failureOf(error); return f !== undefined && test(f) }
const is = (kind: OpenStackErrorKind) => has((f) => f.kind === kind)

export const isTransient = is('transient')
export const isConflict = is('conflict')
export const isQuota = is('quota')
export const isDenied = is('denied')
export const isNotFound = is('not-found')
export const isInvalid = is('invalid')
export const isNoValidHost = is('no-valid-host')
export const isCredentialRejected = is('credential-rejected')
export const isUnsupported = is('unsupported')
/** A creating call whose outcome is unknown: look for what it may have made, for a minute (rule E3). */
export const isUnclear = has((f) => f.unclear === true)
/** 409 because the same thing is there. */
export const isAlreadyExists = has((f) => f.duplicate === true)
/** Octavia is still at work on this load balancer: wait. */
export const isImmutable = has((f) => f.service === 'load-balancer' && f.type === 'ImmutableObject')
/** The cloud cannot be reached or cannot answer now. */
export const isUnavailable = isTransient
export const isBusy = isImmutable
/** A list that ended in an error, lost its marker or does not end: it is thrown away (rule E2). */
export const isIncomplete = has((f) => f.type === 'IncompleteList')
export const retryAfterOf = (error: unknown): number | undefined => failureOf(error)?.retryAfter

/** What Nova wrote into a server's fault. */
export const isNoValidHostFault = (fault: { readonly message: string } | undefined): boolean => fault !== undefined && /no valid host/i.test(fault.message)

/** An error and what caused it, as one line that may be shown. */
export const describe = (error: unknown): string => {
  const parts: string[] = []
  for (let e = error, depth = 0; e !== undefined && e !== null && depth < 8; e = (e as Error).cause, depth++) parts.push(e instanceof Error ? e.message : String(e))
  return [...new Set(parts)].join(': ').slice(0, 1000)
}
