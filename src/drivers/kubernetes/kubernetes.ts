/** A tenant's Kubernetes API as controllers see it. Its answers are a stranger's: limited in size, parsed as data. */

export interface KubeAccess {
  /** `https://host:port` */
  readonly server: string
  readonly serverName: string
  readonly ca: string
  readonly clientCert: string
  readonly clientKey: string
}
export interface KubeNode {
  readonly name: string
  readonly uid: string
  readonly providerId: string
  readonly ready: boolean
  readonly unschedulable: boolean
  readonly kubeletVersion: string
  readonly osImage: string
  readonly internalIps: readonly string[]
  readonly labels: Readonly<Record<string, string>>
}
export type KubeObject = { readonly apiVersion: string; readonly kind: string; readonly metadata: { readonly name: string; readonly namespace?: string; readonly [k: string]: unknown }; readonly [k: string]: unknown }

export interface TenantKubernetes {
  /** GET /readyz with our certificate; false when it answers anything but ok; throws when unreachable. */
  readyz(): Promise<boolean>
  nodes(): Promise<readonly KubeNode[]>
  /** Server-side apply with force. */
  apply(object: KubeObject, manager: string): Promise<void>
  get(object: { readonly apiVersion: string; readonly kind: string; readonly name: string; readonly namespace?: string }): Promise<KubeObject | undefined>
  list(of: { readonly apiVersion: string; readonly kind: string; readonly namespace?: string; readonly labelSelector?: string; readonly fieldSelector?: string }): Promise<readonly KubeObject[]>
  delete(object: { readonly apiVersion: string; readonly kind: string; readonly name: string; readonly namespace?: string }): Promise<void>
  patchNode(name: string, patch: object): Promise<void>
  cordon(name: string): Promise<void>
  /** Evicts what may be evicted; answers what is left and why (a PDB's name, for instance). Call again until empty. */
  evict(name: string): Promise<readonly { readonly pod: string; readonly why: string }[]>
}

export interface NodeWatch {
  /** Somebody works with the cluster: it does not rest for some minutes. True: it did, and `changed` is called as soon as its nodes were listed. */
  stir(): boolean
  stop(): void
}

export interface KubernetesDriver {
  /** One client for each cluster, kept while used. */
  connect(cluster: string, access: KubeAccess): TenantKubernetes
  /** Keeps the cluster's nodes known; calls back when any changes or they were listed anew. `access` is asked for each connection: a certificate may be renewed. */
  watchNodes(cluster: string, access: () => Promise<KubeAccess>, changed: (nodes: readonly KubeNode[]) => void): NodeWatch
  forget(cluster: string): void
  close(): Promise<void>
}
