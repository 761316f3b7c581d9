/** The record of a write, for its transaction. */
import type { AuditRecord } from '../../api/audit/index.ts'
import type { StoreKey } from '../../store/store.ts'
import { storedAs, type Call } from '../call.ts'
import type { Mutable } from '../values.ts'
import { changeOf } from './difference.ts'
import { levelOf } from './levels.ts'
import { baseOf, refOf } from './record.ts'

/** Of a write, for its transaction; undefined: it leaves none. `secretFields` of the kind are hidden. */
export const writeRecord = (c: Call, key: StoreKey, before: Mutable | undefined, after: Mutable | undefined, note: string | undefined): string | undefined => {
  const { kind } = c.served
  const stored = storedAs(c)
  // One of ours: only its answer says what it decided, and its body may hold a credential.
  const isSealed = c.r.subresource !== '' && c.api.subresources[`${kind.plural}/${c.r.subresource}`] !== undefined
  const code = before === undefined || isSealed ? 201 : 200
  const level = levelOf({ writer: c.identity.writer, verb: c.r.verb, resource: kind.plural, subresource: c.r.subresource, isSealed, isLoose: stored.isLoose, isDryRun: false, code })
  if (level === 'None') return undefined
  const uid = (((after ?? before)?.['metadata'] ?? {}) as Mutable)['uid'] as string | undefined
  const change = level === 'Change' ? changeOf(before, after, stored.kind.secretFields ?? []) : undefined
  const { auditID, time, ...base } = baseOf(c, c.api.now(), c.r.verb, code)
  const record = JSON.stringify({ auditID, time, level, ...base, objectRef: refOf(c.r, { ...key, uid }), responseStatus: { code }, ...(note !== undefined && { note }) } satisfies AuditRecord)
  return change === undefined ? record : `${record.slice(0, -1)},"change":${change}}`
}
