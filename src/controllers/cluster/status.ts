/** The part `infrastructure`, and Ready: all of the cluster's other conditions in one. */
import type { Cluster } from '../../api/index.ts'
import { condition as find, type NewCondition } from '../../api/meta/index.ts'
import type { Pass, StatusPart } from '../../engine/shapes.ts'
import { condition, fromPass, type Reason } from '../conditions.ts'
import { objectOf, openIntents, type Sight } from '../outside.ts'
import type { Ports } from '../ports.ts'
import type { Observed } from './observe.ts'
import { seenRoles } from './plan.ts'

/** The conditions of the other controllers that Ready waits for. */
export const parts = ['EndpointReady', 'ControlPlaneReady', 'AddOnsReady'] as const

const ready = (cluster: Cluster, infrastructure: NewCondition): readonly NewCondition[] => {
  if (cluster.metadata.deletionTimestamp !== undefined) return [condition('Ready', 'False', 'Deleting', infrastructure.message), condition('Progressing', 'True', 'Deleting', infrastructure.message)]
  const all = [infrastructure, ...parts.map((type) => find(cluster, type) ?? condition(type, 'Unknown', 'Creating', 'not looked at yet'))]
  const first = all.find((c) => c.status !== 'True')
  if (first === undefined) return [condition('Ready', 'True', 'Ready', 'the API answers, etcd is whole, add-ons are applied'), condition('Progressing', 'False', 'Idle', 'nothing to do')]
  return [condition('Ready', 'False', first.reason as Reason, first.message), condition('Progressing', 'True', first.reason as Reason, first.message)]
}

export const status = (ports: Ports) => (cluster: Cluster, s: Observed | undefined, pass: Pass): StatusPart => {
  const infrastructure = fromPass('InfrastructureReady', pass, ports, { reason: 'Done', message: 'network and security groups are there' })
  const recorded = cluster.status?.infrastructure
  const { intents: _, ...old } = { ...recorded, ...(pass.recorded['infrastructure'] as typeof recorded) }
  const conditions = [infrastructure, ...ready(cluster, infrastructure)]
  if (s?.kind !== 'seen') return { ...(recorded !== undefined && { infrastructure: recorded }), conditions }
  const id = (key: string, sight: Sight<{ readonly id: string }>) => { const o = objectOf(sight); return o === undefined ? {} : { [key]: o.id } }
  const intents = openIntents(recorded?.intents, { ...pass, recorded: (pass.recorded['infrastructure'] as Record<string, unknown> | undefined) ?? {} }, seenRoles(s), ports)
  return {
    infrastructure: {
      ...(old.begunAt !== undefined && { begunAt: old.begunAt }), ...(old.projectId !== undefined && { projectId: old.projectId }), ...(old.shape !== undefined && { shape: old.shape }),
      ...id('networkId', s.network), ...id('subnetId', s.subnet), ...id('routerId', s.router), ...id('nodeGroupId', s.nodeGroup),
      ...id('controlPlaneGroupId', s.controlPlaneGroup), ...id('serverGroupId', s.serverGroup), ...(intents !== undefined && { intents }),
    },
    conditions,
  }
}
