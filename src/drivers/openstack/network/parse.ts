/** Neutron's answers, as we use them. API reference: docs.openstack.org/api-ref/network/v2. */
import type { FloatingIp, Mark, Marked, Network, Port, Router, SecurityGroup, SecurityGroupRule, Subnet } from '../cloud.ts'
import { ofTagsOr } from '../marks.ts'
import { array, bool, createdAt, id, number, numberOrNull, object, objects, text, textOrNull, texts, type Json } from '../transport/json.ts'

const marked = (o: Json): Marked => {
  const mark: Mark | undefined = ofTagsOr(texts(o['tags']), text(o['description']))
  return { id: id(o), name: text(o['name']), ...(mark !== undefined && { mark }), ...createdAt(o['created_at']) }
}

export const toNetwork = (o: Json): Network => ({ ...marked(o), external: bool(o['router:external']), shared: bool(o['shared']), status: text(o['status']), subnetIds: texts(o['subnets']), mtu: number(o['mtu']), hasPortSecurity: o['port_security_enabled'] !== false })

export const toSubnet = (o: Json): Subnet => ({
  ...marked(o), networkId: text(o['network_id']), cidr: text(o['cidr']), gateway: textOrNull(o['gateway_ip']),
  allocationPools: objects(o['allocation_pools']).map((p) => ({ start: text(p['start']), end: text(p['end']) })), dnsServers: texts(o['dns_nameservers']),
})

export const toRouter = (o: Json): Router => ({ ...marked(o), status: text(o['status']), externalNetworkId: textOrNull(object(o['external_gateway_info'])['network_id']) })

export const toPort = (o: Json): Port => ({
  ...marked(o), networkId: text(o['network_id']), status: text(o['status']), deviceId: text(o['device_id']), deviceOwner: text(o['device_owner']),
  fixedIps: objects(o['fixed_ips']).map((f) => ({ subnetId: text(f['subnet_id']), address: text(f['ip_address']) })), mac: text(o['mac_address']), securityGroupIds: texts(o['security_groups']),
})

const toRule = (o: Json): SecurityGroupRule => ({
  id: id(o), direction: o['direction'] === 'egress' ? 'egress' : 'ingress', etherType: o['ethertype'] === 'IPv6' ? 'IPv6' : 'IPv4', protocol: textOrNull(o['protocol']),
  portMin: numberOrNull(o['port_range_min']), portMax: numberOrNull(o['port_range_max']), remoteCidr: textOrNull(o['remote_ip_prefix']), remoteGroupId: textOrNull(o['remote_group_id']),
})
/** Rules in an order of their own, so that two lists of the same are equal. */
export const toSecurityGroup = (o: Json): SecurityGroup => ({ ...marked(o), projectId: text(o['project_id'] ?? o['tenant_id']), rules: array(o['security_group_rules']).map((r) => toRule(object(r))).toSorted((a, b) => a.id.localeCompare(b.id)) })

export const toFloatingIp = (o: Json): FloatingIp => ({ ...marked(o), address: text(o['floating_ip_address']), portId: textOrNull(o['port_id']), networkId: text(o['floating_network_id']), status: text(o['status']) })
