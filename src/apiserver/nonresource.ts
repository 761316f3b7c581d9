/** Paths that are no resources: health, version, discovery, OpenAPI, metrics. */
import type { ServerResponse } from 'node:http'
import type { Api } from './api.ts'
import { aggregated, coreVersions, group, groupList, isAggregated, resourceList } from './discovery.ts'
import type { Asker } from './audit/record.ts'
import { exportChain } from './audit/export.ts'
import { asksForProtobuf, openapiV2Type } from './openapi-v2-protobuf.ts'
import { openapiDocument, openapiIndex, openapiV2Protobuf } from './openapi.ts'
import type { RequestInfo } from './request.ts'
import { send } from './respond.ts'
import { forbidden, methodNotAllowed, noSuchPath } from './status.ts'
import { viewOf as demandAcceptable } from './table.ts'

export const isHealth = (path: string): boolean => path === '/healthz' || path === '/livez' || path === '/readyz'

const plain = { 'content-type': 'text/plain; charset=utf-8' }

/** Ready: it stays, and the database answers, so that reads can be fresh. Alive: this runs. */
export const health = async (api: Api, path: string, isDraining: boolean, response: ServerResponse): Promise<void> => {
  if (path === '/readyz') {
    if (isDraining) return send(response, 503, 'this server is ending', plain)
    try { await api.cache.fresh() } catch { send(response, 503, 'the database is out of reach', plain); return }
  }
  send(response, 200, 'ok', plain)
}

export const nonResource = async (api: Api, r: RequestInfo, asker: Asker, accept: string | undefined, response: ServerResponse): Promise<void> => {
  const identity = asker.identity!
  const verb = r.method.toLowerCase()
  if (!api.authorize(identity, { verb, group: '', resource: '', subresource: '', namespace: '', name: '', path: r.path })) throw forbidden({ group: '', plural: r.path }, '', `User "${identity.user}" cannot ${verb} path "${r.path}"`)
  if (r.method !== 'GET' && r.method !== 'HEAD') throw methodNotAllowed(r.method)
  if (r.path === '/metrics' && api.metrics !== undefined) return send(response, 200, await api.metrics.metrics(), { 'content-type': api.metrics.contentType })
  // Only for who can read nothing else; everybody else reads v3 (docs/decisions/0006-openapi-v2.md).
  if (r.path === '/openapi/v2' && asksForProtobuf(accept)) return send(response, 200, openapiV2Protobuf(api), { 'content-type': openapiV2Type })
  if (isAggregated(accept) === undefined) demandAcceptable(accept)
  const [first, second, third, ...more] = r.path.split('/').filter((p) => p !== '')
  if (first === 'openapi' && second === 'v3') {
    if (third === undefined) return send(response, 200, openapiIndex(api))
    const text = openapiDocument(api, [third, ...more].join('/'))
    if (text !== undefined) return send(response, 200, text)
  }
  if (first === 'audit' && second === 'export' && third === undefined && api.store.audit !== undefined && api.chain !== undefined && api.scope === undefined) {
    await api.trail.told(asker, r, 200)
    return exportChain(api.store.audit, api.chain, r, response)
  }
  if (more.length > 0) throw noSuchPath()
  if (first === 'version' && second === undefined) return send(response, 200, { ...api.version, gitCommit: '', gitTreeState: 'clean', buildDate: '', goVersion: '', compiler: '', platform: '' })
  const found = first === 'api' ? (third === undefined ? core(api, second, accept) : undefined) : first === 'apis' ? groups(api, second, third, accept) : undefined
  if (found === undefined) throw noSuchPath()
  send(response, 200, found.body, found.type === undefined ? {} : { 'content-type': found.type })
}

interface Found { readonly body: object; readonly type?: string }
const all = (api: Api, isCore: boolean, accept: string | undefined, whole: object): Found => {
  const version = isAggregated(accept)
  return version === undefined ? { body: whole } : { body: aggregated(api, isCore, version), type: `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList` }
}
const list = (body: object | undefined): Found | undefined => (body === undefined ? undefined : { body })

const core = (api: Api, version: string | undefined, accept: string | undefined): Found | undefined => (version === undefined ? all(api, true, accept, coreVersions()) : list(resourceList(api, '', version)))

const groups = (api: Api, name: string | undefined, version: string | undefined, accept: string | undefined): Found | undefined => {
  if (name === undefined) return all(api, false, accept, groupList(api))
  return version === undefined ? list(group(api, name)) : list(resourceList(api, name, version))
}
