/** Makes the text of an audit record (rule S12). It is what is chained, so nothing is added to it later. */
import type { AuditRecord } from '../../api/audit/index.ts'
import { credentialIdKey, type Identity } from '../identity.ts'
import type { RequestInfo } from '../request.ts'
import type { Failure } from '../status.ts'

/** Who asks, and how he is told from others. */
export interface Asker {
  readonly requestId: string
  /** undefined: not known, or not yet. */
  identity: Identity | undefined
  readonly source: string
  readonly userAgent: string
}

const textAtMost = 256
const cut = (text: string): string => text.slice(0, textAtMost)
const codeOfDenials = new Set([401, 403])

const userOf = (identity: Identity | undefined): AuditRecord['user'] => ({
  username: identity?.user ?? '', groups: identity?.groups ?? [], ...(identity?.certificate !== undefined && { extra: { [credentialIdKey]: [identity.certificate.credentialId] } }),
})

export const baseOf = (a: Asker, now: Date, verb: string, code: number): Pick<AuditRecord, 'auditID' | 'time' | 'verb' | 'user' | 'sourceIPs' | 'userAgent' | 'decision'> => ({
  auditID: a.requestId, time: now.toISOString(), verb, user: userOf(a.identity),
  sourceIPs: a.source === '' ? [] : [a.source], userAgent: cut(a.userAgent), decision: codeOfDenials.has(code) ? 'deny' : 'allow',
})

export const refOf = (r: RequestInfo, more: { readonly namespace?: string; readonly name?: string; readonly uid?: string | undefined } = {}): NonNullable<AuditRecord['objectRef']> => {
  const { namespace = r.namespace, name = r.name, uid } = more
  return {
    apiGroup: cut(r.group), apiVersion: cut(r.version), resource: cut(r.resource), ...(r.subresource !== '' && { subresource: cut(r.subresource) }),
    ...(namespace !== '' && { namespace: cut(namespace) }), ...(name !== '' && { name: cut(name) }), ...(uid !== undefined && { uid }),
  }
}

/** Of what wrote nothing: a denial, a failure, a read that matters, a log-in. */
export const ownRecord = (a: Asker, r: RequestInfo | undefined, now: Date, verb: string, status: Pick<Failure, 'code' | 'reason' | 'message'>, { note, uid }: { readonly note?: string | undefined; readonly uid?: string } = {}): AuditRecord => {
  const { code, reason, message } = status
  const { auditID, time, ...base } = baseOf(a, now, verb, code)
  return {
    auditID, time, level: 'Metadata', ...base, ...(r === undefined ? {} : r.verb === 'nonresource' ? { requestURI: cut(r.path) } : { objectRef: refOf(r, { uid }) }),
    responseStatus: { code, ...(reason !== undefined && { reason }), ...(codeOfDenials.has(code) && message !== undefined && { message: cut(message) }) }, ...(note !== undefined && { note }),
  }
}
