/** The options of a request. One that a verb does not know is an error, never ignored (rule A1); a value that does not fit is 422, as of any object. */
import type { FieldError } from '../api/meta/index.ts'
import type { RequestInfo } from './request.ts'
import { badRequest, invalid } from './status.ts'

const common = ['pretty', 'timeout', 'fieldManager', 'fieldValidation', 'dryRun', 'force']
const listing = ['labelSelector', 'fieldSelector', 'limit', 'continue', 'resourceVersion', 'resourceVersionMatch', 'watch', 'allowWatchBookmarks', 'sendInitialEvents', 'timeoutSeconds', 'includeObject']
const deleting = ['gracePeriodSeconds', 'propagationPolicy', 'orphanDependents', 'ignoreStoreReadErrorWithClusterBreakingPotential']
const allowed: Readonly<Record<string, readonly string[]>> = {
  get: ['resourceVersion', 'includeObject'], list: listing, watch: listing, create: [], update: [], patch: [], delete: deleting, deletecollection: [...listing, ...deleting],
}
const kinds: Readonly<Record<string, string>> = { create: 'CreateOptions', update: 'UpdateOptions', patch: 'PatchOptions', delete: 'DeleteOptions', deletecollection: 'DeleteOptions', list: 'ListOptions', watch: 'ListOptions' }
const managerAtMost = 128

/** Throws 422 for options that do not fit. */
export const demandOptions = (r: RequestInfo, errors: readonly FieldError[]): void => {
  const kind = kinds[r.verb]
  if (errors.length > 0 && kind !== undefined) throw invalid({ group: 'meta.k8s.io', kind, plural: '' }, '', errors)
}
export const notSupported = (field: string, given: unknown, values: readonly string[]): FieldError => ({ field, reason: 'FieldValueNotSupported', message: `${JSON.stringify(given)}: supported values: ${values.map((v) => JSON.stringify(v)).join(', ')}` })

const managerErrors = (manager: string): readonly FieldError[] => [
  ...(manager.length > managerAtMost ? [{ field: 'fieldManager', reason: 'FieldValueTooLong', message: `may not be more than ${managerAtMost} bytes` } as const] : []),
  ...(/[\p{C}]/u.test(manager) ? [{ field: 'fieldManager', reason: 'FieldValueInvalid', message: 'should only contain printable characters' } as const] : []),
]
export const dryRunErrors = (values: readonly unknown[]): readonly FieldError[] => (values.every((v) => v === '' || v === 'All') ? [] : [notSupported('dryRun', values, ['All'])])

/** Which options of a list go together, as in Kubernetes' ListOptions. */
const listErrors = (query: URLSearchParams): readonly FieldError[] => {
  const [version, match] = [query.get('resourceVersion') ?? '', query.get('resourceVersionMatch') ?? '']
  const forbidden = (field: string, message: string): FieldError => ({ field, reason: 'FieldValueForbidden', message })
  return [
    ...(match === '' ? [] : [
      ...(version === '' ? [forbidden('resourceVersionMatch', 'is forbidden unless resourceVersion is provided')] : []),
      ...((query.get('continue') ?? '') === '' ? [] : [forbidden('resourceVersionMatch', 'is forbidden when continue is provided')]),
      ...(match === 'Exact' || match === 'NotOlderThan' ? [] : [notSupported('resourceVersionMatch', match, ['Exact', 'NotOlderThan'])]),
      ...(match === 'Exact' && version === '0' ? [forbidden('resourceVersionMatch', '"Exact" is forbidden for resourceVersion "0"')] : []),
    ]),
    ...(query.has('sendInitialEvents') ? [forbidden('sendInitialEvents', 'is forbidden for list')] : []),
  ]
}
const watchErrors = (query: URLSearchParams): readonly FieldError[] => {
  const match = query.get('resourceVersionMatch') ?? ''
  const forbidden = (message: string): FieldError => ({ field: 'resourceVersionMatch', reason: 'FieldValueForbidden', message })
  return [
    ...(query.has('sendInitialEvents')
      ? (match === 'NotOlderThan' ? [] : [forbidden('sendInitialEvents requires setting resourceVersionMatch to NotOlderThan')])
      : (match === '' ? [] : [forbidden('is forbidden for watch unless sendInitialEvents is provided')])),
    ...(match === '' || match === 'NotOlderThan' ? [] : [notSupported('resourceVersionMatch', match, ['NotOlderThan'])]),
    ...((query.get('continue') ?? '') === '' ? [] : [forbidden('is forbidden when continue is provided')]),
  ]
}

/** `more`: options of this resource only. */
export const checkOptions = (r: RequestInfo, more: readonly string[] = []): void => {
  const known = allowed[r.verb]
  if (known === undefined) return
  for (const key of r.query.keys()) if (!known.includes(key) && !common.includes(key) && !more.includes(key)) throw badRequest(`unknown option ${key} for ${r.verb}`)
  const validation = r.query.get('fieldValidation') ?? ''
  demandOptions(r, [
    ...managerErrors(r.query.get('fieldManager') ?? ''), ...dryRunErrors(r.query.getAll('dryRun')),
    ...(['', 'Ignore', 'Warn', 'Strict'].includes(validation) ? [] : [notSupported('fieldValidation', validation, ['', 'Ignore', 'Strict', 'Warn'])]),
    ...(r.verb === 'list' || r.verb === 'deletecollection' ? listErrors(r.query) : r.verb === 'watch' ? watchErrors(r.query) : []),
  ])
}

/** Who applies must say so, and only who applies can force. */
export const checkPatchOptions = (r: RequestInfo, isApply: boolean): void => {
  if (isApply && (r.query.get('fieldManager') ?? '') === '') demandOptions(r, [{ field: 'fieldManager', reason: 'FieldValueRequired', message: 'is required for apply patch' }])
  if (!isApply && r.query.has('force')) demandOptions(r, [{ field: 'force', reason: 'FieldValueForbidden', message: 'may not be specified for non-apply patch' }])
}
