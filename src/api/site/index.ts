/** Site: one OpenStack installation, what the operator says of it and what was found out about it. */
import { z } from 'zod'
import { defineKind, type Condition, type Resource } from '../meta/index.ts'
import { cidrSchema, conditionsSchema, observedSchema } from '../meta/schema.ts'

const services = z.object({
  ntp: z.array(z.string()).default([]).meta({ description: 'Time servers that nodes ask. Empty: nodes keep the time of their host (rule O10).' }),
  dns: z.array(z.string()).default([]).meta({ description: 'Name servers that nodes ask.' }),
  registryMirrors: z.record(z.string(), z.object({ endpoints: z.array(z.string()).min(1), skipFallback: z.boolean().default(true) })).default({})
    .meta({ description: 'Where nodes pull images from: registry name, or * for all.' }),
  trustedRoots: z.array(z.string()).default([]).meta({ description: 'PEM certificates that nodes trust besides the usual ones.' }),
  installer: z.string().optional().meta({ description: "Overrides the release's installer image." }),
})

const spec = z.object({
  authUrl: z.string().meta({ description: 'Keystone, e.g. https://keystone.example.org:5000/v3.' }),
  region: z.string().optional(),
  interface: z.enum(['public', 'internal']).default('public').meta({ description: 'Which endpoints of the catalogue are used.' }),
  caCertificate: z.string().optional().meta({ description: 'PEM of the authority that signed the endpoints.' }),
  shape: z.enum(['auto', 'tenant', 'routed']).default('auto').meta({ description: 'tenant: network, router and floating IPs for each cluster. routed: one port on a provider network.' }),
  externalNetwork: z.string().optional().meta({ description: 'Name or id of the network with floating IPs; needed when there are several.' }),
  providerNetwork: z.string().optional().meta({ description: 'Name or id of the network that servers attach to directly in the routed shape.' }),
  loadBalancerProvider: z.string().optional().meta({ description: 'Octavia provider; the first known one when absent.' }),
  services: services.prefault({}),
  publicDefaults: z.boolean().default(false).meta({ description: 'Fill empty services with public ones (time.cloudflare.com, 1.1.1.1).' }),
  egressCIDRs: z.array(cidrSchema).default([]).meta({ description: 'Where Skerry itself comes from; always admitted to endpoints.' }),
  installDisk: z.string().default('/dev/vda'),
  relaxedTimers: z.boolean().default(false).meta({ description: 'Longer leases and elections, for slow clouds.' }),
  bootTimeout: z.string().regex(/^\d+(s|m|h)$/).default('10m').meta({ description: 'How long a machine may take to first contact.' }),
  clustersAtOnce: z.int().min(1).max(1_000).default(100).meta({ description: 'How many clusters are made at the same time; others wait for their turn.' }),
  callsPerSecond: z.int().min(1).max(5_000).default(100).meta({ description: 'Calls to this cloud on average, by all projects together; twice as many at once.' }),
  unknownObjects: z.record(z.string(), z.enum(['leave', 'delete'])).optional()
    .meta({ description: 'What a platform administrator decided of objects in `status.unknownObjects`, by their id (rule H3). leave: it stays and is not looked at again. delete: the site deletes it.' }),
})

export interface SiteServices {
  readonly ntp: readonly string[]; readonly dns: readonly string[]; readonly trustedRoots: readonly string[]; readonly installer?: string
  readonly registryMirrors: Readonly<Record<string, { readonly endpoints: readonly string[]; readonly skipFallback: boolean }>>
}
export interface SiteSpec {
  readonly authUrl: string; readonly region?: string; readonly interface: 'public' | 'internal'; readonly caCertificate?: string
  readonly shape: 'auto' | 'tenant' | 'routed'; readonly externalNetwork?: string; readonly providerNetwork?: string; readonly loadBalancerProvider?: string
  readonly services: SiteServices; readonly publicDefaults: boolean; readonly egressCIDRs: readonly string[]
  readonly installDisk: string; readonly relaxedTimers: boolean; readonly bootTimeout: string; readonly callsPerSecond: number; readonly clustersAtOnce: number
  readonly unknownObjects?: Readonly<Record<string, Decision>>
}
export type Decision = 'leave' | 'delete'
/** What the site controller found. */
export interface SiteFound {
  readonly shape: 'tenant' | 'routed'
  readonly projectName: string; readonly userName: string; readonly roles: readonly string[]; readonly credentialExpiresAt?: string
  readonly externalNetwork?: { readonly id: string; readonly name: string }
  readonly providerNetwork?: { readonly id: string; readonly name: string; readonly cidr: string; readonly subnetId: string }
  /** `allowedCIDRs`: keeps strangers out itself. `keepsSource`: nodes see who asks. With neither no list can be enforced (rule O6). */
  readonly loadBalancer?: { readonly provider: string; readonly allowedCIDRs: boolean; readonly keepsSource?: boolean }
  readonly volumeTypes: readonly string[]
  readonly images: readonly { readonly id: string; readonly name: string; readonly talosVersion: string }[]
  readonly microversion: string
}
/** In an order in which they can be deleted. */
export const unknownObjectKinds = ['load balancer', 'listener', 'pool', 'floating ip', 'server', 'volume', 'port', 'router', 'subnet', 'network', 'security group', 'server group'] as const
export type UnknownObjectKind = (typeof unknownObjectKinds)[number]
/** An object of a cloud with this installation's mark and an owner that is not known (rule H3). */
export interface UnknownObject {
  readonly id: string; readonly kind: UnknownObjectKind; readonly name: string
  /** OpenStack's id of the project that it is in. */
  readonly project: string
  /** From its mark: the uid of the cluster or machine that it was made for, and as what. */
  readonly owner: string; readonly role: string
  readonly createdAt?: string
}
/** `count` of all; `items` are the first of them. */
export interface UnknownObjects { readonly count: number; readonly items: readonly UnknownObject[] }
export interface SiteStatus { readonly found?: SiteFound; readonly unknownObjects?: UnknownObjects; readonly conditions?: readonly Condition[] }
export type Site = Resource<SiteSpec, SiteStatus>

const named = z.object({ id: z.string(), name: z.string() })
export const Site = defineKind<Site>({
  group: 'skerry.dev', version: 'v1alpha1', kind: 'Site', plural: 'sites', singular: 'site', shortNames: [], categories: ['skerry'],
  namespaced: false, home: 'hub', writers: { spec: 'user', status: 'site' },
  description: 'One OpenStack installation: endpoints, network shape, services, and what was found out about it.',
  spec,
  status: z.object({
    found: z.object({
      shape: z.enum(['tenant', 'routed']), projectName: z.string(), userName: z.string(), roles: z.array(z.string()), credentialExpiresAt: z.string().optional(),
      externalNetwork: named.optional(), providerNetwork: named.extend({ cidr: z.string(), subnetId: z.string() }).optional(),
      loadBalancer: z.object({ provider: z.string(), allowedCIDRs: z.boolean(), keepsSource: z.boolean().optional() }).optional(),
      volumeTypes: z.array(z.string()), images: z.array(named.extend({ talosVersion: z.string() })), microversion: z.string(),
    }).optional().meta({ description: 'What was found out about the cloud.' }),
    unknownObjects: z.object({
      count: z.int().meta({ description: 'How many there are; items may hold fewer.' }),
      items: z.array(named.extend({
        kind: z.enum(unknownObjectKinds), project: z.string().meta({ description: 'OpenStack id of the project.' }), owner: z.string().meta({ description: 'uid of the cluster or machine that it was made for.' }),
        role: z.string(), createdAt: z.string().optional(),
      })),
    }).optional().meta({ description: 'Objects in the cloud with the mark of this installation and an owner that is not known, and not left by `spec.unknownObjects`. While one is undecided nothing is created or deleted in its project (rule H3).' }),
    conditions: conditionsSchema, observed: observedSchema,
  }),
  columns: [
    { name: 'Shape', type: 'string', jsonPath: '.status.found.shape' },
    { name: 'Load balancer', type: 'string', jsonPath: '.status.found.loadBalancer.provider' },
    { name: 'Ready', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
    { name: 'Reason', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].reason', priority: 1 },
    { name: 'URL', type: 'string', jsonPath: '.spec.authUrl', priority: 1 },
  ],
  validate: (site, old) => (old !== undefined && old.spec.authUrl !== site.spec.authUrl
    ? [{ field: 'spec.authUrl', reason: 'FieldValueForbidden', message: `is ${old.spec.authUrl} for the site's life; another cloud is another site` }] : []),
})
