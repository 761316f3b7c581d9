/** TLS of one simulated API server: a certificate under the cluster's own authority, clients known by theirs. HTTP is parsed by one server for all clusters. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { createServer as createTlsServer, type Server as TlsServer, type TLSSocket } from 'node:tls'
import { newServingCert } from '../../talos/pki/clients.ts'

export interface Authority { readonly crt: string; readonly key: string }
export type Handle = (request: IncomingMessage, response: ServerResponse) => void

const year = 365 * 24 * 3_600_000
/** Seconds for which Go's servers resume a session (crypto/tls, maxSessionTicketLifetime). */
const week = 7 * 24 * 3_600

/** Requests of all clusters; each connection carries its own handler. */
export const openHttp = (): { readonly server: Server; readonly handlers: WeakMap<object, Handle> } => {
  const handlers = new WeakMap<object, Handle>()
  const server = createServer((request, response) => {
    const handle = handlers.get(request.socket)
    if (handle === undefined) { response.destroy(); return }
    // As Talos runs it: without anonymous access, for any path (rule T9).
    if (!(request.socket as TLSSocket).authorized) {
      response.writeHead(401, { 'content-type': 'application/json' })
      response.end(JSON.stringify({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message: 'Unauthorized', reason: 'Unauthorized', code: 401 }))
      return
    }
    handle(request, response)
  })
  server.keepAliveTimeout = 60_000
  return { server, handlers }
}

export interface Serving {
  accept(socket: Socket): void
  /** Another name or address by which it is reached. */
  addSans(sans: readonly string[]): void
  stop(): void
}

export const openServing = (ca: Authority, http: ReturnType<typeof openHttp>, handle: Handle, now: () => Date): Serving => {
  const names = new Set<string>()
  const open = new Set<Socket>()
  let tls: TlsServer | undefined

  const start = (): TlsServer => {
    const own = newServingCert(ca, { sans: [...names], now: now(), ttlMs: year, commonName: 'kube-apiserver' })
    const server = createTlsServer({ cert: own.crt, key: own.key, ca: ca.crt, requestCert: true, rejectUnauthorized: false, minVersion: 'TLSv1.2', handshakeTimeout: 10_000, sessionTimeout: week, ALPNProtocols: ['http/1.1'] })
    server.on('secureConnection', (socket) => { http.handlers.set(socket, handle); http.server.emit('connection', socket) })
    // A client that goes away in the middle of the handshake.
    server.on('tlsClientError', (_error, socket) => { socket.destroy() })
    return server
  }
  return {
    addSans: (sans) => { for (const s of sans) if (!names.has(s)) { names.add(s); tls = undefined } },
    accept: (socket) => {
      open.add(socket)
      socket.on('close', () => { open.delete(socket) })
      socket.on('error', () => { socket.destroy() })
      ;(tls ??= start()).emit('connection', socket)
    },
    stop: () => { tls = undefined; for (const s of open) s.destroy() },
  }
}
