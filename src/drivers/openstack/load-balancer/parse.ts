/** Octavia's answers, as we use them. API reference: docs.openstack.org/api-ref/load-balancer/v2. */
import type { Listener, LoadBalancer, Member, Pool, Provisioned } from '../cloud.ts'
import { ofTagsOr } from '../marks.ts'
import { array, bool, createdAt, id, number, objects, text, textOrNull, texts, time, type Json } from '../transport/json.ts'

const provisioned = (o: Json): Provisioned => {
  const mark = ofTagsOr(texts(o['tags']), text(o['description']))
  const updatedAt = time(o['updated_at'])
  return { id: id(o), name: text(o['name']), ...(mark !== undefined && { mark }), ...createdAt(o['created_at']), ...(updatedAt !== undefined && { updatedAt }), provisioningStatus: text(o['provisioning_status']) }
}
const firstId = (v: unknown): string => text(objects(v)[0]?.['id'])

export const toLoadBalancer = (o: Json): LoadBalancer => ({
  ...provisioned(o), operatingStatus: text(o['operating_status']), vipAddress: text(o['vip_address']), vipPortId: text(o['vip_port_id']), vipSubnetId: text(o['vip_subnet_id']), provider: text(o['provider']),
})
export const toListener = (o: Json): Listener => ({
  ...provisioned(o), loadBalancerId: firstId(o['loadbalancers']), port: number(o['protocol_port']), allowedCidrs: Array.isArray(o['allowed_cidrs']) ? texts(array(o['allowed_cidrs'])) : null, defaultPoolId: textOrNull(o['default_pool_id']),
})
export const toPool = (o: Json): Pool => ({
  ...provisioned(o), loadBalancerId: firstId(o['loadbalancers']), listenerIds: objects(o['listeners']).map((l) => text(l['id'])), memberIds: objects(o['members']).map((m) => text(m['id'])), healthMonitorId: textOrNull(o['healthmonitor_id']),
})
export const toMember = (o: Json): Member => ({
  id: id(o), address: text(o['address']), port: number(o['protocol_port']), operatingStatus: text(o['operating_status']), provisioningStatus: text(o['provisioning_status']), adminStateUp: bool(o['admin_state_up']),
})
