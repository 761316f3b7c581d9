/** The port that the OVN provider keeps in each subnet whose members it looks after: from the first to the last of them (from ovn_octavia_provider/helper.py). */
import { Refusal } from '../core/call.ts'
import type { LoadBalancerRow, MemberRow, PoolRow } from '../core/rows.ts'
import type { World } from '../core/world.ts'
import { checkQuota } from '../network/collection.ts'
import type { NetworkSide } from '../network/index.ts'

export interface MonitorPorts {
  /** Where the balancer's members are. */
  subnetsOf(lb: LoadBalancerRow): ReadonlySet<string>
  /** Makes and removes what is missing and what nobody needs any more in these subnets of a project. */
  keep(project: string, subnetIds: ReadonlySet<string>): void
}

export const monitorPorts = (world: World, network: NetworkSide): MonitorPorts => {
  const { loadBalancers, pools, members, subnets, ports } = world.tables
  const subnetsOf = (lb: LoadBalancerRow, isCounted: (pool: PoolRow, member: MemberRow) => boolean = () => true): ReadonlySet<string> => new Set(lb.poolIds.flatMap((id) => {
    const pool = pools.get(id)
    return pool === undefined ? [] : pool.memberIds.map((m) => members.get(m)!).filter((m) => isCounted(pool, m)).map((m) => m.subnetId ?? lb.vipSubnetId)
  }))
  const isWatched = (pool: PoolRow, member: MemberRow): boolean => pool.monitorId !== null && member.portFound
  const make = (project: string, networkId: string, subnetId: string, name: string): void => {
    try {
      // In the project of the members, and on its quota.
      checkQuota(world, project, ports, 'port')
      const port = network.ports.make({ project, networkId, name, deviceId: name, deviceOwner: 'ovn-lb-hm:distributed', fixedIps: [{ subnetId }] })
      port.portSecurity = false
      ports.touch(port)
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
    }
  }
  return {
    subnetsOf,
    keep(project, subnetIds) {
      const watched = new Set(loadBalancers.of(project).filter((lb) => lb.provider === 'ovn').flatMap((lb) => [...subnetsOf(lb, isWatched)]))
      for (const id of subnetIds) {
        const networkId = subnets.get(id)?.networkId
        if (networkId === undefined) continue
        const name = `ovn-lb-hm-${id}`
        const have = network.ports.of(networkId).find((p) => p.name === name)
        if (watched.has(id) && have === undefined) make(project, networkId, id, name)
        if (!watched.has(id) && have !== undefined) network.ports.drop(have)
      }
    },
  }
}
