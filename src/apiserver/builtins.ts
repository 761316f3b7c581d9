/** Kinds that every client expects: Namespaces as a view of another kind (rule A6), Events in both groups, Leases. */
import { z } from 'zod'
import { defineKind, resourceName, type Kind } from '../api/meta/index.ts'
import { compile } from './schema.ts'
import { allVerbs, serve, type Served } from './served.ts'
import type { Mutable } from './values.ts'

const anything = z.unknown()
const common = { version: 'v1', categories: [], home: 'hub', writers: { spec: 'user', status: 'user' }, spec: anything } as const

const namespaceKind = defineKind({
  ...common, group: '', kind: 'Namespace', plural: 'namespaces', singular: 'namespace', shortNames: ['ns'], namespaced: false,
  description: 'A project, as Kubernetes clients know it.', columns: [{ name: 'Status', type: 'string', jsonPath: '.status.phase' }], selectableFields: ['status.phase'],
})

/** Stored where no other kind stands for namespaces: a simulated tenant. */
export const plainNamespaceKind = defineKind({ ...namespaceKind, description: 'A namespace.' })

const namespaceViews = new WeakMap<Kind<any>, Served>()
/** Namespaces as a view of another kind: same uid, version, deletion. */
export const namespacesOf = (kind: Kind<any>): Served => {
  const have = namespaceViews.get(kind)
  if (have !== undefined) return have
  const stored = serve(kind)
  const served: Served = {
    ...compile(namespaceKind), resource: resourceName(kind), verbs: allVerbs.filter((v) => v !== 'deletecollection'),
    view: {
      stored,
      toView: (o) => {
        const metadata = o['metadata'] as Mutable
        const isLeaving = metadata['deletionTimestamp'] !== undefined
        return {
          apiVersion: 'v1', kind: 'Namespace', spec: { finalizers: ['kubernetes'] }, status: { phase: isLeaving ? 'Terminating' : 'Active' },
          // Clients select by this label; it is the name, always, and is not stored.
          metadata: { ...metadata, labels: { 'kubernetes.io/metadata.name': metadata['name'] as string, ...(metadata['labels'] as object | undefined) } },
        }
      },
      fromView: (v, live) => {
        const { labels, ...metadata } = v['metadata'] as Mutable
        const { 'kubernetes.io/metadata.name': _, ...own } = (labels ?? {}) as Mutable
        return { ...live, apiVersion: stored.apiVersion, kind: kind.kind, metadata: { ...metadata, ...(Object.keys(own).length > 0 && { labels: own }) } }
      },
    },
  }
  namespaceViews.set(kind, served)
  return served
}

/** core/v1 Events; kubectl describe lists them by involvedObject. */
export const eventKind = defineKind({
  ...common, group: '', kind: 'Event', plural: 'events', singular: 'event', shortNames: ['ev'], namespaced: true,
  description: 'Something that happened to an object; kept for a day.',
  columns: [
    { name: 'Last Seen', type: 'date', jsonPath: '.lastTimestamp' }, { name: 'Type', type: 'string', jsonPath: '.type' }, { name: 'Reason', type: 'string', jsonPath: '.reason' },
    { name: 'Object', type: 'string', jsonPath: '.involvedObject.name' }, { name: 'Message', type: 'string', jsonPath: '.message' },
  ],
  selectableFields: [
    'involvedObject.kind', 'involvedObject.namespace', 'involvedObject.name', 'involvedObject.uid', 'involvedObject.apiVersion', 'involvedObject.resourceVersion', 'involvedObject.fieldPath',
    'reason', 'reportingComponent', 'source', 'type',
  ],
})

const newEventKind = defineKind({
  ...eventKind, group: 'events.k8s.io', shortNames: ['ev'],
  columns: [
    { name: 'Last Seen', type: 'date', jsonPath: '.deprecatedLastTimestamp' }, { name: 'Type', type: 'string', jsonPath: '.type' }, { name: 'Reason', type: 'string', jsonPath: '.reason' },
    { name: 'Object', type: 'string', jsonPath: '.regarding.name' }, { name: 'Message', type: 'string', jsonPath: '.note' },
  ],
  selectableFields: ['reason', 'reportingController', 'type', 'regarding.kind', 'regarding.namespace', 'regarding.name', 'regarding.uid', 'regarding.apiVersion', 'regarding.resourceVersion', 'regarding.fieldPath'],
})

/** Field of core/v1 → field of events.k8s.io/v1. */
const renamed = [
  ['message', 'note'], ['involvedObject', 'regarding'], ['reportingComponent', 'reportingController'], ['count', 'deprecatedCount'],
  ['firstTimestamp', 'deprecatedFirstTimestamp'], ['lastTimestamp', 'deprecatedLastTimestamp'], ['source', 'deprecatedSource'],
] as const
const rename = (o: Mutable, names: readonly (readonly [string, string])[], apiVersion: string): Mutable => {
  const to = new Map(names)
  return { ...Object.fromEntries(Object.entries(o).map(([k, v]) => [to.get(k) ?? k, v])), apiVersion }
}

/** events.k8s.io/v1, of the same rows. */
export const newEvents: Served = {
  ...compile(newEventKind), resource: 'events', verbs: allVerbs,
  view: { stored: serve(eventKind), toView: (o) => rename(o, renamed, 'events.k8s.io/v1'), fromView: (v) => rename(v, renamed.map(([a, b]) => [b, a]), 'v1') },
}

export const leaseKind = defineKind({
  ...common, group: 'coordination.k8s.io', kind: 'Lease', plural: 'leases', singular: 'lease', shortNames: [], namespaced: true,
  description: 'A lease, for leader election.', columns: [{ name: 'Holder', type: 'string', jsonPath: '.spec.holderIdentity' }],
})
