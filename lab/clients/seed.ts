/** What stands on a server before a client comes: a site with a flavor, a release, and a namespace for each client with a cluster that its pools can name. */
import { Cluster, MachineType, Project, Release, Site } from '../../src/api/index.ts'
import { apiVersionOf, type Kind, type Resource } from '../../src/api/meta/index.ts'
import type { HttpResources } from '../../src/client/index.ts'
import type { Server } from './server.ts'

export const machineType = 'b2.c2r4'

const apply = async (by: HttpResources, kind: Kind<any>, name: string, spec: object, namespace?: string): Promise<void> => {
  await by.apply(kind, { apiVersion: apiVersionOf(kind), kind: kind.kind, metadata: { name, ...(namespace !== undefined && { namespace }) }, spec } as Resource, { manager: 'seed' })
}

export const seed = async ({ people, site }: Server): Promise<void> => {
  await apply(people, Site, 'lab', { authUrl: 'https://keystone.invalid/v3' })
  await apply(people, Release, '2026.4.1', { talosVersion: 'v1.13.9', kubernetesVersion: 'v1.36.3', installerImage: 'installer.invalid/talos:v1.13.9' })
  await apply(site, MachineType, `lab-${machineType}`, { site: 'lab', flavor: machineType, flavorId: '1', cpus: 2, memoryMiB: 4096, diskGiB: 40 })
}

/** A project makes its namespace; the peer has no such view, and is given both. */
export const seedNamespace = async ({ people }: Server, namespace: string): Promise<void> => {
  await apply(people, Project, namespace, {})
  await people.request({ method: 'PATCH', path: `/api/v1/namespaces/${namespace}`, query: { fieldManager: 'seed', force: true }, contentType: 'application/apply-patch+yaml', body: { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } } })
  await apply(people, Cluster, 'base', { site: 'lab', release: '2026.4.1', controlPlane: { machineType } }, namespace)
}
