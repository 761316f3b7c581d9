/** Keeps one machine: a Nova server that boots Talos and joins its cluster as a Node. */
import { Machine, Release } from '../../api/index.ts'
import { keyOf } from '../../api/meta/index.ts'
import { planned, status as writes } from '../../engine/shapes.ts'
import { isOfAbandoned } from '../abandoned.ts'
import { quotaPatience } from '../patience.ts'
import { whenDecided, type Census } from '../census.ts'
import type { Ports } from '../ports.ts'
import { answersAt, awaitedSiblings, decided, clusterOf, clusterOfMachine, machineTypes, isAwaited, isHeld, isOneHeard, isPlaced, made, quietly, siteInputs, siteOfHeldMachine, toldAnew, wokenByCloud } from '../reads.ts'
import { apply } from './apply.ts'
import { openAsked } from './asked.ts'
import { observe, type Observed } from './observe.ts'
import { plan, type Step } from './plan.ts'
import { status } from './status.ts'

const isGoingMember = (m: Machine): boolean => m.spec.role === 'controlplane' && m.metadata.deletionTimestamp !== undefined

export const machine = (ports: Ports, census: Census, asked = openAsked()) => planned<Machine, Observed, Step>({
  name: 'machine',
  for: Machine,
  reads: [clusterOfMachine, awaitedSiblings, machineTypes, siteOfHeldMachine, quietly(Release)],
  writes: [writes(Machine)],
  outside: ['compute.servers', 'network.ports', 'volume.volumes', 'talos.version', 'tenants.*'],
  finalizer: 'skerry.dev/machine',
  concurrency: 256,
  patience: quotaPatience(ports),
  isReleased: isOfAbandoned,
  observe: observe(ports, asked),
  plan,
  apply: whenDecided(census, apply(ports, asked)),
  status: status(ports),
  inputs: (m, cached) => {
    const cluster = clusterOf(cached, m)
    return cluster === undefined ? undefined : [isHeld(m) && siteInputs(cached, cluster.spec.site), cluster.metadata.deletionTimestamp, decided(cluster), isPlaced(cluster) && [answersAt(cluster), made(cluster)], isAwaited(m) && isOneHeard(cached, m), isGoingMember(m) && cluster.status?.controlPlane?.leaving]
  },
  wakers: (wake, cached) => {
    const byCloud = wokenByCloud(ports, Machine, ['servers', 'ports', 'volumes'])(wake, cached)
    const byNodes = ports.tenants.onNodes((change) => { for (const m of toldAnew(cached, change)) wake(keyOf(m)) })
    return () => { byCloud(); byNodes() }
  },
})
