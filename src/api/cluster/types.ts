/** The TypeScript types of a Cluster: spec, and the parts of its status with who writes them. */
import type { Condition, Resource } from '../meta/index.ts'

export interface RootVolume { readonly type?: string; readonly sizeGiB: number }
export interface ClusterSpec {
  readonly site: string
  readonly release: string
  readonly controlPlane: { readonly replicas: number; readonly machineType: string; readonly rootVolume: RootVolume; readonly scheduling: boolean }
  readonly network: { readonly nodes: string; readonly pods: readonly string[]; readonly services: readonly string[]; readonly cni: 'flannel' | 'release' | 'none' }
  readonly endpoint: { readonly kind: 'auto' | 'octavia' | 'nodes'; readonly allowedCIDRs: readonly string[] }
  readonly deletionProtection: boolean
}

/** The controller `cluster`: what all machines share. */
export interface ClusterInfrastructure {
  /** The OpenStack project in which everything is; a credential of another one is refused (rule E2). */
  /** When the first of it was about to be made. */
  readonly begunAt?: string
  readonly projectId?: string
  readonly shape?: 'tenant' | 'routed'
  readonly networkId?: string
  readonly subnetId?: string
  readonly routerId?: string
  readonly controlPlaneGroupId?: string
  readonly nodeGroupId?: string
  readonly serverGroupId?: string
  /** Creating calls that were begun and whose answer is not recorded: role to time (rule E3). */
  readonly intents?: Readonly<Record<string, string>>
}
export interface EndpointSlot { readonly slot: number; readonly portId: string; readonly address: string }
/** The controller `endpoint`: where the API answers. */
export interface ClusterEndpoint {
  readonly kind?: 'octavia' | 'nodes'
  /** How people reach it. */
  readonly host?: string
  readonly port?: number
  /** All outside addresses; one with `octavia`, one for each slot with `nodes`. */
  readonly addresses?: readonly string[]
  /** What the endpoint's name resolves to on nodes. */
  readonly insideAddresses?: readonly string[]
  readonly floatingIpId?: string
  readonly loadBalancerId?: string
  /** It was made with this one, whatever the site now prefers. */
  readonly loadBalancerProvider?: string
  readonly slots?: readonly EndpointSlot[]
  readonly intents?: Readonly<Record<string, string>>
}
/** The controller `control-plane`. */
export interface ClusterControlPlane {
  readonly replicas?: number
  readonly readyReplicas?: number
  readonly issued?: number
  readonly bootstrap?: { readonly machine: string; readonly serverId: string; readonly requestedAt: string; readonly doneAt?: string }
  readonly etcdClusterId?: string
  readonly established?: boolean
  /** The one machine that may go now; `isOut`: it is no member of etcd any more (rule T2). */
  readonly leaving?: { readonly machine: string; readonly isOut: boolean }
}
/** The API itself: what became of the keys (rule T7). */
export interface ClusterSecrets {
  readonly exportedAt?: string
  readonly importedAt?: string
  /** The Kubernetes CA of the last export or import, by its fingerprint. */
  readonly authority?: string
}
export interface ClusterStatus {
  readonly infrastructure?: ClusterInfrastructure
  readonly endpoint?: ClusterEndpoint
  readonly controlPlane?: ClusterControlPlane
  readonly addOns?: { readonly applied?: string }
  readonly secrets?: ClusterSecrets
  /** The API itself: a person gave the cluster up; what is outside is left as it is (rule O9). */
  readonly abandoned?: { readonly at: string; readonly by: string; readonly reason: string }
  readonly kubernetesVersion?: string
  readonly conditions?: readonly Condition[]
}
export type Cluster = Resource<ClusterSpec, ClusterStatus>
