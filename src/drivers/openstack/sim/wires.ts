/**
 * The Fabric: what listens where inside, and the loopback listeners through which the outside gets in (floating IPs and
 * addresses of provider networks). A connection is handed over in process; there is no second socket. What a real cloud
 * drops (security groups) is reset here, since the kernel has accepted it already.
 */
import { type Server, type Socket, createServer } from 'node:net'
import type { FloatingIpRow, PortRow } from './core/rows.ts'
import type { World } from './core/world.ts'
import type { Fabric } from './guest.ts'
import { firewall } from './firewall.ts'
import type { NetworkSide } from './network/index.ts'

type Accept = (socket: Socket) => void

/** What the load balancers answer to the wires. */
export interface Balancers {
  /** Ports on which the balancer of this VIP port listens; undefined when it is none. */
  ports(vipPortId: string): readonly number[] | undefined
  /** Hands a connection on; false when nobody takes it. */
  accept(vipPortId: string, port: number, socket: Socket, from: string): boolean
}

export interface Wires extends Fabric {
  /** Does anybody answer there, and may `from` ask? */
  answers(networkId: string, address: string, port: number, from: string): boolean
  deliver(networkId: string, address: string, port: number, socket: Socket, from: string): boolean
  use(balancers: Balancers): void
  resume(): void
  readonly open: number
  close(): Promise<void>
}

const refuseSocket = (socket: Socket): void => {
  if (typeof socket.resetAndDestroy === 'function' && socket.remoteAddress !== undefined) socket.resetAndDestroy()
  else socket.destroy()
}

export const wires = (world: World, network: NetworkSide): Wires => {
  const { floatingIps, ports, networks } = world.tables
  const allows = firewall(world, network.ports.at)
  const listening = new Map<string, Map<number, Accept>>()
  const outside = new Map<string, Map<number, Server>>()
  const ipByPort = world.ipsOfPort
  const boundTo = new WeakMap<FloatingIpRow, string>()
  const ipByAddress = new Map<string, FloatingIpRow>()
  let balancers: Balancers = { ports: () => undefined, accept: () => false }
  let count = 0
  let closed = false
  const queued = new Set<string>()

  const guestPorts = (port: PortRow): readonly number[] => port.fixedIps.flatMap((f) => [...(listening.get(`${port.networkId}/${f.address}`)?.keys() ?? [])])
  const wanted = (address: string): readonly number[] => {
    const ip = ipByAddress.get(address)
    if (ip !== undefined) {
      const port = ip.portId === null ? undefined : ports.get(ip.portId)
      if (port === undefined) return []
      return balancers.ports(port.id) ?? guestPorts(port)
    }
    for (const n of networks.all()) {
      if (!n.shared && !n.external) continue
      const port = network.ports.at(n.id, address)
      if (port !== undefined) return balancers.ports(port.id) ?? [...(listening.get(`${n.id}/${address}`)?.keys() ?? [])]
    }
    return []
  }
  const arrive = (address: string, number: number, socket: Socket): void => {
    socket.on('error', () => {})
    const from = socket.remoteAddress ?? '0.0.0.0'
    if (!enter(address, number, socket, from)) refuseSocket(socket)
  }
  /** From outside to a floating IP or a provider address. */
  const enter = (address: string, number: number, socket: Socket, from: string): boolean => {
    const ip = ipByAddress.get(address)
    if (ip !== undefined) {
      const port = ip.portId === null ? undefined : ports.get(ip.portId)
      if (port === undefined) return false
      if (balancers.ports(port.id) !== undefined) return balancers.accept(port.id, number, socket, from)
      return deliverTo(port, ip.fixedAddress!, number, socket, from)
    }
    for (const n of networks.all()) {
      if ((n.shared || n.external) && network.ports.at(n.id, address) !== undefined) return deliver(n.id, address, number, socket, from)
    }
    return false
  }
  const sync = (address: string): void => {
    queued.delete(address)
    if (closed) return
    const now = new Set(wanted(address))
    let own = outside.get(address)
    for (const [number, server] of own ?? []) {
      if (now.has(number)) continue
      server.close()
      own!.delete(number)
      count--
    }
    for (const number of now) {
      if (own === undefined) outside.set(address, (own = new Map()))
      if (own.has(number)) continue
      const server = createServer({ noDelay: true }, (socket) => { arrive(address, number, socket) })
      server.on('error', (cause) => {
        world.settings.addressTaken(`${address}:${number}`, cause)
        if (own!.get(number) === server) own!.delete(number)
      })
      server.listen({ host: address, port: number, backlog: 64 })
      own.set(number, server)
      count++
    }
    if (own?.size === 0) outside.delete(address)
  }
  /** After what is going on now, and once for many changes. */
  const queue = (address: string): void => {
    if (queued.has(address)) return
    queued.add(address)
    queueMicrotask(() => { sync(address) })
  }
  const queuePort = (port: PortRow): void => {
    for (const ip of ipByPort.get(port.id) ?? []) queue(ip.address)
    const n = networks.get(port.networkId)
    if (n?.shared === true || n?.external === true) for (const f of port.fixedIps) queue(f.address)
  }

  const deliverTo = (port: PortRow, address: string, number: number, socket: Socket, from: string): boolean => {
    const accept = listening.get(`${port.networkId}/${address}`)?.get(number)
    if (accept === undefined || !port.adminStateUp || !allows(port, number, from)) return false
    accept(socket)
    return true
  }
  const deliver = (networkId: string, address: string, number: number, socket: Socket, from: string): boolean => {
    const port = network.ports.at(networkId, address)
    if (port === undefined) return false
    if (balancers.ports(port.id) !== undefined) return balancers.accept(port.id, number, socket, from)
    return deliverTo(port, address, number, socket, from)
  }
  const noteIp = (ip: FloatingIpRow): void => {
    const before = boundTo.get(ip)
    if (before !== undefined) {
      const set = ipByPort.get(before)
      set?.delete(ip)
      if (set?.size === 0) ipByPort.delete(before)
      boundTo.delete(ip)
    }
    if (floatingIps.get(ip.id) === ip) {
      ipByAddress.set(ip.address, ip)
      if (ip.portId !== null) {
        let set = ipByPort.get(ip.portId)
        if (set === undefined) ipByPort.set(ip.portId, (set = new Set()))
        set.add(ip)
        boundTo.set(ip, ip.portId)
      }
    } else ipByAddress.delete(ip.address)
    if (ip.address !== '') queue(ip.address)
  }

  world.changed.port = (port) => {
    queuePort(port)
    const server = port.deviceId === '' ? undefined : world.tables.servers.get(port.deviceId)
    if (server !== undefined) world.tables.servers.touch(server)
  }
  world.changed.floatingIp = (ip) => {
    const before = boundTo.get(ip)
    noteIp(ip)
    for (const portId of [before, ip.portId]) {
      const device = portId === undefined || portId === null ? undefined : ports.get(portId)?.deviceId
      const server = device === undefined ? undefined : world.tables.servers.get(device)
      if (server !== undefined) world.tables.servers.touch(server)
    }
  }
  world.changed.loadBalancer = (id) => {
    const lb = world.tables.loadBalancers.get(id)
    const port = lb === undefined ? undefined : ports.get(lb.vipPortId)
    if (port !== undefined) queuePort(port)
  }

  return {
    listen(networkId, address, number, accept) {
      const key = `${networkId}/${address}`
      let own = listening.get(key)
      if (own === undefined) listening.set(key, (own = new Map()))
      own.set(number, accept)
      const port = network.ports.at(networkId, address)
      if (port !== undefined) queuePort(port)
      return () => {
        if (own.get(number) !== accept) return
        own.delete(number)
        if (own.size === 0 && listening.get(key) === own) listening.delete(key)
        const holder = network.ports.at(networkId, address)
        if (holder !== undefined) queuePort(holder)
        else queue(address)
      }
    },
    connect(networkId, address, number, socket, from) {
      if (network.ports.at(networkId, address) !== undefined) return deliver(networkId, address, number, socket, from)
      // Beyond the network: through its router, whose address outside is the source.
      const source = network.gatewayAddress(networkId) ?? from
      return enter(address, number, socket, source)
    },
    answers(networkId, address, number, from) {
      const port = network.ports.at(networkId, address)
      return port !== undefined && listening.get(`${networkId}/${address}`)?.has(number) === true && port.adminStateUp && allows(port, number, from)
    },
    deliver,
    use(b) { balancers = b },
    resume() { for (const ip of floatingIps.all()) noteIp(ip) },
    get open() { return count },
    async close() {
      closed = true
      await Promise.all([...outside.values()].flatMap((own) => [...own.values()].map((server) => new Promise<void>((resolve) => { server.close(() => { resolve() }) }))))
      outside.clear()
    },
  }
}
