/**
 * What a simulated Talos node needs of a simulated Kubernetes, as a structure. `drivers/kubernetes/sim` implements it;
 * neither folder imports the other, whoever wires them does.
 */
import type { Socket } from 'node:net'
import type { KeyPair } from '../talos.ts'

export interface KubernetesSim {
  /**
   * The API of one etcd cluster, made at the first call and found again afterwards. `id` is unique to an etcd cluster: one that
   * is bootstrapped a second time gets another id, and so an empty Kubernetes, as it would in life. Every control-plane node calls
   * it when its API server comes up; names and addresses of later calls are added to the serving certificate's.
   */
  ensureCluster(id: string, options: KubernetesClusterOptions): SimulatedApi
  /** Takes the cluster and all its objects away: its last disk is gone. Nothing when it was never made. */
  forget(id: string): Promise<void>
}

export interface KubernetesClusterOptions {
  /** Signs the serving certificate; its client certificates are the only way in (CN user, O groups). */
  readonly ca: KeyPair
  /** Names and addresses of the serving certificate. */
  readonly serviceSans: readonly string[]
  /** e.g. v1.36.3 */
  readonly version: string
}

export interface SimulatedApi {
  /** A TCP connection to some control-plane node's port 6443: TLS and HTTP are the API server's. */
  accept(socket: Socket): void
  /** A kubelet comes up: creates the Node (not Ready), or takes over the one of that name. */
  registerNode(node: RegisteredNode): void
  /** The Ready condition. No effect when the Node is not there (somebody deleted it); answers whether it is. */
  nodeReady(name: string, ready: boolean): boolean
  hasNode(name: string): boolean
  deleteNode(name: string): void
  /** Closes what is open on behalf of the API; objects stay until the next `ensureCluster`. */
  stop(): void
}

export interface RegisteredNode {
  readonly name: string
  readonly internalIp: string
  readonly labels: Readonly<Record<string, string>>
  readonly taints: readonly { readonly key: string; readonly value?: string; readonly effect: string }[]
  readonly kubeletVersion: string
  readonly osImage: string
  readonly controlPlane: boolean
  /** MachineID and BootID of Node.status.nodeInfo. */
  readonly machineId: string
  readonly bootId: string
}
