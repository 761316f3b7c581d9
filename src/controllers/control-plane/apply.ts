/** One small idempotent function a step. */
import type { Cluster } from '../../api/index.ts'
import { Machine } from '../../api/index.ts'
import { controllerRef } from '../../api/meta/index.ts'
import type { ApplyContext } from '../../engine/shapes.ts'
import { machineName } from '../../rules/names.ts'
import type { Ports } from '../ports.ts'
import { secretsOf } from '../secrets.ts'
import type { Observed } from './observe.ts'
import type { Step } from './plan.ts'

const timeoutMs = 10_000

export const apply = (ports: Ports) => async (step: Step, seen: Observed, cluster: Cluster, context: ApplyContext): Promise<void> => {
  if (seen.kind !== 'seen') return
  const { controlPlane } = cluster.spec
  const recorded = cluster.status?.controlPlane
  switch (step.kind) {
    // An ordinal is used once even when the create is never answered: names are never used twice (rule O1).
    case 'issue': await context.record({ controlPlane: { ...recorded, issued: step.upTo } }); return
    case 'create-machine': await context.create(Machine, {
      metadata: { name: machineName(`${cluster.metadata.name}-cp`, cluster.metadata.uid, step.ordinal), namespace: cluster.metadata.namespace ?? '', ownerReferences: [controllerRef(cluster)] },
      spec: {
        cluster: cluster.metadata.name, role: 'controlplane', slot: step.slot, machineType: controlPlane.machineType, rootVolume: controlPlane.rootVolume, release: cluster.spec.release,
        labels: {}, taints: [], drainTimeout: '10m',
      },
    }); return
    case 'delete-machine': await context.delete(Machine, step.machine); return
    case 'request-bootstrap': {
      const secrets = await secretsOf(ports, cluster)
      await context.record({ controlPlane: { ...recorded, bootstrap: { machine: step.machine, serverId: step.serverId, requestedAt: recorded?.bootstrap?.requestedAt ?? context.now.toISOString() } } })
      await context.creating(`bootstrap etcd on ${step.machine}`, timeoutMs, async () => {
        try { await ports.talos.node(cluster, secrets, step.address).bootstrap() } catch (e) { if (!ports.errors.isAlreadyExists(e)) throw e }
      })
      context.event('Normal', 'Bootstrapped', `etcd was bootstrapped on ${step.machine}`)
      return
    }
    case 'let-go': await context.record({ controlPlane: { ...recorded, leaving: { machine: step.machine, isOut: false } } }); return
    case 'record-out': await context.record({ controlPlane: { ...recorded, leaving: { machine: step.machine, isOut: true } } }); return
    case 'remove-member': {
      const secrets = await secretsOf(ports, cluster)
      const at = (machine: Machine | undefined) => ports.talos.node(cluster, secrets, machine!.status!.address!)
      // Through another, so that it is the same for one that does not answer any more; the way that Talos itself leaves would wipe its data, and a restart then joins anew.
      await at(step.of).etcdForfeitLeadership().catch(() => undefined)
      await context.changing(`remove ${step.of.metadata.name} from etcd`, timeoutMs, async () => {
        try { await at(seen.machines.find((m) => m.metadata.name === step.via)).etcdRemoveMember(step.memberId) } catch (e) { if (!ports.errors.isNotFound(e)) throw e }
      })
      context.event('Normal', 'LeftEtcd', `${step.of.metadata.name} is no member of etcd any more`)
      return
    }
    case 'record-bootstrap': await context.record({ controlPlane: { ...recorded, bootstrap: {
      machine: step.machine, serverId: step.serverId, requestedAt: recorded?.bootstrap?.requestedAt ?? context.now.toISOString(), doneAt: context.now.toISOString(),
    } } }); return
  }
}
