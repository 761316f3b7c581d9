/** One connection to a Talos endpoint with one role: mutual TLS under the cluster's authority, its certificate renewed while it lives. */
import { createClient, type Client, type Transport } from '@connectrpc/connect'
import { createGrpcTransport, Http2SessionManager } from '@connectrpc/connect-node'
import type { SecureClientSessionOptions } from 'node:http2'
import { createSecureContext } from 'node:tls'
import { newOwnTalosClient, type OwnCertificate, type TalosRole } from './pki/clients.ts'
import { State } from './proto/gen/cosi/state_pb.ts'
import { MachineService } from './proto/gen/machine/machine_pb.ts'
import type { SecretsBundle } from './talos.ts'

/** What a node may send in one message (rule T5). */
export const maxMessageBytes = 4 * 1024 * 1024

export interface Channel {
  readonly machine: Client<typeof MachineService>
  readonly state: Client<typeof State>
  /** From here on a new channel is wanted; calls in flight may end on this one. */
  readonly renewAt: number
  /** A connection attempt that outlived a call is given up, so that the next call does not wait for the same one. */
  giveUpConnecting(): void
  close(): void
}

export const tlsOptions = (secrets: SecretsBundle, own: OwnCertificate) => ({ ca: secrets.certs.os.crt, cert: own.crt, key: own.key, minVersion: 'TLSv1.3', rejectUnauthorized: true } as const)

export const openChannel = (endpoint: string, secrets: SecretsBundle, role: TalosRole, now: Date): Channel => {
  const own = newOwnTalosClient(secrets, role, now)
  const baseUrl = `https://${endpoint}`
  // A node that boots is asked again and again: certificates and key are read once, not at every attempt.
  const options: SecureClientSessionOptions = { secureContext: createSecureContext(tlsOptions(secrets, own)), rejectUnauthorized: true, settings: { enablePush: false } }
  const sessionManager = new Http2SessionManager(baseUrl, { pingIntervalMs: 15_000, pingTimeoutMs: 5_000, idleConnectionTimeoutMs: 15_000 }, options)
  // Answers are not asked for compressed: a small one cannot grow into a large one.
  const transport: Transport = createGrpcTransport({ baseUrl, sessionManager, acceptCompression: [], readMaxBytes: maxMessageBytes })
  return {
    machine: createClient(MachineService, transport), state: createClient(State, transport), renewAt: own.renewAt,
    giveUpConnecting: () => { if (sessionManager.state() === 'connecting') sessionManager.abort() },
    close: () => { sessionManager.abort() },
  }
}
