/** CloudProject: an OpenStack project that clusters are made in, with its limits as seen; nobody writes it but the site. */
import { z } from 'zod'
import { defineKind, type Resource } from '../meta/index.ts'

export const quotaNames = ['instances', 'cores', 'ramMiB', 'volumes', 'volumeGiB', 'ports', 'networks', 'subnets', 'routers', 'securityGroups', 'floatingIps', 'loadBalancers'] as const
export type QuotaName = (typeof quotaNames)[number]
/** -1: no limit. */
export interface Limit { readonly limit: number; readonly used: number }

export interface CloudProjectSpec {
  readonly site: string; readonly projectId: string; readonly projectName: string; readonly projects: readonly string[]
  readonly since: string; readonly limits: Readonly<Partial<Record<QuotaName, Limit>>>
}
export type CloudProject = Resource<CloudProjectSpec, never>

export const CloudProject = defineKind<CloudProject>({
  group: 'skerry.dev', version: 'v1alpha1', kind: 'CloudProject', plural: 'cloudprojects', singular: 'cloudproject', shortNames: [], categories: ['skerry'],
  namespaced: false, home: 'site', writers: { spec: 'site', status: 'site' },
  description: 'An OpenStack project of a site, with its limits and what is used of them, as it was seen there.',
  spec: z.object({
    site: z.string(), projectId: z.string(), projectName: z.string(),
    projects: z.array(z.string()).meta({ description: 'The projects of Skerry whose clusters are made in it.' }),
    since: z.string().meta({ description: 'Since when limits and use are as they are here. They are read every half minute, and refuse nothing while the site is not Ready.' }),
    limits: z.partialRecord(z.enum(quotaNames), z.object({ limit: z.int().meta({ description: '-1: none.' }), used: z.int() })).meta({ description: 'What a service does not tell is absent, and refuses nothing.' }),
  }),
  columns: [
    { name: 'Site', type: 'string', jsonPath: '.spec.site' },
    { name: 'Cloud project', type: 'string', jsonPath: '.spec.projectName' },
    { name: 'Cores', type: 'integer', jsonPath: '.spec.limits.cores.used' },
    { name: 'Cores at most', type: 'integer', jsonPath: '.spec.limits.cores.limit' },
    { name: 'Instances', type: 'integer', jsonPath: '.spec.limits.instances.used' },
    { name: 'Instances at most', type: 'integer', jsonPath: '.spec.limits.instances.limit' },
    { name: 'Since', type: 'date', jsonPath: '.spec.since' },
  ],
  selectableFields: ['spec.site'],
})
