/** Wires and a Kubernetes that only keeps nodes, for tests of Talos alone. Whole clouds are put together by the OpenStack simulator. */
import { createServer, type Socket } from 'node:net'
import type { Fabric, Guest, GuestFactory, GuestStart } from '../../openstack/sim/guest.ts'
import type { KubernetesSim, RegisteredNode } from './kubernetes-port.ts'

export interface PlainFabric extends Fabric {
  /** A loopback port that leads to an address in the fabric. */
  expose(networkId: string, address: string, port: number): Promise<{ readonly endpoint: string; close(): Promise<void> }>
  /** An address that leads to another, as a balancer does; undefined: to none. */
  readonly aliases: Map<string, string | undefined>
}

export const plainFabric = (): PlainFabric => {
  const listeners = new Map<string, (socket: Socket) => void>()
  const aliases = new Map<string, string | undefined>()
  const connect: Fabric['connect'] = (networkId, address, port, socket) => {
    const accept = listeners.get(`${networkId} ${aliases.has(address) ? aliases.get(address) ?? '' : address} ${port}`)
    accept?.(socket)
    return accept !== undefined
  }
  return {
    aliases, connect,
    listen: (networkId, address, port, accept) => {
      const key = `${networkId} ${address} ${port}`
      listeners.set(key, accept)
      return () => { if (listeners.get(key) === accept) listeners.delete(key) }
    },
    expose: (networkId, address, port) => new Promise((resolve) => {
      const sockets = new Set<Socket>()
      const server = createServer((socket) => {
        sockets.add(socket)
        socket.on('error', () => { socket.destroy() })
        if (!connect(networkId, address, port, socket, '')) socket.destroy()
      })
      server.listen(0, '127.0.0.1', () => {
        resolve({
          endpoint: `127.0.0.1:${(server.address() as { readonly port: number }).port}`,
          close: () => new Promise((done) => { for (const s of sockets) s.destroy(); server.close(() => { done() }) }),
        })
      })
    }),
  }
}

export interface PlainKubernetes extends KubernetesSim {
  /** Nodes by name, for each etcd. */
  readonly clusters: ReadonlyMap<string, ReadonlyMap<string, RegisteredNode & { readonly ready: boolean }>>
}

export const plainKubernetes = (): PlainKubernetes => {
  const clusters = new Map<string, Map<string, RegisteredNode & { ready: boolean }>>()
  return {
    clusters,
    forget: async (id) => { clusters.delete(id) },
    ensureCluster: (id) => {
      const nodes = clusters.get(id) ?? new Map<string, RegisteredNode & { ready: boolean }>()
      clusters.set(id, nodes)
      return {
        accept: (socket) => { socket.destroy() },
        registerNode: (node) => { nodes.set(node.name, { ...node, ready: false }) },
        nodeReady: (name, ready) => { const node = nodes.get(name); if (node !== undefined) node.ready = ready; return node !== undefined },
        hasNode: (name) => nodes.has(name),
        deleteNode: (name) => { nodes.delete(name) },
        stop: () => { /* nothing is open */ },
      }
    },
  }
}

/** One server as Nova would start it. */
export const plainServer = (factory: GuestFactory, start: Pick<GuestStart, 'serverId' | 'name' | 'userData' | 'fabric'> & Partial<GuestStart> & { readonly address: string }): Guest & { readonly disk: Map<string, unknown>; readonly lines: readonly string[]; /** As Nova deletes it, with its disk. */ remove(): void } => {
  const disk = start.disk ?? new Map<string, unknown>()
  const lines: string[] = []
  const onGone: (() => void)[] = []
  const guest = factory({ nics: [{ networkId: 'net', address: start.address, mac: 'fa:16:3e:00:00:01', cidr: '10.6.0.0/24' }], imageProperties: { os_version: 'v1.13.9' }, hangs: false, disk, onDiskGone: (call) => { onGone.push(call) }, console: (line) => { lines.push(line) }, ...start })
  return { ...guest, disk, lines, remove: () => { guest.stop(); for (const call of onGone.splice(0)) call() } }
}
