/** What clients ask before they ask for objects: groups, resources, OpenAPI, version; and paths and methods that are not there. Only what clients read is compared. */
import { LabCluster } from '../../../src/apiserver/testing/lab-kind.ts'
import type { Sequence, Step } from '../sequence.ts'

const ask = (path: string, pick?: (body: any) => unknown, accept?: string, method = 'GET'): Step => ({ what: `${method} ${path}`, method, path, isAbsolute: true, ...(pick !== undefined && { pick }), ...(accept !== undefined && { accept }) })
const { group } = LabCluster

/** Without a hint of theirs about how objects are stored; verbs in any order. */
const plain = (v: any): unknown => {
  if (Array.isArray(v)) return v.map(plain)
  if (typeof v !== 'object' || v === null) return v
  const { storageVersionHash: _, ...rest } = v
  return Object.fromEntries(Object.entries(rest).map(([k, x]) => [k, k === 'verbs' ? (x as string[]).toSorted() : plain(x)]))
}
const inList = (list: any): unknown => ({ ...list, resources: (plain(list.resources) as { name: string }[]).toSorted((a, b) => a.name.localeCompare(b.name)) })
const ofGroup = (list: any): unknown => {
  const found = list.items.find((g: any) => g.metadata.name === group)
  return { kind: list.kind, apiVersion: list.apiVersion, name: found.metadata.name, versions: found.versions.map((v: any) => ({ ...v, resources: (plain(v.resources) as any[]).map((r) => ({ ...r, subresources: r.subresources?.toSorted((a: any, b: any) => a.subresource.localeCompare(b.subresource)) })) })) }
}
const aggregated = (version: string) => `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`

const methods = new Set(['get', 'put', 'post', 'patch', 'delete'])
/** Options of theirs that ours does not have: how the answer is laid out, shards, the removal of what cannot be read. */
const left = ['query pretty', 'query shardSelector', 'query ignoreStoreReadErrorWithClusterBreakingPotential']
/** Of each operation: its kind, the names of its options (of a deletecollection theirs are those of a list), what bodies it takes (theirs lists CBOR too). */
const operations = (document: any): unknown => Object.fromEntries(Object.entries(document.paths as Record<string, any>).filter(([path]) => path.includes(`/${LabCluster.plural}`) && !path.includes('/watch/')).map(([path, at]) => [path, Object.fromEntries(Object.entries(at as Record<string, any>).filter(([m]) => methods.has(m)).map(([m, o]) => [m, {
  action: o['x-kubernetes-action'], kind: o['x-kubernetes-group-version-kind'], options: o['x-kubernetes-action'] === 'deletecollection' ? undefined : [...(o.parameters ?? []), ...(at.parameters ?? [])].map((p: any) => `${p.in} ${p.name}`).filter((p) => !left.includes(p)).toSorted(),
  bodies: Object.keys(o.requestBody?.content ?? {}).filter((t) => !t.includes('cbor')).toSorted(),
}]))]))
const schemas = (document: any): unknown => Object.fromEntries(Object.entries(document.components.schemas as Record<string, any>).flatMap(([name, s]) => (s['x-kubernetes-group-version-kind'] ?? []).filter((k: any) => k.group === group && (k.kind === 'Cluster' || k.kind === 'ClusterList')).map((k: any) => [name, k])))
const code = (): undefined => undefined

export const discoveries: readonly Sequence[] = [{
  name: 'discovery', kind: LabCluster,
  steps: [
    ask(`/apis/${group}`), ask(`/apis/${group}/v1`, inList), ask('/apis', (b) => b.groups.find((g: any) => g.name === group)), ask('/apis', ofGroup, aggregated('v2')), ask('/apis', ofGroup, `${aggregated('v2')},${aggregated('v2beta1')},application/json`),
    ask('/version', ({ major, minor, gitVersion }) => ({ major, minor, gitVersion: /^v1\.\d+\.\d+/.test(gitVersion) })), ask('/api', ({ kind, versions }) => ({ kind, versions })),
    ask('/openapi/v3', (b) => Object.keys(b.paths).filter((p) => p.includes(group))), ask(`/openapi/v3/apis/${group}/v1`, operations), ask(`/openapi/v3/apis/${group}/v1`, schemas),
  ],
}, {
  name: 'what is not there', kind: LabCluster,
  steps: [
    ...['/apis/none.test', '/apis/none.test/v1', '/apis/none.test/v1/things', `/apis/${group}/v9`, `/apis/${group}/v9/clusters`, `/apis/${group}/v1/things`, `/apis/${group}/v1/clusters/a`, '/api/v9', '/none', '/openapi/v3/apis/none.test/v1', '/openapi/v9'].map((path) => ask(path, code)),
    ask(`/apis/${group}/v1/clusters`, code, undefined, 'POST'), ask(`/apis/${group}/v1/clusters`, code, undefined, 'HEAD'), ask(`/apis/${group}/v1/clusters`, code, undefined, 'OPTIONS'),
    ask('/apis', code, 'text/html'), ask('/version', code, 'text/html'), ask(`/apis/${group}/v1`, code, 'application/xml'), ask('/version', code, undefined, 'POST'),
  ],
}]
