/** Kinds as they are served: each under its path, some as a view of another (Namespace of Project, rule A6). */
import { z } from 'zod'
import { defineKind, resourceName, type Kind } from '../api/meta/index.ts'
import { compile, type Compiled } from './schema.ts'
import type { Mutable } from './values.ts'

export interface View {
  /** The kind that is stored. */
  readonly stored: Compiled
  readonly toView: (stored: Mutable) => Mutable
  /** What is to be stored, given what stands there now. */
  readonly fromView: (view: Mutable, live: Mutable | undefined) => Mutable
}

export interface Served extends Compiled {
  /** Name in the store. */
  readonly resource: string
  readonly view: View | undefined
  readonly verbs: readonly string[]
}

export const allVerbs = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'] as const
const anything = z.unknown()

export const serve = (kind: Kind<any>): Served => ({ ...compile(kind), resource: resourceName(kind), view: undefined, verbs: allVerbs })

const namespaceKind = defineKind({
  group: '', version: 'v1', kind: 'Namespace', plural: 'namespaces', singular: 'namespace', shortNames: ['ns'], categories: [], namespaced: false, home: 'hub', writers: { spec: 'user', status: 'hub' },
  description: 'A project, as Kubernetes clients know it.', spec: anything, columns: [{ name: 'Status', type: 'string', jsonPath: '.status.phase' }],
})

/** Namespaces as a view of another kind: same uid, version, deletion. */
export const namespacesOf = (kind: Kind<any>): Served => {
  const stored = compile(kind)
  return {
    ...compile(namespaceKind), resource: resourceName(kind), verbs: allVerbs,
    view: {
      stored,
      toView: (o) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: o['metadata'], spec: { finalizers: ['kubernetes'] }, status: { phase: (o['metadata'] as Mutable)['deletionTimestamp'] === undefined ? 'Active' : 'Terminating' } }),
      fromView: (v, live) => ({ ...(live ?? { spec: {} }), apiVersion: stored.apiVersion, kind: kind.kind, metadata: v['metadata'] }),
    },
  }
}

/** core/v1 Events; kubectl describe lists them by involvedObject. */
export const eventKind = defineKind({
  group: '', version: 'v1', kind: 'Event', plural: 'events', singular: 'event', shortNames: ['ev'], categories: [], namespaced: true, home: 'hub', writers: { spec: 'user', status: 'user' },
  description: 'Something that happened to an object; kept for a day.', spec: anything,
  columns: [
    { name: 'Last Seen', type: 'date', jsonPath: '.lastTimestamp' }, { name: 'Type', type: 'string', jsonPath: '.type' }, { name: 'Reason', type: 'string', jsonPath: '.reason' },
    { name: 'Object', type: 'string', jsonPath: '.involvedObject.name' }, { name: 'Message', type: 'string', jsonPath: '.message' },
  ],
  selectableFields: ['involvedObject.kind', 'involvedObject.namespace', 'involvedObject.name', 'involvedObject.uid', 'involvedObject.apiVersion', 'involvedObject.resourceVersion', 'involvedObject.fieldPath', 'reason', 'type', 'reportingComponent', 'source'],
})
/** events.k8s.io/v1, of the same rows. */
const newEventKind = defineKind({ ...eventKind, group: 'events.k8s.io', selectableFields: ['reason', 'type', 'reportingController', 'regarding.kind', 'regarding.namespace', 'regarding.name', 'regarding.uid'] })
export const newEvents = (): Served => ({
  ...compile(newEventKind), resource: 'events', verbs: ['get', 'list', 'watch'],
  view: {
    stored: compile(eventKind),
    toView: (o) => ({
      apiVersion: 'events.k8s.io/v1', kind: 'Event', metadata: o['metadata'], eventTime: o['eventTime'] ?? null, type: o['type'], reason: o['reason'], note: o['message'], regarding: o['involvedObject'],
      reportingController: o['reportingComponent'] ?? '', reportingInstance: o['reportingInstance'] ?? '', deprecatedCount: o['count'], deprecatedFirstTimestamp: o['firstTimestamp'], deprecatedLastTimestamp: o['lastTimestamp'], deprecatedSource: o['source'],
    }),
    fromView: (v) => v,
  },
})
export const leaseKind = defineKind({
  group: 'coordination.k8s.io', version: 'v1', kind: 'Lease', plural: 'leases', singular: 'lease', shortNames: [], categories: [], namespaced: true, home: 'hub', writers: { spec: 'user', status: 'user' },
  description: 'A lease, for leader election.', spec: anything, columns: [{ name: 'Holder', type: 'string', jsonPath: '.spec.holderIdentity' }],
})
