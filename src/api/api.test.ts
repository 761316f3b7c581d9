import { z } from 'zod'
import { expect, test } from 'vitest'
import { Cluster, kinds, NodePool, Release } from './index.ts'
import { resourceName } from './meta/index.ts'

const meta = { name: 'shop', namespace: 'acme', uid: 'u', resourceVersion: '1', generation: 1, creationTimestamp: '' }
const cluster = (spec: object, name = 'shop'): Cluster => ({
  apiVersion: 'skerry.dev/v1alpha1', kind: 'Cluster', metadata: { ...meta, name },
  spec: (Cluster.spec as z.ZodType<Cluster['spec']>).parse({ site: 'sto1', release: 'r1', controlPlane: { machineType: 'b2.c4r8' }, ...spec }),
})
const fields = (c: Cluster, old?: Cluster) => Cluster.validate!(c, old).map((e) => e.field)

test('a cluster needs site, release and machine type; the rest has defaults', () => {
  expect(cluster({}).spec).toEqual({
    site: 'sto1', release: 'r1', controlPlane: { replicas: 3, machineType: 'b2.c4r8', rootVolume: { sizeGiB: 40 }, scheduling: false },
    network: { nodes: '10.250.0.0/24', pods: ['10.244.0.0/16'], services: ['10.96.0.0/12'], cni: 'flannel' }, endpoint: { kind: 'auto', allowedCIDRs: [] }, deletionProtection: false,
  })
  expect(fields(cluster({}))).toEqual([])
})
test.each([
  ['two members', { controlPlane: { machineType: 'x', replicas: 2 } }, 'spec.controlPlane.replicas'],
  ['pods over services', { network: { pods: ['10.100.0.0/16'], services: ['10.96.0.0/12'] } }, 'spec.network.services[0]'],
  ['pods over nodes', { network: { pods: ['10.250.0.0/16'] } }, 'spec.network.pods[0]'],
  ['host bits', { network: { nodes: '10.250.0.1/24' } }, 'spec.network.nodes'],
  ['a bad allow-list', { endpoint: { allowedCIDRs: ['300.0.0.0/8'] } }, 'spec.endpoint.allowedCIDRs[0]'],
])('%s is refused at its field', (_, spec, field) => expect(fields(cluster(spec))).toEqual([field]))
test('O1 a long cluster name is refused', () => expect(fields(cluster({}, 'a'.repeat(31)))).toEqual(['metadata.name']))
test('what is the cluster\'s for its life does not change, and a control plane does not shrink', () => {
  expect(fields(cluster({ site: 'sto2', controlPlane: { machineType: 'b2.c4r8', replicas: 1 } }), cluster({}))).toEqual(['spec.site', 'spec.controlPlane.replicas'])
})
test('a release does not change', () => {
  const release = (v: string): Release => ({ apiVersion: '', kind: 'Release', metadata: meta, spec: { talosVersion: v, kubernetesVersion: 'v1.36.3', installerImage: 'i', images: {}, addOns: [] } })
  expect(Release.validate!(release('v1.13.9'), release('v1.13.8')).map((e) => e.field)).toEqual(['spec'])
})
test('a pool may not set labels that kubelets may not', () => {
  const pool: NodePool = { apiVersion: '', kind: 'NodePool', metadata: meta, spec: (NodePool.spec as z.ZodType<NodePool['spec']>).parse({ cluster: 'shop', machineType: 'x', labels: { 'node-role.kubernetes.io/x': '', tier: 'web' } }) }
  expect(NodePool.validate!(pool).map((e) => e.field)).toEqual(['spec.labels[node-role.kubernetes.io/x]'])
})
test('H2 every kind says who writes spec and status, and names are unique', () => {
  expect(kinds.map((k) => `${resourceName(k)} ${k.home} ${k.writers.spec} ${k.writers.status}`)).toEqual([
    'projects.skerry.dev hub user hub', 'sites.skerry.dev hub user site', 'machinetypes.skerry.dev site site site', 'cloudprojects.skerry.dev site site site', 'releases.skerry.dev hub user hub',
    'clusters.skerry.dev hub user site', 'nodepools.skerry.dev hub user site', 'machines.skerry.dev site site site', 'accessgrants.skerry.dev hub user hub',
    'clusteraccessgrants.skerry.dev hub user hub', 'clientcertificates.skerry.dev hub user hub',
  ])
})
test('H1 what has something in a cloud gets the site\'s finalizer when it is made', () => expect(kinds.filter((k) => k.finalizers?.includes('skerry.dev/site')).map((k) => k.kind)).toEqual(['Cluster', 'NodePool']))
test('H1 a machine is made with the finalizer under which it is taken apart', () => expect(kinds.filter((k) => k.finalizers?.includes('skerry.dev/machine')).map((k) => k.kind)).toEqual(['Machine']))
test('no schema needs what a structural schema cannot say', () => {
  for (const k of kinds) for (const s of [k.spec, k.status]) if (s !== undefined) expect(JSON.stringify(z.toJSONSchema(s, { target: 'openapi-3.0', io: 'input' }))).not.toMatch(/"(const|\$ref|oneOf|anyOf)"/)
})
