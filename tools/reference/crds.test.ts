import { expect, test } from 'vitest'
import { LabCluster } from '../../src/apiserver/testing/lab-kind.ts'
import { kinds } from '../../src/api/index.ts'
import { crdOf } from './crds.ts'

interface Schema { readonly [k: string]: any }
const schemaIn = (crd: ReturnType<typeof crdOf>): Schema => (crd.spec as any).versions[0].schema.openAPIV3Schema
const nodes = (s: Schema): readonly Schema[] => [s, ...Object.values(s['properties'] ?? {}).flatMap((p) => nodes(p as Schema)), ...(s['items'] === undefined ? [] : nodes(s['items'])), ...(typeof s['additionalProperties'] === 'object' ? nodes(s['additionalProperties']) : [])]

test('a kind becomes a definition with its schema, defaults, list types, columns and subresources', () => {
  const crd = crdOf(LabCluster)
  expect(crd).toMatchObject({
    metadata: { name: 'clusters.lab.skerry.test' },
    spec: {
      group: 'lab.skerry.test', scope: 'Namespaced', names: { kind: 'Cluster', listKind: 'ClusterList', shortNames: ['skc'] },
      versions: [{
        name: 'v1', subresources: { status: {}, scale: { specReplicasPath: '.spec.replicas' } }, selectableFields: [{ jsonPath: '.spec.site' }],
        additionalPrinterColumns: [{ name: 'Site', jsonPath: '.spec.site' }, { name: 'Replicas' }, { name: 'Phase' }, { name: 'Age', jsonPath: '.metadata.creationTimestamp' }],
      }],
    },
  })
  expect(schemaIn(crd)['properties']).toMatchObject({ metadata: { type: 'object' }, spec: { required: ['site'], properties: { replicas: { default: 3, maximum: 1000 }, pools: { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'] } } } })
})

test.each(kinds.map((k) => [k.kind, k] as const))('%s is structural: every field has a type, and keys of list maps are required or have defaults', (_, kind) => {
  for (const s of nodes(schemaIn(crdOf(kind)))) {
    expect(s['type'] !== undefined || s['x-kubernetes-preserve-unknown-fields'] === true, JSON.stringify(s)).toBe(true)
    for (const key of s['x-kubernetes-list-map-keys'] ?? []) expect(s['items'].required?.includes(key) || s['items'].properties[key].default !== undefined, key).toBe(true)
  }
})
