/** Who may connect to a port: its security groups' ingress rules, deny by default. */
import { parseCidr, within } from './core/ipv4.ts'
import type { PortRow } from './core/rows.ts'
import type { World } from './core/world.ts'

/** The port that holds an address of a network. */
export type PortAt = (networkId: string, address: string) => PortRow | undefined

export const firewall = (world: World, portAt: PortAt): ((port: PortRow, number: number, from: string) => boolean) => {
  const { securityGroups, securityGroupRules } = world.tables
  return (port, number, from) => {
    if (!port.portSecurity) return true
    const source = from.startsWith('::ffff:') ? from.slice(7) : from
    for (const groupId of port.securityGroups) {
      const group = securityGroups.get(groupId)
      if (group === undefined) continue
      for (const id of group.ruleIds) {
        const r = securityGroupRules.get(id)
        if (r === undefined || r.direction !== 'ingress' || r.ethertype !== 'IPv4') continue
        if (r.protocol !== null && r.protocol !== 'tcp') continue
        if (r.portMin !== null && (number < r.portMin || number > (r.portMax ?? r.portMin))) continue
        if (r.remoteGroupId !== null) {
          if (portAt(port.networkId, source)?.securityGroups.includes(r.remoteGroupId) !== true) continue
        } else if (r.remoteCidr !== null) {
          const cidr = parseCidr(r.remoteCidr)
          if (cidr === undefined || !within(cidr, source)) continue
        }
        return true
      }
    }
    return false
  }
}
