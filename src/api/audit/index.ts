/** AuditRecord: who did what, from where, and what came of it (rule S12). Listed only; field names are those of Kubernetes' audit.k8s.io where it has them. */
import { z } from 'zod'
import { defineKind, type Resource } from '../meta/index.ts'

export interface AuditRecord {
  /** The answer's header Audit-ID. */
  readonly auditID: string
  /** RFC 3339 with milliseconds. */
  readonly time: string
  /** Change: what changed is kept, too. */
  readonly level: 'Metadata' | 'Change'
  /** Of the request; `login` is the first request of a connection. */
  readonly verb: string
  /** `extra` names the certificate: `authentication.kubernetes.io/credential-id`. */
  readonly user: { readonly username: string; readonly groups: readonly string[]; readonly extra?: Readonly<Record<string, readonly string[]>> }
  readonly sourceIPs: readonly string[]
  readonly userAgent: string
  readonly objectRef?: {
    readonly apiGroup: string; readonly apiVersion: string; readonly resource: string; readonly subresource?: string
    readonly namespace?: string; readonly name?: string; readonly uid?: string
    /** What the write gave to the object; filled in when it is listed. */
    readonly resourceVersion?: string
  }
  /** Of a request that is for no resource. */
  readonly requestURI?: string
  /** `deny`: who asked is not known (401) or may not (403). */
  readonly decision: 'allow' | 'deny'
  /** The message is kept of denials only: others may repeat what was sent. */
  readonly responseStatus: { readonly code: number; readonly reason?: string; readonly message?: string }
  /** What the fields above do not say: a reason that was given, what was left behind, until when a certificate holds. Holds no secret. */
  readonly note?: string
  /** The fields that differ, before and after; absent where nothing was or is. Secret ones say only that they differ. */
  readonly change?: { readonly before?: unknown; readonly after?: unknown } | { /** Too large to be kept. */ readonly fields: readonly string[] }
  /** Of repeats that are told together: how many after the first, until when. */
  readonly count?: number
  readonly until?: string
}

/** What stands in place of a secret. */
export const redacted = '(redacted)'

export type ListedAuditRecord = AuditRecord & Pick<Resource, 'apiVersion' | 'kind'> & { readonly metadata: { readonly name: string; readonly creationTimestamp: string } }

/** Not among the stored kinds: it is served from the audit. A record's name is its position in the chain. */
export const AuditRecordKind = defineKind({
  group: 'audit.skerry.dev', version: 'v1alpha1', kind: 'AuditRecord', plural: 'auditrecords', singular: 'auditrecord', shortNames: [], categories: [],
  namespaced: false, home: 'hub', writers: { spec: 'hub', status: 'hub' }, description: 'Who did what, from where, and what came of it; newest first. Listed only.',
  spec: z.unknown(),
  columns: [
    { name: 'Time', type: 'string', jsonPath: '.time' }, { name: 'User', type: 'string', jsonPath: '.user.username' }, { name: 'Verb', type: 'string', jsonPath: '.verb' },
    { name: 'Resource', type: 'string', jsonPath: '.objectRef.resource' }, { name: 'Part', type: 'string', jsonPath: '.objectRef.subresource' },
    { name: 'Namespace', type: 'string', jsonPath: '.objectRef.namespace' }, { name: 'Object', type: 'string', jsonPath: '.objectRef.name' },
    { name: 'Code', type: 'integer', jsonPath: '.responseStatus.code' }, { name: 'Count', type: 'integer', jsonPath: '.count' },
    { name: 'From', type: 'string', jsonPath: '.sourceIPs[0]', priority: 1 }, { name: 'Note', type: 'string', jsonPath: '.note', priority: 1 }, { name: 'Audit ID', type: 'string', jsonPath: '.auditID', priority: 1 },
  ],
  selectableFields: ['user.username', 'verb', 'objectRef.resource', 'objectRef.subresource', 'objectRef.namespace', 'objectRef.name', 'decision'],
})
