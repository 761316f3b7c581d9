/** Talos Linux as controllers see it: a cluster's PKI, rendered machine configuration, and the API of its nodes. */

/** One cluster's secrets (rule T7). PEM everywhere; serialised as JSON before sealing, exportable in `talosctl gen secrets` form. */
export interface SecretsBundle {
  readonly clusterId: string
  readonly clusterSecret: string
  readonly bootstrapToken: string
  readonly trustdToken: string
  readonly secretboxEncryptionSecret: string
  readonly certs: {
    readonly os: KeyPair
    readonly etcd: KeyPair
    readonly k8s: KeyPair
    readonly k8sAggregator: KeyPair
    /** Key only. */
    readonly k8sServiceAccount: { readonly key: string }
  }
}
export interface KeyPair { readonly crt: string; readonly key: string }

/** Layers release → site → cluster → pool → machine, flattened by the caller; a pure function makes YAML of it. */
export interface MachineConfigInput {
  readonly role: 'controlplane' | 'worker'
  readonly secrets: SecretsBundle
  readonly cluster: {
    readonly name: string
    /** `api.<8 of uid>.skerry.internal`; the endpoint is `https://<it>:6443` (rule T4). */
    readonly endpointName: string
    /** What that name resolves to on nodes. */
    readonly endpointAddresses: readonly string[]
    /** Names and addresses by which people and we reach the API; for both apid and kube-apiserver certificates. */
    readonly certSANs: readonly string[]
    readonly podCidrs: readonly string[]
    readonly serviceCidrs: readonly string[]
    readonly nodeCidr: string
    readonly cni: 'flannel' | 'none'
    readonly allowSchedulingOnControlPlanes: boolean
  }
  readonly release: { readonly talosVersion: string; readonly kubernetesVersion: string; readonly installerImage: string; readonly images: Readonly<Partial<Record<'kubelet' | 'apiServer' | 'controllerManager' | 'scheduler' | 'proxy' | 'etcd' | 'coredns' | 'flannel' | 'pause', string>>> }
  readonly site: {
    readonly ntp: readonly string[]
    readonly dns: readonly string[]
    readonly registryMirrors: Readonly<Record<string, { readonly endpoints: readonly string[]; readonly skipFallback: boolean }>>
    readonly trustedRoots: readonly string[]
    readonly timeSyncDisabled: boolean
    /** Slower leases and elections on slow clouds. */
    readonly relaxedTimers: boolean
    readonly installDisk: string
    /** Extra kernel sysctls, e.g. none. */
    readonly sysctls: Readonly<Record<string, string>>
  }
  readonly machine: { readonly hostname: string; readonly labels: Readonly<Record<string, string>>; readonly taints: readonly { readonly key: string; readonly value?: string; readonly effect: string }[] }
}

/** Ids of members and clusters are 16 hexadecimal digits, as Talos and etcd print them. */
export interface EtcdMember { readonly id: string; readonly hostname: string; readonly peerUrls: readonly string[]; readonly isLearner: boolean }
export interface EtcdStatus { readonly memberId: string; readonly clusterId: string; readonly leader: string; readonly raftIndex: number; readonly raftAppliedIndex: number; readonly dbSizeBytes: number; readonly isLearner: boolean; readonly errors: readonly string[] }
export interface ServiceState { readonly id: string; readonly state: string; readonly healthy: boolean | undefined }

/** Talos' own API, reached at an endpoint (`host:port`), for one node behind it (apid forwards by the metadata `node`). Every call has a time limit (default 5 s). */
export interface TalosNode {
  version(): Promise<{ readonly tag: string; readonly platform: string }>
  hostname(): Promise<string>
  /** The instance id that the platform metadata carries: Nova's server id. */
  instanceId(): Promise<string>
  services(): Promise<readonly ServiceState[]>
  /** Whether /var/lib/etcd/member exists: `true`, `false`, never a guess (rule T1). */
  etcdDataExists(): Promise<boolean>
  bootstrap(): Promise<void>
  etcdMembers(): Promise<readonly EtcdMember[]>
  etcdStatus(): Promise<EtcdStatus>
  etcdForfeitLeadership(): Promise<void>
  etcdLeave(): Promise<void>
  etcdRemoveMember(memberId: string): Promise<void>
  /** Accepted, not yet done. */
  reboot(): Promise<void>
  reset(options: { readonly graceful: boolean; readonly reboot: boolean }): Promise<void>
  dmesg(lines: number): Promise<string>
}

export interface Talos {
  /** Opens (or reuses) a channel. `node` absent: the one that the endpoint leads to. */
  node(target: { readonly endpoint: string; readonly node?: string; readonly cluster: string; readonly secrets: SecretsBundle; readonly role: 'os:admin' | 'os:operator' | 'os:reader' }): TalosNode
  /** Does a TLS handshake under the cluster's CA succeed at host:port? First contact (rule T3). */
  handshake(address: string, secrets: SecretsBundle): Promise<boolean>
  /** Closes a cluster's channels. */
  forget(cluster: string): void
  close(): Promise<void>
}
