/** What is below a balancer, checked and made: by the single calls, and by the one that makes a balancer with all of it. */
import type { Json } from '../core/call.ts'
import { parseCidr, toInt } from '../core/ipv4.ts'
import type { ListenerRow, LoadBalancerRow, MemberRow, MonitorRow, PoolRow } from '../core/rows.ts'
import type { World } from '../core/world.ts'
import type { NetworkSide } from '../network/index.ts'
import * as errors from './errors.ts'

export type Given = Record<string, Json>

const protocols = ['TCP', 'HTTP', 'HTTPS', 'TERMINATED_HTTPS', 'UDP', 'SCTP', 'PROMETHEUS', 'PROXY', 'PROXYV2']
const ovnProtocols = ['TCP', 'UDP', 'SCTP']
const algorithms = ['ROUND_ROBIN', 'LEAST_CONNECTIONS', 'SOURCE_IP', 'SOURCE_IP_PORT']
const monitorTypes = ['HTTP', 'HTTPS', 'PING', 'SCTP', 'TCP', 'TLS-HELLO', 'UDP-CONNECT']

const need = (g: Given, ...fields: string[]): void => { for (const field of fields) if (g[field] == null) throw errors.mandatory(field) }
const port = (g: Given): number => {
  const number = Number(g['protocol_port'])
  if (!Number.isInteger(number) || number < 1 || number > 65_535) throw errors.invalidField('protocol_port', g['protocol_port'], 'Value should be lower or equal to 65535')
  return number
}
const oneOf = (field: string, value: Json, all: readonly string[]): void => { if (!all.includes(value)) throw errors.invalidField(field, value, `Value should be one of: ${all.join(', ')}`) }
const transport = (protocol: string): string => (protocol === 'UDP' ? 'udp' : protocol === 'SCTP' ? 'sctp' : 'tcp')
export const isSameListener = (a: { readonly protocol: string; readonly protocolPort: number }, protocol: string, number: number): boolean => a.protocolPort === number && transport(a.protocol) === transport(protocol)

/** Types and mandatory fields: 400, before anything else is looked at. */
export const wellFormed = {
  listener(g: Given): void {
    need(g, 'protocol', 'protocol_port')
    oneOf('protocol', g['protocol'], protocols.toSorted())
    port(g)
    cidrsOf(g)
  },
  pool(g: Given): void {
    need(g, 'protocol', 'lb_algorithm')
    oneOf('lb_algorithm', g['lb_algorithm'], algorithms)
  },
  monitor(g: Given): void {
    need(g, 'type', 'delay', 'timeout', 'max_retries')
    oneOf('type', g['type'], monitorTypes)
    if (!(g['max_retries'] >= 1 && g['max_retries'] <= 10)) throw errors.invalidField('max_retries', g['max_retries'], 'Value should be lower or equal to 10')
  },
  member(g: Given): void {
    need(g, 'address', 'protocol_port')
    if (Number.isNaN(toInt(String(g['address'])))) throw errors.invalidField('address', g['address'], 'Value should be IPv4 or IPv6 format')
    port(g)
  },
}

/** What the OVN provider refuses, with 501. */
const unlessOvnCannot = {
  listener(g: Given): void {
    if (!ovnProtocols.includes(g['protocol'])) throw errors.unsupported('ovn', `OVN provider does not support ${g['protocol']} protocol`)
    if ((g['allowed_cidrs'] ?? []).length > 0) throw errors.unsupported('ovn', 'OVN provider does not support allowed_cidrs option')
  },
  pool(g: Given): void {
    if (g['protocol'] !== undefined && !ovnProtocols.includes(g['protocol'])) throw errors.unsupported('ovn', `OVN provider does not support ${g['protocol']} protocol`)
    if (g['lb_algorithm'] !== undefined && g['lb_algorithm'] !== 'SOURCE_IP_PORT') throw errors.unsupported('ovn', `OVN provider does not support ${g['lb_algorithm']} algorithm`)
  },
  monitor(g: Given): void {
    if (!['TCP', 'UDP-CONNECT'].includes(g['type'])) throw errors.unsupported('ovn', `OVN provider does not support ${g['type']} health monitor type. Supported types: UDP-CONNECT, TCP`)
  },
  member(g: Given): void {
    if (g['monitor_address'] != null || g['monitor_port'] != null) throw errors.unsupported('ovn', 'OVN provider does not support monitor options')
  },
}
/** The provider's own refusals, which come last. */
export const supported = (provider: string, part: keyof typeof unlessOvnCannot, g: Given): void => { if (provider === 'ovn') unlessOvnCannot[part](g) }

/** Which pools a listener takes. */
export const demandFit = (listenerProtocol: string, poolProtocol: string): void => {
  const fits = listenerProtocol === poolProtocol || (listenerProtocol === 'TCP' && ['HTTP', 'HTTPS', 'PROXY', 'PROXYV2', 'TCP'].includes(poolProtocol)) || (listenerProtocol === 'TERMINATED_HTTPS' && poolProtocol === 'HTTP')
  if (!fits) throw errors.validation(`The pool protocol '${poolProtocol}' is invalid while the listener protocol is '${listenerProtocol}'.`)
}
/** As kept: an empty list is none. */
export const cidrsOf = (g: Given): string[] | null => {
  const list = (g['allowed_cidrs'] ?? []) as string[]
  for (const c of list) {
    if (c.includes(':')) throw errors.validation(`CIDR ${c} IP version incompatible with all VIPs.`)
    if (parseCidr(c) === undefined || !c.includes('/')) throw errors.invalidField('allowed_cidrs', c, 'Value should be IPv4 or IPv6 CIDR format')
  }
  return list.length === 0 ? null : [...list]
}

export interface Parts {
  listener(lb: LoadBalancerRow, g: Given, pool: PoolRow | undefined): ListenerRow
  pool(lb: LoadBalancerRow, g: Given, listener: ListenerRow | undefined): PoolRow
  monitor(pool: PoolRow, g: Given): MonitorRow
  member(pool: PoolRow, lb: LoadBalancerRow, g: Given): MemberRow
  /** 404 when the pool's project does not see it. */
  demandSubnet(project: string, id: Json): void
}

/** Makes rows in PENDING_CREATE; who calls has checked. */
export const parts = (world: World, network: NetworkSide): Parts => {
  const { listeners, pools, members, monitors, subnets, networks } = world.tables
  const base = (project: string, g: Given) => ({
    id: world.id(), project, createdAt: world.now(), name: (g['name'] ?? '') as string, description: (g['description'] ?? '') as string, provisioning: 'PENDING_CREATE' as const, adminStateUp: g['admin_state_up'] !== false, tags: [...((g['tags'] ?? []) as string[])],
  })
  return {
    listener(lb, g, pool) {
      const row = listeners.add({
        ...base(lb.project, g), loadBalancerId: lb.id, protocol: g['protocol'], protocolPort: Number(g['protocol_port']), allowedCidrs: cidrsOf(g), defaultPoolId: pool?.id ?? null, connectionLimit: g['connection_limit'] ?? -1,
        timeouts: Object.fromEntries(Object.entries(g).filter(([k, v]) => k.startsWith('timeout_') && typeof v === 'number')) as Record<string, number>,
      })
      lb.listenerIds.push(row.id)
      if (pool !== undefined) {
        pool.listenerIds.push(row.id)
        pools.touch(pool)
      }
      return row
    },
    pool(lb, g, listener) {
      const row = pools.add({ ...base(lb.project, g), loadBalancerId: lb.id, protocol: g['protocol'], listenerIds: listener === undefined ? [] : [listener.id], algorithm: g['lb_algorithm'], sessionPersistence: g['session_persistence'] ?? null, monitorId: null, memberIds: [] })
      lb.poolIds.push(row.id)
      if (listener !== undefined) {
        listener.defaultPoolId = row.id
        listener.provisioning = 'PENDING_UPDATE'
        listeners.touch(listener)
      }
      return row
    },
    monitor(pool, g) {
      const http = g['type'] === 'HTTP' || g['type'] === 'HTTPS'
      const row = monitors.add({
        ...base(pool.project, g), poolId: pool.id, loadBalancerId: pool.loadBalancerId, type: g['type'], delay: g['delay'], timeout: g['timeout'], maxRetries: g['max_retries'], maxRetriesDown: g['max_retries_down'] ?? 3,
        httpMethod: http ? (g['http_method'] ?? 'GET') : null, urlPath: http ? (g['url_path'] ?? '/') : null, expectedCodes: http ? (g['expected_codes'] ?? '200') : null,
      })
      pool.monitorId = row.id
      pools.touch(pool)
      return row
    },
    member(pool, lb, g) {
      const subnet = subnets.get((g['subnet_id'] ?? lb.vipSubnetId) as string)
      const row = members.add({
        ...base(pool.project, g), poolId: pool.id, loadBalancerId: lb.id, address: g['address'], protocolPort: Number(g['protocol_port']), weight: g['weight'] ?? 1, backup: g['backup'] === true, subnetId: g['subnet_id'] ?? null,
        portFound: subnet !== undefined && network.ports.at(subnet.networkId, g['address']) !== undefined, monitorAddress: g['monitor_address'] ?? null, monitorPort: g['monitor_port'] ?? null,
      })
      pool.memberIds.push(row.id)
      pools.touch(pool)
      return row
    },
    demandSubnet(project, id) {
      if (id == null) return
      const s = subnets.get(id)
      if (s === undefined || (s.project !== project && networks.get(s.networkId)?.shared !== true)) throw errors.notFound('Subnet', id)
    },
  }
}
