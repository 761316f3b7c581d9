/** One small idempotent function a step. */
import type { Cluster } from '../../api/index.ts'
import type { ApplyContext } from '../../engine/shapes.ts'
import { slotAddress, vipAddress } from '../../rules/node-network.ts'
import { makeEach } from '../outside.ts'
import type { Observed, Seen } from './observe.ts'
import { roleOf, type Creation, type Step } from './plan.ts'

const timeoutMs = 20_000
const monitor = { type: 'TCP', delay: 5, timeout: 3, maxRetries: 2 } as const
const algorithm = 'SOURCE_IP_PORT' as const
const allowedCidrs = (allowed: readonly string[] | null) => (allowed === null ? {} : { allowedCidrs: allowed })

const create = (c: Creation, s: Seen, signal: AbortSignal): Promise<unknown> => {
  const { network, loadBalancer } = s.siteCloud.cloud
  switch (c.kind) {
    case 'create-port': return network.ports.create({
      networkId: s.networkId!, securityGroupIds: s.groupIds, allowedAddressPairs: s.tenant ? s.podCidrs : [],
      ...(s.tenant && { fixedIps: [{ subnetId: s.subnetId!, address: slotAddress(s.nodeCidr, c.slot) }] }),
    }, s.mark(`cp-${c.slot}`), signal)
    case 'create-floating-ip': return network.floatingIps.create({ externalNetworkId: s.externalNetworkId! }, s.mark('api'), signal)
    case 'create-load-balancer': return loadBalancer!.loadBalancers.create({
      vipSubnetId: s.subnetId!, vipAddress: vipAddress(s.nodeCidr), provider: s.site.status!.found!.loadBalancer!.provider,
      listeners: c.listeners.map(({ port, allowed }) => ({ mark: s.mark(`api-${port}`), port, ...allowedCidrs(allowed), pool: { mark: s.mark(`api-${port}`), algorithm, monitor } })),
    }, s.mark('api'), signal)
    case 'create-listener': return loadBalancer!.listeners.create({ loadBalancerId: c.loadBalancerId, port: c.port, ...allowedCidrs(c.allowed), ...(c.poolId !== undefined && { defaultPoolId: c.poolId }) }, s.mark(`api-${c.port}`), signal)
    case 'create-pool': return loadBalancer!.pools.create({ listenerId: c.listenerId, algorithm }, s.mark(`api-${c.port}`), signal)
  }
}

export const apply = async (step: Step, s: Observed, cluster: Cluster, context: ApplyContext): Promise<void> => {
  if (s.kind !== 'seen') return
  const { network, loadBalancer } = s.siteCloud.cloud
  const changing = (what: string, call: () => Promise<unknown>) => context.changing(`${what} of ${cluster.metadata.name}`, timeoutMs, call)
  switch (step.kind) {
    case 'intend': await context.record({ endpoint: {
      ...cluster.status?.endpoint, kind: s.endpoint, intents: { ...cluster.status?.endpoint?.intents, ...Object.fromEntries(step.roles.map((r) => [r, context.now.toISOString()])) },
    } }); return
    case 'create': await makeEach(step.objects.map((c) => [roleOf(c), () => context.creating(`${c.kind.slice('create-'.length)} of ${cluster.metadata.name}`, timeoutMs, (signal) => create(c, s, signal))])); return
    case 'admit': await changing('allowed networks', () => loadBalancer!.listeners.admit(step.listenerId, step.allowed)); return
    case 'add-monitor': await changing('health monitor', () => loadBalancer!.addHealthMonitor(step.pool, monitor)); return
    case 'add-members': await changing(`members ${step.members.map((m) => m.slot).join(', ')}`, () => loadBalancer!.addMembers(step.pool, step.members.map(({ slot, address }) => ({ address, port: step.port, subnetId: s.subnetId!, name: `cp-${slot}` })))); return
    case 'bind': await changing('bind floating IP', () => network.floatingIps.bind(step.floatingIpId, step.portId)); return
    case 'delete-load-balancer': await changing('delete load balancer', () => loadBalancer!.loadBalancers.deleteCascade(step.id)); break
    case 'delete-floating-ip': await changing('delete floating IP', () => network.floatingIps.delete(step.id)); break
    case 'delete-port': await changing('delete port', () => network.ports.delete(step.id)); break
  }
  if (step.isDouble === true) context.duplicate(step.kind.slice('delete-'.length))
}
