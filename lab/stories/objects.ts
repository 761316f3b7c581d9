/** What the story gives to Skerry: a release that carries the lab's pod network, a project, a cluster. */
import { readFile } from 'node:fs/promises'

const group = 'skerry.dev/v1alpha1'

/** `encapsulated`: pod traffic between nodes goes through tunnels, for networks that let only node addresses pass. */
export async function release(name: string, { cniFile, talosVersion, kubernetesVersion, encapsulated }: { readonly cniFile: string; readonly talosVersion: string; readonly kubernetesVersion: string; readonly encapsulated: boolean }): Promise<object> {
  const manifest = await readFile(cniFile, 'utf8')
  const marker = '{name: ENCAP, value: ""}'
  if (!manifest.includes(marker)) throw new Error(`${cniFile} has no ${marker}`)
  return {
    apiVersion: group, kind: 'Release', metadata: { name },
    spec: {
      talosVersion, kubernetesVersion, installerImage: `ghcr.io/siderolabs/installer:${talosVersion}`,
      cni: { manifest: encapsulated ? manifest.replace(marker, '{name: ENCAP, value: ipip}') : manifest }, addOns: [],
    },
  }
}

export const project = (name: string): object => ({ apiVersion: group, kind: 'Project', metadata: { name }, spec: {} })

export interface Wish { readonly project: string; readonly name: string; readonly site: string; readonly release: string; readonly endpoint: 'octavia' | 'nodes'; readonly controlPlaneType: string; readonly workerType: string; readonly workers: number }

export const cluster = (wish: Wish): object => ({
  apiVersion: group, kind: 'Cluster', metadata: { name: wish.name, namespace: wish.project },
  spec: { site: wish.site, release: wish.release, controlPlane: { replicas: 1, machineType: wish.controlPlaneType, rootVolume: { sizeGiB: 10 } }, network: { cni: 'release' }, endpoint: { kind: wish.endpoint } },
})

export const pool = (wish: Wish): object => ({
  apiVersion: group, kind: 'NodePool', metadata: { name: `${wish.name}-workers`, namespace: wish.project },
  spec: { cluster: wish.name, replicas: wish.workers, machineType: wish.workerType, rootVolume: { sizeGiB: 10 } },
})
