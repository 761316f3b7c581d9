/** Keeps what is known of a site's OpenStack projects fresh: their limits, and what is used of them. */
import { CloudProject, Project, Site } from '../../api/index.ts'
import type { CloudProjectSpec } from '../../api/cloud-project/index.ts'
import { controllerRef } from '../../api/meta/index.ts'
import { isSame } from '../../engine/applied.ts'
import { waiting } from '../../engine/outcome.ts'
import { every } from '../../engine/relations.ts'
import { exclusive, planned, type Finish, type Log, type Plan } from '../../engine/shapes.ts'
import type { Ports, SiteCloud } from '../ports.ts'
import { quietly } from '../reads.ts'

type Step = { readonly kind: 'show'; readonly spec: CloudProjectSpec } | { readonly kind: 'drop'; readonly project: CloudProject }
interface Seen { readonly found: readonly CloudProjectSpec[]; readonly known: readonly CloudProject[]; readonly isWhole: boolean }

/** What refuses people must be of now. */
const everySeconds = 30

/** Each service by itself: one that does not tell leaves the others. */
const limitsOf = async ({ cloud }: SiteCloud, log: Log): Promise<CloudProjectSpec['limits']> => {
  const asked = <T>(service: string, quota: Promise<T> | undefined): Promise<T | undefined> => (quota ?? Promise.resolve(undefined)).catch((error: unknown) => { log.debug({ service, error: String(error) }, 'limits not told'); return undefined })
  const [compute, network, volume, balancer] = await Promise.all([asked('compute', cloud.compute.quota()), asked('network', cloud.network.quota()), asked('volume', cloud.volume.quota()), asked('load-balancer', cloud.loadBalancer?.quota())])
  return {
    ...(compute !== undefined && { instances: compute.instances, cores: compute.cores, ramMiB: compute.ramMiB }),
    ...(volume !== undefined && { volumes: volume.volumes, volumeGiB: volume.gigabytes }),
    ...(network !== undefined && { ports: network.port, networks: network.network, subnets: network.subnet, routers: network.router, securityGroups: network.security_group, floatingIps: network.floatingip }),
    ...(balancer !== undefined && balancer),
  }
}

/** Limits that nobody can look at any more refuse nothing. */
const unasked = (s: Seen): readonly CloudProjectSpec[] => (s.isWhole ? [] : s.known.filter((k) => !s.found.some((f) => f.projectId === k.spec.projectId)).map((k) => ({ ...k.spec, limits: {} })))

const plan = (s: Seen, _now: Date): Plan<Step | Finish> => ({
  steps: [
    // What is as it was is not written again: a quiet installation writes nothing.
    ...[...s.found, ...unasked(s)].filter((spec) => !s.known.some((k) => isSame({ ...k.spec, since: '' }, { ...spec, since: '' }))).map((spec): Step => ({ kind: 'show', spec })),
    // Who could not be asked is not gone.
    ...(s.isWhole ? s.known.filter((k) => !s.found.some((f) => f.projectId === k.spec.projectId)).map((project): Step => ({ kind: 'drop', project })) : []),
  ],
  outcome: waiting('Idle', 'limits are read again', everySeconds),
})

export const cloudProject = (ports: Ports) => planned<Site, Seen, Step>({
  name: 'cloud-project',
  for: Site,
  reads: [every(Project, Site), quietly(CloudProject)],
  writes: [exclusive(CloudProject)],
  outside: ['compute.quota', 'loadBalancer.quota', 'network.quota', 'volume.quota'],
  observe: async (site, context) => {
    const names = context.cached.list(Project).map((p) => p.metadata.name).toSorted()
    const opened = await Promise.all(names.map((name) => ports.clouds.open(site, name).then((cloud) => ({ name, cloud }), () => undefined)))
    const clouds = new Map(opened.flatMap((o) => (o === undefined ? [] : [[o.cloud.projectId, o.cloud] as const])))
    const found = await Promise.all([...clouds].map(async ([projectId, cloud]) => {
      const { projectName } = await cloud.cloud.identity.describe()
      return { site: site.metadata.name, projectId, projectName, projects: opened.flatMap((o) => (o?.cloud.projectId === projectId ? [o.name] : [])), limits: await limitsOf(cloud, context.log), since: context.now.toISOString() }
    }))
    return { found, known: context.cached.list(CloudProject).filter((k) => k.spec.site === site.metadata.name), isWhole: opened.every((o) => o !== undefined) }
  },
  plan,
  apply: async (step, _seen, site, context) => {
    if (step.kind === 'drop') { await context.delete(CloudProject, step.project); return }
    await context.apply(CloudProject, { metadata: { name: `${site.metadata.name}.${step.spec.projectId}`, ownerReferences: [controllerRef(site)] }, spec: step.spec })
  },
  status: () => ({ conditions: [] }),
})
