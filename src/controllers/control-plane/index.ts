/** Keeps a cluster's control-plane machines and its etcd: bootstraps it once, grows it one member at a time. */
import { Cluster, Machine } from '../../api/index.ts'
import { keyOf } from '../../api/meta/index.ts'
import { exclusive, planned, status as writes } from '../../engine/shapes.ts'
import { isAbandoned } from '../abandoned.ts'
import type { Ports } from '../ports.ts'
import { answersAt, decided, hasContact, machinesIn, machinesOfCluster, siteOfCluster, toldAnew } from '../reads.ts'
import { apply } from './apply.ts'
import { hasSlots, observe, type Observed } from './observe.ts'
import { plan, type Step } from './plan.ts'
import { status } from './status.ts'

export const controlPlane = (ports: Ports) => planned<Cluster, Observed, Step>({
  name: 'control-plane',
  concurrency: 256,
  for: Cluster,
  reads: [siteOfCluster, machinesOfCluster],
  writes: [exclusive(Machine, 'controlplane'), writes(Cluster, 'controlPlane')],
  outside: ['compute.servers.list', 'talos.bootstrap', 'talos.etcd*', 'tenants.nodes'],
  finalizer: 'skerry.dev/control-plane',
  isReleased: isAbandoned,
  observe: observe(ports),
  plan,
  apply: apply(ports),
  status: status(ports),
  wakers: (wake, cached) => ports.tenants.onNodes((change) => {
    const cluster = cached.byUid(Cluster, change.clusterUid)
    if (cluster === undefined) return
    const isNew = cluster.status?.controlPlane?.established !== true && change.changed === undefined
    if (isNew || toldAnew(cached, change).some((m) => m.spec.role === 'controlplane')) wake(keyOf(cluster))
  }),
  inputs: (c, cached) => [
    decided(c), hasSlots(c) && [answersAt(c), c.status?.infrastructure?.projectId],
    // A server that was not heard yet is not asked anything.
    cached.ownedBy(Machine, c.metadata.uid).map((m) => [m.metadata.name, m.metadata.deletionTimestamp, m.spec.slot, m.status?.drainedAt, hasContact(m) && [m.status?.serverId, m.status?.address]]),
    c.metadata.deletionTimestamp !== undefined && machinesIn(cached, c).map((m) => m.metadata.name),
  ],
})
