/** The part `infrastructure`. */
import type { Cluster } from '../../api/index.ts'
import type { Pass, StatusPart } from '../../engine/shapes.ts'
import { fromPass } from '../conditions.ts'
import { objectOf, openIntents, type Sight } from '../outside.ts'
import type { Ports } from '../ports.ts'
import type { Observed } from './observe.ts'
import { seenRoles } from './plan.ts'

export const status = (ports: Ports) => (cluster: Cluster, s: Observed | undefined, pass: Pass): StatusPart => {
  const conditions = [fromPass('InfrastructureReady', pass, ports, { reason: 'Done', message: 'network and security groups are there' })]
  const recorded = cluster.status?.infrastructure
  const { intents: _, ...old } = { ...recorded, ...(pass.recorded['infrastructure'] as typeof recorded) }
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
