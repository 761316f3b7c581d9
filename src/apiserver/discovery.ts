/** What is served, as clients ask for it: plain and aggregated discovery. */
import type { Api } from './api.ts'
import type { Served } from './served.ts'

const byGroup = (api: Api): ReadonlyMap<string, ReadonlyMap<string, readonly Served[]>> => {
  const groups = new Map<string, Map<string, Served[]>>()
  for (const s of api.served.values()) {
    const versions = groups.get(s.kind.group) ?? new Map<string, Served[]>()
    groups.set(s.kind.group, versions)
    versions.set(s.kind.version, [...(versions.get(s.kind.version) ?? []), s])
  }
  return groups
}
const subresources = (api: Api, s: Served): readonly { readonly name: string; readonly verbs: readonly string[]; readonly kind: string; readonly group?: string; readonly version?: string }[] => [
  ...(s.kind.status !== undefined ? [{ name: 'status', verbs: ['get', 'patch', 'update'], kind: s.kind.kind }] : []),
  ...(s.kind.scale !== undefined ? [{ name: 'scale', verbs: ['get', 'patch', 'update'], kind: 'Scale', group: 'autoscaling', version: 'v1' }] : []),
  ...Object.keys(api.subresources).filter((k) => k.startsWith(`${s.kind.plural}/`)).map((k) => ({ name: k.slice(s.kind.plural.length + 1), verbs: ['create'], kind: s.kind.kind })),
]

export const groupList = (api: Api): object => ({
  kind: 'APIGroupList', apiVersion: 'v1',
  groups: [...byGroup(api)].filter(([g]) => g !== '').map(([name, versions]) => {
    const list = [...versions.keys()].map((version) => ({ groupVersion: `${name}/${version}`, version }))
    return { name, versions: list, preferredVersion: list[0] }
  }),
})
export const group = (api: Api, name: string): object | undefined => (groupList(api) as { groups: { name: string }[] }).groups.find((g) => g.name === name)
export const coreVersions = (): object => ({ kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress: '' }] })

export const resourceList = (api: Api, groupName: string, version: string): object | undefined => {
  const list = byGroup(api).get(groupName)?.get(version)
  if (list === undefined) return groupName === '' && version === 'v1' ? { kind: 'APIResourceList', apiVersion: 'v1', groupVersion: 'v1', resources: [] } : undefined
  return {
    kind: 'APIResourceList', apiVersion: 'v1', groupVersion: groupName === '' ? version : `${groupName}/${version}`,
    resources: list.flatMap((s) => [
      { name: s.kind.plural, singularName: s.kind.singular, namespaced: s.kind.namespaced, kind: s.kind.kind, verbs: s.verbs, ...(s.kind.shortNames.length > 0 && { shortNames: s.kind.shortNames }), ...(s.kind.categories.length > 0 && { categories: s.kind.categories }) },
      ...subresources(api, s).map((x) => ({ name: `${s.kind.plural}/${x.name}`, singularName: '', namespaced: s.kind.namespaced, kind: x.kind, verbs: x.verbs, ...(x.group !== undefined && { group: x.group, version: x.version }) })),
    ]),
  }
}

export const isAggregated = (accept: string | undefined): string | undefined => /application\/json;[^,]*g=apidiscovery\.k8s\.io;v=(v2(?:beta1)?);as=APIGroupDiscoveryList/.exec(accept ?? '')?.[1]

/** `core`: /api, else /apis. */
export const aggregated = (api: Api, core: boolean, version: string): object => ({
  kind: 'APIGroupDiscoveryList', apiVersion: `apidiscovery.k8s.io/${version}`, metadata: {},
  items: [...byGroup(api)].filter(([g]) => (g === '') === core).map(([name, versions]) => ({
    metadata: { ...(name !== '' && { name }), creationTimestamp: null },
    versions: [...versions].map(([v, list]) => ({
      version: v, freshness: 'Current',
      resources: list.map((s) => ({
        resource: s.kind.plural, responseKind: { group: s.kind.group, version: s.kind.version, kind: s.kind.kind }, scope: s.kind.namespaced ? 'Namespaced' : 'Cluster', singularResource: s.kind.singular, verbs: s.verbs,
        ...(s.kind.shortNames.length > 0 && { shortNames: s.kind.shortNames }), ...(s.kind.categories.length > 0 && { categories: s.kind.categories }),
        subresources: subresources(api, s).map((x) => ({ subresource: x.name, responseKind: { group: x.group ?? s.kind.group, version: x.version ?? s.kind.version, kind: x.kind }, verbs: x.verbs })),
      })),
    })),
  })),
})
