/** Keeps as many machines as the pool wants. Pure. */
import type { Machine } from '../../api/index.ts'
import { settled, waiting } from '../../engine/outcome.ts'
import type { Finish, Plan } from '../../engine/shapes.ts'
import { isPlaced } from '../reads.ts'
import type { Seen } from './observe.ts'

export type Step =
  | { readonly kind: 'issue'; readonly upTo: number }
  | { readonly kind: 'create-machine'; readonly ordinal: number }
  | { readonly kind: 'delete-machine'; readonly machine: Machine }

/** Machines whose loss costs least go first: never joined, then the youngest. */
export const leastMissed = (a: Machine, b: Machine): number =>
  Number(a.status?.phase === 'Running') - Number(b.status?.phase === 'Running') || b.metadata.creationTimestamp.localeCompare(a.metadata.creationTimestamp) || a.metadata.name.localeCompare(b.metadata.name)

export const plan = (s: Seen, _now: Date): Plan<Step | Finish> => {
  const isGoing = s.deleting || s.cluster?.metadata.deletionTimestamp !== undefined
  if (isGoing) {
    const steps = s.staying.map((machine): Step => ({ kind: 'delete-machine', machine }))
    if (s.staying.length + s.leaving.length > 0) return { steps, outcome: waiting('Deleting', 'its machines are going', 60) }
    return s.deleting ? { steps: [{ kind: 'finish' }], outcome: settled() } : { steps: [], outcome: settled() }
  }
  if (s.cluster === undefined) return { steps: [], outcome: waiting('ClusterMissing', `there is no cluster ${s.pool.spec.cluster}`, 60) }
  const { replicas } = s.pool.spec
  const missing = replicas - s.staying.length
  if (missing > 0) {
    // Before that machines could only wait.
    if (!isPlaced(s.cluster)) return { steps: [], outcome: waiting('WaitingForNetwork', 'waits for the cluster\'s network and addresses', 60) }
    const issued = s.pool.status?.issued ?? 0
    return {
      steps: [{ kind: 'issue', upTo: issued + missing }, ...Array.from({ length: missing }, (_, i): Step => ({ kind: 'create-machine', ordinal: issued + i }))],
      outcome: waiting('Creating', 'machines are being made', 30),
    }
  }
  const surplus = s.staying.toSorted(leastMissed).slice(0, -missing)
  if (missing < 0) return { steps: surplus.map((machine) => ({ kind: 'delete-machine', machine })), outcome: waiting('Deleting', 'surplus machines are going', 30) }
  const notReady = s.staying.filter((m) => !s.ready.includes(m)).map((m) => m.metadata.name)
  if (notReady.length > 0) return { steps: [], outcome: waiting('WaitingForMachines', `waits for ${notReady.slice(0, 5).join(', ')}${notReady.length > 5 ? ' and others' : ''}`, 60) }
  return s.leaving.length > 0 ? { steps: [], outcome: waiting('Deleting', 'surplus machines are going', 60) } : { steps: [], outcome: settled() }
}
