/** The reviews by which a client learns who it is and what it may do. */
import type { Api } from './api.ts'
import type { Identity } from './identity.ts'
import type { Mutable } from './values.ts'

type Review = (api: Api, identity: Identity, spec: Mutable) => object
const rulesOf = (api: Api, identity: Identity, namespace: string): object => {
  const may = (group: string, resource: string, verb: string): boolean => api.authorize(identity, { verb, group, resource, subresource: '', namespace, name: '', path: '' })
  return {
    resourceRules: [...api.served.values()].map((s) => ({ verbs: s.verbs.filter((v) => may(s.kind.group, s.kind.plural, v)), apiGroups: [s.kind.group], resources: [s.kind.plural] })).filter((r) => r.verbs.length > 0),
    nonResourceRules: [{ verbs: ['get'], nonResourceURLs: ['/api', '/api/*', '/apis', '/apis/*', '/healthz', '/livez', '/openapi', '/openapi/*', '/readyz', '/version'] }], incomplete: false,
  }
}
const reviews: Readonly<Record<string, Review>> = {
  'authorization.k8s.io/v1/selfsubjectaccessreviews': (api, identity, spec) => {
    const a = (spec['resourceAttributes'] ?? {}) as Record<string, string | undefined>
    const n = (spec['nonResourceAttributes'] ?? {}) as Record<string, string | undefined>
    const allowed = api.authorize(identity, { verb: a['verb'] ?? n['verb'] ?? '', group: a['group'] ?? '', resource: a['resource'] ?? '', subresource: a['subresource'] ?? '', namespace: a['namespace'] ?? '', name: a['name'] ?? '', path: n['path'] ?? '' })
    return { allowed, ...(!allowed && { reason: 'no role allows it' }) }
  },
  'authorization.k8s.io/v1/selfsubjectrulesreviews': (api, identity, spec) => rulesOf(api, identity, String(spec['namespace'] ?? '')),
  'authentication.k8s.io/v1/selfsubjectreviews': (_api, identity) => ({ userInfo: { username: identity.user, groups: identity.groups } }),
}
const kinds: Readonly<Record<string, string>> = { selfsubjectaccessreviews: 'SelfSubjectAccessReview', selfsubjectrulesreviews: 'SelfSubjectRulesReview', selfsubjectreviews: 'SelfSubjectReview' }

export const reviewGroups = [
  { group: 'authorization.k8s.io', version: 'v1', resources: ['selfsubjectaccessreviews', 'selfsubjectrulesreviews'] },
  { group: 'authentication.k8s.io', version: 'v1', resources: ['selfsubjectreviews'] },
] as const
export const reviewKind = (resource: string): string => kinds[resource] ?? ''

/** undefined: no review. */
export const review = (api: Api, identity: Identity, group: string, version: string, resource: string, body: Mutable): object | undefined => {
  const answer = reviews[`${group}/${version}/${resource}`]
  return answer === undefined ? undefined : { apiVersion: `${group}/${version}`, kind: kinds[resource], metadata: { creationTimestamp: null }, spec: body['spec'] ?? {}, status: answer(api, identity, (body['spec'] ?? {}) as Mutable) }
}
