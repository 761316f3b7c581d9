/** Octavia. Calls below one load balancer go one after another; "immutable" is waited for, a duplicate is adopted (rule O3). */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Cloud, Listener, LoadBalancer, Member, Pool } from './cloud.ts'
import { listAll, openCollection } from './collection.ts'
import { detailsOf, isBusy, isConflict, isDenied } from './errors.ts'
import type { ListerOptions } from './lister.ts'
import { asDescription, asName, fromName } from './marks.ts'
import type { Transport } from './transport.ts'

const base = (o: any) => {
  const mark = fromName(o.name, o.description)
  return { id: o.id as string, name: (o.name ?? '') as string, ...(mark !== undefined && { mark }), ...(typeof o.created_at === 'string' && { createdAt: o.created_at }) }
}
const loadBalancer = (l: any): LoadBalancer => ({ ...base(l), provisioningStatus: l.provisioning_status, operatingStatus: l.operating_status ?? '', vipAddress: l.vip_address ?? '', vipPortId: l.vip_port_id ?? '', vipSubnetId: l.vip_subnet_id ?? '', provider: l.provider ?? '' })
const listener = (l: any): Listener => ({ ...base(l), loadBalancerId: l.loadbalancers?.[0]?.id ?? '', port: l.protocol_port, provisioningStatus: l.provisioning_status, allowedCidrs: l.allowed_cidrs ?? null, defaultPoolId: l.default_pool_id ?? null })
const pool = (p: any): Pool => ({
  ...base(p), loadBalancerId: p.loadbalancers?.[0]?.id ?? '', listenerIds: ((p.listeners ?? []) as { id: string }[]).map((l) => l.id), provisioningStatus: p.provisioning_status,
  memberIds: ((p.members ?? []) as { id: string }[]).map((m) => m.id), healthMonitorId: p.healthmonitor_id ?? null,
})
const member = (m: any): Member => ({ id: m.id, address: m.address, port: m.protocol_port, operatingStatus: m.operating_status ?? '', provisioningStatus: m.provisioning_status ?? '', adminStateUp: m.admin_state_up !== false })

const busyMs = 12_000

export const openLoadBalancer = (t: Transport, lister: ListerOptions): NonNullable<Cloud['loadBalancer']> => {
  const queues = new Map<string, Promise<unknown>>()
  /** One at a time below one balancer; tried again for a while when Octavia says immutable. */
  const below = <T>(id: string, work: () => Promise<T>): Promise<T> => {
    const run = async (): Promise<T> => {
      const until = performance.now() + busyMs
      for (;;) {
        try { return await work() } catch (error) {
          if (!isBusy(error) || performance.now() > until) throw error
          await sleep(400)
        }
      }
    }
    const mine = (queues.get(id) ?? Promise.resolve()).catch(() => undefined).then(run)
    queues.set(id, mine)
    mine.catch(() => undefined).finally(() => { if (queues.get(id) === mine) queues.delete(id) })
    return mine
  }
  const open = <T extends { readonly id: string; readonly name: string }, Spec>(path: string, one: string, parse: (o: any) => T, body: (spec: Spec) => object) =>
    openCollection<T, Spec>(t, { service: 'load-balancer', path: `/lbaas/${path}`, one, many: path, parse, body: (spec, mark) => ({ [one]: { name: asName(mark), description: asDescription(mark), ...body(spec) } }) }, lister)
  const loadBalancers = open<LoadBalancer, { readonly vipSubnetId: string; readonly vipAddress?: string; readonly provider?: string }>('loadbalancers', 'loadbalancer', loadBalancer,
    (s) => ({ vip_subnet_id: s.vipSubnetId, ...(s.vipAddress !== undefined && { vip_address: s.vipAddress }), ...(s.provider !== undefined && { provider: s.provider }) }))
  const listeners = open<Listener, { readonly loadBalancerId: string; readonly port: number; readonly allowedCidrs?: readonly string[] }>('listeners', 'listener', listener,
    (s) => ({ protocol: 'TCP', protocol_port: s.port, loadbalancer_id: s.loadBalancerId, ...(s.allowedCidrs !== undefined && { allowed_cidrs: s.allowedCidrs }) }))
  const pools = open<Pool, { readonly listenerId: string; readonly algorithm: 'SOURCE_IP_PORT' | 'ROUND_ROBIN' }>('pools', 'pool', pool, (s) => ({ protocol: 'TCP', lb_algorithm: s.algorithm, listener_id: s.listenerId }))
  const ownerOf = new Map<string, string>()
  const balancerOfPool = async (poolId: string): Promise<string> => {
    const have = ownerOf.get(poolId)
    if (have !== undefined) return have
    const p = await pools.get(poolId)
    if (p !== undefined) ownerOf.set(poolId, p.loadBalancerId)
    return p?.loadBalancerId ?? poolId
  }
  const balancerOfListener = async (listenerId: string): Promise<string> => (await listeners.list()).items.find((l) => l.id === listenerId)?.loadBalancerId ?? (await listeners.get(listenerId))?.loadBalancerId ?? listenerId
  const post = (path: string, body: object) => t.call('load-balancer', { method: 'POST', path: `/lbaas${path}`, body })
  return {
    loadBalancers: {
      ...loadBalancers,
      delete: (id) => below(id, () => loadBalancers.delete(id)),
      deleteCascade: (id) => below(id, async () => {
        try { await t.call('load-balancer', { method: 'DELETE', path: `/lbaas/loadbalancers/${id}?cascade=true` }) } catch (error) { if (detailsOf(error)?.code !== 404) throw error }
      }),
    },
    listeners: { ...listeners, create: (spec, mark, signal) => below(spec.loadBalancerId, () => listeners.create(spec, mark, signal)) },
    pools: { ...pools, create: async (spec, mark, signal) => below(await balancerOfListener(spec.listenerId), () => pools.create(spec, mark, signal)) },
    members: async (poolId) => (await listAll(t, 'load-balancer', `/lbaas/pools/${poolId}/members`, 'members')).map(member),
    addMember: async (poolId, m) => below(await balancerOfPool(poolId), async () => {
      try { await post(`/pools/${poolId}/members`, { member: { name: m.name, address: m.address, protocol_port: m.port, subnet_id: m.subnetId } }) } catch (error) { if (!isConflict(error)) throw error }
    }),
    removeMember: async (poolId, id) => below(await balancerOfPool(poolId), async () => {
      try { await t.call('load-balancer', { method: 'DELETE', path: `/lbaas/pools/${poolId}/members/${id}` }) } catch (error) { if (detailsOf(error)?.code !== 404) throw error }
    }),
    addHealthMonitor: async (poolId, m) => below(await balancerOfPool(poolId), async () => {
      try { await post('/healthmonitors', { healthmonitor: { pool_id: poolId, type: m.type, delay: m.delay, timeout: m.timeout, max_retries: m.maxRetries, max_retries_down: 3 } }) } catch (error) { if (!isConflict(error)) throw error }
    }),
    providers: async () => {
      try { return ((await t.call('load-balancer', { method: 'GET', path: '/lbaas/providers' })).body.providers as { name: string }[]).map((p) => p.name) } catch (error) { if (isDenied(error)) return []; throw error }
    },
    quota: async () => {
      const token = await t.token()
      const { quota } = (await t.call('load-balancer', { method: 'GET', path: `/lbaas/quotas/${token.project.id}` })).body
      return { loadBalancers: { limit: quota?.load_balancer ?? quota?.loadbalancer ?? -1, used: (await loadBalancers.list()).items.length } }
    },
  }
}
