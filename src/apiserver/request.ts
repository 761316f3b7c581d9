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

const verbs: Readonly<Record<string, readonly [string, string]>> = { GET: ['list', 'get'], HEAD: ['list', 'get'], POST: ['create', 'create'], PUT: ['update', 'update'], PATCH: ['patch', 'patch'], DELETE: ['deletecollection', 'delete'] }

/** As Kubernetes reads flags: what is there and does not say no is yes. */
export const isTrue = (v: string | null): boolean => v !== null && v !== '0' && v.toLowerCase() !== 'false'
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
  return { ...none, verb: verb === 'list' && isTrue(query.get('watch')) ? 'watch' : verb, group, version, resource, namespace, name, subresource: subresource.join('/') }
}
