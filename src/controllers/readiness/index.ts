/** Says whether a cluster is Ready: what its other controllers say of it, in one. Looks at nothing but that, and does nothing. */
import { Cluster } from '../../api/index.ts'
import { condition as find, type NewCondition } from '../../api/meta/index.ts'
import { settled, waiting } from '../../engine/outcome.ts'
import { planned, status as writes } from '../../engine/shapes.ts'
import { condition, type Reason } from '../conditions.ts'

/** In the order in which a cluster comes to life: the first that is not True is what the whole waits for. */
const parts = ['InfrastructureReady', 'EndpointReady', 'ControlPlaneReady', 'AddOnsReady'] as const

/**
 * Ready and Progressing. They speak of the oldest generation that a part has looked at: after a change of the spec a Ready from
 * before it does not pass for one of the new spec (kubectl wait compares the generations), and does not flicker either. Nothing before the
 * first part, on which all others wait, was looked at.
 */
export const readinessOf = (cluster: Cluster): readonly NewCondition[] => {
  const found = parts.map((type) => find(cluster, type))
  if (cluster.metadata.deletionTimestamp !== undefined) {
    const last = found[0]?.status === 'False' ? found[0].message : 'everything of it is going'
    return [condition('Ready', 'False', 'Deleting', last), condition('Progressing', 'True', 'Deleting', last)]
  }
  if (found[0] === undefined) return []
  const all = parts.map((type, i) => found[i] ?? condition(type, 'Unknown', 'Creating', 'not looked at yet'))
  const observedGeneration = Math.min(...all.map((c) => c.observedGeneration ?? cluster.metadata.generation))
  const first = all.find((c) => c.status !== 'True')
  const said = first === undefined
    ? [condition('Ready', 'True', 'Ready', 'the API answers, etcd is whole, add-ons are applied'), condition('Progressing', 'False', 'Idle', 'nothing to do')]
    : [condition('Ready', 'False', first.reason as Reason, first.message), condition('Progressing', 'True', first.reason as Reason, first.message)]
  return said.map((c) => ({ ...c, observedGeneration }))
}

export const readiness = planned<Cluster, Cluster, never>({
  name: 'readiness',
  concurrency: 64,
  for: Cluster,
  reads: [],
  writes: [writes(Cluster, 'readiness')],
  outside: [],
  observe: async (cluster) => cluster,
  plan: (cluster) => ({ steps: [], outcome: readinessOf(cluster).length > 0 ? settled() : waiting('Creating', 'not looked at yet', 60) }),
  apply: async () => undefined,
  status: (cluster) => ({ conditions: readinessOf(cluster) }),
  // What it would say: another part's word that changes nothing of it wakes nobody.
  inputs: readinessOf,
})
