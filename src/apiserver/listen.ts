/** HTTP/1.1 and HTTP/2 in front of `handle`: limits of sessions and streams, GOAWAY at the end (rule E5). Without `tls`: plain HTTP/1.1, for tests. */
import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import http2, { type ServerHttp2Session } from 'node:http2'
import type { AddressInfo, Server, Socket } from 'node:net'

export interface ListenOptions {
  readonly host: string
  /** 0: any free one. */
  readonly port: number
  readonly tls?: {
    /** PEM */
    readonly cert: string
    readonly key: string
    /** Authorities of client certificates; a client without one is let in and must authenticate otherwise. */
    readonly clientCa?: string
  }
  /** Other processes listen on the same port, and the kernel spreads connections over them. Where it cannot (macOS), this fails. */
  readonly reusePort?: boolean
}
export interface Listening {
  readonly url: string
  readonly port: number
  /** New connections are refused, GOAWAY is sent (HTTP/1.1: `connection: close`), and what is still open after `graceMs` is cut. */
  close(graceMs?: number): Promise<void>
}

/** client-go multiplexes every watch of an informer factory on one connection. */
const streamsAtMost = 250
const headersMs = 10_000
/** Of a connection between two requests. */
const idleMs = 90_000

export const listen = async (handle: (request: IncomingMessage, response: ServerResponse) => void, o: ListenOptions): Promise<Listening> => {
  const sessions = new Set<ServerHttp2Session>()
  const sockets = new Set<Socket>()
  let isClosing = false
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    if (request.httpVersionMajor === 1) {
      if (isClosing) response.setHeader('connection', 'close')
      // A watch's headers could not say so: they are long gone.
      response.once('close', () => { if (isClosing) request.socket.end() })
    }
    handle(request, response)
  }
  const server: Server = o.tls === undefined ? http.createServer({ headersTimeout: headersMs }, answer) : secure(answer, o.tls, sessions)
  server.on('connection', (s: Socket) => {
    sockets.add(s)
    s.on('close', () => sockets.delete(s))
  })
  Object.assign(server, { keepAliveTimeout: idleMs })
  await new Promise<void>((done, failed) => {
    server.once('error', failed)
    server.listen({ port: o.port, host: o.host, reusePort: o.reusePort ?? false }, done)
  })
  const { port } = server.address() as AddressInfo
  return {
    url: `${o.tls === undefined ? 'http' : 'https'}://${o.host.includes(':') ? `[${o.host}]` : o.host}:${port}`, port,
    close: (graceMs = 3_000) => new Promise<void>((done) => {
      isClosing = true
      const timer = setTimeout(() => {
        for (const s of sessions) s.destroy()
        for (const s of sockets) s.destroy()
      }, graceMs)
      server.close(() => {
        clearTimeout(timer)
        done()
      })
      // close() lets streams finish and sends GOAWAY first.
      for (const s of sessions) s.close()
      ;(server as Partial<http.Server>).closeIdleConnections?.()
    }),
  }
}

const secure = (handle: (request: IncomingMessage, response: ServerResponse) => void, tls: NonNullable<ListenOptions['tls']>, sessions: Set<ServerHttp2Session>): Server => {
  const server = http2.createSecureServer({
    allowHTTP1: true, cert: tls.cert, key: tls.key, minVersion: 'TLSv1.2',
    ...(tls.clientCa !== undefined && { ca: tls.clientCa, requestCert: true, rejectUnauthorized: false }),
    // Per session: megabytes, streams that a peer may reset before it is cut off (CVE-2023-44487), frames that are nonsense.
    maxSessionMemory: 32, settings: { maxConcurrentStreams: streamsAtMost }, streamResetBurst: 1_000, streamResetRate: 100, maxSessionInvalidFrames: 100, unknownProtocolTimeout: headersMs,
  } as http2.SecureServerOptions, handle as never)
  ;(server as unknown as { headersTimeout: number }).headersTimeout = headersMs
  server.on('session', (s) => {
    sessions.add(s)
    s.on('close', () => sessions.delete(s))
    s.on('error', () => s.destroy())
  })
  server.on('sessionError', () => {})
  server.on('tlsClientError', () => {})
  return server
}
