/** How much of a request is kept (rule S12): a table of rules, the first that fits decides. */
import type { WriterRole } from '../identity.ts'

/** None: no record. Metadata: who, what, from where, what came of it. Change: the fields that differ as well. */
export type Level = 'None' | 'Metadata' | 'Change'

export interface Asked {
  readonly writer: WriterRole | undefined
  readonly verb: string
  readonly resource: string
  readonly subresource: string
  /** One of ours, behind which credentials are given and taken. */
  readonly isSealed: boolean
  /** Its kind has no schema: nobody knows what its fields mean. */
  readonly isLoose: boolean
  readonly isDryRun: boolean
  /** Of the answer. */
  readonly code: number
}

const reads = new Set(['get', 'list', 'watch'])
const isController = (a: Asked): boolean => a.writer === 'site' || a.writer === 'hub'

const rules: readonly (readonly [why: string, fits: (a: Asked) => boolean, level: Level])[] = [
  ['denials, whoever is denied what', (a) => a.code === 401 || a.code === 403, 'Metadata'],
  ['reading the audit', (a) => a.resource === 'auditrecords', 'Metadata'],
  ['what gives and takes credentials', (a) => a.isSealed, 'Metadata'],
  ['other reads: kube-apiserver counts them, too, and nothing is changed', (a) => reads.has(a.verb) || a.verb === '', 'None'],
  ['Events and Leases, which say of themselves what they are about', (a) => a.resource === 'events' || a.resource === 'leases', 'None'],
  ['questions of what would be', (a) => a.isDryRun, 'None'],
  ['controllers who were overtaken, or found it gone: that is how they work', (a) => isController(a) && (a.code === 404 || a.code === 409), 'None'],
  ['failures', (a) => a.code >= 400, 'Metadata'],
  ["controllers' reports", (a) => isController(a) && a.subresource === 'status', 'Metadata'],
  ['kinds without a schema', (a) => a.isLoose, 'Metadata'],
  ['every other write', () => true, 'Change'],
]

export const levelOf = (a: Asked): Level => rules.find(([, fits]) => fits(a))![2]
