/** The kind of the lab's custom resource (`lab.skerry.test/v1` clusters), so that the same checks run here and against kube-apiserver. */
import { z } from 'zod'
import { defineKind, type Resource } from '../../api/meta/index.ts'

interface LabPool { readonly name: string; readonly size?: number; readonly labels?: Readonly<Record<string, string>>; readonly zones?: readonly string[]; readonly taints?: readonly { readonly key: string; readonly effect: string; readonly value?: string }[] }
export interface LabSpec { readonly site: string; readonly replicas: number; readonly payload?: string; readonly pools?: readonly LabPool[]; readonly tags?: readonly string[]; readonly zones?: readonly string[]; readonly options?: Readonly<Record<string, string>>; readonly mode?: 'fast' | 'safe'; readonly selector?: Readonly<Record<string, string>> }
export interface LabStatus { readonly phase?: string; readonly replicas?: number; readonly conditions?: readonly { readonly type: string; readonly status: string }[] }
export type LabCluster = Resource<LabSpec, LabStatus>

export const LabCluster = defineKind<LabCluster>({
  group: 'lab.skerry.test', version: 'v1', kind: 'Cluster', plural: 'clusters', singular: 'cluster', shortNames: ['skc'], categories: ['skerry'],
  namespaced: true, home: 'hub', writers: { spec: 'user', status: 'user' }, description: 'A cluster of the lab.',
  spec: z.object({
    site: z.string().max(63).meta({ description: 'Where it runs.' }),
    replicas: z.int().min(0).max(1000).default(3).meta({ description: 'How many.' }),
    payload: z.string().max(4096).optional(),
    pools: z.array(z.object({
      name: z.string(), size: z.int().optional(), labels: z.record(z.string(), z.string()).optional(), zones: z.array(z.string()).optional().meta({ 'x-kubernetes-list-type': 'set' }),
      taints: z.array(z.object({ key: z.string(), effect: z.string().default('NoSchedule'), value: z.string().optional() })).optional().meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['key', 'effect'] }),
    })).optional().meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'] }),
    tags: z.array(z.string()).optional().meta({ 'x-kubernetes-list-type': 'set' }),
    zones: z.array(z.string()).optional(),
    options: z.record(z.string(), z.string()).optional(),
    mode: z.enum(['fast', 'safe']).optional(),
    selector: z.record(z.string(), z.string()).optional().meta({ 'x-kubernetes-map-type': 'atomic' }),
  }),
  status: z.object({
    phase: z.string().optional(), replicas: z.int().optional(),
    conditions: z.array(z.object({ type: z.string(), status: z.string() })).optional().meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['type'] }),
  }),
  columns: [
    { name: 'Site', type: 'string', jsonPath: '.spec.site' },
    { name: 'Replicas', type: 'integer', jsonPath: '.spec.replicas' },
    { name: 'Phase', type: 'string', jsonPath: '.status.phase' },
  ],
  scale: { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas' },
  selectableFields: ['spec.site'],
})

/** A kind with a finalizer of the server's, whose spec a site writes. */
export const LabMachine = defineKind({
  group: 'lab.skerry.test', version: 'v1', kind: 'Machine', plural: 'machines', singular: 'machine', shortNames: [], categories: [],
  namespaced: true, home: 'site', writers: { spec: 'site', status: 'site' }, description: 'A machine of the lab.',
  spec: z.object({ cluster: z.string() }), status: z.object({ phase: z.string().optional() }), columns: [], finalizers: ['skerry.dev/site'],
})

/** A kind without a schema, as a simulated tenant serves them. */
export const LabConfigMap = defineKind({
  group: '', version: 'v1', kind: 'ConfigMap', plural: 'configmaps', singular: 'configmap', shortNames: ['cm'], categories: [],
  namespaced: true, home: 'hub', writers: { spec: 'user', status: 'user' }, description: 'Anything.', spec: z.unknown(), columns: [],
})
export const LabNode = defineKind({
  group: '', version: 'v1', kind: 'Node', plural: 'nodes', singular: 'node', shortNames: ['no'], categories: [],
  namespaced: false, home: 'hub', writers: { spec: 'user', status: 'user' }, description: 'Any node.', spec: z.unknown(), status: z.unknown(), columns: [],
})
