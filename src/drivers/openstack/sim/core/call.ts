/** One request and what is answered to it. A refusal is thrown as a value that carries status, body and headers. */
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'

export type ServiceName = 'identity' | 'compute' | 'network' | 'volume' | 'image' | 'load-balancer'
export const serviceNames: readonly ServiceName[] = ['identity', 'compute', 'network', 'volume', 'image', 'load-balancer']

/** Parsed JSON, looked at with care. */
// oxlint-disable-next-line typescript/no-explicit-any
export type Json = any

export interface Token {
  readonly text: string
  readonly projectId: string
  readonly userId: string
  readonly roles: readonly string[]
  readonly methods: readonly string[]
  readonly issuedAt: string
  readonly expiresAt: string
  readonly credentialId?: string
  readonly auditId: string
}

export interface Call {
  readonly service: ServiceName
  readonly method: string
  /** Below the service's prefix, without the query: `/v2.1/servers/detail`. */
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: IncomingHttpHeaders
  readonly request: IncomingMessage
  readonly requestId: string
  params: Readonly<Record<string, string>>
  route: string
  body: Json
  token: Token
  /** e.g. 2.79 as 2079; 0 where a service has none. */
  version: number
  /** `http://host:port`, as the client reached us. */
  readonly base: string
  /** Set when the role was taken away by a fault: sees nothing. */
  blind: boolean
}

export interface Reply {
  readonly status: number
  /** A string is JSON already. */
  readonly body?: object | string | Buffer
  readonly headers?: Readonly<Record<string, string>>
  readonly type?: string
}

export class Refusal extends Error {
  readonly reply: Reply
  constructor(reply: Reply) {
    super(`refused with ${reply.status}`)
    this.reply = reply
  }
}

export type Handle = (call: Call) => Reply | Promise<Reply>

export interface Api {
  readonly name: ServiceName
  /** `GET /v2.1/servers/:id` → what answers. */
  readonly routes: Readonly<Record<string, Handle>>
  /** No token needed. */
  open(method: string, path: string): boolean
  /** Microversions and other things before the handler. */
  begin?(call: Call): void
  /** Adds headers to every answer. */
  headers?(call: Call): Readonly<Record<string, string>>
  /** The service's own form of an error. */
  error(status: number, message: string, call?: Call): Reply
  /** Uploads are read by the handler. */
  raw?(method: string, path: string): boolean
}

export const ok = (body: object | string, status = 200): Reply => ({ status, body })
export const empty = (status: number): Reply => ({ status })

export const isAdmin = (call: Call): boolean => call.token.roles.includes('admin')
export const mayWrite = (call: Call): boolean => isAdmin(call) || call.token.roles.includes('member')
