/** What a request asks for: Kubernetes' RequestInfo, and its query parsed once. */
import { badRequest } from './status.ts'

export interface RequestInfo {
  /** `get list watch create update patch delete deletecollection`, or `nonresource`. */
  readonly verb: string
  readonly method: string
  readonly path: string
  readonly group: string
  readonly version: string
  readonly resource: string
  readonly namespace: string
  readonly name: string
  readonly subresource: string
  readonly query: URLSearchParams
}

const verbs: Readonly<Record<string, readonly [string, string]>> = { GET: ['list', 'get'], HEAD: ['list', 'get'], POST: ['create', 'create'], PUT: ['', 'update'], PATCH: ['', 'patch'], DELETE: ['deletecollection', 'delete'] }

export const isTrue = (v: string | null): boolean => v === 'true' || v === '1' || v === ''
const decode = (s: string): string => { try { return decodeURIComponent(s) } catch { throw badRequest('the path is not URL encoded') } }

export const parseRequest = (method: string, url: string): RequestInfo => {
  const at = url.indexOf('?')
  const path = at < 0 ? url : url.slice(0, at)
  const query = new URLSearchParams(at < 0 ? '' : url.slice(at + 1))
  const none = { verb: 'nonresource', method, path, group: '', version: '', resource: '', namespace: '', name: '', subresource: '', query }
  const parts = path.split('/').filter((p) => p !== '').map(decode)
  let rest: readonly string[]
  let group = ''
  let version: string | undefined
  if (parts[0] === 'api') { version = parts[1]; rest = parts.slice(2) } else if (parts[0] === 'apis') { group = parts[1] ?? ''; version = parts[2]; rest = parts.slice(3) } else return none
  if (version === undefined || rest.length === 0) return none
  let namespace = ''
  if (rest[0] === 'namespaces' && rest.length > 2 && !(group === '' && ['status', 'finalize'].includes(rest[2]!))) { namespace = rest[1]!; rest = rest.slice(2) }
  const [resource, name = '', ...subresource] = rest as [string, ...string[]]
  const pair = verbs[method]
  const verb = pair === undefined ? '' : name === '' ? pair[0] : pair[1]
  return { ...none, verb: verb === 'list' && isTrue(query.get('watch') ?? 'no') ? 'watch' : verb, group, version, resource, namespace, name, subresource: subresource.join('/') }
}

/** Options that a verb understands; any other is an error, never ignored (rule A1). */
const common = ['pretty', 'timeout', 'fieldManager', 'fieldValidation', 'dryRun', 'force']
const listing = ['labelSelector', 'fieldSelector', 'limit', 'continue', 'resourceVersion', 'resourceVersionMatch', 'watch', 'allowWatchBookmarks', 'sendInitialEvents', 'timeoutSeconds', 'includeObject']
const deleting = ['gracePeriodSeconds', 'propagationPolicy', 'orphanDependents', 'ignoreStoreReadErrorWithClusterBreakingPotential']
const allowed: Readonly<Record<string, readonly string[]>> = {
  get: ['resourceVersion', 'includeObject'], list: listing, watch: listing, create: [], update: [], patch: [], delete: deleting, deletecollection: [...listing, ...deleting],
}
export const checkOptions = (r: RequestInfo): void => {
  const known = allowed[r.verb]
  if (known === undefined) return
  for (const key of r.query.keys()) if (!known.includes(key) && !common.includes(key)) throw badRequest(`unknown option ${key} for ${r.verb}`)
  const dryRun = r.query.getAll('dryRun')
  if (dryRun.some((d) => d !== '' && d !== 'All')) throw badRequest(`dryRun: Unsupported value: ${dryRun.join(',')}: supported values: "All"`)
  const validation = r.query.get('fieldValidation')
  if (validation !== null && !['', 'Ignore', 'Warn', 'Strict'].includes(validation)) throw badRequest(`fieldValidation: Unsupported value: "${validation}": supported values: "Ignore", "Warn", "Strict"`)
}
