/** The reviews by which a client learns who it is and what it may do. */
import type { Api } from './api.ts'
import { credentialIdKey, type Identity } from './identity.ts'
import type { Served } from './served.ts'
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

/** What has no namespace is asked for without one, whatever namespace a client is in. */
const placeOf = (api: Api, group: string, resource: string, namespace: string): string =>
  [...api.served.values()].some(({ kind }) => kind.group === group && kind.plural === resource && !kind.namespaced) ? '' : namespace

/** Each part of a kind with the verbs that it knows. */
const partsOf = (api: Api, { kind, verbs }: Served): readonly { readonly subresource: string; readonly verbs: readonly string[] }[] => [
  { subresource: '', verbs },
  ...[...(kind.status === undefined ? [] : ['status']), ...(kind.scale === undefined ? [] : ['scale'])].map((subresource) => ({ subresource, verbs: ['get', 'patch', 'update'] })),
  ...Object.keys(api.subresources).filter((name) => name.startsWith(`${kind.plural}/`)).map((name) => ({ subresource: name.slice(kind.plural.length + 1), verbs: ['create'] })),
]

const rulesOf = (api: Api, identity: Identity, namespace: string): object => {
  const rules = [...api.served.values()].flatMap((s) => partsOf(api, s).flatMap(({ subresource, verbs }) => {
    const { group, plural } = s.kind
    const ask = { group, resource: plural, subresource, namespace: placeOf(api, group, plural, namespace), path: '' }
    const may = (name: string): readonly string[] => verbs.filter((verb) => api.authorize(identity, { ...ask, verb, name }))
    const all = may('')
    // A namespace itself is something that one may have rights to by its name.
    const named = s.resource === api.namespaces?.resource && namespace !== '' ? may(namespace).filter((verb) => !all.includes(verb)) : []
    const rule = { apiGroups: [group], resources: [subresource === '' ? plural : `${plural}/${subresource}`] }
    return [...(all.length > 0 ? [{ verbs: all, ...rule }] : []), ...(named.length > 0 ? [{ verbs: named, ...rule, resourceNames: [namespace] }] : [])]
  }))
  const reviewable = reviewResources.map((r) => ({ verbs: ['create'], apiGroups: [r.group], resources: [r.name] }))
  const paths = ['/api', '/apis', '/openapi', '/version', '/metrics', '/audit/export'].filter((path) => api.authorize(identity, { verb: 'get', group: '', resource: '', subresource: '', namespace: '', name: '', path }))
  return {
    resourceRules: [...rules, ...reviewable], incomplete: false,
    nonResourceRules: [{ verbs: ['get'], nonResourceURLs: ['/healthz', '/livez', '/readyz', ...paths.flatMap((path) => (['/version', '/metrics', '/audit/export'].includes(path) ? [path] : [path, `${path}/*`]))] }],
  }
}

const reviews: Readonly<Record<'selfsubjectaccessreviews' | 'selfsubjectrulesreviews' | 'selfsubjectreviews', Review>> = {
  selfsubjectaccessreviews: (api, identity, spec) => {
    const a = textsIn(spec['resourceAttributes'])
    const n = textsIn(spec['nonResourceAttributes'])
    const { group = '', resource = '' } = a
    const allowed = api.authorize(identity, { verb: a['verb'] ?? n['verb'] ?? '', group, resource, subresource: a['subresource'] ?? '', namespace: placeOf(api, group, resource, a['namespace'] ?? ''), name: a['name'] ?? '', path: n['path'] ?? '' })
    return { allowed, ...(!allowed && { reason: 'no role allows it' }) }
  },
  selfsubjectrulesreviews: (api, identity, spec) => rulesOf(api, identity, textsIn(spec)['namespace'] ?? ''),
  selfsubjectreviews: (_api, { user, groups, certificate }) => ({
    userInfo: { username: user, groups, ...(certificate !== undefined && { extra: { [credentialIdKey]: [certificate.credentialId], ...(certificate.subjectAltName !== undefined && { 'skerry.dev/certificate': [certificate.subjectAltName] }) } }) },
  }),
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
