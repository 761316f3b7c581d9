/** The reviews by which a client learns who it is and what it may do. */
import type { Api } from './api.ts'
import type { Identity } from './identity.ts'
import { badRequest } from './status.ts'
import { isObject, type Mutable } from './values.ts'

/** Attributes are texts, but for selectors, by which nothing is authorised here. */
const textsIn = (v: unknown): Readonly<Record<string, string | undefined>> => {
  if (v === undefined || v === null) return {}
  if (!isObject(v)) throw badRequest('attributes are an object')
  const { fieldSelector: _, labelSelector: __, ...texts } = v
  for (const [k, x] of Object.entries(texts)) if (typeof x !== 'string') throw badRequest(`${k.slice(0, 100)} is not a string`)
  return texts as Readonly<Record<string, string>>
}

type Review = (api: Api, identity: Identity, spec: Mutable) => object
const rulesOf = (api: Api, identity: Identity, namespace: string): object => {
  const may = (group: string, resource: string, verb: string): boolean => api.authorize(identity, { verb, group, resource, subresource: '', namespace, name: '', path: '' })
  return {
    resourceRules: [...api.served.values()].map((s) => ({ verbs: s.verbs.filter((v) => may(s.kind.group, s.kind.plural, v)), apiGroups: [s.kind.group], resources: [s.kind.plural] })).filter((r) => r.verbs.length > 0),
    nonResourceRules: [{ verbs: ['get'], nonResourceURLs: ['/api', '/api/*', '/apis', '/apis/*', '/healthz', '/livez', '/openapi', '/openapi/*', '/readyz', '/version'] }], incomplete: false,
  }
}
const reviews: Readonly<Record<'selfsubjectaccessreviews' | 'selfsubjectrulesreviews' | 'selfsubjectreviews', Review>> = {
  selfsubjectaccessreviews: (api, identity, spec) => {
    const a = textsIn(spec['resourceAttributes'])
    const n = textsIn(spec['nonResourceAttributes'])
    const allowed = api.authorize(identity, { verb: a['verb'] ?? n['verb'] ?? '', group: a['group'] ?? '', resource: a['resource'] ?? '', subresource: a['subresource'] ?? '', namespace: a['namespace'] ?? '', name: a['name'] ?? '', path: n['path'] ?? '' })
    return { allowed, ...(!allowed && { reason: 'no role allows it' }) }
  },
  selfsubjectrulesreviews: (api, identity, spec) => rulesOf(api, identity, textsIn(spec)['namespace'] ?? ''),
  selfsubjectreviews: (_api, identity) => ({ userInfo: { username: identity.user, groups: identity.groups } }),
}

export const reviewResources = [
  { group: 'authorization.k8s.io', version: 'v1', name: 'selfsubjectaccessreviews', kind: 'SelfSubjectAccessReview' },
  { group: 'authorization.k8s.io', version: 'v1', name: 'selfsubjectrulesreviews', kind: 'SelfSubjectRulesReview' },
  { group: 'authentication.k8s.io', version: 'v1', name: 'selfsubjectreviews', kind: 'SelfSubjectReview' },
] as const

/** The review that is served there. Everybody who is known may ask about themselves. */
export const findReview = (group: string, version: string, resource: string) => reviewResources.find((x) => x.group === group && x.version === version && x.name === resource)

export const answerReview = (api: Api, identity: Identity, found: (typeof reviewResources)[number], body: Mutable): object => {
  const spec = body['spec'] ?? {}
  if (!isObject(spec)) throw badRequest('spec is not an object')
  return { apiVersion: `${found.group}/${found.version}`, kind: found.kind, metadata: { creationTimestamp: null }, spec, status: reviews[found.name](api, identity, spec) }
}
