/** Routers with their interfaces and gateways, and floating IPs. Absent from the routed shape. */
import { type Call, type Handle, type Json, isAdmin, mayWrite } from '../core/call.ts'
import { overlap, parseCidr } from '../core/ipv4.ts'
import type { FloatingIpRow, PortRow, RouterRow } from '../core/rows.ts'
import type { World } from '../core/world.ts'
import type { Addresses } from './addresses.ts'
import { attributes, checkQuota, listing, owner, projectFor, shown, stamps, visible } from './collection.ts'
import * as errors from './errors.ts'
import type { Ports } from './ports.ts'

export const routersOf = (world: World, addresses: Addresses, ports: Ports): { readonly routes: Readonly<Record<string, Handle>>; gatewayAddress(networkId: string): string | undefined } => {
  const { routers, networks, subnets, floatingIps } = world.tables
  const portRows = world.tables.ports
  const interfaces = (router: RouterRow): readonly PortRow[] => router.interfaceIds.map((id) => portRows.get(id)).filter((p) => p !== undefined)
  const gateway = (router: RouterRow): PortRow | undefined => (router.gatewayPortId === null ? undefined : portRows.get(router.gatewayPortId))

  const view = (r: RouterRow): Record<string, Json> => {
    const port = gateway(r)
    return {
      id: r.id, name: r.name, ...owner(r), admin_state_up: r.adminStateUp, status: 'ACTIVE', routes: r.routes, description: r.description, flavor_id: null, availability_zone_hints: [], availability_zones: [], enable_ndp_proxy: false, tags: r.tags, ...stamps(r),
      external_gateway_info: r.externalNetworkId === null ? null : { network_id: r.externalNetworkId, enable_snat: r.enableSnat, external_fixed_ips: (port?.fixedIps ?? []).map((f) => ({ subnet_id: f.subnetId, ip_address: f.address })) },
      external_gateways: r.externalNetworkId === null ? [] : [{ network_id: r.externalNetworkId, enable_snat: r.enableSnat, external_fixed_ips: (port?.fixedIps ?? []).map((f) => ({ subnet_id: f.subnetId, ip_address: f.address })) }],
    }
  }
  const ipView = (f: FloatingIpRow): Record<string, Json> => {
    const port = f.portId === null ? undefined : portRows.get(f.portId)
    return {
      id: f.id, ...owner(f), floating_ip_address: f.address, floating_network_id: f.networkId, router_id: f.routerId, port_id: f.portId, fixed_ip_address: f.fixedAddress, status: f.status, description: f.description, dns_name: '', dns_domain: '', qos_policy_id: null,
      port_details: port === undefined ? null : { name: port.name, network_id: port.networkId, mac_address: port.mac, admin_state_up: port.adminStateUp, status: port.status, device_id: port.deviceId, device_owner: port.deviceOwner }, tags: f.tags, ...stamps(f),
    }
  }
  const router = (call: Call): RouterRow => {
    const row = world.find(call, routers, call.params['id']!)
    if (row === undefined) throw errors.notFound.router(call.params['id']!)
    return row
  }
  const external = (call: Call, id: string): void => {
    const network = networks.get(id)
    if (network === undefined || (network.project !== call.token.projectId && !network.external && !network.shared && !isAdmin(call))) throw errors.notFound.network(id)
    if (!network.external) throw errors.badResource('router', `Network ${id} is not an external network`)
  }
  const reaching = (router: RouterRow): readonly FloatingIpRow[] => floatingIps.of(router.project).filter((f) => f.routerId === router.id)
  const setGateway = (call: Call, r: RouterRow, info: Json): void => {
    const wanted = (info?.network_id ?? null) as string | null
    if (wanted !== null) external(call, wanted)
    if (wanted === r.externalNetworkId) {
      if (typeof info?.enable_snat === 'boolean') r.enableSnat = info.enable_snat
      return
    }
    if (r.externalNetworkId !== null && reaching(r).length > 0) throw errors.conflict.gatewayHasFloatingIp(r.id)
    const old = gateway(r)
    if (old !== undefined) ports.drop(old)
    r.externalNetworkId = wanted
    r.gatewayPortId = null
    if (wanted === null) return
    const fixed = (info.external_fixed_ips as Json[] | undefined)?.map((f) => ({ ...(f.subnet_id === undefined ? {} : { subnetId: f.subnet_id as string }), ...(f.ip_address === undefined ? {} : { address: f.ip_address as string }) }))
    const port = ports.make({ project: '', networkId: wanted, deviceId: r.id, deviceOwner: 'network:router_gateway', ...(fixed === undefined ? {} : { fixedIps: fixed }) })
    ports.plug(port, r.id, 'network:router_gateway', 'gateway', true)
    r.gatewayPortId = port.id
  }

  const addInterface: Handle = (call) => {
    const r = router(call)
    if (!mayWrite(call)) throw errors.policy('add_router_interface')
    const { subnet_id: subnetId, port_id: portId } = (call.body ?? {}) as { subnet_id?: string; port_id?: string }
    if (subnetId === undefined && portId === undefined) throw errors.badResource('router', 'Either subnet_id or port_id must be specified')
    if (subnetId !== undefined && portId !== undefined) throw errors.badResource('router', 'Cannot specify both subnet-id and port-id')
    let port: PortRow
    if (portId !== undefined) {
      const found = ports.get(call, portId)
      if (found === undefined) throw errors.notFound.port(portId)
      if (found.deviceId !== '' && found.deviceId !== r.id) throw errors.conflict.portInUse(found.id, found.networkId, found.deviceId)
      if (found.fixedIps.length === 0) throw errors.badResource('router', 'Router port must have at least one fixed IP')
      port = found
    } else {
      const subnet = subnets.get(subnetId!)
      if (subnet === undefined || (subnet.project !== call.token.projectId && networks.get(subnet.networkId)?.shared !== true && !isAdmin(call))) throw errors.notFound.subnet(subnetId!)
      if (subnet.gatewayIp === null) throw errors.badResource('router', 'Subnet for router interface must have a gateway IP')
      // The same subnet twice is a 400 from one router, and an address conflict from another.
      if (interfaces(r).some((p) => p.fixedIps.some((f) => f.subnetId === subnet.id))) throw errors.badResource('router', `Router already has a port on subnet ${subnet.id}`)
      const cidr = parseCidr(subnet.cidr)!
      for (const id of interfaces(r).flatMap((p) => p.fixedIps.map((f) => f.subnetId))) {
        const other = subnets.get(id)!
        if (overlap(parseCidr(other.cidr)!, cidr)) throw errors.badResource('router', `Cidr ${subnet.cidr} of subnet ${subnet.id} overlaps with cidr ${other.cidr} of subnet ${other.id}`)
      }
      if (addresses.isTaken(subnet.id, subnet.gatewayIp)) throw errors.conflict.allocated(subnet.gatewayIp, subnet.id)
      port = ports.make({ project: r.project, networkId: subnet.networkId, fixedIps: [{ subnetId: subnet.id, address: subnet.gatewayIp }] })
    }
    ports.plug(port, r.id, 'network:router_interface', 'gateway', true)
    r.interfaceIds.push(port.id)
    routers.touch(r)
    return { status: 200, body: { id: r.id, ...owner(r), port_id: port.id, network_id: port.networkId, subnet_id: port.fixedIps[0]!.subnetId, subnet_ids: port.fixedIps.map((f) => f.subnetId), tags: r.tags } }
  }
  const removeInterface: Handle = (call) => {
    const r = router(call)
    if (!mayWrite(call)) throw errors.policy('remove_router_interface')
    const { subnet_id: subnetId, port_id: portId } = (call.body ?? {}) as { subnet_id?: string; port_id?: string }
    if (subnetId === undefined && portId === undefined) throw errors.badResource('router', 'Either subnet_id or port_id must be specified')
    const port = interfaces(r).find((p) => (portId !== undefined ? p.id === portId : p.fixedIps.some((f) => f.subnetId === subnetId)))
    if (port === undefined) throw portId !== undefined ? errors.notFound.interface(r.id, portId) : errors.notFound.interfaceOfSubnet(r.id, subnetId!)
    const own = new Set(port.fixedIps.map((f) => f.subnetId))
    if (reaching(r).some((f) => portRows.get(f.portId!)?.fixedIps.some((x) => own.has(x.subnetId)) === true)) throw errors.conflict.interfaceHasFloatingIp(r.id, port.fixedIps[0]!.subnetId)
    const body = { id: r.id, ...owner(r), port_id: port.id, network_id: port.networkId, subnet_id: port.fixedIps[0]!.subnetId, subnet_ids: [...own], tags: r.tags }
    ports.drop(port)
    r.interfaceIds = r.interfaceIds.filter((id) => id !== port.id)
    routers.touch(r)
    return { status: 200, body }
  }

  const associate = (call: Call, f: FloatingIpRow, portId: string | null, fixed?: string): void => {
    if (portId === null) {
      Object.assign(f, { portId: null, fixedAddress: null, routerId: null, status: 'DOWN' })
      return
    }
    const port = ports.get(call, portId)
    if (port === undefined) throw errors.notFound.port(portId)
    const at = fixed === undefined ? port.fixedIps[0] : port.fixedIps.find((x) => x.address === fixed)
    if (at === undefined) throw errors.badResource('floatingip', fixed === undefined ? `Cannot add floating IP to port ${portId} that has no fixed IPv4 addresses` : `Port ${portId} does not have fixed ip ${fixed}`)
    const subnet = subnets.get(at.subnetId)!
    const holder = subnet.gatewayIp === null ? undefined : ports.of(subnet.networkId).find((p) => p.deviceOwner === 'network:router_interface' && p.fixedIps.some((x) => x.subnetId === subnet.id) && routers.get(p.deviceId)?.externalNetworkId === f.networkId)
    if (holder === undefined) throw errors.notFound.gatewayForFloatingIp(f.networkId, subnet.id, port.id)
    const other = [...(world.ipsOfPort.get(port.id) ?? [])].find((x) => x !== f && x.fixedAddress === at.address && x.networkId === f.networkId)
    if (other !== undefined) throw errors.conflict.floatingIpOnPort(f.address, port.id, at.address, f.networkId)
    Object.assign(f, { portId: port.id, fixedAddress: at.address, routerId: holder.deviceId, status: 'ACTIVE' })
  }
  const ip = (call: Call): FloatingIpRow => {
    const row = world.find(call, floatingIps, call.params['id']!)
    if (row === undefined) throw errors.notFound.floatingIp(call.params['id']!)
    return row
  }
  const createIp: Handle = (call) => {
    const given = attributes(call, 'floatingip', ['floating_network_id', 'port_id', 'fixed_ip_address', 'description', 'floating_ip_address', 'subnet_id', 'dns_name', 'dns_domain', 'qos_policy_id'], ['id', 'status', 'router_id'])
    if (typeof given['floating_network_id'] !== 'string') throw errors.required('floating_network_id')
    const project = projectFor(call, given)
    checkQuota(world, project, floatingIps, 'floatingip')
    external(call, given['floating_network_id'])
    if (given['floating_ip_address'] != null && !isAdmin(call)) throw errors.policy('create_floatingip and rule:create_floatingip:floating_ip_address')
    const address = given['floating_ip_address'] as string | undefined
    const row: FloatingIpRow = { id: world.id(), project, createdAt: world.now(), address: '', networkId: given['floating_network_id'], portId: null, fixedAddress: null, routerId: null, status: 'DOWN', description: given['description'] ?? '', tags: [] }
    if (given['port_id'] != null) associate(call, row, given['port_id'], given['fixed_ip_address'] ?? undefined)
    const port = ports.make({ project: '', networkId: row.networkId, deviceId: row.id, deviceOwner: 'network:floatingip', ...(address === undefined ? {} : { fixedIps: [{ address }] }) })
    Object.assign(row, { address: port.fixedIps[0]!.address })
    floatingIps.add(row)
    world.changed.floatingIp(row)
    const reply = shown(call, floatingIps, row, 'floatingip', ipView, 201)
    return reply
  }

  return {
    /** Where traffic from a network leaves: its router's address outside. */
    gatewayAddress(networkId) {
      const port = ports.of(networkId).find((p) => p.deviceOwner === 'network:router_interface')
      const r = port === undefined ? undefined : routers.get(port.deviceId)
      return r === undefined ? undefined : gateway(r)?.fixedIps[0]?.address
    },
    routes: {
      'GET /v2.0/routers': (call) => listing(world, call, routers, visible(world, call, routers), 'routers', 'router', view),
      'POST /v2.0/routers': (call) => {
        const given = attributes(call, 'router', ['name', 'description', 'admin_state_up', 'external_gateway_info', 'flavor_id', 'availability_zone_hints', 'distributed', 'ha', 'enable_ndp_proxy'])
        if (('distributed' in given || 'ha' in given) && !isAdmin(call)) throw errors.policy('create_router and rule:create_router:ha')
        const project = projectFor(call, given)
        checkQuota(world, project, routers, 'router')
        const row: RouterRow = { id: world.id(), project, createdAt: world.now(), name: given['name'] ?? '', description: given['description'] ?? '', adminStateUp: given['admin_state_up'] !== false, externalNetworkId: null, gatewayPortId: null, enableSnat: true, routes: [], tags: [], interfaceIds: [] }
        if (given['external_gateway_info'] != null) setGateway(call, row, given['external_gateway_info'])
        routers.add(row)
        return shown(call, routers, row, 'router', view, 201)
      },
      'GET /v2.0/routers/:id': (call) => shown(call, routers, router(call), 'router', view),
      'PUT /v2.0/routers/:id': (call) => {
        const given = attributes(call, 'router', ['name', 'description', 'admin_state_up', 'external_gateway_info', 'routes'], ['id', 'status'])
        const r = router(call)
        if (given['external_gateway_info'] !== undefined) setGateway(call, r, given['external_gateway_info'])
        if (given['name'] !== undefined) r.name = given['name']
        if (given['description'] !== undefined) r.description = given['description']
        if (given['routes'] !== undefined) r.routes = given['routes']
        routers.touch(r)
        return shown(call, routers, r, 'router', view)
      },
      'DELETE /v2.0/routers/:id': (call) => {
        const r = router(call)
        if (!mayWrite(call)) throw errors.policy('delete_router')
        const left = interfaces(r)
        // Seen with 2025.1: the gateway is taken away before the deletion is refused.
        if (left.length > 0 && reaching(r).length === 0) {
          setGateway(call, r, null)
          routers.touch(r)
        }
        if (left.length > 0) throw errors.conflict.routerInUse(r.id, left.map((p) => p.id))
        const port = gateway(r)
        if (port !== undefined) ports.drop(port)
        routers.remove(r)
        return { status: 204 }
      },
      'PUT /v2.0/routers/:id/add_router_interface': addInterface,
      'PUT /v2.0/routers/:id/remove_router_interface': removeInterface,
      'GET /v2.0/floatingips': (call) => listing(world, call, floatingIps, visible(world, call, floatingIps), 'floatingips', 'floatingIp', ipView),
      'POST /v2.0/floatingips': createIp,
      'GET /v2.0/floatingips/:id': (call) => shown(call, floatingIps, ip(call), 'floatingip', ipView),
      'PUT /v2.0/floatingips/:id': (call) => {
        const given = attributes(call, 'floatingip', ['port_id', 'fixed_ip_address', 'description', 'dns_name', 'dns_domain', 'qos_policy_id'], ['floating_network_id', 'floating_ip_address', 'id', 'status', 'router_id', 'subnet_id'])
        const row = ip(call)
        if ('port_id' in given) associate(call, row, given['port_id'] ?? null, given['fixed_ip_address'] ?? undefined)
        if (given['description'] !== undefined) row.description = given['description']
        floatingIps.touch(row)
        world.changed.floatingIp(row)
        return shown(call, floatingIps, row, 'floatingip', ipView)
      },
      'DELETE /v2.0/floatingips/:id': (call) => {
        const row = ip(call)
        if (!mayWrite(call)) throw errors.policy('delete_floatingip')
        const port = ports.at(row.networkId, row.address)
        floatingIps.remove(row)
        row.portId = null
        world.changed.floatingIp(row)
        if (port !== undefined) ports.drop(port)
        return { status: 204 }
      },
    },
  }
}
