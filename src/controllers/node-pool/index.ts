/** Keeps a NodePool at its wanted size by creating and removing Machines. */
import { Machine, NodePool } from '../../api/index.ts'
import { controllerRef } from '../../api/meta/index.ts'
import { exclusive, planned, status as writes } from '../../engine/shapes.ts'
import { machineName } from '../../rules/names.ts'
import { fromPass } from '../conditions.ts'
import type { Ports } from '../ports.ts'
import { clusterOf, clusterOfPool, isPlaced, machinesOfPool } from '../reads.ts'
import { observe, type Seen } from './observe.ts'
import { plan, type Step } from './plan.ts'

export const nodePool = (ports: Ports) => planned<NodePool, Seen, Step>({
  name: 'node-pool',
  concurrency: 24,
  for: NodePool,
  reads: [clusterOfPool, machinesOfPool],
  writes: [exclusive(Machine, 'worker'), writes(NodePool)],
  outside: [],
  finalizer: 'skerry.dev/site',
  observe,
  plan,
  inputs: (pool, cached) => {
    const cluster = clusterOf(cached, pool)
    return [cluster !== undefined && [cluster.metadata.deletionTimestamp, cluster.spec.release, isPlaced(cluster)], cached.ownedBy(Machine, pool.metadata.uid).map((m) => [m.metadata.name, m.metadata.deletionTimestamp, m.status?.phase === 'Running'])]
  },
  apply: async (step, seen, pool, context) => {
    switch (step.kind) {
      case 'issue': await context.record({ ...(pool.status?.selector !== undefined && { selector: pool.status.selector }), issued: step.upTo }); return
      case 'create-machine': await context.create(Machine, {
        metadata: {
          name: machineName(`${pool.spec.cluster}-${pool.metadata.name.replace(`${pool.spec.cluster}-`, '')}`, pool.metadata.uid, step.ordinal),
          namespace: pool.metadata.namespace ?? '', labels: { 'skerry.dev/pool': pool.metadata.name }, ownerReferences: [controllerRef(pool)],
        },
        spec: {
          cluster: pool.spec.cluster, pool: pool.metadata.name, role: 'worker', machineType: pool.spec.machineType, rootVolume: pool.spec.rootVolume,
          release: seen.cluster!.spec.release, labels: pool.spec.labels, taints: pool.spec.taints, drainTimeout: pool.spec.drainTimeout,
        },
      }); return
      case 'delete-machine': await context.delete(Machine, step.machine); return
    }
  },
  status: (pool, seen, pass) => {
    const issued = (pass.recorded['issued'] as number | undefined) ?? pool.status?.issued
    return {
      ...(issued !== undefined && { issued }), selector: `skerry.dev/pool=${pool.metadata.name}`,
      ...(seen !== undefined && { replicas: seen.staying.length, readyReplicas: seen.ready.length }),
      conditions: [fromPass('Ready', pass, ports, { reason: 'Ready', message: 'all machines are Ready' })],
    }
  },
})
