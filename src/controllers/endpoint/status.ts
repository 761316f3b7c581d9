/** The part `endpoint`: known after two calls, long before anything answers there. */
import type { Cluster, } from '../../api/index.ts'
import type { ClusterEndpoint } from '../../api/cluster/index.ts'
import type { Pass, StatusPart } from '../../engine/shapes.ts'
import { vipAddress } from '../../rules/node-network.ts'
import { fromPass } from '../conditions.ts'
import { objectOf, openIntents } from '../outside.ts'
import type { Ports } from '../ports.ts'
import type { Observed, Seen } from './observe.ts'
import { seenRoles } from './plan.ts'

const addresses = (s: Seen): Pick<ClusterEndpoint, 'host' | 'port' | 'addresses' | 'insideAddresses'> => {
  const slots = s.slots.map((x) => objectOf(x)?.fixedIps[0]?.address)
  const fip = objectOf(s.floatingIp)?.address
  const whole = slots.every((a) => a !== undefined)
  if (s.endpoint === 'octavia') return fip === undefined ? {} : { host: fip, port: 6443, addresses: [fip], insideAddresses: [vipAddress(s.nodeCidr)] }
  if (!whole) return {}
  const outside = s.tenant ? (fip === undefined ? [] : [fip]) : slots
  const host = s.tenant ? fip : slots[s.entry]
  return host === undefined ? {} : { host, port: 6443, addresses: outside, insideAddresses: slots }
}

export const status = (ports: Ports) => (cluster: Cluster, s: Observed | undefined, pass: Pass): StatusPart => {
  const conditions = [fromPass('EndpointReady', pass, ports, { reason: 'Done', message: 'addresses and the way to the API are there' })]
  const recorded = cluster.status?.endpoint
  if (s?.kind !== 'seen') return { ...(recorded !== undefined && { endpoint: recorded }), conditions }
  const intents = openIntents(recorded?.intents, { ...pass, recorded: (pass.recorded['endpoint'] as Record<string, unknown> | undefined) ?? {} }, seenRoles(s), ports)
  const fip = objectOf(s.floatingIp)
  const lb = objectOf(s.loadBalancer)
  const slots = s.slots.flatMap((x, slot) => (x.kind === 'seen' && x.object.fixedIps[0] !== undefined ? [{ slot, portId: x.object.id, address: x.object.fixedIps[0].address }] : []))
  return {
    endpoint: {
      kind: s.endpoint, ...addresses(s), ...(fip !== undefined && { floatingIpId: fip.id }), ...(lb !== undefined && { loadBalancerId: lb.id, loadBalancerProvider: lb.provider }),
      ...(slots.length > 0 && { slots }), ...(intents !== undefined && { intents }),
    },
    conditions,
  }
}
