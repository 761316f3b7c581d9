/** Neutron. */
import type { Cloud, FloatingIp, Network, Port, PortSpec, Quota, Router, SecurityGroup, SecurityGroupRule, Subnet, SubnetSpec } from './cloud.ts'
import { listAll, openCollection } from './collection.ts'
import { detailsOf, isConflict } from './errors.ts'
import type { ListerOptions } from './lister.ts'
import { asDescription, asName, fromName, fromOneText, inOneText } from './marks.ts'
import type { Transport } from './transport.ts'
import type { Mark } from './cloud.ts'

const base = (o: any) => {
  const mark = fromName(o.name, o.description)
  return { id: o.id as string, name: (o.name ?? '') as string, ...(mark !== undefined && { mark }), ...(o.created_at !== undefined && { createdAt: o.created_at as string }) }
}
const named = (mark: Mark) => ({ name: asName(mark), description: asDescription(mark) })

const network = (n: any): Network => ({ ...base(n), external: n['router:external'] === true, shared: n.shared === true, status: n.status ?? '', subnetIds: n.subnets ?? [], mtu: n.mtu ?? 0 })
const subnet = (s: any): Subnet => ({ ...base(s), networkId: s.network_id, cidr: s.cidr, gateway: s.gateway_ip ?? null, allocationPools: s.allocation_pools ?? [], dnsServers: s.dns_nameservers ?? [] })
const router = (r: any): Router => ({ ...base(r), status: r.status ?? '', externalNetworkId: r.external_gateway_info?.network_id ?? null })
const port = (p: any): Port => ({
  ...base(p), networkId: p.network_id, status: p.status ?? '', deviceId: p.device_id ?? '', deviceOwner: p.device_owner ?? '', mac: p.mac_address ?? '', securityGroupIds: p.security_groups ?? [],
  fixedIps: ((p.fixed_ips ?? []) as { subnet_id: string; ip_address: string }[]).map((f) => ({ subnetId: f.subnet_id, address: f.ip_address })),
})
const rule = (r: any): SecurityGroupRule => ({ id: r.id, direction: r.direction, etherType: r.ethertype, protocol: r.protocol ?? null, portMin: r.port_range_min ?? null, portMax: r.port_range_max ?? null, remoteCidr: r.remote_ip_prefix ?? null, remoteGroupId: r.remote_group_id ?? null })
const group = (g: any): SecurityGroup => ({ ...base(g), rules: (g.security_group_rules ?? []).map(rule) })
const floatingIp = (f: any): FloatingIp => {
  const mark = fromOneText(f.description)
  return { id: f.id, name: f.floating_ip_address, ...(mark !== undefined && { mark }), ...(f.created_at !== undefined && { createdAt: f.created_at }), address: f.floating_ip_address, portId: f.port_id ?? null, networkId: f.floating_network_id, status: f.status ?? '' }
}
const quotaNames = ['network', 'subnet', 'router', 'port', 'security_group', 'security_group_rule', 'floatingip'] as const

export const openNetwork = (t: Transport, lister: ListerOptions): Cloud['network'] => {
  const call = (method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string, body?: object) => t.call('network', { method, path, ...(body !== undefined && { body }) })
  const open = <T extends { readonly id: string; readonly name: string }, Spec>(path: string, one: string, parse: (o: any) => T, body: (spec: Spec, mark: Mark) => object) =>
    openCollection<T, Spec>(t, { service: 'network', path, one, many: path.slice(1).replaceAll('-', '_'), parse, body: (spec, mark) => ({ [one]: body(spec, mark) }) }, lister)
  return {
    networks: open<Network, Record<never, never>>('/networks', 'network', network, (_, mark) => named(mark)),
    subnets: open<Subnet, SubnetSpec>('/subnets', 'subnet', subnet, (s, mark) => ({
      ...named(mark), network_id: s.networkId, ip_version: 4, cidr: s.cidr, ...(s.dnsServers.length > 0 && { dns_nameservers: s.dnsServers }), ...(s.allocationPools !== undefined && { allocation_pools: s.allocationPools }),
    })),
    routers: {
      ...open<Router, { readonly externalNetworkId: string }>('/routers', 'router', router, (s, mark) => ({ ...named(mark), external_gateway_info: { network_id: s.externalNetworkId } })),
      async addInterface(routerId, subnetId) {
        try { await call('PUT', `/routers/${routerId}/add_router_interface`, { subnet_id: subnetId }) } catch (error) {
          // Neutron says 400 with the router's own id when the subnet is there already, newer ones 409.
          const d = detailsOf(error)
          if (!(isConflict(error) || (d?.code === 400 && /already has a port on subnet/i.test((error as Error).message)))) throw error
          const ports = await listAll(t, 'network', `/ports?device_id=${encodeURIComponent(routerId)}`, 'ports')
          if (!ports.some((p) => (p.fixed_ips as { subnet_id: string }[]).some((f) => f.subnet_id === subnetId))) throw error
        }
      },
      async removeInterface(routerId, subnetId) {
        try { await call('PUT', `/routers/${routerId}/remove_router_interface`, { subnet_id: subnetId }) } catch (error) { if (detailsOf(error)?.code !== 404) throw error }
      },
    },
    ports: open<Port, PortSpec>('/ports', 'port', port, (s, mark) => ({
      ...named(mark), network_id: s.networkId, security_groups: s.securityGroupIds,
      ...(s.fixedIps !== undefined && { fixed_ips: s.fixedIps.map((f) => ({ subnet_id: f.subnetId, ...(f.address !== undefined && { ip_address: f.address }) })) }),
      ...(s.allowedAddressPairs !== undefined && s.allowedAddressPairs.length > 0 && { allowed_address_pairs: s.allowedAddressPairs.map((ip_address) => ({ ip_address })) }),
    })),
    securityGroups: {
      ...open<SecurityGroup, Record<never, never>>('/security-groups', 'security_group', group, (_, mark) => named(mark)),
      async addRule(groupId, r, mark) {
        try {
          await call('POST', '/security-group-rules', { security_group_rule: {
            security_group_id: groupId, direction: r.direction, ethertype: r.etherType, protocol: r.protocol, port_range_min: r.portMin, port_range_max: r.portMax, remote_ip_prefix: r.remoteCidr, remote_group_id: r.remoteGroupId, description: inOneText(mark),
          } satisfies Record<string, unknown> as object })
        } catch (error) { if (!isConflict(error)) throw error }
      },
      async removeRule(id) { try { await call('DELETE', `/security-group-rules/${id}`) } catch (error) { if (detailsOf(error)?.code !== 404) throw error } },
    },
    floatingIps: {
      ...open<FloatingIp, { readonly externalNetworkId: string }>('/floatingips', 'floatingip', floatingIp, (s, mark) => ({ floating_network_id: s.externalNetworkId, description: inOneText(mark) })),
      async bind(id, portId) { await call('PUT', `/floatingips/${id}`, { floatingip: { port_id: portId } }) },
    },
    extensions: async () => new Set(((await call('GET', '/extensions')).body.extensions as { alias: string }[]).map((e) => e.alias)),
    quota: async () => {
      const token = await t.token()
      const { quota } = (await call('GET', `/quotas/${token.project.id}/details.json`)).body
      return Object.fromEntries(quotaNames.map((n) => [n, { limit: quota[n]?.limit ?? -1, used: quota[n]?.used ?? 0 }])) as Record<(typeof quotaNames)[number], Quota>
    },
  }
}
