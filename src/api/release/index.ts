/** Release: a tested bundle of versions. */
import { z } from 'zod'
import { defineKind, type Resource } from '../meta/index.ts'

const images = ['kubelet', 'apiServer', 'controllerManager', 'scheduler', 'proxy', 'etcd', 'coredns', 'flannel', 'pause'] as const
export interface ReleaseSpec {
  readonly talosVersion: string; readonly kubernetesVersion: string; readonly installerImage: string
  readonly images: Readonly<Partial<Record<(typeof images)[number], string>>>
  readonly cni?: { readonly manifest: string }
  readonly networkPolicy?: { readonly manifest: string }
  readonly addOns: readonly { readonly name: string; readonly manifest: string }[]
}
export type Release = Resource<ReleaseSpec, never>

export const Release = defineKind<Release>({
  group: 'skerry.dev', version: 'v1alpha1', kind: 'Release', plural: 'releases', singular: 'release', shortNames: ['rel'], categories: ['skerry'],
  namespaced: false, home: 'hub', writers: { spec: 'user', status: 'hub' },
  description: 'A tested bundle: Talos version, Kubernetes version, add-ons and image references. It does not change once made.',
  spec: z.object({
    talosVersion: z.string().regex(/^v\d+\.\d+\.\d+/).meta({ description: 'e.g. v1.13.9' }),
    kubernetesVersion: z.string().regex(/^v\d+\.\d+\.\d+/).meta({ description: 'e.g. v1.36.3' }),
    installerImage: z.string().meta({ description: 'Talos installer with its tag.' }),
    images: z.partialRecord(z.enum(images), z.string()).default({}).meta({ description: 'Overrides of single images; the versions above decide the rest.' }),
    cni: z.object({ manifest: z.string() }).optional().meta({ description: 'The pod network of clusters with spec.network.cni: release.' }),
    networkPolicy: z.object({ manifest: z.string() }).optional().meta({ description: 'Keeps pods from 169.254.169.254 and from the nodes\' Talos port (rule T5), in the words of the release\'s own pod network, which enforces it. Applied where that is used; flannel enforces none.' }),
    addOns: z.array(z.object({ name: z.string(), manifest: z.string().meta({ description: 'YAML, several documents.' }) })).default([])
      .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'] }),
  }),
  columns: [
    { name: 'Talos', type: 'string', jsonPath: '.spec.talosVersion' },
    { name: 'Kubernetes', type: 'string', jsonPath: '.spec.kubernetesVersion' },
  ],
  validate: (release, old) => [
    ...(old !== undefined && JSON.stringify(old.spec) !== JSON.stringify(release.spec) ? [{ field: 'spec', reason: 'FieldValueForbidden', message: 'a release does not change; make another one' } as const] : []),
    ...(release.spec.networkPolicy !== undefined && release.spec.cni === undefined ? [{ field: 'spec.networkPolicy', reason: 'FieldValueForbidden', message: 'needs spec.cni: a policy is enforced by the pod network that the release brings, and flannel enforces none' } as const] : []),
  ],
})
