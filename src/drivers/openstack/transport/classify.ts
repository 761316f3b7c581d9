/** The table of rule O3: what an answer means, by service, code and type, never by code alone. */
import { openstackError, type Failure, type OpenStackErrorKind, type Service } from '../errors.ts'
import { array, object, printable, text } from './json.ts'

export interface Call { readonly service: Service; readonly method: string; readonly path: string; readonly creates: boolean }
export interface Answer { readonly status: number; readonly headers: Readonly<Record<string, string | undefined>>; readonly body: string }

/** The service's own word and sentence, out of its own form of an error. */
const said = (service: Service, body: string): { readonly type: string; readonly message: string } => {
  let parsed: unknown
  try { parsed = JSON.parse(body) } catch { /* HTML of a proxy or of Glance. */ }
  const root = object(parsed)
  if (service === 'network') {
    const e = object(root['NeutronError'])
    if (text(e['message']) !== '') return { type: text(e['type']), message: text(e['message']) }
    if (text(root['NeutronError']) !== '') return { type: '', message: text(root['NeutronError']) }
  }
  // Octavia: pecan/wsme; also `{"faultstring": …}`.
  if (text(root['faultstring']) !== '') return { type: text(root['faultcode']), message: text(root['faultstring']) }
  // Nova and Cinder: {"<word>": {"code": 403, "message": …}}. Keystone: {"error": {"code", "title", "message"}}.
  for (const [key, v] of Object.entries(root)) if (text(object(v)['message']) !== '') return { type: key === 'error' ? text(object(v)['title']) : key, message: text(object(v)['message']) }
  // keystonemiddleware and oslo.middleware: {"errors": [{"detail" | "title"}]}; microversion refusals too.
  const first = object(array(root['errors'])[0])
  if (text(first['detail']) !== '' || text(first['title']) !== '') return { type: text(first['code']), message: text(first['detail']) || text(first['title']) }
  if (text(root['message']) !== '') return { type: text(root['code']), message: text(root['message']) }
  return { type: '', message: body.replaceAll(/<(style|script|title)[^>]*>[\s\S]*?<\/\1>|<[^>]+>/gi, ' ').replaceAll(/\s+/g, ' ').trim() }
}

interface Row { readonly service: Service; readonly status: number; readonly type?: RegExp; readonly message?: RegExp; readonly kind: OpenStackErrorKind; readonly name?: string; readonly duplicate?: true }

/** First match counts. What is not here falls to `byCode`. */
const rows: readonly Row[] = [
  { service: 'compute', status: 403, message: /quota|exceeded|too many/i, kind: 'quota', name: 'OverQuota' },
  { service: 'compute', status: 413, kind: 'quota', name: 'OverQuota' },
  { service: 'compute', status: 400, message: /no valid host/i, kind: 'no-valid-host' },
  { service: 'compute', status: 400, message: /status must be|is already attached|in-use|already in use|not available/i, kind: 'conflict', name: 'VolumeInUse' },
  { service: 'compute', status: 406, kind: 'unsupported' },
  { service: 'network', status: 409, type: /^OverQuota$/, kind: 'quota' },
  { service: 'network', status: 409, type: /^(IpAddressGenerationFailure|NoMoreAddresses|MacAddressGenerationFailure|NoNetworkAvailable)/, kind: 'quota' },
  { service: 'network', status: 400, type: /^(ExternalIpAddressExhausted|IpAddressGenerationFailure)/, kind: 'quota' },
  { service: 'network', status: 409, type: /^(SecurityGroupRuleExists|PhysicalNetworkInUse)$/, kind: 'conflict', duplicate: true },
  { service: 'network', status: 400, message: /already has a port on subnet/i, kind: 'conflict', name: 'RouterInterfaceExists', duplicate: true },
  { service: 'network', status: 409, type: /^(RetryRequest|DBDeadlock|StaleObject|RevisionNumberConstraintFailed)$/i, kind: 'transient' },
  { service: 'volume', status: 413, kind: 'quota', name: 'OverQuota' },
  { service: 'volume', status: 400, message: /status must be|must not be|is attached|in-use/i, kind: 'conflict', name: 'VolumeInUse' },
  { service: 'image', status: 409, message: /already exists/i, kind: 'conflict', name: 'Duplicate', duplicate: true },
  { service: 'image', status: 413, kind: 'quota', name: 'OverQuota' },
  { service: 'image', status: 403, message: /quota|limit/i, kind: 'quota', name: 'OverQuota' },
  { service: 'load-balancer', status: 403, message: /quota has been met|quota/i, kind: 'quota', name: 'OverQuota' },
  { service: 'load-balancer', status: 409, message: /immutable|invalid state/i, kind: 'transient', name: 'ImmutableObject' },
  { service: 'load-balancer', status: 409, message: /already (using|has|in use|exists|allocated)|duplicate/i, kind: 'conflict', name: 'Duplicate', duplicate: true },
  { service: 'load-balancer', status: 400, message: /has children/i, kind: 'conflict', name: 'HasChildren' },
  // The provider's VIP port met a taken address (ovn, amphora): Octavia rolls back and says 500.
  { service: 'load-balancer', status: 500, message: /already allocated|ConflictException: 409/i, kind: 'conflict', name: 'AddressInUse' },
  { service: 'load-balancer', status: 501, kind: 'invalid', name: 'UnsupportedByProvider' },
  { service: 'identity', status: 409, kind: 'conflict', name: 'Duplicate', duplicate: true },
]

const byCode = (status: number): OpenStackErrorKind =>
  status === 401 || status === 403 ? 'denied'
    : status === 404 ? 'not-found'
      : status === 409 ? 'conflict'
        : status === 408 || status === 425 || status === 429 || (status >= 500 && status !== 501 && status !== 505) ? 'transient'
          : 'invalid'

const retryAfterOf = (answer: Answer): number | undefined => {
  const seconds = Number(answer.headers['retry-after'])
  return Number.isFinite(seconds) && seconds >= 0 && answer.headers['retry-after'] !== undefined ? Math.min(seconds, 3600) : undefined
}

/** `secrets`: what a service might repeat and nobody may read. */
export const refused = (call: Call, answer: Answer, secrets: readonly string[]): Error => {
  const { type, message } = said(call.service, secrets.reduce((t, s) => (s.length > 3 ? t.replaceAll(s, '***') : t), answer.body))
  const row = rows.find((r) => r.service === call.service && r.status === answer.status && (r.type === undefined || r.type.test(type)) && (r.message === undefined || r.message.test(message)))
  const kind = row?.kind ?? byCode(answer.status)
  const retryAfter = kind === 'quota' ? 60 : retryAfterOf(answer)
  const requestId = answer.headers['x-openstack-request-id'] ?? answer.headers['x-compute-request-id']
  const failure: Failure = {
    kind, service: call.service, status: answer.status, type: row?.name ?? printable(type, 80),
    // A 5xx may come after the effect, unless the table says what it means.
    ...(call.creates && answer.status >= 500 && kind === 'transient' && { unclear: true }),
    ...(row?.duplicate === true && { duplicate: true }),
    ...(retryAfter !== undefined && { retryAfter }),
    ...(requestId !== undefined && { requestId: printable(requestId, 60) }),
  }
  return openstackError(failure, `${call.service} ${call.method} ${call.path}: ${answer.status}${failure.type === '' ? '' : ` ${failure.type}`}: ${printable(message, 300)}${requestId === undefined ? '' : ` (${printable(requestId, 60)})`}`)
}

/** Faults where nothing was received by the other side. */
const notReceived = new Set(['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND', 'EAI_AGAIN', 'EADDRNOTAVAIL', 'UND_ERR_CONNECT_TIMEOUT'])
const certificate = /^(ERR_SSL_|ERR_TLS_CERT|CERT_|UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO)/

const codesOf = (error: unknown): readonly string[] => {
  const codes: string[] = []
  for (let e = error, depth = 0; e instanceof Error && depth < 8; e = e.cause, depth++) {
    const { code } = e as { readonly code?: unknown }
    if (typeof code === 'string') codes.push(code)
    if (e instanceof AggregateError) codes.push(...e.errors.flatMap(codesOf))
  }
  return codes
}

/** No answer: a reset, a time-out, no connection. `sent`: the request had left. */
export const fault = (call: Call, error: unknown, sent: boolean, why?: string): Error => {
  const codes = codesOf(error)
  const received = sent && !codes.some((c) => notReceived.has(c) || certificate.test(c))
  const what = why ?? printable([...new Set(codes)].join(' ') || (error instanceof Error ? error.message : String(error)), 200)
  return openstackError({ kind: 'transient', service: call.service, status: 0, type: codes[0] ?? (why === undefined ? '' : 'timeout'), ...(call.creates && received && { unclear: true }) }, `${call.service} ${call.method} ${call.path}: no answer: ${what}`)
}
