/** The part `controlPlane`. */
import type { Cluster } from '../../api/index.ts'
import type { ClusterControlPlane } from '../../api/cluster/index.ts'
import type { Pass, StatusPart } from '../../engine/shapes.ts'
import { fromPass } from '../conditions.ts'
import type { Ports } from '../ports.ts'
import type { Observed } from './observe.ts'
import { isWhole } from './plan.ts'

export const status = (ports: Ports) => (cluster: Cluster, s: Observed | undefined, pass: Pass): StatusPart => {
  const conditions = [fromPass('ControlPlaneReady', pass, ports, { reason: 'Done', message: 'all members of etcd are healthy voters, all nodes are Ready' })]
  const recorded: ClusterControlPlane = { ...cluster.status?.controlPlane, ...(pass.recorded['controlPlane'] as ClusterControlPlane | undefined) }
  if (s?.kind !== 'seen') return { ...(cluster.status?.controlPlane !== undefined && { controlPlane: recorded }), conditions }
  const { replicas } = cluster.spec.controlPlane
  const { leaving, ...lasting } = recorded
  return {
    controlPlane: {
      ...lasting, ...(s.machines.some((m) => m.metadata.name === leaving?.machine) && { leaving }), replicas: s.machines.length, readyReplicas: s.machines.filter((m) => s.readyNodes.has(m.metadata.name)).length,
      ...(s.etcd?.clusterIds.length === 1 && { etcdClusterId: s.etcd.clusterIds[0]! }),
      ...((recorded.established === true || isWhole(s.etcd, replicas)) && { established: true }),
    },
    conditions,
  }
}
