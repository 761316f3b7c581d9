/** Load balancers and listeners. */
import type { Call, Handle } from '../core/call.ts'
import { Refusal } from '../core/call.ts'
import type { ListenerRow, LoadBalancerRow, PortRow } from '../core/rows.ts'
import type { World } from '../core/world.ts'
import type { NetworkSide } from '../network/index.ts'
import { servicesProject } from '../network/index.ts'
import { checkQuota, given, listing, own, writer } from './collection.ts'
import * as errors from './errors.ts'
import { cidrsOf, isSameListener, supported, wellFormed, type Parts } from './parts.ts'
import { populated } from './populated.ts'
import type { Traffic } from './traffic.ts'
import type { Tree } from './tree.ts'
import type { Views } from './views.ts'

export const balancers = (world: World, network: NetworkSide, parts: Parts, tree: Tree, traffic: Traffic, views: Views): Readonly<Record<string, Handle>> => {
  const { loadBalancers, listeners, pools, ports, subnets, networks, securityGroups } = world.tables
  const { latency, ovnCreate, octaviaProviders } = world.settings
  const balancer = (call: Call): LoadBalancerRow => own(world, call, loadBalancers, 'Load Balancer')
  const listener = (call: Call): ListenerRow => own(world, call, listeners, 'Listener')

  const create: Handle = (call) => {
    const g = given(call, 'loadbalancer')
    writer(call)
    const project = call.token.projectId
    const below = populated(world, parts, g)
    below.checkForm()
    if (g['vip_subnet_id'] == null && g['vip_network_id'] == null && g['vip_port_id'] == null) throw errors.vipNeeded()
    let port: PortRow | undefined
    let subnet = g['vip_subnet_id'] == null ? undefined : subnets.get(g['vip_subnet_id'])
    if (g['vip_subnet_id'] != null && (subnet === undefined || (subnet.project !== project && networks.get(subnet.networkId)?.shared !== true && networks.get(subnet.networkId)?.external !== true))) throw errors.invalidSubresource('Subnet', g['vip_subnet_id'])
    if (g['vip_port_id'] != null) {
      port = network.ports.get(call, g['vip_port_id'])
      if (port === undefined) throw errors.invalidSubresource('Port', g['vip_port_id'])
      if (port.deviceId !== '' && !port.deviceId.startsWith('lb-')) throw errors.validation(`VIP port ${port.id} is already used by another instance.`)
      subnet ??= subnets.get(port.fixedIps[0]?.subnetId ?? '')
    } else if (subnet === undefined) {
      const net = networks.get(g['vip_network_id'])
      if (net === undefined || (net.project !== project && !net.shared && !net.external)) throw errors.invalidSubresource('Network', g['vip_network_id'])
      subnet = subnets.get(net.subnetIds[0] ?? '')
      if (subnet === undefined) throw errors.validation(`Supplied network does not contain a subnet.`)
    }
    if (subnet === undefined) throw errors.validation('Unable to determine the subnet of the VIP.')
    const provider = (g['provider'] ?? octaviaProviders[0]) as 'amphora' | 'ovn'
    const chosen = (provider as string) === 'octavia' ? 'amphora' : provider
    if (!octaviaProviders.includes(chosen)) throw errors.providerUnknown(provider)
    checkQuota(world, project, loadBalancers, 'load_balancer', 'Load Balancer')
    const id = world.id()
    let sgId: string | null = null
    if (port === undefined) {
      try {
        port = network.ports.make({
          project, networkId: subnet.networkId, name: chosen === 'ovn' ? `ovn-lb-vip-${id}` : `octavia-lb-${id}`, deviceId: `lb-${id}`, deviceOwner: chosen === 'ovn' ? 'ovn-lb:vip' : 'Octavia', fixedIps: [{ subnetId: subnet.id, ...(g['vip_address'] == null ? {} : { address: g['vip_address'] }) }],
          securityGroups: chosen === 'ovn' ? [network.groups.ensureDefault(project).id] : [],
        })
      } catch (error) {
        if (!(error instanceof Refusal)) throw error
        const { message } = (error.reply.body as { NeutronError: { message: string } }).NeutronError
        throw error.reply.status === 409 ? errors.vipInUse(chosen, message) : errors.neutronSaid(error.reply.status, message)
      }
    }
    below.check(project, chosen)
    if (g['vip_port_id'] != null) network.ports.plug(port, `lb-${id}`, chosen === 'ovn' ? 'ovn-lb:vip' : 'Octavia', '', false)
    else if (chosen === 'amphora') {
      port.adminStateUp = false
      sgId = world.id()
      securityGroups.add({ id: sgId, project: servicesProject, createdAt: world.now(), name: `lb-${id}`, description: '', stateful: true, tags: [], ruleIds: [], isDefault: false })
      port.securityGroups = [sgId]
      ports.touch(port)
    }
    const lb = loadBalancers.add({
      id, project, createdAt: world.now(), name: g['name'] ?? '', description: g['description'] ?? '', provisioning: 'PENDING_CREATE', adminStateUp: g['admin_state_up'] !== false, tags: [...(g['tags'] ?? [])], provider: chosen, vipAddress: port.fixedIps.find((f) => f.subnetId === subnet.id)?.address ?? port.fixedIps[0]!.address, vipPortId: port.id, vipSubnetId: subnet.id, vipNetworkId: subnet.networkId,
      ownsPort: g['vip_port_id'] == null, sgId, endsInError: false, sticks: false, leavesPort: false, availabilityZone: g['availability_zone'] ?? null, flavorId: g['flavor_id'] ?? null, listenerIds: [], poolIds: [],
    })
    below.make(lb)
    traffic.noteVip(lb)
    tree.begin(call, lb, 'PENDING_CREATE', chosen === 'ovn' ? ovnCreate : latency.loadBalancerCreate)
    return { status: 201, body: { loadbalancer: { ...views.loadBalancer(lb), operating_status: 'OFFLINE' } } }
  }

  const createListener: Handle = (call) => {
    const g = given(call, 'listener')
    writer(call)
    wellFormed.listener(g)
    if (g['loadbalancer_id'] == null) throw errors.mandatory('loadbalancer_id')
    const lb = world.find(call, loadBalancers, g['loadbalancer_id'])
    if (lb === undefined) throw errors.notFound('Load Balancer', g['loadbalancer_id'])
    checkQuota(world, lb.project, listeners, 'listener', 'Listener')
    tree.changeable(lb)
    const number = Number(g['protocol_port'])
    if (lb.listenerIds.some((id) => isSameListener(listeners.get(id)!, g['protocol'], number))) throw errors.duplicateListener(g['protocol'], number)
    supported(lb.provider, 'listener', g)
    const poolId = (g['default_pool_id'] ?? null) as string | null
    const pool = poolId === null ? undefined : pools.get(poolId)
    if (poolId !== null && pool?.loadBalancerId !== lb.id) throw errors.notFound('Pool', poolId)
    const row = parts.listener(lb, g, pool)
    tree.begin(call, lb, 'PENDING_UPDATE', latency.loadBalancerChange)
    return { status: 201, body: { listener: views.listener(row) } }
  }

  const statusOf: Handle = (call) => ({ status: 200, body: { statuses: { loadbalancer: views.statuses(balancer(call)) } } })
  return {
    'GET /loadbalancers': (call) => listing(world, call, loadBalancers, 'loadbalancers', views.loadBalancer),
    'POST /loadbalancers': create,
    'GET /loadbalancers/:id': (call) => ({ status: 200, body: { loadbalancer: views.loadBalancer(balancer(call)) } }),
    'PUT /loadbalancers/:id': (call) => {
      const g = given(call, 'loadbalancer')
      const lb = balancer(call)
      writer(call)
      if (lb.provisioning !== 'ACTIVE') throw errors.pendingState(lb.provisioning, lb.id)
      if (g['name'] !== undefined) lb.name = g['name'] ?? ''
      if (g['description'] !== undefined) lb.description = g['description'] ?? ''
      if (g['admin_state_up'] !== undefined) lb.adminStateUp = g['admin_state_up'] === true
      if (g['tags'] !== undefined) lb.tags = [...(g['tags'] ?? [])]
      tree.begin(call, lb, 'PENDING_UPDATE', latency.loadBalancerChange)
      return { status: 200, body: { loadbalancer: views.loadBalancer(lb) } }
    },
    'DELETE /loadbalancers/:id': (call) => {
      const lb = balancer(call)
      writer(call)
      const cascade = /^(true|1|yes|on|t|y)$/i.test(call.query.get('cascade') ?? '')
      if (lb.listenerIds.length + lb.poolIds.length > 0 && !cascade) throw errors.validation(`Cannot delete Load Balancer ${lb.id} - it has children`)
      if (lb.provisioning !== 'ACTIVE' && lb.provisioning !== 'ERROR') throw errors.pendingState(lb.provisioning, lb.id)
      tree.begin(call, lb, 'PENDING_DELETE', latency.loadBalancerDelete)
      return { status: 204 }
    },
    'GET /loadbalancers/:id/status': statusOf,
    'GET /loadbalancers/:id/statuses': statusOf,
    'GET /loadbalancers/:id/stats': (call) => ({ status: 200, body: { stats: { bytes_in: 0, bytes_out: 0, active_connections: 0, total_connections: 0, request_errors: balancer(call).id === '' ? 1 : 0 } } }),
    'PUT /loadbalancers/:id/failover': (call) => {
      const lb = balancer(call)
      if (!call.token.roles.includes('admin')) throw errors.policy()
      if (lb.provider === 'ovn') throw errors.unsupported('ovn', 'OVN provider does not support loadbalancer failover')
      if (lb.provisioning !== 'ACTIVE' && lb.provisioning !== 'ERROR') throw errors.pendingState(lb.provisioning, lb.id)
      tree.begin(call, lb, 'PENDING_UPDATE', latency.loadBalancerCreate)
      return { status: 202 }
    },
    'GET /listeners': (call) => listing(world, call, listeners, 'listeners', views.listener),
    'POST /listeners': createListener,
    'GET /listeners/:id': (call) => ({ status: 200, body: { listener: views.listener(listener(call)) } }),
    'PUT /listeners/:id': (call) => {
      const g = given(call, 'listener')
      const l = listener(call)
      writer(call)
      const lb = views.lb(l.loadBalancerId)
      const poolId = g['default_pool_id'] as string | null | undefined
      const pool = poolId == null ? undefined : pools.get(poolId)
      if (poolId != null && pool?.loadBalancerId !== lb.id) throw errors.notFound('Pool', poolId)
      const allowed = g['allowed_cidrs'] === undefined ? undefined : cidrsOf(g)
      if (lb.provider === 'ovn' && allowed != null) throw errors.unsupported('ovn', 'OVN provider does not support allowed_cidrs option')
      tree.changeable(lb)
      if (poolId !== undefined) {
        l.defaultPoolId = poolId
        if (pool !== undefined && !pool.listenerIds.includes(l.id)) pool.listenerIds.push(l.id)
      }
      if (allowed !== undefined) l.allowedCidrs = allowed
      if (g['name'] !== undefined) l.name = g['name'] ?? ''
      if (g['description'] !== undefined) l.description = g['description'] ?? ''
      if (g['admin_state_up'] !== undefined) l.adminStateUp = g['admin_state_up'] === true
      if (g['connection_limit'] !== undefined) l.connectionLimit = g['connection_limit'] ?? -1
      if (g['tags'] !== undefined) l.tags = [...(g['tags'] ?? [])]
      l.provisioning = 'PENDING_UPDATE'
      listeners.touch(l)
      tree.begin(call, lb, 'PENDING_UPDATE', latency.loadBalancerChange)
      return { status: 200, body: { listener: views.listener(l) } }
    },
    'DELETE /listeners/:id': (call) => {
      const l = listener(call)
      writer(call)
      const lb = views.lb(l.loadBalancerId)
      tree.changeable(lb)
      l.provisioning = 'PENDING_DELETE'
      listeners.touch(l)
      tree.begin(call, lb, 'PENDING_UPDATE', latency.loadBalancerChange)
      return { status: 204 }
    },
  }
}
