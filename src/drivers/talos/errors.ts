/** Errors of the Talos API, classified once, here; others ask the predicates. Messages are ours and hold nothing that a node wrote beyond a shortened status. */
import { Code, ConnectError } from '@connectrpc/connect'

export type TalosErrorKind =
  /** Nothing accepted the connection: the call was not received. */
  | 'unreachable'
  /** The connection broke, or the node said Unavailable: the call may have been carried out. */
  | 'interrupted'
  | 'timeout'
  /** The other side is not under the cluster's authority, or refuses our certificate. */
  | 'certificate'
  | 'permission'
  | 'already-exists'
  | 'not-found'
  /** The node is not in a state for it yet. */
  | 'precondition'
  | 'unimplemented'
  /** The answer breaks a limit or has not the form that it must have (rule T5). */
  | 'answer'
  | 'other'

class TalosError extends Error {
  override readonly name = 'TalosError'
  readonly talos: TalosErrorKind
  constructor(talos: TalosErrorKind, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.talos = talos
  }
}

export const talosError = (kind: TalosErrorKind, message: string, cause?: unknown): Error => new TalosError(kind, message, cause)

const kindOf = (error: unknown): TalosErrorKind | undefined => (error instanceof Error && error.name === 'TalosError' ? (error as TalosError).talos : undefined)
const is = (...kinds: readonly TalosErrorKind[]) => (error: unknown): boolean => { const k = kindOf(error); return k !== undefined && kinds.includes(k) }

export const isUnavailable = is('unreachable', 'interrupted', 'timeout')
/** The call may have been carried out although no answer came. */
export const isUnclear = is('interrupted', 'timeout')
export const isAlreadyExists = is('already-exists')
export const isPermission = is('permission')
export const isCertificate = is('certificate')
export const isNotFound = is('not-found')
export const isPrecondition = is('precondition')
export const isUnimplemented = is('unimplemented')
/** The node's answer cannot be used, whatever it meant. */
export const isBadAnswer = is('answer')

const unreachable = new Set(['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND', 'EAI_AGAIN', 'EADDRNOTAVAIL'])
const certificate = /^(ERR_SSL_|ERR_TLS_CERT|CERT_|UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO|INVALID_CA|INVALID_PURPOSE|HOSTNAME_MISMATCH)/

const codesOf = (error: unknown): readonly string[] => {
  const codes: string[] = []
  for (let e = error, depth = 0; e instanceof Error && depth < 8; e = e.cause, depth++) {
    const { code } = e as { readonly code?: unknown }
    if (typeof code === 'string') codes.push(code)
    if (e instanceof AggregateError) codes.push(...e.errors.flatMap(codesOf))
  }
  return codes
}

const byStatus: Readonly<Partial<Record<Code, TalosErrorKind>>> = {
  [Code.Unavailable]: 'interrupted', [Code.Aborted]: 'interrupted', [Code.Canceled]: 'interrupted', [Code.DeadlineExceeded]: 'timeout', [Code.PermissionDenied]: 'permission',
  [Code.Unauthenticated]: 'permission', [Code.AlreadyExists]: 'already-exists', [Code.NotFound]: 'not-found', [Code.FailedPrecondition]: 'precondition', [Code.Unimplemented]: 'unimplemented',
  [Code.ResourceExhausted]: 'answer',
}

export const classify = (error: unknown): TalosErrorKind => {
  const known = kindOf(error)
  if (known !== undefined) return known
  const codes = codesOf(error)
  if (codes.some((c) => certificate.test(c))) return 'certificate'
  if (codes.some((c) => unreachable.has(c))) return 'unreachable'
  if (codes.some((c) => c === 'ETIMEDOUT')) return 'timeout'
  if (codes.some((c) => c === 'ECONNRESET' || c === 'EPIPE' || c.startsWith('ERR_HTTP2_') || c === 'ERR_STREAM_PREMATURE_CLOSE')) return 'interrupted'
  if (error instanceof ConnectError) return byStatus[error.code] ?? 'other'
  return 'other'
}

/** One line of printable text, shortened. */
export const printable = (text: string, max: number): string => text.slice(0, max).replaceAll(/[^\x20-\x7e]/g, ' ')

/** `what` names the call and the node. */
export const toTalosError = (what: string, error: unknown): Error => {
  if (kindOf(error) !== undefined) return error as Error
  const kind = classify(error)
  const said = error instanceof ConnectError ? error.rawMessage : error instanceof Error ? error.message : String(error)
  return new TalosError(kind, `${what}: ${printable(said, 200)}`, error)
}
