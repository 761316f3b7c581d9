/** Keeps what all machines of a cluster share (network, router, groups), and says whether the cluster is Ready. */
import { Cluster } from '../../api/index.ts'
import { planned, status as writes } from '../../engine/shapes.ts'
import { quotaPatience } from '../patience.ts'
import { whenDecided, type Census } from '../census.ts'
import type { Ports } from '../ports.ts'
import { machinesOfCluster, siteOfCluster, wokenByCloud } from '../reads.ts'
import { apply } from './apply.ts'
import { observe, type Observed } from './observe.ts'
import { plan, type Step } from './plan.ts'
import { status } from './status.ts'

export const cluster = (ports: Ports, census: Census) => planned<Cluster, Observed & { readonly replicas: number }, Step>({
  name: 'cluster',
  concurrency: 24,
  patience: quotaPatience(ports),
  for: Cluster,
  reads: [siteOfCluster, machinesOfCluster],
  writes: [writes(Cluster, 'infrastructure')],
  outside: ['network.*', 'compute.serverGroups', 'secrets.ensure'],
  finalizer: 'skerry.dev/site',
  observe: async (object, context) => ({ ...(await observe(ports)(object, context)), replicas: object.spec.controlPlane.replicas }),
  plan: (seen, now) => plan(seen.replicas)(seen, now),
  apply: whenDecided(census, apply(ports)),
  status: status(ports),
  wakers: wokenByCloud(ports, Cluster),
})
