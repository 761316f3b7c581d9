/** Octavia's objects as its API shows them (octavia/api/v2/types). */
import type { Json } from '../core/call.ts'
import type { ListenerRow, LoadBalancerRow, MemberRow, MonitorRow, PoolRow } from '../core/rows.ts'
import type { World } from '../core/world.ts'
import type { Traffic } from './traffic.ts'

const time = (iso: string | undefined): string | null => (iso === undefined ? null : iso.slice(0, 19))
const ids = (list: readonly string[]): Json => list.map((id) => ({ id }))

export const views = (world: World, traffic: Traffic) => {
  const { loadBalancers } = world.tables
  return {
    loadBalancer: (lb: LoadBalancerRow): Record<string, Json> => ({
      id: lb.id, name: lb.name, description: lb.description, provisioning_status: lb.provisioning, operating_status: traffic.loadBalancer(lb), admin_state_up: lb.adminStateUp, project_id: lb.project, tenant_id: lb.project, created_at: time(lb.createdAt), updated_at: time(lb.updatedAt), vip_address: lb.vipAddress,
      vip_port_id: lb.vipPortId, vip_subnet_id: lb.vipSubnetId, vip_network_id: lb.vipNetworkId, additional_vips: [], listeners: ids(lb.listenerIds), pools: ids(lb.poolIds), provider: lb.provider, flavor_id: lb.flavorId, vip_qos_policy_id: null, vip_sg_ids: [], tags: lb.tags, availability_zone: lb.availabilityZone, vip_vnic_type: 'normal',
    }),
    listener: (l: ListenerRow): Record<string, Json> => ({
      id: l.id, name: l.name, description: l.description, provisioning_status: l.provisioning, operating_status: traffic.listener(l), admin_state_up: l.adminStateUp, protocol: l.protocol, protocol_port: l.protocolPort, connection_limit: l.connectionLimit, default_tls_container_ref: null, sni_container_refs: [], project_id: l.project, tenant_id: l.project,
      default_pool_id: l.defaultPoolId, l7policies: [], insert_headers: {}, created_at: time(l.createdAt), updated_at: time(l.updatedAt), loadbalancers: [{ id: l.loadBalancerId }], timeout_client_data: l.timeouts['timeout_client_data'] ?? 50_000, timeout_member_connect: l.timeouts['timeout_member_connect'] ?? 5000, timeout_member_data: l.timeouts['timeout_member_data'] ?? 50_000, timeout_tcp_inspect: l.timeouts['timeout_tcp_inspect'] ?? 0,
      tags: l.tags, client_ca_tls_container_ref: null, client_authentication: 'NONE', client_crl_container_ref: null, allowed_cidrs: l.allowedCidrs, tls_ciphers: null, tls_versions: null, alpn_protocols: null, hsts_include_subdomains: null, hsts_max_age: null, hsts_preload: null,
    }),
    pool: (p: PoolRow): Record<string, Json> => ({
      id: p.id, name: p.name, description: p.description, provisioning_status: p.provisioning, operating_status: traffic.pool(p), admin_state_up: p.adminStateUp, protocol: p.protocol, lb_algorithm: p.algorithm, session_persistence: p.sessionPersistence ?? null, project_id: p.project, tenant_id: p.project, loadbalancers: [{ id: p.loadBalancerId }], listeners: ids(p.listenerIds), created_at: time(p.createdAt), updated_at: time(p.updatedAt),
      healthmonitor_id: p.monitorId, members: ids(p.memberIds), tags: p.tags, tls_container_ref: null, ca_tls_container_ref: null, crl_container_ref: null, tls_enabled: false, tls_ciphers: null, tls_versions: null, alpn_protocols: null,
    }),
    member: (m: MemberRow): Record<string, Json> => ({
      id: m.id, name: m.name, operating_status: traffic.member(m), provisioning_status: m.provisioning, admin_state_up: m.adminStateUp, address: m.address, protocol_port: m.protocolPort, weight: m.weight, backup: m.backup, subnet_id: m.subnetId, project_id: m.project, tenant_id: m.project, created_at: time(m.createdAt), updated_at: time(m.updatedAt), monitor_address: m.monitorAddress, monitor_port: m.monitorPort, tags: m.tags, vnic_type: 'normal',
    }),
    monitor: (h: MonitorRow): Record<string, Json> => ({
      id: h.id, name: h.name, type: h.type, delay: h.delay, timeout: h.timeout, max_retries: h.maxRetries, max_retries_down: h.maxRetriesDown, http_method: h.httpMethod, url_path: h.urlPath, expected_codes: h.expectedCodes, admin_state_up: h.adminStateUp, project_id: h.project, tenant_id: h.project, pools: [{ id: h.poolId }], provisioning_status: h.provisioning,
      operating_status: h.provisioning === 'PENDING_CREATE' || !h.adminStateUp ? 'OFFLINE' : 'ONLINE', created_at: time(h.createdAt), updated_at: time(h.updatedAt), tags: h.tags, http_version: null, domain_name: null,
    }),
    /** `…/status`: the whole tree. */
    statuses: (lb: LoadBalancerRow): Json => {
      const { listeners, pools, members, monitors } = world.tables
      const poolStatus = (p: PoolRow): Json => ({
        id: p.id, name: p.name, operating_status: traffic.pool(p), provisioning_status: p.provisioning, ...(p.monitorId === null ? {} : { health_monitor: { id: p.monitorId, name: monitors.get(p.monitorId)!.name, type: monitors.get(p.monitorId)!.type, provisioning_status: monitors.get(p.monitorId)!.provisioning, operating_status: 'ONLINE' } }),
        members: p.memberIds.map((id) => { const m = members.get(id)!; return { id, name: m.name, address: m.address, protocol_port: m.protocolPort, operating_status: traffic.member(m), provisioning_status: m.provisioning } }),
      })
      return {
        id: lb.id, name: lb.name, operating_status: traffic.loadBalancer(lb), provisioning_status: lb.provisioning,
        listeners: lb.listenerIds.map((id) => { const l = listeners.get(id)!; return { id, name: l.name, operating_status: traffic.listener(l), provisioning_status: l.provisioning, pools: l.defaultPoolId === null ? [] : [poolStatus(pools.get(l.defaultPoolId)!)] } }),
        pools: lb.poolIds.map((id) => poolStatus(pools.get(id)!)),
      }
    },
    lb: (id: string): LoadBalancerRow => loadBalancers.get(id)!,
  }
}
export type Views = ReturnType<typeof views>
