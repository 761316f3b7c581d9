/** What controllers need from outside, as values. `server` wires them; tests wire simulators. */
import type { Cluster, Site } from '../api/index.ts'
import type { Cloud } from '../drivers/openstack/cloud.ts'
import type { MachineConfigInput, SecretsBundle, TalosNode } from '../drivers/talos/talos.ts'
import type { KubeNode, TenantKubernetes } from '../drivers/kubernetes/kubernetes.ts'

/** A cloud, and the project that its token is for. */
export interface SiteCloud {
  /** The site's name. */
  readonly site: string
  readonly cloud: Cloud
  readonly projectId: string
}

/** Types of objects whose changes are told: everything of which a second one may come at any time; of the rest the cloud refuses it (rule O2). */
export type CloudType = 'servers' | 'serverGroups' | 'networks' | 'ports' | 'routers' | 'floatingIps' | 'securityGroups' | 'volumes' | 'loadBalancers'

/** What a watch of a cluster's nodes brought. */
export interface NodesChange {
  readonly clusterUid: string
  readonly nodes: ReadonlyMap<string, KubeNode>
  /** Names that came, changed or went; undefined: this is the watch's first answer. */
  readonly changed: ReadonlySet<string> | undefined
}

export interface Ports {
  /** This installation's id (rule H3). */
  readonly installation: string
  readonly clouds: {
    /** Throws an error with `reason: 'CredentialMissing'` when none was given for the site. */
    open(site: Site, namespace: string, /** Reads the credential anew: one that was given before this call counts. */ now?: boolean): Promise<SiteCloud>
    /** uids of marks whose objects of these types changed in some cloud. */
    onChange(types: readonly CloudType[], changed: (uids: ReadonlySet<string>) => void): () => void
  }
  readonly secrets: {
    /** Makes, seals and commits the bundle when there is none (rule T7). */
    ensure(clusterUid: string): Promise<SecretsBundle>
    get(clusterUid: string): Promise<SecretsBundle | undefined>
  }
  readonly talos: {
    /** A node by its inside address; through the cluster's endpoint, port 50000. */
    node(cluster: Cluster, secrets: SecretsBundle, address: string): TalosNode
    renderMachineConfig(input: MachineConfigInput): string
    packUserData(yaml: string): { readonly base64: string; readonly bytes: number }
    forget(cluster: Cluster): void
  }
  readonly tenants: {
    open(cluster: Cluster, secrets: SecretsBundle): Promise<TenantKubernetes>
    /** From a watch that this call starts; undefined until it has answered, and while the API is out of reach. */
    nodes(cluster: Cluster, secrets: SecretsBundle): Promise<readonly KubeNode[] | undefined>
    onNodes(changed: (change: NodesChange) => void): () => void
    forget(cluster: Cluster): void
  }
  /** Predicates on errors of the drivers, so that controllers need no driver code. */
  readonly errors: {
    /** A creating call whose outcome is unknown (rule E3). */
    isUnclear(error: unknown): boolean
    isQuota(error: unknown): boolean
    isConflict(error: unknown): boolean
    isNotFound(error: unknown): boolean
    isDenied(error: unknown): boolean
    /** The token was refused (rule O4). */
    isCredentialRejected(error: unknown): boolean
    isUnavailable(error: unknown): boolean
    isAlreadyExists(error: unknown): boolean
    /** What may be shown to people; holds no secret. */
    describe(error: unknown): string
  }
}
