/** A balancer made with its listeners, pools, monitors and members in one call: octavia's `_graph_create`, in its order of checks. */
import type { LoadBalancerRow, PoolRow } from '../core/rows.ts'
import type { World } from '../core/world.ts'
import { checkQuota } from './collection.ts'
import * as errors from './errors.ts'
import { demandFit, isSameListener, supported, wellFormed, type Given, type Parts } from './parts.ts'

export interface Populated {
  /** Before the VIP has a port. */
  checkForm(): void
  /** After it: what is refused here leaves that port behind, since Octavia only takes back its own rows. */
  check(project: string, provider: string): void
  make(lb: LoadBalancerRow): void
}

/** Name, with the defaults that every pool has: no more than a reference. */
const isReference = (pool: Given): boolean => Object.keys(pool).every((k) => ['name', 'admin_state_up', 'tls_enabled'].includes(k))

export const populated = (world: World, parts: Parts, g: Given): Populated => {
  const listeners = (g['listeners'] ?? []) as Given[]
  const poolsOf = (): readonly Given[] => [...((g['pools'] ?? []) as Given[]), ...listeners.flatMap((l) => (l['default_pool'] == null || isReference(l['default_pool'] as Given) ? [] : [l['default_pool'] as Given]))]
  const membersOf = (p: Given): readonly Given[] => (p['members'] ?? []) as Given[]
  return {
    checkForm() {
      listeners.forEach(wellFormed.listener)
      for (const p of poolsOf()) {
        if (p['healthmonitor'] != null) wellFormed.monitor(p['healthmonitor'] as Given)
        membersOf(p).forEach(wellFormed.member)
      }
    },
    check(project, provider) {
      const { tables } = world
      const pools = poolsOf()
      const names = pools.map((p) => (p['name'] ?? '') as string)
      const references = listeners.flatMap((l) => (l['default_pool'] == null ? [] : [(l['default_pool'] as Given)['name'] as string | undefined]))
      if ([...names, ...references].some((n) => n === undefined || n === '')) throw errors.validation('Pools must be named when creating a fully populated loadbalancer.')
      if (new Set(names).size !== names.length) throw errors.validation('Pool names must be unique when creating a fully populated loadbalancer.')
      const missing = references.find((n) => !names.includes(n!))
      if (missing !== undefined) throw errors.validation(`Pool '${missing}' was referenced but no full definition was found.`)
      checkQuota(world, project, tables.pools, 'pool', 'Pool', pools.length)
      pools.forEach(wellFormed.pool)
      checkQuota(world, project, tables.monitors, 'health_monitor', 'Health Monitor', pools.filter((p) => p['healthmonitor'] != null).length)
      checkQuota(world, project, tables.members, 'member', 'Member', pools.flatMap(membersOf).length)
      for (const p of pools) for (const m of membersOf(p)) parts.demandSubnet(project, m['subnet_id'])
      checkQuota(world, project, tables.listeners, 'listener', 'Listener', listeners.length)
      listeners.forEach((l, i) => {
        const pool = l['default_pool'] == null ? undefined : pools.find((p) => p['name'] === (l['default_pool'] as Given)['name'])
        if (pool !== undefined) demandFit(l['protocol'] as string, pool['protocol'] as string)
        if (listeners.slice(0, i).some((x) => isSameListener({ protocol: x['protocol'], protocolPort: Number(x['protocol_port']) }, l['protocol'], Number(l['protocol_port'])))) throw errors.duplicateListener(l['protocol'], Number(l['protocol_port']))
      })
      for (const l of listeners) supported(provider, 'listener', l)
      for (const p of pools) {
        supported(provider, 'pool', p)
        if (p['healthmonitor'] != null) supported(provider, 'monitor', p['healthmonitor'] as Given)
        for (const m of membersOf(p)) supported(provider, 'member', m)
      }
    },
    make(lb) {
      const byName = new Map<string, PoolRow>()
      for (const p of poolsOf()) {
        const row = parts.pool(lb, p, undefined)
        byName.set(row.name, row)
        if (p['healthmonitor'] != null) parts.monitor(row, p['healthmonitor'] as Given)
        for (const m of membersOf(p)) parts.member(row, lb, m)
      }
      for (const l of listeners) parts.listener(lb, l, l['default_pool'] == null ? undefined : byName.get((l['default_pool'] as Given)['name'] as string))
    },
  }
}
