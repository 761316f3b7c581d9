/** Inputs behind the golden files: one value for every branch of the renderer. Secrets are fixed texts, so that nothing in git opens anything. */
import type { MachineConfigInput, SecretsBundle } from '../talos.ts'

export const reference = (secrets: SecretsBundle): Readonly<Record<string, MachineConfigInput>> => {
  const controlPlane: MachineConfigInput = {
    role: 'controlplane', secrets,
    cluster: {
      name: 'shop', endpointName: 'api.0d1b9c3e.skerry.internal', endpointAddresses: ['10.6.0.5'], certSANs: ['api.0d1b9c3e.skerry.internal', '203.0.113.10', '10.6.0.5'],
      podCidrs: ['10.244.0.0/16'], serviceCidrs: ['10.96.0.0/12'], nodeCidr: '10.6.0.0/24', cni: 'flannel', allowSchedulingOnControlPlanes: false,
    },
    release: { talosVersion: 'v1.13.9', kubernetesVersion: 'v1.36.3', installerImage: 'registry.site.example/talos/installer:v1.13.9', images: {} },
    site: {
      ntp: ['ntp1.site.example', '192.0.2.123'], dns: ['192.0.2.53', '2001:db8::53'], registryMirrors: {}, trustedRoots: [], timeSyncDisabled: false, relaxedTimers: false,
      installDisk: '/dev/vda', sysctls: {},
    },
    machine: { hostname: 'shop-cp-x4k2z', labels: {}, taints: [] },
  }
  const worker: MachineConfigInput = { ...controlPlane, role: 'worker', machine: { hostname: 'shop-pool-a-9bcdf', labels: { 'skerry.dev/pool': 'pool-a' }, taints: [{ key: 'dedicated', value: 'batch', effect: 'NoSchedule' }, { key: 'spot', effect: 'PreferNoSchedule' }] } }
  const closed: MachineConfigInput['site'] = {
    ...controlPlane.site, ntp: [], dns: [], timeSyncDisabled: true, relaxedTimers: true, installDisk: '/dev/sda', sysctls: { 'net.core.somaxconn': '65535' },
    registryMirrors: { '*': { endpoints: ['https://mirror.site.example:5000'], skipFallback: true }, 'registry.k8s.io': { endpoints: ['https://mirror.site.example/v2/k8s', 'http://192.0.2.9:5000'], skipFallback: false } },
    trustedRoots: [secrets.certs.etcd.crt],
  }
  const images = Object.fromEntries(['kubelet', 'apiServer', 'controllerManager', 'scheduler', 'proxy', 'etcd', 'coredns'].map((n) => [n, `registry.site.example/k8s/${n.toLowerCase()}:v1.36.3`]))
  const closedRelease = { ...controlPlane.release, images }
  return {
    controlplane: controlPlane,
    worker,
    'controlplane-closed-site': {
      ...controlPlane, release: closedRelease, site: closed,
      cluster: { ...controlPlane.cluster, cni: 'none', allowSchedulingOnControlPlanes: true, endpointAddresses: ['10.6.0.11', '10.6.0.12', '10.6.0.13'] },
    },
    'worker-closed-site': { ...worker, release: closedRelease, site: closed, cluster: { ...worker.cluster, cni: 'none' } },
  }
}
