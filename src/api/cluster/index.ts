/** Cluster: a Kubernetes cluster. Its spec is what a person wants; OpenStack ids and addresses live in status only. */
import { z } from 'zod'
import { defineKind } from '../meta/index.ts'
import { cidrSchema, conditionsSchema, intentsSchema, observedSchema, rootVolumeSchema } from '../meta/schema.ts'
import type { Cluster as Type } from './types.ts'
import { validateCluster } from './validate.ts'

export type { ClusterControlPlane, ClusterEndpoint, ClusterInfrastructure, ClusterSecrets, ClusterSpec, ClusterStatus, EndpointSlot, RootVolume } from './types.ts'

const text = z.string().optional()
const spec = z.object({
  site: z.string().min(1).meta({ description: 'The site that the cluster runs in, for its life.' }),
  release: z.string().min(1).meta({ description: 'The bundle of versions.' }),
  controlPlane: z.object({
    replicas: z.int().default(3).meta({ description: '1, 3 or 5.' }),
    machineType: z.string().min(1).meta({ description: 'A flavor of the site.' }),
    rootVolume: rootVolumeSchema.prefault({}),
    scheduling: z.boolean().default(false).meta({ description: 'Ordinary pods may run on control-plane nodes.' }),
  }),
  network: z.object({
    nodes: cidrSchema.default('10.250.0.0/24').meta({ description: 'The nodes\' own network, in the tenant shape.' }),
    pods: z.array(cidrSchema).min(1).max(1).default(['10.244.0.0/16']),
    services: z.array(cidrSchema).min(1).max(1).default(['10.96.0.0/12']),
    cni: z.enum(['flannel', 'release', 'none']).default('flannel').meta({ description: 'Talos\' flannel, the release\'s own, or none.' }),
  }).prefault({}),
  endpoint: z.object({
    kind: z.enum(['auto', 'octavia', 'nodes']).default('auto').meta({ description: 'octavia: a load balancer with a floating IP. nodes: the control-plane nodes themselves.' }),
    allowedCIDRs: z.array(cidrSchema).default([]).meta({ description: 'Who may reach the API; empty: everybody.' }),
  }).prefault({}),
  deletionProtection: z.boolean().default(false).meta({ description: 'While true the cluster cannot be deleted.' }),
})

const ids = (...names: string[]) => z.object({ ...Object.fromEntries(names.map((n) => [n, text])), intents: intentsSchema })
export type Cluster = Type
export const Cluster = defineKind<Cluster>({
  group: 'skerry.dev', version: 'v1alpha1', kind: 'Cluster', plural: 'clusters', singular: 'cluster', shortNames: ['skc'], categories: ['skerry', 'all'],
  namespaced: true, home: 'hub', writers: { spec: 'user', status: 'site' },
  description: 'A Kubernetes cluster on Talos Linux.',
  spec,
  status: z.object({
    infrastructure: ids('begunAt', 'projectId', 'shape', 'networkId', 'subnetId', 'routerId', 'controlPlaneGroupId', 'nodeGroupId', 'serverGroupId').optional(),
    endpoint: z.object({
      kind: text, host: text, port: z.int().optional(), addresses: z.array(z.string()).optional(), insideAddresses: z.array(z.string()).optional(),
      floatingIpId: text, loadBalancerId: text, loadBalancerProvider: text, intents: intentsSchema,
      slots: z.array(z.object({ slot: z.int(), portId: z.string(), address: z.string() })).optional(),
    }).optional(),
    controlPlane: z.object({
      replicas: z.int().optional(), readyReplicas: z.int().optional(), issued: z.int().optional(), etcdClusterId: text, established: z.boolean().optional(),
      bootstrap: z.object({ machine: z.string(), serverId: z.string(), requestedAt: z.string(), doneAt: text }).optional(),
      leaving: z.object({ machine: z.string(), isOut: z.boolean() }).optional().meta({ description: 'The one machine that may go now; isOut: it is no member of etcd any more (rule T2).' }),
    }).optional(),
    addOns: z.object({ applied: text }).optional(),
    secrets: z.object({ exportedAt: text, importedAt: text, authority: text }).optional().meta({ description: 'When the keys were last exported and imported, and the fingerprint of their Kubernetes CA.' }),
    abandoned: z.object({ at: z.string(), by: z.string(), reason: z.string() }).optional().meta({ description: 'Who gave the cluster up, and why: what was made for it in the cloud is left there.' }),
    kubernetesVersion: text,
    conditions: conditionsSchema, observed: observedSchema,
  }),
  columns: [
    { name: 'Site', type: 'string', jsonPath: '.spec.site' },
    { name: 'Release', type: 'string', jsonPath: '.spec.release' },
    { name: 'Control plane', type: 'integer', jsonPath: '.status.controlPlane.readyReplicas' },
    { name: 'Ready', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
    { name: 'Reason', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].reason' },
    { name: 'Endpoint', type: 'string', jsonPath: '.status.endpoint.host', priority: 1 },
    { name: 'Secrets', type: 'date', jsonPath: '.status.secrets.exportedAt', description: 'How long ago the keys were last exported.', absent: 'never', priority: 1 },
    { name: 'Message', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].message', priority: 1 },
  ],
  finalizers: ['skerry.dev/site'],
  selectableFields: ['spec.site'],
  validate: validateCluster,
})
