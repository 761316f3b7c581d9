/**
 * What runs inside a simulated server, and the simulated wires it hangs on. The OpenStack simulator starts a guest when a
 * server becomes ACTIVE; the Talos simulator is the guest that makes nodes. Sockets are handed over in process: an address
 * that is reachable from outside (floating IP, provider network) is a real loopback listener, everything else lives in the Fabric.
 */
import type { Socket } from 'node:net'

export interface Nic { readonly networkId: string; readonly address: string; readonly mac: string; readonly cidr: string }

export interface GuestStart {
  readonly serverId: string
  readonly name: string
  /** Decoded user data from the config drive; gzip is the guest's to undo. */
  readonly userData: Buffer
  readonly nics: readonly Nic[]
  readonly imageProperties: Readonly<Record<string, string>>
  readonly fabric: Fabric
  /** Set by the fault `hang at first boot`: the guest stays silent until it is rebooted. */
  readonly hangs: boolean
  /** The disk's content outlives reboots and, for a root volume, the server. */
  readonly disk: Map<string, unknown>
  /** Calls once the disk is no more: no server starts with it again. */
  onDiskGone(call: () => void): void
  console(line: string): void
}

export interface Guest {
  /** Hard: at once. */
  reboot(): void
  stop(): void
}

export interface GuestFactory {
  (start: GuestStart): Guest
  /** What guests tell tests in other processes. */
  facts?(): unknown
}

/** The wires. `networkId` names a broadcast domain; a guest takes a port at its address. */
export interface Fabric {
  /** Registers what answers TCP at an address; the socket is already accepted. Returns the release. */
  listen(networkId: string, address: string, port: number, accept: (socket: Socket) => void): () => void
  /** Hands a socket to whoever listens there and is allowed by the port's security groups; false when nobody does. */
  connect(networkId: string, address: string, port: number, socket: Socket, from: string): boolean
}
