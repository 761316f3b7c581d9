/** The layers release → site → cluster → pool → machine, flattened into what the Talos renderer takes. */
import type { MachineConfigInput, SecretsBundle } from '../../drivers/talos/talos.ts'
import { endpointName } from '../../rules/names.ts'
import type { Seen } from './observe.ts'

const publicNtp = ['time.cloudflare.com']
const publicDns = ['1.1.1.1', '1.0.0.1']

export const configOf = (s: Seen, secrets: SecretsBundle): MachineConfigInput => {
  const { cluster, machine, site } = s
  const release = s.release!
  const { services } = site.spec
  const endpoint = cluster.status!.endpoint!
  const name = endpointName(cluster.metadata.uid)
  const orPublic = (given: readonly string[], fallback: readonly string[]) => (given.length === 0 && site.spec.publicDefaults ? fallback : given)
  const ntp = orPublic(services.ntp, publicNtp)
  return {
    role: machine.spec.role, secrets,
    cluster: {
      name: cluster.metadata.name, endpointName: name, endpointAddresses: endpoint.insideAddresses ?? [],
      certSANs: [...new Set([name, ...(endpoint.addresses ?? []), ...(endpoint.insideAddresses ?? [])])],
      podCidrs: cluster.spec.network.pods, serviceCidrs: cluster.spec.network.services,
      nodeCidr: cluster.status?.infrastructure?.shape === 'tenant' ? cluster.spec.network.nodes : site.status!.found!.providerNetwork!.cidr,
      cni: cluster.spec.network.cni === 'flannel' ? 'flannel' : 'none', allowSchedulingOnControlPlanes: cluster.spec.controlPlane.scheduling,
    },
    release: { talosVersion: release.spec.talosVersion, kubernetesVersion: release.spec.kubernetesVersion, installerImage: services.installer ?? release.spec.installerImage, images: release.spec.images },
    site: {
      ntp, dns: orPublic(services.dns, publicDns), registryMirrors: services.registryMirrors, trustedRoots: services.trustedRoots, timeSyncDisabled: ntp.length === 0,
      relaxedTimers: site.spec.relaxedTimers, installDisk: site.spec.installDisk, sysctls: {},
    },
    machine: { hostname: machine.metadata.name, labels: machine.spec.labels, taints: machine.spec.taints },
  }
}
