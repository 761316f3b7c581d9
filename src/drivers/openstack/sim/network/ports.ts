/** Ports: addresses, device, security groups, binding. Other parts of the cloud make and change theirs through the same functions. */
import { type Call, type Handle, type Json, isAdmin, mayWrite } from '../core/call.ts'
import { parseCidr, within } from '../core/ipv4.ts'
import type { NetworkRow, PortRow } from '../core/rows.ts'
import type { World } from '../core/world.ts'
import type { Addresses } from './addresses.ts'
import { attributes, checkQuota, listing, owner, projectFor, shown, stamps, visible } from './collection.ts'
import * as errors from './errors.ts'
import type { Groups } from './groups.ts'

export interface NewPort {
  readonly project: string
  readonly networkId: string
  readonly name?: string
  readonly description?: string
  /** Absent: one address of the network's first subnet with room. */
  readonly fixedIps?: readonly { readonly subnetId?: string; readonly address?: string }[]
  readonly deviceId?: string
  readonly deviceOwner?: string
  readonly securityGroups?: readonly string[]
  readonly mac?: string
}

export interface Ports {
  make(of: NewPort): PortRow
  drop(port: PortRow): void
  /** Binds to or unbinds from a device. */
  plug(port: PortRow, deviceId: string, deviceOwner: string, hostId: string, active: boolean): void
  /** The port that holds an address of a network. */
  at(networkId: string, address: string): PortRow | undefined
  get(call: Call, id: string): PortRow | undefined
  of(networkId: string): readonly PortRow[]
  readonly routes: Readonly<Record<string, Handle>>
}

const settable = ['name', 'description', 'admin_state_up', 'device_id', 'device_owner', 'fixed_ips', 'security_groups', 'allowed_address_pairs', 'port_security_enabled', 'binding:vnic_type', 'binding:host_id', 'binding:profile', 'extra_dhcp_opts', 'dns_name', 'mac_address', 'qos_policy_id', 'propagate_uplink_status']

export const portsOf = (world: World, addresses: Addresses, groups: Groups): Ports => {
  const { ports, networks, subnets, securityGroups, floatingIps } = world.tables
  const byAddress = new Map<string, PortRow>()
  const byNetwork = new Map<string, Set<PortRow>>()
  const index = (port: PortRow): void => {
    for (const f of port.fixedIps) byAddress.set(`${port.networkId}/${f.address}`, port)
    let own = byNetwork.get(port.networkId)
    if (own === undefined) byNetwork.set(port.networkId, (own = new Set()))
    own.add(port)
  }
  for (const port of ports.all()) index(port)

  const view = (p: PortRow, call: Call): Record<string, Json> => ({
    id: p.id, name: p.name, network_id: p.networkId, ...owner(p), mac_address: p.mac, admin_state_up: p.adminStateUp, status: p.status, device_id: p.deviceId, device_owner: p.deviceOwner,
    fixed_ips: p.fixedIps.map((f) => ({ subnet_id: f.subnetId, ip_address: f.address })), allowed_address_pairs: p.allowedAddressPairs, extra_dhcp_opts: [], security_groups: p.securityGroups, description: p.description,
    'binding:vnic_type': 'normal', port_security_enabled: p.portSecurity, qos_policy_id: null, qos_network_policy_id: null, propagate_uplink_status: true, tags: p.tags, ...stamps(p),
    ...(isAdmin(call) ? { 'binding:host_id': p.hostId, 'binding:profile': {}, 'binding:vif_type': p.hostId === '' ? 'unbound' : 'ovs', 'binding:vif_details': {} } : {}),
  })

  const choose = (network: NetworkRow, wanted: NewPort['fixedIps'], mine: ReadonlySet<string> = new Set()): PortRow['fixedIps'] => {
    const own = network.subnetIds.map((id) => subnets.get(id)!)
    if (wanted === undefined) {
      if (own.length === 0) return []
      for (const subnet of own) {
        const address = addresses.next(subnet)
        if (address !== undefined) return [{ subnetId: subnet.id, address }]
      }
      throw errors.conflict.networkExhausted(network.id)
    }
    return wanted.map((w) => {
      let subnet = w.subnetId === undefined ? undefined : subnets.get(w.subnetId)
      if (w.subnetId !== undefined && subnet === undefined) throw errors.notFound.subnet(w.subnetId)
      if (subnet !== undefined && subnet.networkId !== network.id) throw errors.invalidInput(`Failed to create port on network ${network.id}, because fixed_ips included invalid subnet ${subnet.id}`)
      if (w.address === undefined) {
        subnet ??= own[0]
        if (subnet === undefined) throw errors.invalidInput('IP allocation requires subnet_id or ip_address')
        const address = addresses.next(subnet)
        if (address === undefined) throw errors.conflict.exhausted(subnet.id)
        return { subnetId: subnet.id, address }
      }
      subnet ??= own.find((s) => within(parseCidr(s.cidr)!, w.address!))
      if (subnet === undefined) throw errors.badResource('network', `IP address ${w.address} is not a valid IP for any of the subnets on the specified network`)
      const cidr = parseCidr(subnet.cidr)!
      if (!within(cidr, w.address)) throw errors.addressNotInSubnet(w.address)
      if (addresses.isTaken(subnet.id, w.address) && !mine.has(w.address)) throw errors.conflict.allocated(w.address, subnet.id)
      return { subnetId: subnet.id, address: w.address }
    })
  }
  const parseFixed = (given: Json): NewPort['fixedIps'] => {
    if (given === undefined || given === null) return undefined
    if (!Array.isArray(given)) throw errors.badRequest(`Invalid input for fixed_ips. Reason: Invalid data format for fixed IP: '${String(given)}'.`)
    const seen = new Set<string>()
    return given.map((f: Json) => {
      if (typeof f.ip_address === 'string') {
        if (seen.has(f.ip_address)) throw errors.badRequest(`Invalid input for fixed_ips. Reason: Duplicate IP address '${f.ip_address}'.`)
        seen.add(f.ip_address)
      }
      return { ...(f.subnet_id === undefined ? {} : { subnetId: f.subnet_id as string }), ...(f.ip_address === undefined ? {} : { address: f.ip_address as string }) }
    })
  }

  const make = (of: NewPort): PortRow => {
    const network = networks.get(of.networkId)!
    const fixedIps = choose(network, of.fixedIps)
    for (const f of fixedIps) addresses.take(f.subnetId, f.address)
    const port: PortRow = {
      id: world.id(), project: of.project, createdAt: world.now(), name: of.name ?? '', description: of.description ?? '', networkId: network.id, mac: of.mac ?? addresses.mac(), fixedIps,
      deviceId: of.deviceId ?? '', deviceOwner: of.deviceOwner ?? '', status: 'DOWN', adminStateUp: true, securityGroups: [...(of.securityGroups ?? [])], allowedAddressPairs: [], portSecurity: true, tags: [], hostId: '',
    }
    ports.add(port)
    index(port)
    return port
  }
  const drop = (port: PortRow): void => {
    for (const f of port.fixedIps) {
      addresses.release(f.subnetId, f.address)
      byAddress.delete(`${port.networkId}/${f.address}`)
    }
    byNetwork.get(port.networkId)?.delete(port)
    const bound = [...(world.ipsOfPort.get(port.id) ?? [])] // the set changes below
    for (const ip of bound) {
      Object.assign(ip, { portId: null, fixedAddress: null, routerId: null, status: 'DOWN' })
      floatingIps.touch(ip)
      world.changed.floatingIp(ip)
    }
    ports.remove(port)
    world.changed.port(port)
  }
  const get = (call: Call, id: string): PortRow | undefined => world.find(call, ports, id)
  const own = (call: Call): PortRow => {
    const port = get(call, call.params['id']!)
    if (port === undefined) throw errors.notFound.port(call.params['id']!)
    return port
  }
  const checkGroups = (call: Call, ids: readonly string[]): string[] => {
    for (const id of ids) if (world.find(call, securityGroups, id) === undefined) throw errors.notFound.securityGroup(id)
    return [...ids]
  }
  const pairs = (given: Json, port: { readonly mac: string }): PortRow['allowedAddressPairs'] => {
    const seen = new Set<string>()
    return ((given ?? []) as Json[]).map((p) => {
      if (typeof p.ip_address !== 'string') throw errors.invalidInput('AllowedAddressPair must contain ip_address')
      if (!p.ip_address.includes(':') && parseCidr(p.ip_address) === undefined) throw errors.badRequest(`Invalid input for allowed_address_pairs. Reason: '${p.ip_address}' is not a valid IP subnet.`)
      const pair = { ip_address: p.ip_address as string, mac_address: (p.mac_address ?? port.mac) as string }
      const key = `${pair.ip_address}/${pair.mac_address}`
      if (seen.has(key)) throw errors.invalidInput(`Request contains duplicate address pair: mac_address ${pair.mac_address} ip_address ${pair.ip_address}`)
      seen.add(key)
      return pair
    })
  }

  const create: Handle = (call) => {
    const given = attributes(call, 'port', ['network_id', 'tags', ...settable], ['id', 'status'])
    if (typeof given['network_id'] !== 'string') throw errors.required('network_id')
    const project = projectFor(call, given)
    checkQuota(world, project, ports, 'port')
    const network = networks.get(given['network_id'])
    if (call.blind || network === undefined || (network.project !== project && !network.shared && !isAdmin(call))) throw errors.notFound.network(given['network_id'])
    const fixedIps = parseFixed(given['fixed_ips'])
    if (network.project !== project && !isAdmin(call)) {
      // Naming an address or a MAC is for the network's owner (policy create_port:fixed_ips:ip_address).
      if (fixedIps?.some((f) => f.address !== undefined) === true) throw errors.policy('create_port and (rule:create_port:fixed_ips and (rule:create_port:fixed_ips:ip_address))')
      if (given['mac_address'] !== undefined) throw errors.policy('create_port and rule:create_port:mac_address')
      if (typeof given['device_owner'] === 'string' && given['device_owner'].startsWith('network:')) throw errors.policy('create_port and rule:create_port:device_owner')
    }
    if (given['mac_address'] !== undefined && [...(byNetwork.get(network.id) ?? [])].some((p) => p.mac === given['mac_address'])) throw errors.conflict.macInUse(network.id, given['mac_address'])
    const guarded: boolean = given['port_security_enabled'] ?? network.portSecurity
    const chosen = given['security_groups'] !== undefined && given['security_groups'] !== null ? checkGroups(call, given['security_groups']) : guarded ? [groups.ensureDefault(project).id] : []
    if (!guarded && chosen.length > 0) throw errors.groupsNeedSecurity()
    const port = make({
      project, networkId: network.id, name: given['name'] ?? '', description: given['description'] ?? '', ...(fixedIps === undefined ? {} : { fixedIps }), deviceId: given['device_id'] ?? '', deviceOwner: given['device_owner'] ?? '', securityGroups: chosen,
      ...(given['mac_address'] === undefined ? {} : { mac: given['mac_address'] }),
    })
    port.portSecurity = guarded
    port.adminStateUp = given['admin_state_up'] !== false
    port.tags = [...((given['tags'] ?? []) as string[])]
    if (given['allowed_address_pairs'] !== undefined) port.allowedAddressPairs = pairs(given['allowed_address_pairs'], port)
    return shown(call, ports, port, 'port', view, 201)
  }

  return {
    make, drop, get,
    at: (networkId, address) => byAddress.get(`${networkId}/${address}`),
    of: (networkId) => [...(byNetwork.get(networkId) ?? [])],
    plug(port, deviceId, deviceOwner, hostId, active) {
      Object.assign(port, { deviceId, deviceOwner, hostId, status: active ? 'ACTIVE' : 'DOWN' })
      ports.touch(port)
      world.changed.port(port)
    },
    routes: {
      'GET /v2.0/ports': (call) => listing(world, call, ports, visible(world, call, ports, (project) => networks.of(project).flatMap((n) => [...(byNetwork.get(n.id) ?? [])])), 'ports', 'port', view),
      'POST /v2.0/ports': create,
      'GET /v2.0/ports/:id': (call) => shown(call, ports, own(call), 'port', view),
      'PUT /v2.0/ports/:id': (call) => {
        const given = attributes(call, 'port', settable, ['network_id', 'id', 'status'])
        const port = own(call)
        const network = networks.get(port.networkId)!
        const fixed = parseFixed(given['fixed_ips'])
        if (fixed !== undefined) {
          if (network.project !== call.token.projectId && !isAdmin(call) && fixed.some((f) => f.address !== undefined && !port.fixedIps.some((p) => p.address === f.address))) throw errors.policy('update_port and rule:update_port:fixed_ips:ip_address')
          const next = choose(network, fixed, new Set(port.fixedIps.map((f) => f.address)))
          for (const f of port.fixedIps) {
            addresses.release(f.subnetId, f.address)
            byAddress.delete(`${port.networkId}/${f.address}`)
          }
          port.fixedIps = next
          for (const f of next) addresses.take(f.subnetId, f.address)
          index(port)
        }
        if (given['security_groups'] !== undefined) port.securityGroups = checkGroups(call, given['security_groups'] ?? [])
        if (given['allowed_address_pairs'] !== undefined) port.allowedAddressPairs = pairs(given['allowed_address_pairs'], port)
        if (given['name'] !== undefined) port.name = given['name']
        if (given['description'] !== undefined) port.description = given['description']
        if (given['device_id'] !== undefined) port.deviceId = given['device_id'] ?? ''
        if (given['device_owner'] !== undefined) port.deviceOwner = given['device_owner'] ?? ''
        if (given['admin_state_up'] !== undefined) port.adminStateUp = given['admin_state_up'] === true
        if (given['port_security_enabled'] !== undefined) port.portSecurity = given['port_security_enabled'] === true
        ports.touch(port)
        world.changed.port(port)
        return shown(call, ports, port, 'port', view)
      },
      'DELETE /v2.0/ports/:id': (call) => {
        const port = own(call)
        if (!mayWrite(call)) throw errors.policy('delete_port')
        if (['network:router_interface', 'network:router_gateway', 'network:floatingip', 'network:router_interface_distributed'].includes(port.deviceOwner)) throw errors.conflict.servicePort(port.id, port.deviceOwner)
        drop(port)
        return { status: 204 }
      },
    },
  }
}
