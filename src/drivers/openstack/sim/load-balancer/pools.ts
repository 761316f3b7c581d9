/** Pools, members, health monitors. */
import type { Call, Handle } from '../core/call.ts'
import type { LoadBalancerRow, MemberRow, MonitorRow, PoolRow } from '../core/rows.ts'
import type { World } from '../core/world.ts'
import { checkQuota, given, listing, listingOf, own, writer } from './collection.ts'
import * as errors from './errors.ts'
import { demandFit, supported, wellFormed, type Given, type Parts } from './parts.ts'
import type { Tree } from './tree.ts'
import type { Views } from './views.ts'

export const poolRoutes = (world: World, parts: Parts, tree: Tree, views: Views): Readonly<Record<string, Handle>> => {
  const { loadBalancers, listeners, pools, members, monitors } = world.tables
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
    wellFormed.pool(g)
    const l = g['listener_id'] == null ? undefined : world.find(call, listeners, g['listener_id'])
    if (g['listener_id'] != null && l === undefined) throw errors.notFound('Listener', g['listener_id'])
    const lbId = (g['loadbalancer_id'] ?? l?.loadBalancerId) as string | undefined
    if (lbId === undefined) throw errors.validation('Must provide at least one of: loadbalancer_id, listener_id')
    const lb = world.find(call, loadBalancers, lbId)
    if (lb === undefined) throw errors.notFound('Load Balancer', lbId)
    if (l !== undefined) demandFit(l.protocol, g['protocol'])
    checkQuota(world, lb.project, pools, 'pool', 'Pool')
    if (l !== undefined && l.defaultPoolId !== null) throw errors.duplicatePool()
    tree.changeable(lb)
    supported(lb.provider, 'pool', g)
    const row = parts.pool(lb, g, l)
    change(call, lb)
    return { status: 201, body: { pool: views.pool(row) } }
  }

  const pendingPool = (p: PoolRow): void => {
    p.provisioning = 'PENDING_UPDATE'
    pools.touch(p)
  }
  /** Nothing is changed in a pool that is not ACTIVE, or whose balancer is not. */
  const demandChangeable = (p: PoolRow): LoadBalancerRow => {
    const lb = views.lb(p.loadBalancerId)
    if (p.provisioning !== 'ACTIVE' && lb.provisioning === 'ACTIVE') throw errors.immutable('Pool', p.id)
    tree.changeable(lb)
    return lb
  }
  const membersOf = (p: PoolRow): readonly MemberRow[] => p.memberIds.map((id) => members.get(id)!)
  const isSameMember = (m: MemberRow, g: Given): boolean => m.address === g['address'] && m.protocolPort === Number(g['protocol_port'])
  const createMember: Handle = (call) => {
    const p = poolOf(call)
    const g = given(call, 'member')
    writer(call)
    wellFormed.member(g)
    parts.demandSubnet(p.project, g['subnet_id'])
    checkQuota(world, p.project, members, 'member', 'Member')
    const lb = demandChangeable(p)
    if (membersOf(p).some((m) => isSameMember(m, g))) throw errors.duplicateMember(g['address'], Number(g['protocol_port']))
    supported(lb.provider, 'member', g)
    const row = parts.member(p, lb, g)
    pendingPool(p)
    change(call, lb)
    return { status: 201, body: { member: views.member(row) } }
  }
  /** PUT …/members: makes the list what is given; with `additive_only` nobody goes. */
  const batch: Handle = (call) => {
    const p = poolOf(call)
    writer(call)
    const wanted = (call.body?.members ?? []) as Given[]
    wanted.forEach(wellFormed.member)
    const lb = demandChangeable(p)
    const before = membersOf(p)
    const isNew = (g: Given): boolean => !before.some((m) => isSameMember(m, g))
    const isRepeated = (g: Given, i: number): boolean => wanted.slice(0, i).some((x) => x['address'] === g['address'] && Number(x['protocol_port']) === Number(g['protocol_port']))
    if (wanted.some((g, i) => !isNew(g) && isRepeated(g, i))) throw errors.validation('Member must be updated only once in the same request.')
    const going = /^(true|1|yes|on|t|y)$/i.test(call.query.get('additive_only') ?? '') ? [] : before.filter((m) => !wanted.some((g) => isSameMember(m, g)))
    if (wanted.length + before.length === 0) return { status: 202 }
    checkQuota(world, p.project, members, 'member', 'Member', wanted.filter(isNew).length - going.length)
    wanted.forEach((g, i) => {
      if (!isNew(g)) return
      parts.demandSubnet(p.project, g['subnet_id'])
      if (isRepeated(g, i)) throw errors.duplicateMember(g['address'], Number(g['protocol_port']))
    })
    for (const g of wanted) supported(lb.provider, 'member', g)
    for (const g of wanted) {
      const old = before.find((m) => isSameMember(m, g))
      if (old === undefined) parts.member(p, lb, g)
      else update(old, { ...defaults, ...g })
    }
    for (const m of going) {
      m.provisioning = 'PENDING_DELETE'
      members.touch(m)
    }
    // The OVN provider takes out the first and loses the others, and their pool with them.
    if (lb.provider === 'ovn' && going.length > 1) for (const row of [...going.slice(1), p]) row.isLost = true
    pendingPool(p)
    change(call, lb)
    return { status: 202 }
  }
  /** Of an entry in a PUT of members, also where it is there already. */
  const defaults = { weight: 1, admin_state_up: true, backup: false }
  const update = (m: MemberRow, g: Given): void => {
    if (g['name'] !== undefined) m.name = g['name'] ?? ''
    if (g['weight'] !== undefined) m.weight = g['weight'] ?? 1
    if (g['admin_state_up'] !== undefined) m.adminStateUp = g['admin_state_up'] === true
    if (g['backup'] !== undefined) m.backup = g['backup'] === true
    if (g['tags'] !== undefined) m.tags = [...((g['tags'] ?? []) as string[])]
    m.provisioning = 'PENDING_UPDATE'
    members.touch(m)
  }

  const createMonitor: Handle = (call) => {
    const g = given(call, 'healthmonitor')
    writer(call)
    wellFormed.monitor(g)
    if (g['pool_id'] == null) throw errors.mandatory('pool_id')
    const p = world.find(call, pools, g['pool_id'])
    if (p === undefined) throw errors.notFound('Pool', g['pool_id'])
    checkQuota(world, p.project, monitors, 'health_monitor', 'Health Monitor')
    const lb = views.lb(p.loadBalancerId)
    tree.changeable(lb)
    if (p.monitorId !== null) throw errors.duplicateMonitor()
    supported(lb.provider, 'monitor', g)
    const row = parts.monitor(p, g)
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
      supported(lb.provider, 'pool', g)
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
      update(m, g)
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
