/** NodePool: machines of one type in a cluster. */
import { z } from 'zod'
import { defineKind, type Condition, type FieldError, type Resource } from '../meta/index.ts'
import { conditionsSchema, labelsSchema, observedSchema, rootVolumeSchema, taintSchema } from '../meta/schema.ts'
import type { RootVolume } from '../cluster/index.ts'

export interface Taint { readonly key: string; readonly value?: string; readonly effect: 'NoSchedule' | 'PreferNoSchedule' | 'NoExecute' }
export interface NodePoolSpec {
  readonly cluster: string; readonly replicas: number; readonly machineType: string; readonly rootVolume: RootVolume
  readonly labels: Readonly<Record<string, string>>; readonly taints: readonly Taint[]
  readonly drainTimeout: string
}
export interface NodePoolStatus { readonly replicas?: number; readonly readyReplicas?: number; readonly issued?: number; readonly selector?: string; readonly conditions?: readonly Condition[] }
export type NodePool = Resource<NodePoolSpec, NodePoolStatus>

const validate = (pool: NodePool, old?: NodePool): readonly FieldError[] => {
  const errors: FieldError[] = []
  if (pool.metadata.name.length > 50) errors.push({ field: 'metadata.name', reason: 'FieldValueTooLong', message: 'at most 50 characters, so that machines\' names fit' })
  if (old !== undefined && old.spec.cluster !== pool.spec.cluster) errors.push({ field: 'spec.cluster', reason: 'FieldValueForbidden', message: `is ${old.spec.cluster} for the pool's life` })
  if (old !== undefined && old.spec.machineType !== pool.spec.machineType) errors.push({ field: 'spec.machineType', reason: 'FieldValueForbidden', message: 'cannot change yet; make another pool and delete this one' })
  for (const key of Object.keys(pool.spec.labels)) {
    if (/(^|\.)kubernetes\.io\/|(^|\.)k8s\.io\//.test(key)) errors.push({ field: `spec.labels[${key}]`, reason: 'FieldValueForbidden', message: 'kubelets may not set labels of kubernetes.io and k8s.io' })
  }
  return errors
}

export const NodePool = defineKind<NodePool>({
  group: 'skerry.dev', version: 'v1alpha1', kind: 'NodePool', plural: 'nodepools', singular: 'nodepool', shortNames: ['pool', 'np'], categories: ['skerry', 'all'],
  namespaced: true, home: 'hub', writers: { spec: 'user', status: 'site' },
  description: 'Machines of one type in a cluster.',
  spec: z.object({
    cluster: z.string().min(1).meta({ description: 'The cluster, in the same project.' }),
    replicas: z.int().min(0).max(500).default(1),
    machineType: z.string().min(1).meta({ description: 'A flavor of the cluster\'s site.' }),
    rootVolume: rootVolumeSchema.prefault({}),
    labels: labelsSchema.default({}).meta({ description: 'Labels of the nodes.' }),
    taints: z.array(taintSchema).default([]).meta({ description: 'Taints of the nodes.' }),
    drainTimeout: z.string().regex(/^\d+(s|m|h)$/).default('10m').meta({ description: 'How long pods may take to leave a node that goes.' }),
  }),
  status: z.object({
    replicas: z.int().optional(), readyReplicas: z.int().optional(), issued: z.int().optional(), selector: z.string().optional(),
    conditions: conditionsSchema, observed: observedSchema,
  }),
  columns: [
    { name: 'Cluster', type: 'string', jsonPath: '.spec.cluster' },
    { name: 'Type', type: 'string', jsonPath: '.spec.machineType' },
    { name: 'Wanted', type: 'integer', jsonPath: '.spec.replicas' },
    { name: 'Nodes', type: 'integer', jsonPath: '.status.readyReplicas' },
    { name: 'Ready', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
    { name: 'Reason', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].reason', priority: 1 },
  ],
  scale: { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas', labelSelectorPath: '.status.selector' },
  selectableFields: ['spec.cluster'],
  finalizers: ['skerry.dev/site'],
  validate,
})
