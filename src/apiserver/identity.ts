/** Who asks, and how that is known: client certificates under a trusted authority, bearer tokens from a table. */
import type { IncomingMessage } from 'node:http'
import type { TLSSocket } from 'node:tls'

/** What a caller may write (rule H2): `admin` is a person who may do what users and operators may. */
export type WriterRole = 'user' | 'site' | 'hub' | 'admin'
export interface Identity {
  readonly user: string
  readonly groups: readonly string[]
  readonly writer: WriterRole
  /** What the certificate says of itself. */
  readonly certificate?: Certificate
}
export interface Certificate {
  /** As Node writes it. */
  readonly subjectAltName: string | undefined
  /** Milliseconds. */
  readonly notAfter: number
  /** Of the whole certificate: `X509SHA256=` and lower-case hexadecimal digits, as kube-apiserver names it. */
  readonly credentialId: string
}
/** By Kubernetes' name, in reviews and in audit records. */
export const credentialIdKey = 'authentication.kubernetes.io/credential-id'
/** From the SHA-256 fingerprint as Node writes it. */
export const credentialIdOf = (fingerprint: string): string => `X509SHA256=${fingerprint.replaceAll(':', '').toLowerCase()}`
export type Authenticate = (request: IncomingMessage) => Identity | undefined | Promise<Identity | undefined>

const list = (v: unknown): readonly string[] => (v === undefined ? [] : Array.isArray(v) ? v.map(String) : [String(v)])

/** What one connection said of itself; as whom it writes may change, and is asked for each request. HTTP/2 gives each request a socket of its own making; its session is the connection. */
const known = new WeakMap<object, Certified | null>()
const connectionOf = (request: IncomingMessage): object => (request as { stream?: { session?: object } }).stream?.session ?? request.socket

/**
 * The TLS layer verified the chain (`requestCert`); CN is the user, O are the groups. Read once a connection; whether the
 * certificate still counts is asked for each request, since a connection may outlive it (rule A4).
 */
export const byClientCertificate = (writerOf: (who: Certified) => WriterRole, stands: (certificate: Certificate) => boolean | Promise<boolean> = () => true, now: () => number = Date.now): Authenticate => async (request) => {
  const connection = connectionOf(request)
  let who = known.get(connection)
  if (who === undefined) known.set(connection, (who = certified(request)))
  if (who === null || who.certificate.notAfter <= now() || !(await stands(who.certificate))) return undefined
  return { ...who, writer: writerOf(who) }
}

type Certified = Omit<Identity, 'writer'> & { readonly certificate: Certificate }
const certified = (request: IncomingMessage): Certified | null => {
  const socket = request.socket as TLSSocket
  const peer = socket.authorized ? socket.getPeerCertificate?.(false) : undefined
  const subject = peer?.subject as unknown as Readonly<Record<string, unknown>> | undefined
  const user = subject === undefined ? '' : (list(subject['CN'])[0] ?? '')
  const groups = subject === undefined ? [] : list(subject['O'])
  return user === '' ? null : { user, groups: [...groups, 'system:authenticated'], certificate: { subjectAltName: peer!.subjectaltname, notAfter: Date.parse(peer!.valid_to), credentialId: credentialIdOf(peer!.fingerprint256) } }
}

/** Tokens are compared by lookup of the whole; the table holds them hashed where they last. */
export const byToken = (find: (token: string) => Identity | undefined): Authenticate => (request) => {
  const m = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')
  return m === null ? undefined : find(m[1]!)
}

export const firstOf = (...all: readonly Authenticate[]): Authenticate => async (request) => {
  for (const a of all) { const identity = await a(request); if (identity !== undefined) return identity }
  return undefined
}

export interface Attributes { readonly verb: string; readonly group: string; readonly resource: string; readonly subresource: string; readonly namespace: string; readonly name: string; readonly path: string }
export type Authorize = (identity: Identity, attributes: Attributes) => boolean
