/** Octavia's answers, as we use them. API reference: docs.openstack.org/api-ref/load-balancer/v2. */
import type { Listener, LoadBalancer, Marked, Member, Pool } from '../cloud.ts'
import { ofTagsOr } from '../marks.ts'
import { array, bool, createdAt, id, number, objects, text, textOrNull, texts, type Json } from '../transport/json.ts'

const marked = (o: Json): Marked => {
  const mark = ofTagsOr(texts(o['tags']), text(o['description']))
  return { id: id(o), name: text(o['name']), ...(mark !== undefined && { mark }), ...createdAt(o['created_at']) }
}
const firstId = (v: unknown): string => text(objects(v)[0]?.['id'])

export const toLoadBalancer = (o: Json): LoadBalancer => ({
  ...marked(o), provisioningStatus: text(o['provisioning_status']), operatingStatus: text(o['operating_status']), vipAddress: text(o['vip_address']), vipPortId: text(o['vip_port_id']), vipSubnetId: text(o['vip_subnet_id']), provider: text(o['provider']),
})
export const toListener = (o: Json): Listener => ({
  ...marked(o), loadBalancerId: firstId(o['loadbalancers']), port: number(o['protocol_port']), provisioningStatus: text(o['provisioning_status']), allowedCidrs: Array.isArray(o['allowed_cidrs']) ? texts(array(o['allowed_cidrs'])) : null, defaultPoolId: textOrNull(o['default_pool_id']),
})
export const toPool = (o: Json): Pool => ({
  ...marked(o), loadBalancerId: firstId(o['loadbalancers']), listenerIds: objects(o['listeners']).map((l) => text(l['id'])), provisioningStatus: text(o['provisioning_status']), memberIds: objects(o['members']).map((m) => text(m['id'])), healthMonitorId: textOrNull(o['healthmonitor_id']),
})
export const toMember = (o: Json): Member => ({
  id: id(o), address: text(o['address']), port: number(o['protocol_port']), operatingStatus: text(o['operating_status']), provisioningStatus: text(o['provisioning_status']), adminStateUp: bool(o['admin_state_up']),
})
