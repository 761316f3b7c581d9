/** Keeps a cluster's control-plane machines and its etcd: bootstraps it once, grows it one member at a time. */
import { Cluster, Machine } from '../../api/index.ts'
import { keyOf } from '../../api/meta/index.ts'
import { exclusive, planned, status as writes } from '../../engine/shapes.ts'
import { isAbandoned } from '../abandoned.ts'
import type { Ports } from '../ports.ts'
import { machinesOfCluster, siteOfCluster } from '../reads.ts'
import { apply } from './apply.ts'
import { observe, type Observed } from './observe.ts'
import { plan, type Step } from './plan.ts'
import { status } from './status.ts'

export const controlPlane = (ports: Ports) => planned<Cluster, Observed, Step>({
  name: 'control-plane',
  concurrency: 24,
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
  wakers: (wake, cached) => ports.tenants.onNodes((uid) => { for (const c of cached.list(Cluster)) if (c.metadata.uid === uid) wake(keyOf(c)) }),
  inputs: (c, cached) => [c.metadata.generation, c.metadata.deletionTimestamp, c.status?.endpoint, c.status?.infrastructure, cached.ownedBy(Machine, c.metadata.uid).map((m) => [m.metadata.name, m.status?.serverId, m.status?.address])],
})
