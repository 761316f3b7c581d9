/** Keeps one machine: a Nova server that boots Talos and joins its cluster as a Node. */
import { Cluster, Machine, Release, Site } from '../../api/index.ts'
import { keyOf } from '../../api/meta/index.ts'
import { planned, status as writes } from '../../engine/shapes.ts'
import { isOfAbandoned } from '../abandoned.ts'
import { quotaPatience } from '../patience.ts'
import type { Ports } from '../ports.ts'
import { clusterOfMachine, machineTypes, quietly, wokenByCloud } from '../reads.ts'
import { apply } from './apply.ts'
import { observe, type Observed } from './observe.ts'
import { plan, type Step } from './plan.ts'
import { status } from './status.ts'

export const machine = (ports: Ports) => planned<Machine, Observed, Step>({
  name: 'machine',
  for: Machine,
  reads: [clusterOfMachine, machineTypes, quietly(Site), quietly(Release)],
  writes: [writes(Machine)],
  outside: ['compute.servers', 'network.ports', 'volume.volumes', 'talos.version', 'talos.etcdLeave', 'tenants.*'],
  finalizer: 'skerry.dev/machine',
  concurrency: 48,
  patience: quotaPatience(ports),
  isReleased: isOfAbandoned,
  observe: observe(ports),
  plan,
  apply: apply(ports),
  status: status(ports),
  inputs: (m, cached) => {
    const c = cached.list(Cluster, m.metadata.namespace).find((x) => x.metadata.name === m.spec.cluster)
    return [m.metadata.generation, m.metadata.deletionTimestamp, c?.status?.endpoint, c?.status?.infrastructure, c?.metadata.deletionTimestamp]
  },
  wakers: (wake, cached) => {
    const byCloud = wokenByCloud(ports, Machine)(wake, cached)
    const byNodes = ports.tenants.onNodes((uid) => {
      const cluster = cached.list(Cluster).find((c) => c.metadata.uid === uid)
      if (cluster !== undefined) for (const m of cached.list(Machine, cluster.metadata.namespace)) if (m.spec.cluster === cluster.metadata.name) wake(keyOf(m))
    })
    return () => { byCloud(); byNodes() }
  },
})
