/** How long the steps of a node's life take, in milliseconds. The realistic ones are those of a cloud with KVM. */
export interface Latencies {
  /** Power on until apid could listen. */
  readonly boot: number
  /** From then until the disk is mounted and CRI runs. */
  readonly mount: number
  readonly etcdStart: number
  /** From learner to voter. */
  readonly etcdPromote: number
  readonly apiServer: number
  readonly kubelet: number
  readonly nodeReady: number
  /** Until Kubernetes notices that a kubelet is silent. */
  readonly nodeLost: number
  readonly shutdown: number
  /** Between two looks whether the endpoint can be reached. */
  readonly retry: number
}

export const zero: Latencies = { boot: 0, mount: 0, etcdStart: 0, etcdPromote: 0, apiServer: 0, kubelet: 0, nodeReady: 0, nodeLost: 0, shutdown: 0, retry: 50 }
export const realistic: Latencies = { boot: 22_000, mount: 7_000, etcdStart: 6_000, etcdPromote: 6_000, apiServer: 30_000, kubelet: 8_000, nodeReady: 15_000, nodeLost: 45_000, shutdown: 12_000, retry: 3_000 }
