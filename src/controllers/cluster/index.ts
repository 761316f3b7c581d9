/** Keeps what all machines of a cluster share (network, router, groups). */
import { Cluster, Site } from '../../api/index.ts'
import { planned, status as writes } from '../../engine/shapes.ts'
import { isAbandoned } from '../abandoned.ts'
import { quotaPatience } from '../patience.ts'
import { whenDecided, type Census } from '../census.ts'
import type { Ports } from '../ports.ts'
import { decided, isSiteReady, machinesIn, machinesOfCluster, siteInputs, siteOfCluster, wokenByCloud } from '../reads.ts'
import { apply } from './apply.ts'
import { isFilteredByBalancer, observe, type Observed } from './observe.ts'
import { plan, type Step } from './plan.ts'
import { openTurns } from './turns.ts'
import { status } from './status.ts'

export const cluster = (ports: Ports, census: Census) => {
  const look = observe(ports, openTurns())
  return planned<Cluster, Observed & { readonly replicas: number }, Step>({
    name: 'cluster',
    concurrency: 256,
    patience: quotaPatience(ports),
    for: Cluster,
    reads: [siteOfCluster, machinesOfCluster],
    writes: [writes(Cluster, 'infrastructure')],
    outside: ['network.*', 'compute.serverGroups', 'secrets.ensure'],
    finalizer: 'skerry.dev/site',
    isReleased: isAbandoned,
    observe: async (object, context) => ({ ...(await look(object, context)), replicas: object.spec.controlPlane.replicas }),
    plan: (seen, now) => plan(seen.replicas)(seen, now),
    apply: whenDecided(census, apply(ports)),
    status: status(ports),
    wakers: wokenByCloud(ports, Cluster, ['networks', 'routers', 'securityGroups', 'serverGroups']),
    inputs: (c, cached) => [
      siteInputs(cached, c.spec.site), c.status?.infrastructure?.projectId === undefined && isSiteReady(cached, c.spec.site), decided(c), isFilteredByBalancer(c, cached.get(Site, { namespace: '', name: c.spec.site })),
      c.metadata.deletionTimestamp !== undefined && [c.metadata.finalizers, machinesIn(cached, c).map((m) => m.metadata.name)],
    ],
  })
}
