/** Errors of a tenant's Kubernetes API, classified once, here; others ask the predicates. Messages are ours and hold no more of an answer than a shortened line. */

export type KubernetesErrorKind =
  /** Nothing accepted the connection: the call was not received. */
  | 'unreachable'
  /** The connection broke, or the server said 5xx: the call may have been carried out. */
  | 'interrupted'
  | 'timeout'
  /** The other side is not under the cluster's authority, or refuses our certificate. */
  | 'certificate'
  /** 401, 403. */
  | 'denied'
  | 'not-found'
  | 'conflict'
  | 'already-exists'
  /** 400, 415, 422: this call will never pass. */
  | 'invalid'
  /** 429: later. */
  | 'throttled'
  /** 410: the version or the continue token is too old. */
  | 'expired'
  /** The answer breaks a limit or has not the form that it must have (rule T5). */
  | 'answer'
  | 'other'

class KubernetesError extends Error {
  override readonly name = 'KubernetesError'
  readonly kubernetes: KubernetesErrorKind
  constructor(kubernetes: KubernetesErrorKind, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.kubernetes = kubernetes
  }
}

export const kubernetesError = (kind: KubernetesErrorKind, message: string, cause?: unknown): Error => new KubernetesError(kind, message, cause)

const kindOf = (error: unknown): KubernetesErrorKind | undefined => (error instanceof Error && error.name === 'KubernetesError' ? (error as KubernetesError).kubernetes : undefined)
const is = (...kinds: readonly KubernetesErrorKind[]) => (error: unknown): boolean => { const k = kindOf(error); return k !== undefined && kinds.includes(k) }

export const isUnavailable = is('unreachable', 'interrupted', 'timeout', 'throttled')
/** The call may have been carried out although no answer came. */
export const isUnclear = is('interrupted', 'timeout')
export const isCertificate = is('certificate')
export const isDenied = is('denied')
export const isNotFound = is('not-found')
export const isConflict = is('conflict', 'already-exists')
export const isAlreadyExists = is('already-exists')
export const isInvalid = is('invalid')
export const isThrottled = is('throttled')
export const isExpired = is('expired')
/** The answer cannot be used, whatever it meant. */
export const isBadAnswer = is('answer')

/** One line of printable text, shortened. */
export const printable = (text: string, max: number): string => text.slice(0, max).replaceAll(/[^\x20-\x7e]/g, ' ')

const unreachable = new Set(['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND', 'EAI_AGAIN', 'EADDRNOTAVAIL', 'UND_ERR_CONNECT_TIMEOUT'])
const certificate = /^(ERR_SSL_|ERR_TLS_CERT|ERR_OSSL_|CERT_|UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO|INVALID_CA|INVALID_PURPOSE|HOSTNAME_MISMATCH)/

const codesOf = (error: unknown): readonly string[] => {
  const codes: string[] = []
  for (let e = error, depth = 0; e instanceof Error && depth < 8; e = e.cause, depth++) {
    const { code } = e as { readonly code?: unknown }
    if (typeof code === 'string') codes.push(code)
    if (e instanceof AggregateError) codes.push(...e.errors.flatMap(codesOf))
  }
  return codes
}

const kindOfFault = (error: unknown): KubernetesErrorKind => {
  const codes = codesOf(error)
  if (codes.some((c) => certificate.test(c))) return 'certificate'
  if (codes.some((c) => unreachable.has(c))) return 'unreachable'
  if (codes.some((c) => c === 'ETIMEDOUT' || c === 'UND_ERR_HEADERS_TIMEOUT' || c === 'UND_ERR_BODY_TIMEOUT')) return 'timeout'
  if (codes.some((c) => c === 'UND_ERR_HEADERS_OVERFLOW' || c.startsWith('HPE_'))) return 'answer'
  if (codes.some((c) => c === 'ECONNRESET' || c === 'EPIPE' || c === 'UND_ERR_SOCKET' || c === 'UND_ERR_ABORTED' || c === 'UND_ERR_DESTROYED' || c === 'UND_ERR_CLOSED')) return 'interrupted'
  return 'other'
}

/** `what` names the call and the cluster. */
export const fromFault = (what: string, error: unknown): Error => {
  if (kindOf(error) !== undefined) return error as Error
  return new KubernetesError(kindOfFault(error), `${what}: ${printable(error instanceof Error ? error.message : String(error), 200)}`, error)
}

/** From an answer's code and its Status' reason. */
export const fromStatus = (what: string, code: number, reason: string, message: string): Error => {
  const kind: KubernetesErrorKind =
    code === 401 || code === 403 ? 'denied'
      : code === 404 ? 'not-found'
        : code === 409 ? (reason === 'AlreadyExists' ? 'already-exists' : 'conflict')
          : code === 410 ? 'expired'
            : code === 429 ? 'throttled'
              : code === 400 || code === 405 || code === 406 || code === 413 || code === 415 || code === 422 ? 'invalid'
                : code === 504 ? 'timeout'
                  : code >= 500 ? 'interrupted'
                    : 'other'
  return new KubernetesError(kind, `${what}: ${code}${reason === '' ? '' : ` ${printable(reason, 60)}`}${message === '' ? '' : `: ${printable(message, 300)}`}`)
}
