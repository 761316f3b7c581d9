/** Octavia, with the providers amphora and ovn: load balancers and what is below them. */
import type { Algorithm, Cloud, HealthMonitorSpec, Listener, ListenerSpec, LoadBalancer, Mark, Marked, Pool } from '../cloud.ts'
import { openCollection, type Listers } from '../collection.ts'
import { isAlreadyExists, openstackError } from '../errors.ts'
import { descriptionOf, nameOf, tagsOf } from '../marks.ts'
import type { Client } from '../transport/client.ts'
import { number, object, objects, text, type Json } from '../transport/json.ts'
import { allPages } from '../transport/pages.ts'
import { openOneByOne } from './one-by-one.ts'
import { toListener, toLoadBalancer, toMember, toPool } from './parse.ts'

const service = 'load-balancer'

const same = (a: Mark | undefined, b: Mark): boolean => a?.uid === b.uid && a.site === b.site && a.role === b.role
const named = (mark: Mark): object => ({ name: nameOf(mark), description: descriptionOf(mark), tags: tagsOf(mark) })

const monitorBody = (m: HealthMonitorSpec): object => ({ type: m.type, delay: m.delay, timeout: m.timeout, max_retries: m.maxRetries })
const listenerBody = (port: number, allowedCidrs: readonly string[] | undefined): object => ({ protocol: 'TCP', protocol_port: port, ...(allowedCidrs !== undefined && { allowed_cidrs: allowedCidrs }) })
/** As below one POST of their balancer; Octavia wants a name on each pool, which the mark gives. */
const nested = (l: ListenerSpec): object => ({
  ...named(l.mark), ...listenerBody(l.port, l.allowedCidrs),
  default_pool: { ...named(l.pool.mark), protocol: 'TCP', lb_algorithm: l.pool.algorithm, healthmonitor: monitorBody(l.pool.monitor) },
})

export interface LoadBalancerOptions { readonly lookMs: number; readonly patienceMs: number }

export const openLoadBalancer = (client: Client, listers: Listers, options: LoadBalancerOptions): NonNullable<Cloud['loadBalancer']> => {
  const all = async <T>(keys: string, read: (o: Json) => T, background = false): Promise<readonly T[]> =>
    (await allPages(client, { service, path: `/lbaas/${keys}`, key: keys, limitMs: 60_000, ...(background && { priority: 'background' }) })).map(read)
  const one = async <T>(keys: string, key: string, read: (o: Json) => T, objectId: string): Promise<T | undefined> => {
    const answer = await client.find({ service, path: `/lbaas/${keys}/${objectId}` })
    return answer === undefined ? undefined : read(object(answer[key]))
  }
  const queue = openOneByOne({ clock: client.clock, ...options, ask: async (lb) => (await one('loadbalancers', 'loadbalancer', toLoadBalancer, lb))?.provisioningStatus })

  // Which load balancer a listener or pool is below never changes.
  const above = new Map<string, string>()
  const aboveOf = async (keys: 'listeners' | 'pools', objectId: string): Promise<string | undefined> => {
    const known = above.get(objectId)
    if (known !== undefined) return known
    const found = keys === 'listeners' ? await one(keys, 'listener', toListener, objectId) : await one(keys, 'pool', toPool, objectId)
    if (found === undefined || found.loadBalancerId === '') return undefined
    if (above.size > 20_000) above.clear()
    above.set(objectId, found.loadBalancerId)
    return found.loadBalancerId
  }
  const mustBeAbove = async (keys: 'listeners' | 'pools', objectId: string): Promise<string> => {
    const lb = await aboveOf(keys, objectId)
    if (lb === undefined) throw openstackError({ kind: 'not-found', service, status: 404, type: 'NotFound' }, `${service}: ${keys.slice(0, -1)} ${objectId} is gone`)
    return lb
  }
  /** Refused as the same: ours when it carries our mark, which an answer that got lost leaves behind. */
  const orAdopt = async <T extends Marked>(create: () => Promise<T>, list: () => Promise<readonly T[]>, mark: Mark): Promise<T> => {
    try { return await create() } catch (error) {
      if (!isAlreadyExists(error)) throw error
      const ours = (await list()).find((o) => same(o.mark, mark))
      if (ours === undefined) throw error
      return ours
    }
  }

  const loadBalancers = openCollection<LoadBalancer, { readonly vipSubnetId: string; readonly vipAddress?: string; readonly provider?: string; readonly listeners?: readonly ListenerSpec[] }>(listers, {
    fetch: (background) => all('loadbalancers', toLoadBalancer, background),
    get: (lb) => one('loadbalancers', 'loadbalancer', toLoadBalancer, lb),
    create: (spec, mark, signal) => client.create({ service, path: '/lbaas/loadbalancers', signal, body: { loadbalancer: {
      ...named(mark), vip_subnet_id: spec.vipSubnetId, ...(spec.vipAddress !== undefined && { vip_address: spec.vipAddress }), ...(spec.provider !== undefined && { provider: spec.provider }),
      ...(spec.listeners !== undefined && { listeners: spec.listeners.map(nested) }),
    } } }, (a) => toLoadBalancer(object(a['loadbalancer']))),
    delete: (lb) => queue.below(lb, () => client.remove({ service, path: `/lbaas/loadbalancers/${lb}` })),
  })

  const listeners = openCollection<Listener, { readonly loadBalancerId: string; readonly port: number; readonly allowedCidrs?: readonly string[]; readonly defaultPoolId?: string }>(listers, {
    fetch: (background) => all('listeners', toListener, background),
    get: (listener) => one('listeners', 'listener', toListener, listener),
    create: (spec, mark, signal) => orAdopt(() => queue.below(spec.loadBalancerId, () => client.create({ service, path: '/lbaas/listeners', signal, body: { listener: {
      ...named(mark), loadbalancer_id: spec.loadBalancerId, ...listenerBody(spec.port, spec.allowedCidrs), ...(spec.defaultPoolId !== undefined && { default_pool_id: spec.defaultPoolId }),
    } } }, (a) => toListener(object(a['listener']))), signal), async () => (await all('listeners', toListener)).filter((l) => l.loadBalancerId === spec.loadBalancerId && l.port === spec.port), mark),
    delete: async (listener) => {
      const lb = await aboveOf('listeners', listener)
      if (lb !== undefined) await queue.below(lb, () => client.remove({ service, path: `/lbaas/listeners/${listener}` }))
    },
  })

  const pools = openCollection<Pool, { readonly listenerId: string; readonly algorithm: Algorithm }>(listers, {
    fetch: (background) => all('pools', toPool, background),
    get: (pool) => one('pools', 'pool', toPool, pool),
    create: async (spec, mark, signal) => {
      const lb = await mustBeAbove('listeners', spec.listenerId)
      return orAdopt(() => queue.below(lb, () => client.create({ service, path: '/lbaas/pools', signal, body: { pool: {
        ...named(mark), listener_id: spec.listenerId, protocol: 'TCP', lb_algorithm: spec.algorithm,
      } } }, (a) => toPool(object(a['pool']))), signal), async () => (await all('pools', toPool)).filter((p) => p.listenerIds.includes(spec.listenerId)), mark)
    },
    delete: async (pool) => {
      const lb = await aboveOf('pools', pool)
      if (lb !== undefined) await queue.below(lb, () => client.remove({ service, path: `/lbaas/pools/${pool}` }))
    },
  })

  return {
    loadBalancers: { ...loadBalancers, deleteCascade: (lb) => queue.below(lb, () => client.remove({ service, path: `/lbaas/loadbalancers/${lb}`, query: 'cascade=true' })) },
    listeners: { ...listeners, admit: async (listener, allowedCidrs) => {
      const lb = await mustBeAbove('listeners', listener)
      await queue.below(lb, () => client.send({ service, method: 'PUT', path: `/lbaas/listeners/${listener}`, body: { listener: { allowed_cidrs: allowedCidrs } } }))
    } },
    pools,
    members: async (poolId) => (await allPages(client, { service, path: `/lbaas/pools/${poolId}/members`, key: 'members' })).map(toMember),
    // Since 2.11; who balances by SOURCE_IP_PORT, as we ask for, has 2.13.
    addMembers: (pool, members) => queue.below(pool.loadBalancerId, () => client.send({
      service, method: 'PUT', path: `/lbaas/pools/${pool.id}/members`, query: 'additive_only=true',
      body: { members: members.map((m) => ({ name: m.name, address: m.address, protocol_port: m.port, subnet_id: m.subnetId })) },
    })),
    removeMember: async (poolId, memberId) => {
      const lb = await aboveOf('pools', poolId)
      if (lb !== undefined) await queue.below(lb, () => client.remove({ service, path: `/lbaas/pools/${poolId}/members/${memberId}` }))
    },
    addHealthMonitor: async (pool, m) => {
      // The cloud refuses a second one, so that an unclear answer needs no looking.
      try { await queue.below(pool.loadBalancerId, () => client.create({ service, path: '/lbaas/healthmonitors', body: { healthmonitor: { pool_id: pool.id, ...monitorBody(m) } } }, () => undefined)) } catch (error) { if (!isAlreadyExists(error)) throw error }
    },
    providers: async () => objects((await client.json({ service, path: '/lbaas/providers' }))['providers']).map((p) => text(p['name'])),
    quota: async () => {
      const { projectId } = await client.session()
      // Octavia tells no use.
      const [answer, balancers] = await Promise.all([client.json({ service, path: `/lbaas/quotas/${projectId}` }), loadBalancers.list()])
      const q = object(answer['quota'])
      return { loadBalancers: { limit: number(q['load_balancer'] ?? q['loadbalancer'] ?? -1), used: balancers.items.length } }
    },
  }
}
