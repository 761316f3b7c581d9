/** Asks whether a request is allowed, and says no as Kubernetes does: before anybody looks whether the object is there. */
import type { Api } from './api.ts'
import type { Attributes, Identity } from './identity.ts'
import type { RequestInfo } from './request.ts'
import { forbidden, type ApiError } from './status.ts'

export const attributesOf = (r: RequestInfo, verb = r.verb): Attributes => ({ verb, group: r.group, resource: r.resource, subresource: r.subresource, namespace: r.namespace, name: r.name, path: r.path })

/** undefined: allowed. */
export const refusalOf = (api: Pick<Api, 'authorize'>, identity: Identity, r: RequestInfo, verb = r.verb): ApiError | undefined => {
  if (api.authorize(identity, attributesOf(r, verb))) return undefined
  const what = `${r.resource}${r.subresource === '' ? '' : `/${r.subresource}`}`
  return forbidden({ group: r.group, plural: r.resource }, r.name, `User "${identity.user}" cannot ${verb} resource "${what}" in API group "${r.group}"${r.namespace === '' ? ' at the cluster scope' : ` in the namespace "${r.namespace}"`}`)
}
export const demandAuthority = (api: Pick<Api, 'authorize'>, identity: Identity, r: RequestInfo, verb = r.verb): void => {
  const refusal = refusalOf(api, identity, r, verb)
  if (refusal !== undefined) throw refusal
}
