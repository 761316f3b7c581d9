/** Who calls, which roles they have, and which nodes the call is for: the way from a control plane to the other nodes (`node`, `nodes`). */
import { Code, ConnectError, createContextKey, type HandlerContext } from '@connectrpc/connect'
import type { TalosRole } from '../pki/clients.ts'
import { addressKey, type SimNode, type World } from './world.ts'

export interface Caller { readonly node: SimNode; readonly roles: ReadonlySet<string> }
export const callerKey = createContextKey<Caller | undefined>(undefined)

/** The nodes that a call is for, with the name that answers of several carry. Throws as apid does. */
export interface Call {
  readonly roles: ReadonlySet<string>
  readonly targets: readonly { readonly node: SimNode; readonly named: string | undefined }[]
}

const allowed: Readonly<Record<'reader' | 'operator' | 'admin', readonly TalosRole[]>> = {
  reader: ['os:admin', 'os:operator', 'os:reader'], operator: ['os:admin', 'os:operator'], admin: ['os:admin'],
}

export const resolve = (world: World, context: HandlerContext, role: keyof typeof allowed, works: { readonly inMaintenance: boolean } = { inMaintenance: false }): Call => {
  const from = context.values.get(callerKey)
  if (from === undefined) throw new ConnectError('no peer', Code.Unauthenticated)
  if (from.node.stage === 'maintenance' && !works.inMaintenance) throw new ConnectError('API is not implemented in maintenance mode', Code.Unimplemented)
  if (!allowed[role].some((r) => from.roles.has(r))) throw new ConnectError('not authorized', Code.PermissionDenied)
  const one = context.requestHeader.get('node')
  const many = context.requestHeader.get('nodes')
  const asked = (one ?? many)?.split(',').map((a) => a.trim()).filter((a) => a !== '') ?? []
  if (asked.length === 0) return { roles: from.roles, targets: [{ node: from.node, named: undefined }] }
  if (one !== null && asked.length > 1) throw new ConnectError('node metadata must be single-valued', Code.InvalidArgument)
  return { roles: from.roles, targets: asked.map((address) => ({ node: forward(world, from.node, address), named: one === null ? address : undefined })) }
}

const forward = (world: World, from: SimNode, address: string): SimNode => {
  if (address === from.nic.address || address === '127.0.0.1') return from
  if (from.config?.role !== 'controlplane') throw new ConnectError('no request forwarding', Code.PermissionDenied)
  const to = world.nodes.get(addressKey(from.nic.networkId, address))
  if (to === undefined || !to.isApidUp) throw new ConnectError(`connection error: desc = "transport: Error while dialing: dial tcp ${address}:50000: connect: connection refused"`, Code.Unavailable)
  if (to.config?.os.crt !== from.config.os.crt) throw new ConnectError('connection error: desc = "transport: authentication handshake failed: tls: failed to verify certificate: x509: certificate signed by unknown authority"', Code.Unavailable)
  return to
}
