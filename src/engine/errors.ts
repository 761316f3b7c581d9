/** What went wrong with a resource call, asked by predicate. The client classifies once; nobody asks by instanceof. */

/** Kubernetes' Status of a failure, as far as it is used. `code` 0: no answer came, so what happened is unknown. */
export interface Failure {
  readonly code: number
  readonly reason: string
  readonly message: string
  readonly details?: {
    readonly name?: string
    readonly kind?: string
    readonly uid?: string
    readonly causes?: readonly { readonly reason?: string; readonly message?: string; readonly field?: string }[]
    readonly retryAfterSeconds?: number
  }
}

export type FailureError = Error & { readonly status: Failure }

export const failureError = (status: Failure, cause?: unknown): FailureError =>
  Object.assign(new Error(status.message, cause === undefined ? undefined : { cause }), { status })

/** The Status within an error or within what caused it. */
export const failureOf = (error: unknown): Failure | undefined => {
  for (let e = error, depth = 0; typeof e === 'object' && e !== null && depth < 8; e = (e as Error).cause, depth++) {
    const status = (e as { status?: unknown }).status
    if (typeof status === 'object' && status !== null && typeof (status as Failure).code === 'number' && typeof (status as Failure).reason === 'string') return status as Failure
  }
  return undefined
}

const has = (error: unknown, test: (f: Failure) => boolean): boolean => {
  const f = failureOf(error)
  return f !== undefined && test(f)
}
const isCausedBy = (f: Failure, reason: string): boolean => f.reason === reason || f.details?.causes?.some((c) => c.reason === reason) === true

/** The lease under which the write was made is held by somebody else now. */
export const isFenced = (error: unknown): boolean => has(error, (f) => isCausedBy(f, 'Fenced'))
/** Somebody changed the object in between. Neither AlreadyExists nor Fenced. */
export const isConflict = (error: unknown): boolean => has(error, (f) => f.code === 409 && f.reason !== 'AlreadyExists' && !isCausedBy(f, 'Fenced'))
export const isAlreadyExists = (error: unknown): boolean => has(error, (f) => f.reason === 'AlreadyExists')
export const isNotFound = (error: unknown): boolean => has(error, (f) => f.code === 404)
/** The version was compacted: list again. */
export const isExpired = (error: unknown): boolean => has(error, (f) => f.code === 410)
export const isInvalid = (error: unknown): boolean => has(error, (f) => f.code === 422 || f.code === 400)
export const isForbidden = (error: unknown): boolean => has(error, (f) => f.code === 403)
export const isUnauthorized = (error: unknown): boolean => has(error, (f) => f.code === 401)
/** Nothing is wrong with the request; later it may pass. Whether a write was made is unknown. */
export const isUnavailable = (error: unknown): boolean => has(error, (f) => f.code === 0 || f.code === 429 || f.code >= 500)

/** An error and what caused it, as one line for logs: a Status' message, or the errors' own. */
export const describe = (error: unknown): string => {
  const parts: string[] = []
  for (let e = error, depth = 0; e !== undefined && e !== null && depth < 8; e = (e as Error).cause, depth++) parts.push(e instanceof Error ? e.message : String(e))
  return [...new Set(parts)].join(': ')
}
