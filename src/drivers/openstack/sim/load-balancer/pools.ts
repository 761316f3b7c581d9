/** Pools, members, health monitors. */
import type { Call, Handle, Json } from '../core/call.ts'
import { toInt } from '../core/ipv4.ts'
import type { LoadBalancerRow, MemberRow, MonitorRow, PoolRow } from '../core/rows.ts'
import type { World } from '../core/world.ts'
import type { NetworkSide } from '../network/index.ts'
import { ovnProtocols } from './balancers.ts'
import { checkQuota, given, listing, listingOf, own, writer } from './collection.ts'
import * as errors from './errors.ts'
import type { Tree } from './tree.ts'
import type { Views } from './views.ts'

const algorithms = ['ROUND_ROBIN', 'LEAST_CONNECTIONS', 'SOURCE_IP', 'SOURCE_IP_PORT']
const monitorTypes = ['HTTP', 'HTTPS', 'PING', 'SCTP', 'TCP', 'TLS-HELLO', 'UDP-CONNECT']

export const poolRoutes = (world: World, network: NetworkSide, tree: Tree, views: Views): Readonly<Record<string, Handle>> => {
  const { loadBalancers, listeners, pools, members, monitors, subnets } = world.tables
  const { latency } = world.settings
  const pool = (call: Call): PoolRow => own(world, call, pools, 'Pool')
  const poolOf = (call: Call): PoolRow => {
    const p = world.find(call, pools, call.params['pool']!)
    if (p === undefined) throw errors.notFound('Pool', call.params['pool']!)
    return p
  }
  const member = (call: Call): MemberRow => {
    const m = world.find(call, members, call.params['id']!)
    if (m === undefined || m.poolId !== poolOf(call).id) throw errors.notFound('Member', call.params['id']!)
    return m
  }
  const monitor = (call: Call): MonitorRow => own(world, call, monitors, 'Health Monitor')
  const change = (call: Call, lb: LoadBalancerRow): void => { tree.begin(call, lb, 'PENDING_UPDATE', latency.loadBalancerChange) }

  const create: Handle = (call) => {
    const g = given(call, 'pool')
    writer(call)
    for (const field of ['protocol', 'lb_algorithm']) if (g[field] == null) throw errors.mandatory(field)
    if (!algorithms.includes(g['lb_algorithm'])) throw errors.invalidField('lb_algorithm', g['lb_algorithm'], `Value should be one of: ${algorithms.join(', ')}`)
    const l = g['listener_id'] == null ? undefined : world.find(call, listeners, g['listener_id'])
    if (g['listener_id'] != null && l === undefined) throw errors.notFound('Listener', g['listener_id'])
    const lbId = (g['loadbalancer_id'] ?? l?.loadBalancerId) as string | undefined
    if (lbId === undefined) throw errors.validation('Must provide at least one of: loadbalancer_id, listener_id')
    const lb = world.find(call, loadBalancers, lbId)
    if (lb === undefined) throw errors.notFound('Load Balancer', lbId)
    const fits = l === undefined || l.protocol === g['protocol'] || (l.protocol === 'TCP' && ['HTTP', 'HTTPS', 'PROXY', 'PROXYV2', 'TCP'].includes(g['protocol'])) || (l.protocol === 'TERMINATED_HTTPS' && g['protocol'] === 'HTTP')
    if (!fits) throw errors.validation(`The pool protocol '${g['protocol']}' is invalid while the listener protocol is '${l.protocol}'.`)
    checkQuota(world, lb.project, pools, 'pool', 'Pool')
    if (l !== undefined && l.defaultPoolId !== null) throw errors.duplicatePool()
    tree.changeable(lb)
    if (lb.provider === 'ovn') {
      if (!ovnProtocols.includes(g['protocol'])) throw errors.unsupported('ovn', `OVN provider does not support ${g['protocol']} protocol`)
      if (g['lb_algorithm'] !== 'SOURCE_IP_PORT') throw errors.unsupported('ovn', `OVN provider does not support ${g['lb_algorithm']} algorithm`)
    }
    const row = pools.add({
      id: world.id(), project: lb.project, createdAt: world.now(), name: g['name'] ?? '', description: g['description'] ?? '', provisioning: 'PENDING_CREATE', adminStateUp: g['admin_state_up'] !== false, tags: [...(g['tags'] ?? [])], loadBalancerId: lb.id, protocol: g['protocol'], listenerIds: l === undefined ? [] : [l.id], algorithm: g['lb_algorithm'], sessionPersistence: g['session_persistence'] ?? null, monitorId: null, memberIds: [],
    })
    lb.poolIds.push(row.id)
    if (l !== undefined) {
      l.defaultPoolId = row.id
      l.provisioning = 'PENDING_UPDATE'
      listeners.touch(l)
    }
    change(call, lb)
    return { status: 201, body: { pool: views.pool(row) } }
  }

  const checkMember = (call: Call, p: PoolRow, g: Record<string, Json>): void => {
    for (const field of ['address', 'protocol_port']) if (g[field] == null) throw errors.mandatory(field)
    if (Number.isNaN(toInt(String(g['address'])))) throw errors.invalidField('address', g['address'], 'Value should be IPv4 or IPv6 format')
    const number = Number(g['protocol_port'])
    if (!Number.isInteger(number) || number < 1 || number > 65_535) throw errors.invalidField('protocol_port', g['protocol_port'], 'Value should be lower or equal to 65535')
    if (g['subnet_id'] != null) {
      const s = subnets.get(g['subnet_id'])
      if (s === undefined || (s.project !== p.project && world.tables.networks.get(s.networkId)?.shared !== true)) throw errors.notFound('Subnet', g['subnet_id'])
    }
    void call
  }
  const makeMember = (p: PoolRow, lb: LoadBalancerRow, g: Record<string, Json>): MemberRow => {
    const subnet = subnets.get((g['subnet_id'] ?? lb.vipSubnetId) as string)
    const row = members.add({
      id: world.id(), project: p.project, createdAt: world.now(), name: g['name'] ?? '', description: '', provisioning: 'PENDING_CREATE', adminStateUp: g['admin_state_up'] !== false, tags: [...(g['tags'] ?? [])], poolId: p.id, loadBalancerId: lb.id, address: g['address'], protocolPort: Number(g['protocol_port']), weight: g['weight'] ?? 1, backup: g['backup'] === true, subnetId: g['subnet_id'] ?? null,
      portFound: subnet !== undefined && network.ports.at(subnet.networkId, g['address']) !== undefined, monitorAddress: g['monitor_address'] ?? null, monitorPort: g['monitor_port'] ?? null,
    })
    p.memberIds.push(row.id)
    return row
  }
  const pendingPool = (p: PoolRow): void => {
    p.provisioning = 'PENDING_UPDATE'
    pools.touch(p)
  }
  const createMember: Handle = (call) => {
    const p = poolOf(call)
    const g = given(call, 'member')
    writer(call)
    checkMember(call, p, g)
    checkQuota(world, p.project, members, 'member', 'Member')
    const lb = views.lb(p.loadBalancerId)
    if (p.provisioning !== 'ACTIVE' && lb.provisioning === 'ACTIVE') throw errors.immutable('Pool', p.id)
    tree.changeable(lb)
    const number = Number(g['protocol_port'])
    if (p.memberIds.some((id) => { const m = members.get(id)!; return m.address === g['address'] && m.protocolPort === number })) throw errors.duplicateMember(g['address'], number)
    const row = makeMember(p, lb, g)
    pendingPool(p)
    change(call, lb)
    return { status: 201, body: { member: views.member(row) } }
  }
  /** PUT …/members: makes the list what is given. */
  const batch: Handle = (call) => {
    const p = poolOf(call)
    writer(call)
    const wanted = (call.body?.members ?? []) as Record<string, Json>[]
    const lb = views.lb(p.loadBalancerId)
    tree.changeable(lb)
    const kept = new Set<string>()
    for (const g of wanted) {
      checkMember(call, p, g)
      const old = p.memberIds.map((id) => members.get(id)!).find((m) => m.address === g['address'] && m.protocolPort === Number(g['protocol_port']))
      if (old === undefined) {
        kept.add(makeMember(p, lb, g).id)
        continue
      }
      kept.add(old.id)
      if (g['name'] !== undefined) old.name = g['name']
      if (g['weight'] !== undefined) old.weight = g['weight']
      members.touch(old)
    }
    if (call.query.get('additive_only') !== 'true') {
      for (const id of p.memberIds) {
        if (kept.has(id)) continue
        const m = members.get(id)!
        m.provisioning = 'PENDING_DELETE'
        members.touch(m)
      }
    }
    pendingPool(p)
    change(call, lb)
    return { status: 202 }
  }

  const createMonitor: Handle = (call) => {
    const g = given(call, 'healthmonitor')
    writer(call)
    for (const field of ['type', 'delay', 'timeout', 'max_retries', 'pool_id']) if (g[field] == null) throw errors.mandatory(field)
    if (!monitorTypes.includes(g['type'])) throw errors.invalidField('type', g['type'], `Value should be one of: ${monitorTypes.join(', ')}`)
    if (!(g['max_retries'] >= 1 && g['max_retries'] <= 10)) throw errors.invalidField('max_retries', g['max_retries'], 'Value should be lower or equal to 10')
    const p = world.find(call, pools, g['pool_id'])
    if (p === undefined) throw errors.notFound('Pool', g['pool_id'])
    checkQuota(world, p.project, monitors, 'health_monitor', 'Health Monitor')
    const lb = views.lb(p.loadBalancerId)
    tree.changeable(lb)
    if (p.monitorId !== null) throw errors.duplicateMonitor()
    if (lb.provider === 'ovn' && !['TCP', 'UDP-CONNECT'].includes(g['type'])) throw errors.unsupported('ovn', `OVN provider does not support ${g['type']} health monitor type. Supported types: UDP-CONNECT, TCP`)
    const http = g['type'] === 'HTTP' || g['type'] === 'HTTPS'
    const row = monitors.add({
      id: world.id(), project: p.project, createdAt: world.now(), name: g['name'] ?? '', description: '', provisioning: 'PENDING_CREATE', adminStateUp: g['admin_state_up'] !== false, tags: [...(g['tags'] ?? [])], poolId: p.id, loadBalancerId: lb.id, type: g['type'], delay: g['delay'], timeout: g['timeout'], maxRetries: g['max_retries'], maxRetriesDown: g['max_retries_down'] ?? 3,
      httpMethod: http ? (g['http_method'] ?? 'GET') : null, urlPath: http ? (g['url_path'] ?? '/') : null, expectedCodes: http ? (g['expected_codes'] ?? '200') : null,
    })
    p.monitorId = row.id
    pendingPool(p)
    change(call, lb)
    return { status: 201, body: { healthmonitor: views.monitor(row) } }
  }

  return {
    'GET /pools': (call) => listing(world, call, pools, 'pools', views.pool),
    'POST /pools': create,
    'GET /pools/:id': (call) => ({ status: 200, body: { pool: views.pool(pool(call)) } }),
    'PUT /pools/:id': (call) => {
      const g = given(call, 'pool')
      const p = pool(call)
      writer(call)
      const lb = views.lb(p.loadBalancerId)
      tree.changeable(lb)
      if (lb.provider === 'ovn' && g['lb_algorithm'] !== undefined && g['lb_algorithm'] !== 'SOURCE_IP_PORT') throw errors.unsupported('ovn', `OVN provider does not support ${g['lb_algorithm']} algorithm`)
      if (g['lb_algorithm'] !== undefined) p.algorithm = g['lb_algorithm']
      if (g['name'] !== undefined) p.name = g['name'] ?? ''
      if (g['description'] !== undefined) p.description = g['description'] ?? ''
      if (g['admin_state_up'] !== undefined) p.adminStateUp = g['admin_state_up'] === true
      if (g['session_persistence'] !== undefined) p.sessionPersistence = g['session_persistence']
      if (g['tags'] !== undefined) p.tags = [...(g['tags'] ?? [])]
      pendingPool(p)
      change(call, lb)
      return { status: 200, body: { pool: views.pool(p) } }
    },
    'DELETE /pools/:id': (call) => {
      const p = pool(call)
      writer(call)
      const lb = views.lb(p.loadBalancerId)
      tree.changeable(lb)
      p.provisioning = 'PENDING_DELETE'
      pools.touch(p)
      change(call, lb)
      return { status: 204 }
    },
    'GET /pools/:pool/members': (call) => { const p = poolOf(call); return listingOf(world, call, p.memberIds.map((id) => members.get(id)!), 'members', views.member) },
    'POST /pools/:pool/members': createMember,
    'PUT /pools/:pool/members': batch,
    'GET /pools/:pool/members/:id': (call) => ({ status: 200, body: { member: views.member(member(call)) } }),
    'PUT /pools/:pool/members/:id': (call) => {
      const g = given(call, 'member')
      const m = member(call)
      writer(call)
      const lb = views.lb(m.loadBalancerId)
      tree.changeable(lb)
      if (g['name'] !== undefined) m.name = g['name'] ?? ''
      if (g['weight'] !== undefined) m.weight = g['weight'] ?? 1
      if (g['admin_state_up'] !== undefined) m.adminStateUp = g['admin_state_up'] === true
      if (g['backup'] !== undefined) m.backup = g['backup'] === true
      if (g['tags'] !== undefined) m.tags = [...(g['tags'] ?? [])]
      m.provisioning = 'PENDING_UPDATE'
      members.touch(m)
      pendingPool(pools.get(m.poolId)!)
      change(call, lb)
      return { status: 200, body: { member: views.member(m) } }
    },
    'DELETE /pools/:pool/members/:id': (call) => {
      const m = member(call)
      writer(call)
      const lb = views.lb(m.loadBalancerId)
      tree.changeable(lb)
      m.provisioning = 'PENDING_DELETE'
      members.touch(m)
      pendingPool(pools.get(m.poolId)!)
      change(call, lb)
      return { status: 204 }
    },
    'GET /healthmonitors': (call) => listing(world, call, monitors, 'healthmonitors', views.monitor),
    'POST /healthmonitors': createMonitor,
    'GET /healthmonitors/:id': (call) => ({ status: 200, body: { healthmonitor: views.monitor(monitor(call)) } }),
    'PUT /healthmonitors/:id': (call) => {
      const g = given(call, 'healthmonitor')
      const h = monitor(call)
      writer(call)
      const lb = views.lb(h.loadBalancerId)
      tree.changeable(lb)
      if (g['delay'] !== undefined) h.delay = g['delay']
      if (g['timeout'] !== undefined) h.timeout = g['timeout']
      if (g['max_retries'] !== undefined) h.maxRetries = g['max_retries']
      if (g['name'] !== undefined) h.name = g['name'] ?? ''
      if (g['admin_state_up'] !== undefined) h.adminStateUp = g['admin_state_up'] === true
      h.provisioning = 'PENDING_UPDATE'
      monitors.touch(h)
      change(call, lb)
      return { status: 200, body: { healthmonitor: views.monitor(h) } }
    },
    'DELETE /healthmonitors/:id': (call) => {
      const h = monitor(call)
      writer(call)
      const lb = views.lb(h.loadBalancerId)
      tree.changeable(lb)
      h.provisioning = 'PENDING_DELETE'
      monitors.touch(h)
      change(call, lb)
      return { status: 204 }
    },
  }
}
