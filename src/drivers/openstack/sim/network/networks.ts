/** Networks and subnets, with the metadata port that ML2/OVN gives each network. */
import { type Call, type Handle, type Json, isAdmin, mayWrite } from '../core/call.ts'
import { overlap, parseCidr, toAddress, toInt, within } from '../core/ipv4.ts'
import type { NetworkRow, SubnetRow } from '../core/rows.ts'
import type { World } from '../core/world.ts'
import type { Addresses } from './addresses.ts'
import { attributes, checkQuota, listing, owner, projectFor, shown, stamps, visible } from './collection.ts'
import * as errors from './errors.ts'
import type { Ports } from './ports.ts'

/** Ports that go with their network. */
const automatic = new Set(['network:dhcp', 'network:distributed'])

export interface Networks {
  make(of: { readonly project: string; readonly name: string; readonly shared?: boolean; readonly external?: boolean; readonly mtu?: number }): NetworkRow
  makeSubnet(network: NetworkRow, of: { readonly name: string; readonly cidr: string; readonly gatewayIp?: string | null; readonly pools?: SubnetRow['pools']; readonly dns?: string[]; readonly enableDhcp?: boolean; readonly description?: string; readonly project?: string }): SubnetRow
  readonly routes: Readonly<Record<string, Handle>>
}

export const networksOf = (world: World, addresses: Addresses, ports: Ports): Networks => {
  const { networks, subnets } = world.tables
  const tenantShape = world.settings.shape === 'tenant'
  const view = (n: NetworkRow, call: Call): Record<string, Json> => ({
    id: n.id, name: n.name, ...owner(n), admin_state_up: n.adminStateUp, mtu: n.mtu, status: 'ACTIVE', subnets: n.subnetIds, shared: n.shared, availability_zone_hints: [], availability_zones: [], ipv4_address_scope: null, ipv6_address_scope: null,
    'router:external': n.external, description: n.description, qos_policy_id: null, port_security_enabled: n.portSecurity, dns_domain: '', l2_adjacency: tenantShape, tags: n.tags, ...stamps(n), ...(n.external ? { is_default: false } : {}),
    ...(isAdmin(call) ? { 'provider:network_type': n.shared || n.external ? 'flat' : 'geneve', 'provider:physical_network': n.shared || n.external ? 'physnet1' : null, 'provider:segmentation_id': n.shared || n.external ? null : 1 } : {}),
  })
  const subnetView = (s: SubnetRow): Record<string, Json> => ({
    id: s.id, name: s.name, ...owner(s), network_id: s.networkId, ip_version: 4, subnetpool_id: null, enable_dhcp: s.enableDhcp, ipv6_ra_mode: null, ipv6_address_mode: null, gateway_ip: s.gatewayIp, cidr: s.cidr, allocation_pools: s.pools,
    host_routes: s.hostRoutes, dns_nameservers: s.dns, description: s.description, router_external: networks.get(s.networkId)?.external ?? false, service_types: [], segment_id: null, dns_publish_fixed_ip: false, tags: s.tags, ...stamps(s),
  })

  const make: Networks['make'] = (of) => {
    const network = networks.add({
      id: world.id(), project: of.project, createdAt: world.now(), name: of.name, description: '', shared: of.shared === true, external: of.external === true, mtu: of.mtu ?? (of.shared === true || of.external === true ? 1500 : 1442), adminStateUp: true, tags: [], portSecurity: true, subnetIds: [],
    })
    if (tenantShape && of.external !== true) ports.make({ project: of.project, networkId: network.id, fixedIps: [], deviceId: `ovnmeta-${network.id}`, deviceOwner: 'network:distributed' })
    return network
  }
  const makeSubnet: Networks['makeSubnet'] = (network, of) => {
    const cidr = parseCidr(of.cidr)!
    const gatewayIp = of.gatewayIp === undefined ? toAddress(cidr.first + 1) : of.gatewayIp
    let pools = of.pools
    if (pools === undefined) {
      const first = cidr.bits >= 31 ? cidr.first : cidr.first + 1
      const last = cidr.bits >= 31 ? cidr.last : cidr.last - 1
      const gateway = gatewayIp === null ? -1 : toInt(gatewayIp)
      pools = gateway < first || gateway > last ? [{ start: toAddress(first), end: toAddress(last) }]
        : [...(gateway > first ? [{ start: toAddress(first), end: toAddress(gateway - 1) }] : []), ...(gateway < last ? [{ start: toAddress(gateway + 1), end: toAddress(last) }] : [])]
    }
    const subnet = subnets.add({
      id: world.id(), project: of.project ?? network.project, createdAt: world.now(), name: of.name, description: of.description ?? '', networkId: network.id, cidr: `${toAddress(cidr.first)}/${cidr.bits}`, gatewayIp, enableDhcp: of.enableDhcp !== false, pools, dns: of.dns ?? [], hostRoutes: [], tags: [],
    })
    network.subnetIds.push(subnet.id)
    networks.touch(network)
    const meta = tenantShape && subnet.enableDhcp ? ports.of(network.id).find((p) => p.deviceOwner === 'network:distributed') : undefined
    if (meta !== undefined) {
      const address = addresses.next(subnet)
      if (address !== undefined) {
        addresses.take(subnet.id, address)
        meta.fixedIps.push({ subnetId: subnet.id, address })
        world.tables.ports.touch(meta)
      }
    }
    return subnet
  }

  const network = (call: Call, id: string): NetworkRow => {
    const row = networks.get(id)
    if (row === undefined || call.blind || (row.project !== call.token.projectId && !row.shared && !row.external && !isAdmin(call))) throw errors.notFound.network(id)
    return row
  }
  const subnet = (call: Call, id: string): SubnetRow => {
    const row = subnets.get(id)
    if (row === undefined || call.blind || (row.project !== call.token.projectId && networks.get(row.networkId)?.shared !== true && !isAdmin(call))) throw errors.notFound.subnet(id)
    return row
  }
  const mine = (call: Call, row: NetworkRow | SubnetRow, action: string): void => {
    if (row.project !== call.token.projectId && !isAdmin(call)) throw errors.policy(action)
  }

  const createSubnet: Handle = (call) => {
    const given = attributes(call, 'subnet', ['name', 'description', 'network_id', 'cidr', 'ip_version', 'gateway_ip', 'allocation_pools', 'dns_nameservers', 'host_routes', 'enable_dhcp', 'ipv6_ra_mode', 'ipv6_address_mode', 'subnetpool_id', 'prefixlen', 'use_default_subnetpool', 'service_types', 'segment_id', 'dns_publish_fixed_ip'])
    if (typeof given['network_id'] !== 'string') throw errors.required('network_id')
    if (given['ip_version'] === undefined) throw errors.required('ip_version')
    checkQuota(world, projectFor(call, given), subnets, 'subnet')
    const n = network(call, given['network_id'])
    mine(call, n, 'create_subnet')
    if (Number(given['ip_version']) !== 4) throw errors.badResource('subnets', 'this simulator has no IPv6')
    if (typeof given['cidr'] !== 'string') throw errors.badResource('subnets', 'a subnetpool must be specified in the absence of a cidr')
    const cidr = parseCidr(given['cidr'])
    if (cidr === undefined || !given['cidr'].includes('/')) throw errors.badRequest(`Invalid input for cidr. Reason: '${given['cidr']}' is not a valid IP subnet.`)
    for (const id of n.subnetIds) {
      const other = subnets.get(id)!
      if (overlap(parseCidr(other.cidr)!, cidr)) throw errors.invalidInput(`Requested subnet with cidr: ${given['cidr']} for network: ${n.id} overlaps with another subnet`)
    }
    const gatewayIp = given['gateway_ip'] as string | null | undefined
    if (gatewayIp != null && !within(cidr, gatewayIp)) throw errors.invalidInput('Gateway is not valid on subnet')
    const pools = given['allocation_pools'] as SubnetRow['pools'] | undefined
    for (const p of pools ?? []) {
      const [a, b] = [toInt(p.start), toInt(p.end)]
      if (Number.isNaN(a) || Number.isNaN(b) || a > b) throw errors.badRequest(`The allocation pool ${p.start}-${p.end} is not valid.`)
      if (a < cidr.first || b > cidr.last) throw errors.outOfBounds(`${p.start}-${p.end}`, given['cidr'])
      const gateway = toInt(gatewayIp ?? (gatewayIp === null ? 'none' : toAddress(cidr.first + 1)))
      if (gateway >= a && gateway <= b) throw errors.conflict.gatewayInPool(toAddress(gateway), `${p.start}-${p.end}`)
    }
    const row = makeSubnet(n, { name: given['name'] ?? '', cidr: given['cidr'], ...(gatewayIp === undefined ? {} : { gatewayIp }), ...(pools === undefined ? {} : { pools }), dns: given['dns_nameservers'] ?? [], enableDhcp: given['enable_dhcp'] !== false, description: given['description'] ?? '', project: projectFor(call, given) })
    row.hostRoutes = given['host_routes'] ?? []
    return shown(call, subnets, row, 'subnet', subnetView, 201)
  }

  return {
    make, makeSubnet,
    routes: {
      'GET /v2.0/networks': (call) => listing(world, call, networks, visible(world, call, networks, () => [...networks.all()].filter((n) => n.shared || n.external)), 'networks', 'network', view),
      'POST /v2.0/networks': (call) => {
        const given = attributes(call, 'network', ['name', 'description', 'admin_state_up', 'shared', 'router:external', 'mtu', 'port_security_enabled', 'dns_domain', 'availability_zone_hints', 'provider:network_type', 'provider:physical_network', 'provider:segmentation_id', 'is_default', 'qos_policy_id'])
        if (!tenantShape && !isAdmin(call)) throw errors.policy('create_network')
        if ((given['shared'] === true || given['router:external'] === true) && !isAdmin(call)) throw errors.policy(given['shared'] === true ? 'create_network and rule:create_network:shared' : 'create_network and rule:create_network:router:external')
        const project = projectFor(call, given)
        checkQuota(world, project, networks, 'network')
        const n = make({ project, name: given['name'] ?? '', shared: given['shared'] === true, external: given['router:external'] === true, ...(given['mtu'] > 0 ? { mtu: given['mtu'] } : {}) })
        n.description = given['description'] ?? ''
        n.adminStateUp = given['admin_state_up'] !== false
        n.portSecurity = given['port_security_enabled'] !== false
        return shown(call, networks, n, 'network', view, 201)
      },
      'GET /v2.0/networks/:id': (call) => shown(call, networks, network(call, call.params['id']!), 'network', view),
      'PUT /v2.0/networks/:id': (call) => {
        const given = attributes(call, 'network', ['name', 'description', 'admin_state_up', 'mtu', 'port_security_enabled', 'shared', 'router:external', 'dns_domain', 'qos_policy_id'], ['id', 'status', 'subnets'])
        const n = network(call, call.params['id']!)
        mine(call, n, 'update_network')
        if (given['name'] !== undefined) n.name = given['name']
        if (given['description'] !== undefined) n.description = given['description']
        if (given['admin_state_up'] !== undefined) n.adminStateUp = given['admin_state_up'] === true
        if (given['mtu'] !== undefined) n.mtu = given['mtu']
        if (given['port_security_enabled'] !== undefined) n.portSecurity = given['port_security_enabled'] === true
        networks.touch(n)
        return shown(call, networks, n, 'network', view)
      },
      'DELETE /v2.0/networks/:id': (call) => {
        const n = network(call, call.params['id']!)
        if (!mayWrite(call)) throw errors.policy('delete_network')
        mine(call, n, 'delete_network')
        const own = ports.of(n.id)
        const others = own.filter((p) => !automatic.has(p.deviceOwner))
        if (others.length > 0) throw errors.conflict.networkInUseBy(n.id, others.map((p) => p.id))
        for (const p of own) ports.drop(p)
        for (const id of n.subnetIds) subnets.remove(subnets.get(id)!)
        networks.remove(n)
        return { status: 204 }
      },
      'GET /v2.0/subnets': (call) => listing(world, call, subnets, visible(world, call, subnets, () => [...subnets.all()].filter((s) => networks.get(s.networkId)?.shared === true)), 'subnets', 'subnet', subnetView),
      'POST /v2.0/subnets': createSubnet,
      'GET /v2.0/subnets/:id': (call) => shown(call, subnets, subnet(call, call.params['id']!), 'subnet', subnetView),
      'PUT /v2.0/subnets/:id': (call) => {
        const given = attributes(call, 'subnet', ['name', 'description', 'gateway_ip', 'allocation_pools', 'dns_nameservers', 'host_routes', 'enable_dhcp'], ['cidr', 'ip_version', 'network_id', 'id'])
        const s = subnet(call, call.params['id']!)
        mine(call, s, 'update_subnet')
        if (given['name'] !== undefined) s.name = given['name']
        if (given['description'] !== undefined) s.description = given['description']
        if (given['dns_nameservers'] !== undefined) s.dns = given['dns_nameservers']
        if (given['allocation_pools'] !== undefined) s.pools = given['allocation_pools']
        if (given['enable_dhcp'] !== undefined) s.enableDhcp = given['enable_dhcp'] === true
        if (given['gateway_ip'] !== undefined && given['gateway_ip'] !== s.gatewayIp) {
          const holder = s.gatewayIp === null ? undefined : ports.at(s.networkId, s.gatewayIp)
          if (holder !== undefined) throw errors.conflict.gatewayIpInUse(s.gatewayIp!, holder.id)
          s.gatewayIp = given['gateway_ip']
        }
        subnets.touch(s)
        return shown(call, subnets, s, 'subnet', subnetView)
      },
      'DELETE /v2.0/subnets/:id': (call) => {
        const s = subnet(call, call.params['id']!)
        if (!mayWrite(call)) throw errors.policy('delete_subnet')
        mine(call, s, 'delete_subnet')
        const users = ports.of(s.networkId).filter((p) => p.fixedIps.some((f) => f.subnetId === s.id))
        if (users.some((p) => !automatic.has(p.deviceOwner))) throw errors.conflict.subnetInUse(s.id)
        for (const p of users) {
          p.fixedIps = p.fixedIps.filter((f) => f.subnetId !== s.id)
          world.tables.ports.touch(p)
        }
        const n = networks.get(s.networkId)!
        n.subnetIds.splice(n.subnetIds.indexOf(s.id), 1)
        networks.touch(n)
        subnets.remove(s)
        return { status: 204 }
      },
    },
  }
}
