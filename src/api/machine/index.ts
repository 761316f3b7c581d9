/** Machine: one Nova server, one Talos node and one Kubernetes node, seen as one thing. The site makes and writes it. */
import { z } from 'zod'
import { defineKind, type Condition, type Resource } from '../meta/index.ts'
import { conditionsSchema, intentsSchema, labelsSchema, observedSchema, rootVolumeSchema, taintSchema } from '../meta/schema.ts'
import type { RootVolume } from '../cluster/index.ts'
import type { Taint } from '../node-pool/index.ts'

export interface MachineSpec {
  readonly cluster: string
  readonly role: 'controlplane' | 'worker'
  /** Of a control plane: owns the port of this slot. */
  readonly slot?: number
  readonly pool?: string
  readonly machineType: string
  readonly rootVolume: RootVolume
  readonly release: string
  readonly labels: Readonly<Record<string, string>>
  readonly taints: readonly Taint[]
  readonly drainTimeout: string
}
export type MachinePhase = 'Pending' | 'Provisioning' | 'Booting' | 'Joining' | 'Running' | 'Deleting' | 'Failed'
export interface MachineStatus {
  readonly phase?: MachinePhase
  readonly portId?: string
  readonly volumeId?: string
  readonly serverId?: string
  readonly serverName?: string
  readonly address?: string
  readonly hostId?: string
  /** When Nova said ACTIVE; the boot watchdog's clock (rule T3). */
  readonly activeAt?: string
  readonly hardReboots?: number
  /** Servers that were given up before first contact, each once. */
  readonly failures?: number
  /** The last of them, while it stands. */
  readonly gaveUp?: { readonly serverId: string; readonly at: string }
  readonly contactAt?: string
  readonly nodeReady?: boolean
  readonly drainStartedAt?: string
  readonly drainedAt?: string
  readonly talosVersion?: string
  readonly kubeletVersion?: string
  /** Text of Nova's fault when a server ended in ERROR (rule O7). */
  readonly fault?: string
  readonly intents?: Readonly<Record<string, string>>
  readonly conditions?: readonly Condition[]
}
export type Machine = Resource<MachineSpec, MachineStatus>

const text = z.string().optional()
export const Machine = defineKind<Machine>({
  group: 'skerry.dev', version: 'v1alpha1', kind: 'Machine', plural: 'machines', singular: 'machine', shortNames: ['skm'], categories: ['skerry', 'all'],
  namespaced: true, home: 'site', writers: { spec: 'site', status: 'site' },
  description: 'One server, Talos node and Kubernetes node, seen as one thing. Made by control planes and node pools.',
  spec: z.object({
    cluster: z.string(), role: z.enum(['controlplane', 'worker']), slot: z.int().optional(), pool: text, machineType: z.string(),
    rootVolume: rootVolumeSchema, release: z.string(), labels: labelsSchema.default({}), taints: z.array(taintSchema).default([]), drainTimeout: z.string().default('10m'),
  }),
  status: z.object({
    phase: z.enum(['Pending', 'Provisioning', 'Booting', 'Joining', 'Running', 'Deleting', 'Failed']).optional(),
    portId: text, volumeId: text, serverId: text, serverName: text, address: text, hostId: text, activeAt: text,
    hardReboots: z.int().optional(), failures: z.int().optional(), gaveUp: z.object({ serverId: z.string(), at: z.string() }).optional(), contactAt: text, nodeReady: z.boolean().optional(), drainStartedAt: text, drainedAt: text, talosVersion: text, kubeletVersion: text, fault: text, intents: intentsSchema,
    conditions: conditionsSchema, observed: observedSchema,
  }),
  columns: [
    { name: 'Cluster', type: 'string', jsonPath: '.spec.cluster' },
    { name: 'Role', type: 'string', jsonPath: '.spec.role' },
    { name: 'Type', type: 'string', jsonPath: '.spec.machineType' },
    { name: 'Phase', type: 'string', jsonPath: '.status.phase' },
    { name: 'Address', type: 'string', jsonPath: '.status.address' },
    { name: 'Server', type: 'string', jsonPath: '.status.serverId', priority: 1 },
    { name: 'Reason', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].reason', priority: 1 },
  ],
  finalizers: ['skerry.dev/machine'],
  selectableFields: ['spec.cluster', 'spec.pool'],
})
