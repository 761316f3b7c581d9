/** Security groups and their rules: the default group of a project, default egress rules, duplicates, use. */
import { type Call, type Handle, isAdmin, mayWrite } from '../core/call.ts'
import { parseCidr } from '../core/ipv4.ts'
import type { SecurityGroupRow, SecurityGroupRuleRow } from '../core/rows.ts'
import type { World } from '../core/world.ts'
import { attributes, checkQuota, listing, owner, projectFor, shown, stamps, visible } from './collection.ts'
import * as errors from './errors.ts'

export interface Groups {
  /** Made at the first need, as Neutron does. */
  ensureDefault(project: string): SecurityGroupRow
  readonly routes: Readonly<Record<string, Handle>>
}

const protocols: Readonly<Record<string, string>> = { 1: 'icmp', 6: 'tcp', 17: 'udp', 58: 'ipv6-icmp', 132: 'sctp' }
const known = new Set(['tcp', 'udp', 'icmp', 'icmpv6', 'ipv6-icmp', 'sctp', 'ah', 'dccp', 'egp', 'esp', 'gre', 'igmp', 'ipip', 'ospf', 'pgm', 'rsvp', 'udplite', 'vrrp', 'any'])

export const groups = (world: World): Groups => {
  const { securityGroups, securityGroupRules, ports } = world.tables
  const rule = (group: SecurityGroupRow, of: Partial<SecurityGroupRuleRow> & Pick<SecurityGroupRuleRow, 'direction' | 'ethertype'>): SecurityGroupRuleRow => {
    const row = securityGroupRules.add({ id: world.id(), project: group.project, createdAt: world.now(), groupId: group.id, protocol: null, portMin: null, portMax: null, remoteCidr: null, remoteGroupId: null, description: '', ...of })
    group.ruleIds.push(row.id)
    securityGroups.touch(group)
    return row
  }
  const make = (project: string, name: string, description: string, isDefault: boolean): SecurityGroupRow => {
    const group = securityGroups.add({ id: world.id(), project, createdAt: world.now(), name, description, stateful: true, tags: [], ruleIds: [], isDefault })
    for (const ethertype of ['IPv4', 'IPv6'] as const) {
      rule(group, { direction: 'egress', ethertype })
      if (isDefault) rule(group, { direction: 'ingress', ethertype, remoteGroupId: group.id })
    }
    return group
  }
  const defaults = new Map([...securityGroups.all()].filter((g) => g.isDefault).map((g) => [g.project, g]))
  const ensureDefault = (project: string): SecurityGroupRow => {
    let own = defaults.get(project)
    if (own === undefined || securityGroups.get(own.id) === undefined) defaults.set(project, (own = make(project, 'default', 'Default security group', true)))
    return own
  }

  const ruleView = (r: SecurityGroupRuleRow): Record<string, unknown> => ({
    id: r.id, ...owner(r), security_group_id: r.groupId, ethertype: r.ethertype, direction: r.direction, protocol: r.protocol, port_range_min: r.portMin, port_range_max: r.portMax,
    remote_ip_prefix: r.remoteCidr, remote_address_group_id: null, normalized_cidr: r.remoteCidr, remote_group_id: r.remoteGroupId, standard_attr_id: Number.parseInt(r.id.slice(0, 6), 16), description: r.description, tags: [], belongs_to_default_sg: securityGroups.get(r.groupId)?.isDefault ?? false, ...stamps(r),
  })
  const view = (g: SecurityGroupRow): Record<string, unknown> => ({
    id: g.id, name: g.name, stateful: g.stateful, ...owner(g), description: g.description, shared: false, security_group_rules: g.ruleIds.map((id) => ruleView(securityGroupRules.get(id)!)), tags: g.tags, standard_attr_id: Number.parseInt(g.id.slice(0, 6), 16), ...stamps(g),
  })
  const group = (call: Call, id: string): SecurityGroupRow => {
    const row = world.find(call, securityGroups, id)
    if (row === undefined) throw errors.notFound.securityGroup(id)
    return row
  }

  const createRule: Handle = (call) => {
    const given = attributes(call, 'security_group_rule', ['security_group_id', 'direction', 'ethertype', 'protocol', 'port_range_min', 'port_range_max', 'remote_ip_prefix', 'remote_group_id', 'remote_address_group_id', 'description'])
    if (given['security_group_id'] === undefined) throw errors.required('security_group_id')
    if (given['direction'] !== 'ingress' && given['direction'] !== 'egress') throw given['direction'] === undefined ? errors.required('direction') : errors.badRequest(`Invalid input for direction. Reason: '${given['direction']}' is not in ['ingress', 'egress'].`)
    checkQuota(world, projectFor(call, given), securityGroupRules, 'security_group_rule')
    const g = group(call, given['security_group_id'])
    const ethertype = (given['ethertype'] ?? 'IPv4') as 'IPv4' | 'IPv6'
    if (ethertype !== 'IPv4' && ethertype !== 'IPv6') throw errors.invalidInput(`Security group rule for ethertype '${ethertype}' not supported. Allowed values are ['IPv4', 'IPv6']`)
    let protocol = given['protocol'] === undefined || given['protocol'] === null ? null : String(given['protocol']).toLowerCase()
    if (protocol !== null && protocols[protocol] !== undefined) protocol = protocols[protocol]!
    if (protocol === 'any' || protocol === '') protocol = null
    if (protocol !== null && !known.has(protocol) && !(/^\d+$/.test(protocol) && Number(protocol) <= 255)) throw errors.invalidInput(`Security group rule protocol ${protocol} not supported. Only protocol values ${JSON.stringify([...known])} and integer representations [0 to 255] are supported`)
    let portMin = given['port_range_min'] === undefined || given['port_range_min'] === null ? null : Number(given['port_range_min'])
    let portMax = given['port_range_max'] === undefined || given['port_range_max'] === null ? null : Number(given['port_range_max'])
    if ((portMin !== null || portMax !== null) && protocol === null) throw errors.invalidInput('Must also specify protocol if port range is given')
    if (protocol === 'tcp' || protocol === 'udp' || protocol === 'sctp' || protocol === 'dccp' || protocol === 'udplite') {
      if (portMin === 0 || portMax === 0) throw errors.invalidInput('Invalid value for port 0')
      if ((portMin === null) !== (portMax === null) || (portMin !== null && portMax !== null && portMin > portMax)) throw errors.invalidInput('For TCP/UDP protocols, port_range_min must be <= port_range_max')
      for (const p of [portMin, portMax]) if (p !== null && (!Number.isInteger(p) || p < 0 || p > 65_535)) throw errors.badRequest(`Invalid input for port_range_min. Reason: Invalid port: ${p}.`)
      if (portMin === 1 && portMax === 65_535) portMin = portMax = null
    }
    if (given['remote_ip_prefix'] != null && given['remote_group_id'] != null) throw errors.invalidInput('Only one of remote_ip_prefix or remote_group_id or remote_address_group_id may be provided')
    let remoteCidr: string | null = given['remote_ip_prefix'] ?? null
    if (remoteCidr !== null) {
      if (remoteCidr.includes(':') !== (ethertype === 'IPv6')) throw errors.invalidInput(`Conflicting value ethertype ${ethertype} for CIDR ${remoteCidr}`)
      if (ethertype === 'IPv4') {
        if (parseCidr(remoteCidr) === undefined) throw errors.badRequest(`Invalid input for remote_ip_prefix. Reason: '${remoteCidr}' is not a valid IP subnet.`)
        if (!remoteCidr.includes('/')) remoteCidr = `${remoteCidr}/32`
      }
    }
    const remoteGroupId = (given['remote_group_id'] ?? null) as string | null
    if (remoteGroupId !== null) group(call, remoteGroupId)
    // 0.0.0.0/0 and no prefix are the same rule to Neutron.
    const all = (cidr: string | null): string | null => (cidr === '0.0.0.0/0' || cidr === '::/0' ? null : cidr)
    const twin = g.ruleIds.map((id) => securityGroupRules.get(id)!).find((r) => r.direction === given['direction'] && r.ethertype === ethertype && r.protocol === protocol && r.portMin === portMin && r.portMax === portMax && all(r.remoteCidr) === all(remoteCidr) && r.remoteGroupId === remoteGroupId)
    if (twin !== undefined) throw errors.conflict.ruleExists(twin.id)
    const row = rule(g, { direction: given['direction'], ethertype, protocol, portMin, portMax, remoteCidr, remoteGroupId, description: given['description'] ?? '' })
    return shown(call, securityGroupRules, row, 'security_group_rule', ruleView, 201)
  }

  return {
    ensureDefault,
    routes: {
      'GET /v2.0/security-groups': (call) => {
        if (!call.blind && call.token.projectId !== '') ensureDefault(call.token.projectId)
        return listing(world, call, securityGroups, visible(world, call, securityGroups), 'security_groups', 'securityGroup', view)
      },
      'POST /v2.0/security-groups': (call) => {
        const given = attributes(call, 'security_group', ['name', 'description', 'stateful'])
        const project = projectFor(call, given)
        ensureDefault(project)
        checkQuota(world, project, securityGroups, 'security_group')
        if (given['name'] === 'default') throw errors.conflict.defaultExists()
        return shown(call, securityGroups, make(project, given['name'] ?? '', given['description'] ?? '', false), 'security_group', view, 201)
      },
      'GET /v2.0/security-groups/:id': (call) => shown(call, securityGroups, group(call, call.params['id']!), 'security_group', view),
      'PUT /v2.0/security-groups/:id': (call) => {
        const given = attributes(call, 'security_group', ['name', 'description', 'stateful'])
        const g = group(call, call.params['id']!)
        if (given['name'] !== undefined) g.name = given['name']
        if (given['description'] !== undefined) g.description = given['description']
        securityGroups.touch(g)
        return shown(call, securityGroups, g, 'security_group', view)
      },
      'DELETE /v2.0/security-groups/:id': (call) => {
        const g = group(call, call.params['id']!)
        if (!mayWrite(call)) throw errors.policy('delete_security_group')
        if (g.isDefault && !isAdmin(call)) throw errors.conflict.defaultGroup()
        for (const port of ports.of(g.project)) if (port.securityGroups.includes(g.id)) throw errors.conflict.groupInUse(g.id)
        for (const id of g.ruleIds) securityGroupRules.remove(securityGroupRules.get(id)!)
        // Rules of others that name it go with it.
        for (const r of securityGroupRules.of(g.project)) if (r.remoteGroupId === g.id) removeRule(r)
        securityGroups.remove(g)
        return { status: 204 }
      },
      'GET /v2.0/security-group-rules': (call) => listing(world, call, securityGroupRules, visible(world, call, securityGroupRules), 'security_group_rules', 'rule', ruleView),
      'POST /v2.0/security-group-rules': createRule,
      'GET /v2.0/security-group-rules/:id': (call) => {
        const row = world.find(call, securityGroupRules, call.params['id']!)
        if (row === undefined) throw errors.notFound.rule(call.params['id']!)
        return shown(call, securityGroupRules, row, 'security_group_rule', ruleView)
      },
      'DELETE /v2.0/security-group-rules/:id': (call) => {
        const row = world.find(call, securityGroupRules, call.params['id']!)
        if (row === undefined) throw errors.notFound.rule(call.params['id']!)
        if (!mayWrite(call)) throw errors.policy('delete_security_group_rule')
        removeRule(row)
        return { status: 204 }
      },
    },
  }

  function removeRule(row: SecurityGroupRuleRow): void {
    securityGroupRules.remove(row)
    const g = securityGroups.get(row.groupId)
    if (g === undefined) return
    g.ruleIds.splice(g.ruleIds.indexOf(row.id), 1)
    securityGroups.touch(g)
  }
}
