/** The balancers' data path: which member takes a connection, and what that makes of operating status. */
import type { Socket } from 'node:net'
import { parseCidr, within } from '../core/ipv4.ts'
import type { ListenerRow, LoadBalancerRow, MemberRow, PoolRow } from '../core/rows.ts'
import type { World } from '../core/world.ts'
import type { Balancers, Wires } from '../wires.ts'

export interface Traffic extends Balancers {
  member(member: MemberRow): string
  pool(pool: PoolRow): string
  listener(listener: ListenerRow): string
  loadBalancer(lb: LoadBalancerRow): string
  noteVip(lb: LoadBalancerRow): void
  dropVip(portId: string): void
}

export const traffic = (world: World, wires: Wires): Traffic => {
  const { loadBalancers, listeners, pools, members, subnets } = world.tables
  const byVip = new Map<string, LoadBalancerRow>([...loadBalancers.all()].map((lb) => [lb.vipPortId, lb]))
  let turn = 0

  const networkOf = (m: MemberRow, lb: LoadBalancerRow): string | undefined => (m.subnetId === null ? lb.vipNetworkId : subnets.get(m.subnetId)?.networkId)
  const isUp = (m: MemberRow): boolean => {
    const lb = loadBalancers.get(m.loadBalancerId)!
    const networkId = networkOf(m, lb)
    // The OVN provider looks for the member's port once, when the member is made.
    if (networkId === undefined || (lb.provider === 'ovn' && !m.portFound)) return false
    // Both probe from inside: an amphora from its own address, OVN from its monitor port on the member's subnet.
    return wires.answers(networkId, m.monitorAddress ?? m.address, m.monitorPort ?? m.protocolPort, lb.vipAddress)
  }
  const member: Traffic['member'] = (m) => {
    if (m.provisioning === 'PENDING_CREATE') return 'NO_MONITOR'
    if (!m.adminStateUp) return 'OFFLINE'
    if (pools.get(m.poolId)?.monitorId == null) return 'NO_MONITOR'
    if (m.weight === 0) return 'DRAINING'
    return isUp(m) ? 'ONLINE' : 'ERROR'
  }
  const pool: Traffic['pool'] = (p) => {
    if (!p.adminStateUp || p.provisioning === 'PENDING_CREATE') return 'OFFLINE'
    const states = p.memberIds.map((id) => member(members.get(id)!))
    const bad = states.filter((s) => s === 'ERROR').length
    return bad === 0 ? 'ONLINE' : bad === states.length ? 'ERROR' : 'DEGRADED'
  }
  const listener: Traffic['listener'] = (l) => (!l.adminStateUp || l.provisioning === 'PENDING_CREATE' ? 'OFFLINE' : 'ONLINE')
  return {
    member, pool, listener,
    loadBalancer(lb) {
      if (!lb.adminStateUp || lb.provisioning === 'PENDING_CREATE') return 'OFFLINE'
      if (lb.provisioning === 'ERROR') return 'ERROR'
      const states = lb.poolIds.map((id) => pool(pools.get(id)!))
      return states.length > 0 && states.every((s) => s === 'ERROR') ? 'ERROR' : states.some((s) => s === 'ERROR' || s === 'DEGRADED') ? 'DEGRADED' : 'ONLINE'
    },
    noteVip(lb) { byVip.set(lb.vipPortId, lb) },
    dropVip(portId) { byVip.delete(portId) },
    ports(vipPortId) {
      const lb = byVip.get(vipPortId)
      if (lb === undefined) return undefined
      // A balancer in ERROR goes on serving what it had.
      return lb.adminStateUp ? lb.listenerIds.map((id) => listeners.get(id)!).filter((l) => l.provisioning !== 'PENDING_CREATE' && l.provisioning !== 'DELETED' && l.adminStateUp).map((l) => l.protocolPort) : []
    },
    accept(vipPortId: string, number: number, socket: Socket, from: string) {
      const lb = byVip.get(vipPortId)
      const l = lb?.listenerIds.map((id) => listeners.get(id)!).find((x) => x.protocolPort === number)
      if (lb === undefined || l === undefined || l.defaultPoolId === null || lb.provisioning === 'PENDING_CREATE') return false
      if (l.allowedCidrs !== null && l.allowedCidrs.length > 0 && !l.allowedCidrs.some((c) => { const cidr = parseCidr(c); return cidr !== undefined && within(cidr, from.replace('::ffff:', '')) })) return false
      const p = pools.get(l.defaultPoolId)
      if (p === undefined) return false
      const alive = p.memberIds.map((id) => members.get(id)!).filter((m) => m.adminStateUp && m.weight > 0 && m.provisioning !== 'PENDING_CREATE' && (p.monitorId === null || isUp(m)))
      if (alive.length === 0) return false
      const first = p.algorithm === 'SOURCE_IP' ? [...from].reduce((h, c) => h * 31 + c.charCodeAt(0), 7) % alive.length : turn++ % alive.length
      // HAProxy tries another member when one refuses; OVN rewrites packets and cannot.
      const tries = lb.provider === 'amphora' ? alive.length : 1
      for (let i = 0; i < tries; i++) {
        const m = alive[(first + i) % alive.length]!
        const networkId = networkOf(m, lb)
        if (networkId !== undefined && wires.deliver(networkId, m.address, m.protocolPort, socket, lb.provider === 'amphora' ? lb.vipAddress : from)) return true
      }
      return false
    },
  }
}
