import { once } from 'node:events'
import { createServer, type Server } from 'node:https'
import type { TLSSocket } from 'node:tls'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { newServingCert } from '../talos/pki/clients.ts'
import { openConnection, systemClock, type Tickets } from './connection.ts'
import { isCertificate } from './errors.ts'
import type { KubeAccess } from './kubernetes.ts'
import { clientOf, newAuthority, serverName } from './testing.ts'

interface Met { readonly as: string; readonly resumed: boolean; readonly authorized: boolean }

const authority = newAuthority()
let met: Met[]
let server: Server
/** Under another authority it is somebody else at the same address. */
const serve = async (ca = authority, port = 0): Promise<number> => {
  const own = newServingCert(ca, { sans: [serverName], now: new Date(), ttlMs: 3_600_000 })
  server = createServer({ cert: own.crt, key: own.key, ca: ca.crt, requestCert: true, rejectUnauthorized: false }, (_request, response) => { response.end('{}') })
  server.on('secureConnection', (s: TLSSocket) => { met.push({ as: String(s.getPeerCertificate().subject.CN), resumed: s.isSessionReused(), authorized: s.authorized }) })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as { readonly port: number }).port
}
const stop = async (): Promise<void> => { server.closeAllConnections(); server.close(); await once(server, 'close') }

let access: KubeAccess
let tickets: Tickets
const accessAs = (port: number, user: string): KubeAccess => ({ server: `https://127.0.0.1:${port}`, serverName, ca: authority.crt, ...clientOf(authority, user, []) })
/** One call over a connection of its own. */
const call = async (as: KubeAccess): Promise<void> => {
  const connection = openConnection({ label: 'c1', access: as, tickets, clock: systemClock, timeoutMs: 5_000, connections: 1 })
  try { await connection.json({ what: 'ask', path: '/' }) } finally { connection.close() }
}

beforeEach(async () => { met = []; tickets = new WeakMap(); access = accessAs(await serve(), 'us') })
afterEach(stop)

test('the next connection resumes the session of the last, and is known to be the same client', async () => {
  for (let i = 0; i < 3; i++) await call(access)
  expect(met).toEqual([false, true, true].map((resumed) => ({ as: 'us', resumed, authorized: true })))
})

test('T8 a certificate that was signed anew begins without what the old one left', async () => {
  await call(access)
  await call({ ...access, ...clientOf(authority, 'renewed', []) })
  expect(met).toEqual(['us', 'renewed'].map((as) => ({ as, resumed: false, authorized: true })))
})

test('a server that knows the session no more is told by certificates who we are', async () => {
  await call(access)
  await stop()
  await serve(authority, Number(new URL(access.server).port))
  await call(access)
  expect(met).toEqual([false, false].map((resumed) => ({ as: 'us', resumed, authorized: true })))
})

test('T8 another server at the same address is not talked to, and what was left is not kept for it', async () => {
  await call(access)
  await stop()
  await serve(newAuthority('other'), Number(new URL(access.server).port))
  const error: unknown = await call(access).catch((e: unknown) => e)
  expect([isCertificate(error), tickets.has(access)]).toEqual([true, false])
})
