/** What is served, as clients ask for it: plain and aggregated discovery. */
import type { Api } from './api.ts'
import { reviewResources } from './reviews.ts'
import type { Served } from './served.ts'

/** A resource, or with `parent` a subresource of it. */
interface Entry {
  readonly group: string
  readonly version: string
  readonly name: string
  readonly kind: string
  readonly namespaced: boolean
  readonly verbs: readonly string[]
  readonly singular: string
  readonly shortNames: readonly string[]
  readonly categories: readonly string[]
  readonly subresources: readonly { readonly name: string; readonly verbs: readonly string[]; readonly group: string; readonly version: string; readonly kind: string }[]
}

const partVerbs = ['get', 'patch', 'update'] as const

const entryOf = (api: Api, { kind, verbs }: Served): Entry => {
  const own = { group: kind.group, version: kind.version, kind: kind.kind }
  return {
    ...own, name: kind.plural, namespaced: kind.namespaced, verbs, singular: kind.singular, shortNames: kind.shortNames, categories: kind.categories,
    subresources: [
      ...(kind.status !== undefined ? [{ ...own, name: 'status', verbs: partVerbs }] : []),
      ...(kind.scale !== undefined ? [{ name: 'scale', verbs: partVerbs, group: 'autoscaling', version: 'v1', kind: 'Scale' }] : []),
      ...Object.keys(api.subresources).filter((k) => k.startsWith(`${kind.plural}/`)).map((k) => ({ ...own, name: k.slice(kind.plural.length + 1), verbs: ['create'] })),
    ],
  }
}

const entriesOf = (api: Api): readonly Entry[] => [
  ...[...api.served.values()].map((s) => entryOf(api, s)),
  ...reviewResources.map((x) => ({ ...x, namespaced: false, verbs: ['create'], singular: x.kind.toLowerCase(), shortNames: [], categories: [], subresources: [] })),
]

/** Group → version → resources, in the order of their kinds. */
const byGroup = (api: Api): ReadonlyMap<string, ReadonlyMap<string, readonly Entry[]>> => {
  const groups = new Map<string, Map<string, Entry[]>>()
  for (const e of entriesOf(api)) {
    const versions = groups.get(e.group) ?? new Map<string, Entry[]>()
    groups.set(e.group, versions)
    versions.set(e.version, [...(versions.get(e.version) ?? []), e])
  }
  return groups
}

export const coreVersions = (): object => ({ kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress: '' }] })

const groupOf = (name: string, versions: ReadonlyMap<string, unknown>): object => {
  const list = [...versions.keys()].map((version) => ({ groupVersion: `${name}/${version}`, version }))
  return { name, versions: list, preferredVersion: list[0] }
}
export const groupList = (api: Api): object => ({ kind: 'APIGroupList', apiVersion: 'v1', groups: [...byGroup(api)].filter(([name]) => name !== '').map(([name, versions]) => groupOf(name, versions)) })
export const group = (api: Api, name: string): object | undefined => {
  const versions = name === '' ? undefined : byGroup(api).get(name)
  return versions === undefined ? undefined : { kind: 'APIGroup', apiVersion: 'v1', ...groupOf(name, versions) }
}

export const resourceList = (api: Api, groupName: string, version: string): object | undefined => {
  const entries = byGroup(api).get(groupName)?.get(version) ?? (groupName === '' && version === 'v1' ? [] : undefined)
  return entries && {
    kind: 'APIResourceList', apiVersion: 'v1', groupVersion: groupName === '' ? version : `${groupName}/${version}`,
    resources: entries.flatMap((e) => [
      { name: e.name, singularName: e.singular, namespaced: e.namespaced, kind: e.kind, verbs: e.verbs, ...names(e) },
      ...e.subresources.map((s) => ({ name: `${e.name}/${s.name}`, singularName: '', namespaced: e.namespaced, kind: s.kind, verbs: s.verbs, ...(s.group !== e.group && { group: s.group, version: s.version }) })),
    ]),
  }
}
const names = (e: Entry): object => ({ ...(e.shortNames.length > 0 && { shortNames: e.shortNames }), ...(e.categories.length > 0 && { categories: e.categories }) })

/** The version of aggregated discovery that is asked for. */
export const isAggregated = (accept: string | undefined): string | undefined => {
  for (const type of (accept ?? '').split(',')) {
    const params = type.split(';').map((p) => p.trim())
    const version = params.find((p) => p === 'v=v2' || p === 'v=v2beta1')
    if (version !== undefined && params.includes('g=apidiscovery.k8s.io') && params.includes('as=APIGroupDiscoveryList')) return version.slice(2)
  }
  return undefined
}

/** `isCore`: /api, else /apis. */
export const aggregated = (api: Api, isCore: boolean, version: string): object => ({
  kind: 'APIGroupDiscoveryList', apiVersion: `apidiscovery.k8s.io/${version}`, metadata: {},
  items: [...byGroup(api)].filter(([name]) => (name === '') === isCore).map(([name, versions]) => ({
    metadata: { ...(name !== '' && { name }), creationTimestamp: null },
    versions: [...versions].map(([v, entries]) => ({
      version: v, freshness: 'Current',
      resources: entries.map((e) => ({
        resource: e.name, responseKind: { group: e.group, version: e.version, kind: e.kind }, scope: e.namespaced ? 'Namespaced' : 'Cluster', singularResource: e.singular, verbs: e.verbs, ...names(e),
        ...(e.subresources.length > 0 && { subresources: e.subresources.map((s) => ({ subresource: s.name, responseKind: { group: s.group, version: s.version, kind: s.kind }, verbs: s.verbs })) }),
      })),
    })),
  })),
})
