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
  readonly limits?: Partial<ConnectionLimits>
  /** Other processes listen on the same port, and the kernel spreads connections over them. Where it cannot (macOS), this fails. */
  readonly reusePort?: boolean
}
/** Of connections; what a request may cost stands in `respond.ts` and `flow-control.ts`. */
export interface ConnectionLimits {
  /** Until a handshake is done, and until the headers of a request are there. */
  readonly headersMs: number
  /** Of a connection on which nothing happens. */
  readonly idleMs: number
  /** How often the times of HTTP/1.1 are looked at. */
  readonly checkMs: number
  /** At once; what comes beyond is closed. */
  readonly connections: number
}
export interface Listening {
  readonly url: string
  readonly port: number
  /** New connections are refused, GOAWAY is sent (HTTP/1.1: `connection: close`), and what is still open after `graceMs` is cut. */
  close(graceMs?: number): Promise<void>
}

/** client-go multiplexes every watch of an informer factory on one connection. */
const streamsAtMost = 250
const defaults: ConnectionLimits = { headersMs: 10_000, idleMs: 90_000, checkMs: 2_000, connections: 16_384 }
/** Of one request: the line, the URL and all headers. */
const headerBytes = 32 << 10
const headersAtMost = 100

type Handle = (request: IncomingMessage, response: ServerResponse) => void

export const listen = async (handle: Handle, o: ListenOptions): Promise<Listening> => {
  const sessions = new Set<ServerHttp2Session>()
  const sockets = new Set<Socket>()
  const limits = { ...defaults, ...o.limits }
  let isClosing = false
  const answer: Handle = (request, response) => {
    if (request.httpVersionMajor === 1) {
      if (isClosing) response.setHeader('connection', 'close')
      // A watch's headers could not say so: they are long gone.
      response.once('close', () => { if (isClosing) request.socket.end() })
    }
    handle(request, response)
  }
  const server: Server = o.tls === undefined ? http.createServer(http1Limits(limits), answer) : secure(answer, o.tls, limits, sessions)
  server.maxConnections = limits.connections
  server.on('connection', (s: Socket) => {
    sockets.add(s)
    s.on('close', () => sockets.delete(s))
  })
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

/** The body has a time limit of its own; this one is for who trickles headers on. */
const http1Limits = ({ headersMs, idleMs, checkMs }: ConnectionLimits) =>
  ({ headersTimeout: headersMs, requestTimeout: 2 * 60_000, keepAliveTimeout: idleMs, connectionsCheckingInterval: checkMs, maxHeaderSize: headerBytes })

/** A browser that was here once comes by TLS only, for a year. */
const strict = (handle: Handle): Handle => (request, response) => {
  response.setHeader('strict-transport-security', 'max-age=31536000')
  handle(request, response)
}

const secure = (handle: Handle, tls: NonNullable<ListenOptions['tls']>, limits: ConnectionLimits, sessions: Set<ServerHttp2Session>): Server => {
  const server = http2.createSecureServer({
    // Without it a small last part of an HTTP/1.1 answer waits for the client's acknowledgement, 40 ms on Linux.
    noDelay: true,
    allowHTTP1: true, cert: tls.cert, key: tls.key, minVersion: 'TLSv1.2', handshakeTimeout: limits.headersMs,
    ...(tls.clientCa !== undefined && { ca: tls.clientCa, requestCert: true, rejectUnauthorized: false }),
    // Per session: megabytes, streams that a peer may reset before it is cut off (CVE-2023-44487), frames that are nonsense.
    maxSessionMemory: 32, settings: { maxConcurrentStreams: streamsAtMost, maxHeaderListSize: headerBytes }, maxHeaderListPairs: headersAtMost,
    streamResetBurst: 1_000, streamResetRate: 100, maxSessionInvalidFrames: 100, maxSessionRejectedStreams: 100, unknownProtocolTimeout: limits.headersMs,
    ...http1Limits(limits),
  } as http2.SecureServerOptions, strict(short(handle)) as never)
  Object.assign(server, http1Limits(limits))
  server.on('session', (s) => {
    sessions.add(s)
    s.on('close', () => sessions.delete(s))
    s.on('error', () => s.destroy())
    endIdle(s, limits.idleMs)
  })
  server.on('sessionError', () => {})
  server.on('tlsClientError', () => {})
  return server
}

/** What HTTP/2 says of the size of headers is advice to the client; nobody holds it to it. */
const short = (handle: Handle): Handle => (request, response) => {
  if (request.httpVersionMajor < 2 || request.rawHeaders.reduce((sum, text) => sum + text.length, 0) <= headerBytes) return handle(request, response)
  response.writeHead(431).end()
}

/** A session without streams is idle; one with a quiet watch is not. */
const endIdle = (session: ServerHttp2Session, idleMs: number): void => {
  let streams = 0
  session.on('stream', (s) => {
    streams++
    s.once('close', () => streams--)
  })
  session.setTimeout(idleMs, () => { if (streams === 0) session.destroy() })
}
