/** What kubelets write of themselves: Node, Ready condition, lease. Heartbeats are left out: a Ready node is one that was not said to be otherwise. */
import { Lease, Node } from './kinds.ts'
import type { Objects, Stored } from './objects.ts'

export interface RegisteredNode {
  readonly name: string
  readonly internalIp: string
  readonly labels: Readonly<Record<string, string>>
  readonly taints: readonly { readonly key: string; readonly value?: string; readonly effect: string }[]
  readonly kubeletVersion: string
  readonly osImage: string
  readonly controlPlane: boolean
  readonly machineId: string
  readonly bootId: string
}

const leases = 'kube-node-lease'
const time = (now: Date): string => `${now.toISOString().slice(0, 19)}Z`

const statusOf = (n: RegisteredNode, now: Date) => ({
  addresses: [{ type: 'InternalIP', address: n.internalIp }, { type: 'Hostname', address: n.name }],
  capacity: { cpu: '4', memory: '8Gi', pods: '110' }, allocatable: { cpu: '4', memory: '8Gi', pods: '110' },
  conditions: [{ type: 'Ready', status: 'False', reason: 'KubeletNotReady', message: 'container runtime network not ready', lastTransitionTime: time(now), lastHeartbeatTime: time(now) }],
  nodeInfo: { machineID: n.machineId, systemUUID: n.machineId, bootID: n.bootId, kernelVersion: '6.18.0-talos', osImage: n.osImage, containerRuntimeVersion: 'containerd://2.1.0', kubeletVersion: n.kubeletVersion, kubeProxyVersion: n.kubeletVersion, operatingSystem: 'linux', architecture: 'amd64' },
})

/** Creates the Node or takes over the one of that name, whose spec (taints, cordon) stays. */
export const register = async (objects: Objects, n: RegisteredNode, now: Date): Promise<void> => {
  const labels = { 'kubernetes.io/hostname': n.name, 'kubernetes.io/os': 'linux', 'kubernetes.io/arch': 'amd64', ...(n.controlPlane && { 'node-role.kubernetes.io/control-plane': '' }), ...n.labels }
  if (objects.get(Node, n) === undefined) await objects.create(Node, { metadata: { name: n.name, labels }, spec: { ...(n.taints.length > 0 && { taints: n.taints }) }, status: statusOf(n, now) })
  else await objects.change(Node, n, (o) => ({ ...o, metadata: { ...o.metadata, labels: { ...o.metadata.labels, ...labels } }, status: statusOf(n, now) }))
  await objects.create(Lease, { metadata: { name: n.name, namespace: leases }, spec: { holderIdentity: n.name, leaseDurationSeconds: 40, renewTime: now.toISOString().replace('Z', '000Z') } })
}

export const isReady = (node: Stored): boolean => (node.status?.conditions as readonly { type: string; status: string }[] | undefined)?.some((c) => c.type === 'Ready' && c.status === 'True') === true

export const setReady = (objects: Objects, name: string, ready: boolean, now: Date): Promise<void> => objects.change(Node, { name }, (o) => {
  if (isReady(o) === ready) return o
  const condition = ready ? { type: 'Ready', status: 'True', reason: 'KubeletReady', message: 'kubelet is posting ready status' } : { type: 'Ready', status: 'False', reason: 'KubeletNotReady', message: 'kubelet stopped' }
  return { ...o, status: { ...o.status, conditions: [{ ...condition, lastTransitionTime: time(now), lastHeartbeatTime: time(now) }] } }
})

export const unregister = async (objects: Objects, name: string): Promise<void> => {
  await objects.remove(Node, { name })
  await objects.remove(Lease, { name, namespace: leases })
}
