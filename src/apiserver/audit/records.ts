/** Serves the audit as a list of AuditRecords, in pages, newest first. */
import type { ServerResponse } from 'node:http'
import { AuditRecordKind, type AuditRecord, type ListedAuditRecord } from '../../api/audit/index.ts'
import { apiVersionOf, resourceName } from '../../api/meta/index.ts'
import type { Audit, AuditFilter, AuditLink } from '../../store/audit.ts'
import type { Api } from '../api.ts'
import type { RequestInfo } from '../request.ts'
import { send } from '../respond.ts'
import { compile } from '../schema.ts'
import type { Served } from '../served.ts'
import { badRequest } from '../status.ts'
import { partialText, shownAs, tableText, type View } from '../table.ts'
import type { Mutable } from '../values.ts'
import { sealAll } from './export.ts'

export const auditRecords: Served = { ...compile(AuditRecordKind), resource: resourceName(AuditRecordKind), view: undefined, verbs: ['list'] }

/** Options of a list that only this one has. */
export const recordOptions: readonly string[] = ['since', 'until']

const limitAtMost = 1_000
const limitByDefault = 500
const names: Readonly<Record<string, keyof AuditFilter>> = { 'user.username': 'user', verb: 'verb', 'objectRef.resource': 'resource', 'objectRef.subresource': 'subresource', 'objectRef.namespace': 'namespace', 'objectRef.name': 'name' }

const filterOf = (r: RequestInfo): AuditFilter => {
  const filter: Record<string, string | boolean> = {}
  if ((r.query.get('labelSelector') ?? '') !== '') throw badRequest('audit records have no labels')
  for (const part of (r.query.get('fieldSelector') ?? '').split(',').filter((p) => p.trim() !== '')) {
    const m = /^\s*([^=!\s]+)\s*==?\s*(.*?)\s*$/.exec(part)
    if (m === null) throw badRequest(`invalid field selector: ${part}: FIELD=VALUE`)
    const [, field, wanted] = m as unknown as [string, string, string]
    const name = Object.hasOwn(names, field) ? names[field] : undefined
    if (field === 'decision' && (wanted === 'allow' || wanted === 'deny')) filter['denied'] = wanted === 'deny'
    else if (name !== undefined) filter[name] = wanted
    else throw badRequest(`field label not supported: ${field}`)
  }
  for (const key of recordOptions) {
    const text = r.query.get(key)
    if (text === null || text === '') continue
    if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/.test(text) || Number.isNaN(Date.parse(text))) throw badRequest(`${key}: Invalid value: "${text.slice(0, 40)}": must be a time as RFC 3339 has it`)
    filter[key] = text
  }
  return filter
}

const listed = ({ position, version, record }: AuditLink): ListedAuditRecord => {
  const head = { apiVersion: apiVersionOf(AuditRecordKind), kind: AuditRecordKind.kind }
  if (record === undefined) return { ...head, metadata: { name: String(position), creationTimestamp: '' }, auditID: '', time: '', level: 'Metadata', verb: '', user: { username: '', groups: [] }, sourceIPs: [], userAgent: '', decision: 'allow', responseStatus: { code: 0 }, note: 'THIS RECORD IS GONE: skerry audit verify' }
  const whole = JSON.parse(record) as AuditRecord
  return { ...head, metadata: { name: String(position), creationTimestamp: whole.time }, ...whole, ...(whole.objectRef !== undefined && version > 0 && { objectRef: { ...whole.objectRef, resourceVersion: String(version) } }) }
}

export const listRecords = async (api: Api, audit: Audit, r: RequestInfo, view: View, response: ServerResponse): Promise<void> => {
  const limitText = r.query.get('limit') ?? ''
  const limit = limitText === '' || limitText === '0' ? limitByDefault : Math.min(Number(limitText), limitAtMost)
  const token = r.query.get('continue') ?? ''
  if (!Number.isInteger(limit) || limit < 1) throw badRequest(`limit: Invalid value: "${limitText.slice(0, 40)}": must be a whole number`)
  if (!/^\d{0,15}$/.test(token)) throw badRequest('continue key is not valid')
  const filter = filterOf(r)
  if (token === '') await sealAll(audit)
  const found = await audit.find(filter, token === '' ? Number.MAX_SAFE_INTEGER : Number(token), limit + 1)
  const items = found.slice(0, limit).map(listed)
  const metadata = { resourceVersion: String(api.cache.version), ...(found.length > limit && { continue: String(found[limit - 1]!.position) }) }
  const { kind } = auditRecords
  const shown = items.map((o) => shownAs(o as object as Mutable))
  if (view === 'table') return send(response, 200, tableText(kind, shown, metadata, api.now().getTime(), r.query.get('includeObject')))
  if (view === 'metadata') return send(response, 200, `{"kind":"PartialObjectMetadataList","apiVersion":"meta.k8s.io/v1","metadata":${JSON.stringify(metadata)},"items":[${shown.map(partialText).join(',')}]}`)
  send(response, 200, { kind: `${kind.kind}List`, apiVersion: auditRecords.apiVersion, metadata, items })
}
