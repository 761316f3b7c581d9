/** Keeps the place where a cluster's API answers: a load balancer with a floating IP, or the control-plane nodes themselves. */
import { Cluster } from '../../api/index.ts'
import { planned, status as writes } from '../../engine/shapes.ts'
import { isAbandoned } from '../abandoned.ts'
import { quotaPatience } from '../patience.ts'
import { whenDecided, type Census } from '../census.ts'
import type { Ports } from '../ports.ts'
import { decided, liveSlots, machinesIn, machinesOfCluster, made, siteInputs, siteOfCluster, wokenByCloud } from '../reads.ts'
import { apply } from './apply.ts'
import { observe, type Observed } from './observe.ts'
import { plan, type Step } from './plan.ts'
import { status } from './status.ts'

export const endpoint = (ports: Ports, census: Census) => planned<Cluster, Observed, Step>({
  name: 'endpoint',
  concurrency: 256,
  patience: quotaPatience(ports),
  for: Cluster,
  reads: [siteOfCluster, machinesOfCluster],
  writes: [writes(Cluster, 'endpoint')],
  outside: ['network.ports', 'network.floatingIps', 'loadBalancer.*'],
  finalizer: 'skerry.dev/endpoint',
  isReleased: isAbandoned,
  observe: observe(ports),
  plan,
  apply: whenDecided(census, apply),
  status: status(ports),
  wakers: wokenByCloud(ports, Cluster, ['ports', 'floatingIps', 'loadBalancers']),
  inputs: (c, cached) => [
    siteInputs(cached, c.spec.site), decided(c), made(c), c.status?.controlPlane?.bootstrap?.doneAt,
    c.status?.endpoint?.kind === 'nodes' && c.status.controlPlane?.established === true && liveSlots(cached, c),
    c.metadata.deletionTimestamp !== undefined && machinesIn(cached, c).map((m) => m.metadata.name),
  ],
})
