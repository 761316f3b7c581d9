/**
 * The states of a load balancer and what is under it. A change puts the balancer into PENDING_*, nothing else may change it
 * until it has settled; what settles is everything pending beneath it.
 */
import type { Call } from '../core/call.ts'
import type { LoadBalancerPart, LoadBalancerRow } from '../core/rows.ts'
import type { Row, Table } from '../core/table.ts'
import type { World } from '../core/world.ts'
import type { NetworkSide } from '../network/index.ts'
import * as errors from './errors.ts'
import { monitorPorts } from './monitor-ports.ts'
import type { Traffic } from './traffic.ts'

export interface Tree {
  /** Refuses when the balancer is not ACTIVE. */
  changeable(lb: LoadBalancerRow): void
  /** The balancer goes to PENDING_UPDATE (or CREATE, DELETE) and settles after `ms`. */
  begin(call: Call, lb: LoadBalancerRow, to: 'PENDING_CREATE' | 'PENDING_UPDATE' | 'PENDING_DELETE', ms: number): void
}

type Part = LoadBalancerPart & { readonly loadBalancerId: string }

export const tree = (world: World, network: NetworkSide, traffic: Traffic): Tree => {
  const { loadBalancers, listeners, pools, members, monitors, ports, securityGroups, securityGroupRules } = world.tables
  const watching = monitorPorts(world, network)

  const parts = (lb: LoadBalancerRow): readonly (readonly [Table<Part & Row>, Part & Row])[] => [
    ...lb.listenerIds.map((id) => [listeners, listeners.get(id)] as const),
    ...lb.poolIds.flatMap((id) => {
      const p = pools.get(id)
      if (p === undefined) return []
      return [[pools, p] as const, ...p.memberIds.map((m) => [members, members.get(m)] as const), ...(p.monitorId === null ? [] : [[monitors, monitors.get(p.monitorId)] as const])]
    }),
  ].filter(([, row]) => row !== undefined) as never

  const dropPart = (lb: LoadBalancerRow, table: Table<Part & Row>, row: Part & Row): void => {
    table.remove(row)
    if (table.name === 'listeners') {
      lb.listenerIds = lb.listenerIds.filter((id) => id !== row.id)
      for (const id of lb.poolIds) {
        const p = pools.get(id)
        if (p?.listenerIds.includes(row.id) === true) {
          p.listenerIds = p.listenerIds.filter((x) => x !== row.id)
          pools.touch(p)
        }
      }
    } else if (table.name === 'pools') {
      lb.poolIds = lb.poolIds.filter((id) => id !== row.id)
      const p = pools.get(row.id) ?? (row as unknown as { memberIds: string[]; monitorId: string | null })
      for (const id of (p as { memberIds: string[] }).memberIds) { const m = members.get(id); if (m !== undefined) members.remove(m) }
      const monitorId = (p as { monitorId: string | null }).monitorId
      const h = monitorId === null ? undefined : monitors.get(monitorId)
      if (h !== undefined) monitors.remove(h)
      for (const id of lb.listenerIds) {
        const l = listeners.get(id)
        if (l?.defaultPoolId === row.id) {
          l.defaultPoolId = null
          listeners.touch(l)
        }
      }
    } else {
      for (const id of lb.poolIds) {
        const p = pools.get(id)
        if (p === undefined) continue
        if (table.name === 'members') p.memberIds = p.memberIds.filter((x) => x !== row.id)
        else if (p.monitorId === row.id) p.monitorId = null
        pools.touch(p)
      }
    }
  }
  const gone = (lb: LoadBalancerRow): void => {
    const watched = watching.subnetsOf(lb)
    for (const [table, row] of parts(lb)) table.remove(row)
    const port = ports.get(lb.vipPortId)
    traffic.dropVip(lb.vipPortId)
    if (port !== undefined) {
      if (lb.ownsPort) network.ports.drop(port)
      else network.ports.plug(port, '', '', '', false)
    }
    const group = lb.sgId === null ? undefined : securityGroups.get(lb.sgId)
    if (group !== undefined) {
      for (const id of group.ruleIds) securityGroupRules.remove(securityGroupRules.get(id)!)
      securityGroups.remove(group)
    }
    loadBalancers.remove(lb)
    if (lb.provider === 'ovn' && !lb.leavesPort) watching.keep(lb.project, watched)
  }

  world.step(loadBalancers, 'settle', (lb) => {
    if (lb.sticks) return
    if (lb.endsInError) {
      lb.provisioning = 'ERROR'
      for (const [table, row] of parts(lb)) {
        if (row.provisioning === 'ACTIVE') continue
        row.provisioning = 'ERROR'
        table.touch(row)
      }
      return
    }
    if (lb.provisioning === 'PENDING_DELETE') return gone(lb)
    // The OVN provider reports the balancer first and what was made with it after that, one by one.
    if (lb.provider === 'ovn' && lb.provisioning === 'PENDING_CREATE' && parts(lb).length > 0) {
      lb.provisioning = 'ACTIVE'
      return world.later(loadBalancers, lb, 'settle', world.settings.ovnParts)
    }
    // Members that came in one call too: with the first of them balancer and pool are ACTIVE.
    const late = lb.provider === 'ovn' && lb.provisioning === 'PENDING_UPDATE' ? parts(lb).flatMap(([table, row]) => (table.name === 'members' && /^PENDING_(CREATE|UPDATE)$/.test(row.provisioning) ? [row] : [])).slice(1) : []
    if (late.length > 0) world.later(loadBalancers, lb, 'settle', world.settings.ovnParts)
    const watched = watching.subnetsOf(lb)
    for (const [table, row] of parts(lb)) {
      if (row.isLost === true || late.includes(row)) continue
      if (row.provisioning === 'PENDING_DELETE') dropPart(lb, table, row)
      else if (row.provisioning !== 'ACTIVE') {
        row.provisioning = 'ACTIVE'
        table.touch(row)
      }
    }
    lb.provisioning = 'ACTIVE'
    if (lb.provider === 'ovn') watching.keep(lb.project, watched)
    world.changed.loadBalancer(lb.id)
  })

  return {
    changeable(lb) {
      if (lb.provisioning !== 'ACTIVE') throw errors.immutable('Load Balancer', lb.id)
    },
    begin(call, lb, to, ms) {
      lb.provisioning = to
      lb.endsInError = world.faults.strike(call, 'load-balancer-error') !== undefined
      lb.leavesPort = world.faults.strike(call, 'monitor-port-stays') !== undefined
      lb.sticks = world.faults.strike(call, 'load-balancer-sticks') !== undefined
      world.later(loadBalancers, lb, 'settle', ms)
    },
  }
}
