/**
 * A machine's configuration for Talos 1.13, as text: a pure function of its input (rules O10, T2, T4, T5). It says everything that
 * Talos would otherwise take from elsewhere: discovery is off, the clock's source and the resolvers are named, and no host is
 * written that the input does not carry, except the upstream names of images that a release does not override.
 */
import { isIP } from 'node:net'
import { stringify } from 'yaml'
import type { KeyPair, MachineConfigInput } from '../talos.ts'
import { InvalidInput } from './invalid-input.ts'

type Value = string | number | boolean | readonly Value[] | { readonly [key: string]: Value }
type Fields = { readonly [key: string]: Value }

const encode = (pem: string): string => Buffer.from(pem).toString('base64')
const pair = ({ crt, key }: KeyPair): Fields => ({ crt: encode(crt), key: encode(key) })
/** Workers never get an authority's key. */
const certificateOnly = ({ crt }: KeyPair): Fields => ({ crt: encode(crt), key: '' })
const when = (condition: boolean, fields: Fields): Fields => (condition ? fields : {})

const imagesOf = ({ release }: MachineConfigInput) => {
  const { images, kubernetesVersion: k } = release
  return {
    kubelet: images.kubelet ?? `ghcr.io/siderolabs/kubelet:${k}`,
    apiServer: images.apiServer ?? `registry.k8s.io/kube-apiserver:${k}`,
    controllerManager: images.controllerManager ?? `registry.k8s.io/kube-controller-manager:${k}`,
    scheduler: images.scheduler ?? `registry.k8s.io/kube-scheduler:${k}`,
    proxy: images.proxy ?? `registry.k8s.io/kube-proxy:${k}`,
  }
}

/**
 * Taints are the kubelet's to register with. Talos' own field, machine.nodeTaints, is applied by a worker with its kubelet's
 * identity, which may not change taints (NodeRestriction); the refused update would take the labels with it. Seen on 1.13.9.
 */
const kubeletConfigOf = ({ machine, site }: MachineConfigInput): Fields => {
  const seen = new Set<string>()
  for (const { key, effect } of machine.taints) {
    if (seen.has(`${key}:${effect}`)) throw new InvalidInput('taints', `${key}:${effect} is given twice`)
    seen.add(`${key}:${effect}`)
  }
  return {
    ...when(site.relaxedTimers, { nodeLeaseDurationSeconds: 120 }),
    ...when(machine.taints.length > 0, { registerWithTaints: machine.taints.map(({ key, value, effect }) => ({ key, ...(value !== undefined && value !== '' && { value }), effect })) }),
  }
}

const machineOf = (input: MachineConfigInput): Fields => {
  const { cluster, secrets, release, site, machine } = input
  const isControlPlane = input.role === 'controlplane'
  const labels = { ...when(isControlPlane && !cluster.allowSchedulingOnControlPlanes, { 'node.kubernetes.io/exclude-from-external-load-balancers': '' }), ...machine.labels }
  const kubeletConfig = kubeletConfigOf(input)
  return {
    type: input.role,
    token: secrets.trustdToken,
    ca: isControlPlane ? pair(secrets.certs.os) : certificateOnly(secrets.certs.os),
    certSANs: cluster.certSANs,
    kubelet: {
      image: imagesOf(input).kubelet,
      ...when(Object.keys(kubeletConfig).length > 0, { extraConfig: kubeletConfig }),
      defaultRuntimeSeccompProfileEnabled: true,
      disableManifestsDirectory: true,
      // Without it a node with several networks may register with another one's address (rule T2).
      nodeIP: { validSubnets: [cluster.nodeCidr] },
    },
    install: { disk: site.installDisk, image: release.installerImage, wipe: false, grubUseUKICmdline: true },
    ...when(Object.keys(site.sysctls).length > 0, { sysctls: site.sysctls }),
    features: { diskQuotaSupport: true, kubePrism: { enabled: true, port: 7445 }, hostDNS: { enabled: true, forwardKubeDNSToHost: true } },
    ...when(Object.keys(labels).length > 0, { nodeLabels: labels }),
  }
}

const elections: Fields = { 'leader-elect-lease-duration': '60s', 'leader-elect-renew-deadline': '45s', 'leader-elect-retry-period': '10s' }

/** What only control planes run. */
const controlPlaneOf = (input: MachineConfigInput): Fields => {
  const { cluster, secrets, site, release } = input
  const images = imagesOf(input)
  const slow = site.relaxedTimers
  return {
    secretboxEncryptionSecret: secrets.secretboxEncryptionSecret,
    ca: pair(secrets.certs.k8s),
    aggregatorCA: pair(secrets.certs.k8sAggregator),
    serviceAccount: { key: encode(secrets.certs.k8sServiceAccount.key) },
    apiServer: {
      image: images.apiServer,
      // Since Talos 1.12 the endpoint's own name is not added by itself.
      certSANs: [...new Set([cluster.endpointName, ...cluster.certSANs])],
      admissionControl: [{
        name: 'PodSecurity',
        configuration: {
          apiVersion: 'pod-security.admission.config.k8s.io/v1alpha1', kind: 'PodSecurityConfiguration',
          defaults: { enforce: 'baseline', 'enforce-version': 'latest', audit: 'restricted', 'audit-version': 'latest', warn: 'restricted', 'warn-version': 'latest' },
          exemptions: { namespaces: ['kube-system'], runtimeClasses: [], usernames: [] },
        },
      }],
      auditPolicy: { apiVersion: 'audit.k8s.io/v1', kind: 'Policy', rules: [{ level: 'Metadata' }] },
    },
    controllerManager: { image: images.controllerManager, ...when(slow, { extraArgs: { ...elections, 'node-monitor-grace-period': '120s' } }) },
    scheduler: { image: images.scheduler, ...when(slow, { extraArgs: elections }) },
    proxy: { image: images.proxy },
    ...(release.images.coredns !== undefined && { coreDNS: { image: release.images.coredns } }),
    etcd: {
      ...(release.images.etcd !== undefined && { image: release.images.etcd }),
      ca: pair(secrets.certs.etcd),
      ...when(slow, { extraArgs: { 'heartbeat-interval': '500', 'election-timeout': '5000' } }),
      advertisedSubnets: [cluster.nodeCidr],
    },
    ...when(cluster.allowSchedulingOnControlPlanes, { allowSchedulingOnControlPlanes: true }),
  }
}

const clusterOf = (input: MachineConfigInput): Fields => {
  const { cluster, secrets } = input
  return {
    id: secrets.clusterId,
    secret: secrets.clusterSecret,
    controlPlane: { endpoint: `https://${cluster.endpointName}:6443`, localAPIServerPort: 6443 },
    clusterName: cluster.name,
    network: { dnsDomain: 'cluster.local', podSubnets: cluster.podCidrs, serviceSubnets: cluster.serviceCidrs, cni: { name: cluster.cni } },
    token: secrets.bootstrapToken,
    ...(input.role === 'controlplane' ? controlPlaneOf(input) : { ca: certificateOnly(secrets.certs.k8s) }),
    discovery: { enabled: false },
  }
}

const document = (kind: string, fields: Fields): Fields => ({ apiVersion: 'v1alpha1', kind, ...fields })

const networkDocuments = ({ cluster, machine, site }: MachineConfigInput): readonly Fields[] => [
  document('HostnameConfig', { hostname: machine.hostname }),
  // Names the API on nodes for ever, whatever leads to it (rule T4).
  ...cluster.endpointAddresses.map((address) => document('StaticHostConfig', { name: address, hostnames: [cluster.endpointName] })),
  ...(site.dns.length === 0 ? [] : [document('ResolverConfig', { nameservers: site.dns.map((address) => ({ address })) })]),
  // Without this document Talos would ask a public server for the time.
  site.timeSyncDisabled || site.ntp.length === 0 ? document('TimeSyncConfig', { enabled: false }) : document('TimeSyncConfig', { enabled: true, ntp: { servers: site.ntp } }),
]

const registryDocuments = ({ site }: MachineConfigInput): readonly Fields[] => [
  ...Object.entries(site.registryMirrors).toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([name, mirror]) =>
    document('RegistryMirrorConfig', { name, endpoints: mirror.endpoints.map((url) => ({ url })), skipFallback: mirror.skipFallback })),
  ...(site.trustedRoots.length === 0 ? [] : [document('TrustedRootsConfig', { name: 'site', certificates: `${site.trustedRoots.map((r) => r.trim()).join('\n')}\n` })]),
]

const demand = (input: MachineConfigInput): void => {
  const { cluster, site } = input
  if (cluster.endpointAddresses.length === 0) throw new InvalidInput('endpointAddresses', 'the endpoint\'s name leads nowhere')
  for (const [field, list] of [['endpointAddresses', cluster.endpointAddresses], ['dns', site.dns]] as const)
    for (const address of list) if (isIP(address) === 0) throw new InvalidInput(field, `${address} is not an IP address`)
  for (const image of cluster.cni === 'flannel' ? ['flannel', 'pause'] as const : ['pause'] as const)
    if (input.release.images[image] !== undefined) throw new InvalidInput(`images.${image}`, 'Talos 1.13 has no field for it; mirror its registry instead')
}

export const renderMachineConfig = (input: MachineConfigInput): string => {
  demand(input)
  const base: Fields = { version: 'v1alpha1', debug: false, persist: true, machine: machineOf(input), cluster: clusterOf(input) }
  return [base, ...networkDocuments(input), ...registryDocuments(input)].map((d) => stringify(d, { lineWidth: 0, aliasDuplicateObjects: false, version: '1.1' })).join('---\n')
}
