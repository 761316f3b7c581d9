/** Keeps one machine: a Nova server that boots Talos and joins its cluster as a Node. */
import { Cluster, Machine, Release } from '../../api/index.ts'
import { keyOf } from '../../api/meta/index.ts'
import { planned, status as writes } from '../../engine/shapes.ts'
import { quotaPatience } from '../patience.ts'
import { whenDecided, type Census } from '../census.ts'
import type { Ports } from '../ports.ts'
import { clusterOfMachine, machineTypes, quietly, siteOfHeldMachine, wokenByCloud } from '../reads.ts'
import { apply } from './apply.ts'
import { observe, type Observed } from './observe.ts'
import { plan, type Step } from './plan.ts'
import { status } from './status.ts'

export const machine = (ports: Ports, census: Census) => planned<Machine, Observed, Step>({
  name: 'machine',
  for: Machine,
  reads: [clusterOfMachine, machineTypes, siteOfHeldMachine, quietly(Release)],
  writes: [writes(Machine)],
  outside: ['compute.servers', 'network.ports', 'volume.volumes', 'talos.version', 'talos.etcdLeave', 'tenants.*'],
  finalizer: 'skerry.dev/machine',
  concurrency: 48,
  patience: quotaPatience(ports),
  observe: observe(ports),
  plan,
  apply: whenDecided(census, apply(ports)),
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
