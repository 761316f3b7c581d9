/** One small idempotent function a step. */
import type { Cluster } from '../../api/index.ts'
import type { ApplyContext } from '../../engine/shapes.ts'
import { slotAddress, vipAddress } from '../../rules/node-network.ts'
import type { Observed } from './observe.ts'
import type { Step } from './plan.ts'

const timeoutMs = 30_000

export const apply = async (step: Step, s: Observed, cluster: Cluster, context: ApplyContext): Promise<void> => {
  if (s.kind !== 'seen') return
  const { network, loadBalancer } = s.siteCloud.cloud
  const creating = (what: string, call: (signal: AbortSignal) => Promise<unknown>) => context.creating(`${what} of ${cluster.metadata.name}`, timeoutMs, call)
  const changing = (what: string, call: () => Promise<unknown>) => context.changing(`${what} of ${cluster.metadata.name}`, timeoutMs, call)
  switch (step.kind) {
    case 'intend': await context.record({ endpoint: {
      ...cluster.status?.endpoint, kind: s.endpoint, intents: { ...cluster.status?.endpoint?.intents, ...Object.fromEntries(step.roles.map((r) => [r, context.now.toISOString()])) },
    } }); return
    case 'create-port': await creating(`port of slot ${step.slot}`, (signal) => network.ports.create({
      networkId: s.networkId!, securityGroupIds: s.groupIds, allowedAddressPairs: s.tenant ? s.podCidrs : [],
      ...(s.tenant && { fixedIps: [{ subnetId: s.subnetId!, address: slotAddress(s.nodeCidr, step.slot) }] }),
    }, s.mark(`cp-${step.slot}`), signal)); return
    case 'create-floating-ip': await creating('floating IP', (signal) => network.floatingIps.create({ externalNetworkId: s.externalNetworkId! }, s.mark('api'), signal)); return
    case 'create-load-balancer': await creating('load balancer', (signal) => loadBalancer!.loadBalancers.create({
      vipSubnetId: s.subnetId!, vipAddress: vipAddress(s.nodeCidr), provider: s.site.status!.found!.loadBalancer!.provider,
    }, s.mark('api'), signal)); return
    case 'create-listener': await creating(`listener ${step.port}`, (signal) => loadBalancer!.listeners.create({
      loadBalancerId: step.loadBalancerId, port: step.port, ...(step.allowed !== null && { allowedCidrs: step.allowed }),
    }, s.mark(`api-${step.port}`), signal)); return
    case 'create-pool': await creating(`pool ${step.port}`, (signal) => loadBalancer!.pools.create({ listenerId: step.listenerId, algorithm: 'SOURCE_IP_PORT' }, s.mark(`api-${step.port}`), signal)); return
    case 'add-monitor': await changing('health monitor', () => loadBalancer!.addHealthMonitor(step.poolId, { type: 'TCP', delay: 5, timeout: 3, maxRetries: 2 })); return
    case 'add-member': await changing(`member ${step.slot}`, () => loadBalancer!.addMember(step.poolId, { address: step.address, port: step.port, subnetId: s.subnetId!, name: `cp-${step.slot}` })); return
    case 'bind': await changing('bind floating IP', () => network.floatingIps.bind(step.floatingIpId, step.portId)); return
    case 'delete-load-balancer': await changing('delete load balancer', () => loadBalancer!.loadBalancers.deleteCascade(step.id)); return
    case 'delete-floating-ip': await changing('delete floating IP', () => network.floatingIps.delete(step.id)); return
    case 'delete-port': await changing('delete port', () => network.ports.delete(step.id)); return
  }
}
