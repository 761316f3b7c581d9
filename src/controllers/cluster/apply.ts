/** One small idempotent function a step. */
import type { Cluster } from '../../api/index.ts'
import type { ApplyContext } from '../../engine/shapes.ts'
import { allocationPool } from '../../rules/node-network.ts'
import { makeEach, objectOf, together } from '../outside.ts'
import type { Ports } from '../ports.ts'
import { secretsOf } from '../secrets.ts'
import type { Observed, Role, Seen } from './observe.ts'
import type { Step } from './plan.ts'

const createTimeoutMs = 20_000

const create = (role: Role, s: Seen, cluster: Cluster, signal: AbortSignal): Promise<unknown> => {
  const { network, compute } = s.siteCloud.cloud
  switch (role) {
    case 'network': return network.networks.create({}, s.mark(role), signal)
    case 'router': return network.routers.create({ externalNetworkId: s.site.status!.found!.externalNetwork!.id }, s.mark(role), signal)
    case 'subnet': return network.subnets.create({
      networkId: objectOf(s.network)!.id, cidr: cluster.spec.network.nodes, dnsServers: s.site.spec.services.dns, allocationPools: [allocationPool(cluster.spec.network.nodes)],
    }, s.mark(role), signal)
    case 'nodes': case 'control-plane': return network.securityGroups.create({}, s.mark(role), signal)
    case 'anti-affinity': return compute.serverGroups.create({ policy: 'soft-anti-affinity' }, s.mark(role), signal)
  }
}

const remove = (role: Role, id: string, s: Seen): Promise<void> => {
  const { network, compute } = s.siteCloud.cloud
  switch (role) {
    case 'network': return network.networks.delete(id)
    case 'subnet': return network.subnets.delete(id)
    case 'router': return network.routers.delete(id)
    case 'nodes': case 'control-plane': return network.securityGroups.delete(id)
    case 'anti-affinity': return compute.serverGroups.delete(id)
  }
}

export const apply = (ports: Ports) => async (step: Step, seen: Observed, cluster: Cluster, context: ApplyContext): Promise<void> => {
  if (step.kind === 'forget') { ports.talos.forget(cluster); ports.tenants.forget(cluster); return }
  if (seen.kind !== 'seen') return
  const { network } = seen.siteCloud.cloud
  switch (step.kind) {
    // Machines that run know the keys they were made with: new ones would shut everybody out.
    case 'keep-secrets': await (cluster.status?.controlPlane?.bootstrap === undefined ? ports.secrets.ensure(cluster.metadata.uid) : secretsOf(ports, cluster)); return
    case 'intend': {
      const recorded = cluster.status?.infrastructure ?? {}
      await context.record({ infrastructure: { ...recorded, begunAt: recorded.begunAt ?? context.now.toISOString(), projectId: seen.siteCloud.projectId, shape: seen.shape, intents: { ...recorded.intents, ...Object.fromEntries(step.roles.map((r) => [r, context.now.toISOString()])) } } })
      return
    }
    case 'create': await makeEach(step.roles.map((role) => [role, () => context.creating(`${role} of ${cluster.metadata.name}`, createTimeoutMs, (signal) => create(role, seen, cluster, signal))])); return
    case 'attach-router': await context.changing('attach router', createTimeoutMs, () => network.routers.addInterface(step.routerId, step.subnetId)); return
    case 'detach-router': await context.changing('detach router', createTimeoutMs, () => network.routers.removeInterface(step.routerId, step.subnetId)); return
    case 'admit': await together(step.rules.map((rule) => context.changing('add rule', createTimeoutMs, () => network.securityGroups.addRule(step.groupId, rule, seen.mark(step.role))))); return
    case 'refuse': await together(step.ruleIds.map((id) => context.changing('remove rule', createTimeoutMs, () => network.securityGroups.removeRule(id)))); return
    case 'drop-port': await context.changing('delete left port', createTimeoutMs, () => network.ports.delete(step.id)); return
    case 'delete':
      await context.changing(`delete ${step.role}`, createTimeoutMs, () => remove(step.role, step.id, seen))
      if (step.isDouble === true) context.duplicate(step.role)
      return
  }
}
