/**
 * apid for every simulated node: one HTTP/2 server that takes the sockets of all of them, with mutual TLS as apid does it. What a
 * call does is in machine-api.ts.
 */
import { Code, createConnectRouter, createContextValues } from '@connectrpc/connect'
import { universalRequestFromNodeRequest, universalResponseToNodeResponse } from '@connectrpc/connect-node'
import { createServer } from 'node:http2'
import type { Socket } from 'node:net'
import { createSecureContext, TLSSocket, type SecureContext } from 'node:tls'
import { generateKeyPairSync, X509Certificate, type KeyObject } from 'node:crypto'
import { selfSign } from '../pki/certificate.ts'
import { routes } from './machine-api.ts'
import { callerKey, type Caller } from './routing.ts'
import type { SimNode, World } from './world.ts'

const caller = Symbol('caller')

export interface Apid {
  accept(node: SimNode, socket: Socket): void
  close(): void
}

/** Roles of a certificate: the O of its subject; several stand in several lines. */
const rolesOf = (certificate: X509Certificate): ReadonlySet<string> => new Set(certificate.subject.split('\n').filter((l) => l.startsWith('O=')).map((l) => l.slice(2)))

const authorities = new Map<string, KeyObject>()
const authorityKey = (crt: string): KeyObject => {
  let key = authorities.get(crt)
  if (key === undefined) authorities.set(crt, key = new X509Certificate(crt).publicKey)
  return key
}

const clientAuth = '1.3.6.1.5.5.7.3.2'
const isTrusted = (certificate: X509Certificate, authority: string, now: number): boolean =>
  certificate.verify(authorityKey(authority)) && certificate.validFromDate.getTime() <= now && now < certificate.validToDate.getTime()
  // A certificate that is a server's too is taken for a server's.
  && certificate.keyUsage?.length === 1 && certificate.keyUsage[0] === clientAuth

export const openApid = (world: World): Apid => {
  let maintenance: SecureContext | undefined
  const maintenanceContext = (): SecureContext => {
    if (maintenance !== undefined) return maintenance
    const { privateKey } = generateKeyPairSync('ed25519')
    const now = new Date()
    const crt = selfSign({ subject: [['CN', 'maintenance-service.talos.dev']], usages: ['serverAuth'], notBefore: now, notAfter: new Date(now.getTime() + 24 * 3_600_000), sans: ['maintenance-service.talos.dev'] }, privateKey)
    return maintenance = createSecureContext({ cert: crt, key: privateKey.export({ type: 'pkcs8', format: 'pem' }), minVersion: 'TLSv1.3' })
  }
  const router = createConnectRouter({ grpcWeb: false, connect: false })
  routes(world)(router)
  const handlers = new Map(router.handlers.map((h) => [h.requestPath, h]))
  const server = createServer((request, response) => {
    const handler = handlers.get(request.url)
    if (handler === undefined) {
      response.writeHead(200, { 'content-type': 'application/grpc', 'grpc-status': String(Code.Unimplemented), 'grpc-message': 'not simulated' })
      response.end()
      return
    }
    const from = (request.stream.session?.socket as unknown as { readonly [caller]?: Caller } | undefined)?.[caller]
    // What fails here is the peer's going away.
    handler(universalRequestFromNodeRequest(request, response, undefined, createContextValues().set(callerKey, from)))
      .then((answer) => universalResponseToNodeResponse(answer, response)).catch(() => { response.stream.close() })
  })
  server.on('sessionError', () => { /* A peer that went away. */ })
  const open = new Set<TLSSocket>()

  return {
    accept: (node, socket) => {
      const isMaintenance = node.stage === 'maintenance'
      let secureContext: SecureContext
      try { secureContext = isMaintenance ? maintenanceContext() : node.secureContext() } catch { socket.destroy(); return }
      const tls = new TLSSocket(socket, { isServer: true, secureContext, requestCert: !isMaintenance, rejectUnauthorized: false, ALPNProtocols: ['h2'] })
      open.add(tls)
      tls.once('close', () => { open.delete(tls) })
      tls.on('error', () => { tls.destroy(); socket.destroy() })
      tls.once('secure', () => {
        const certificate = isMaintenance ? undefined : tls.getPeerX509Certificate()
        if (!isMaintenance && (certificate === undefined || node.config === undefined || !isTrusted(certificate, node.config.os.crt, Date.now()))) { tls.destroy(); return }
        // tls.Server would say so; the HTTP/2 session waits for it.
        Object.assign(tls, { secureConnecting: false, [caller]: { node, roles: certificate === undefined ? new Set(['os:reader']) : rolesOf(certificate) } satisfies Caller })
        server.emit('connection', tls)
      })
    },
    close: () => { for (const tls of open) tls.destroy(); server.close() },
  }
}
