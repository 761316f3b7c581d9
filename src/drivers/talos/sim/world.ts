/** What simulated nodes share: addresses, the clusters they form by their configuration, and the etcd clusters that ever were. */
import type { SecureContext } from 'node:tls'
import type { Guest, GuestStart, Nic } from '../../openstack/sim/guest.ts'
import type { KeyPair } from '../talos.ts'
import { hex, type Etcd, type EtcdData, type Member } from './etcd.ts'
import type { KubernetesSim, SimulatedApi } from './kubernetes-port.ts'
import type { Latencies } from './latencies.ts'
import type { NodeConfig } from './machine-config.ts'

export interface SimClock { now(): Date; after(ms: number, call: () => void): () => void }

export interface EtcdService { readonly etcd: Etcd; readonly member: Member; isUp: boolean }
export interface ServiceLine { readonly id: string; readonly state: string; readonly healthy: boolean | undefined }
/** What a bootstrap request meets. */
export type BootstrapRefusal = 'not-ready' | 'not-control-plane' | 'has-data'

export interface SimNode extends Guest {
  readonly start: GuestStart
  readonly nic: Nic
  readonly stage: 'off' | 'hung' | 'booting' | 'maintenance' | 'running'
  readonly config: NodeConfig | undefined
  readonly cluster: SimCluster | undefined
  readonly hostname: string
  readonly bootId: string
  readonly etcd: EtcdService | undefined
  /** Whether port 50000 answers. */
  readonly isApidUp: boolean
  readonly isReady: boolean
  readonly log: readonly string[]
  /** What is on the disk of etcd; undefined: /var/lib/etcd/member does not exist. */
  etcdData(): EtcdData | undefined
  services(): readonly ServiceLine[]
  bootstrap(): BootstrapRefusal | undefined
  leaveEtcd(): void
  /** Another member removed this one. */
  removedFromEtcd(): void
  /** `wipe`: STATE and EPHEMERAL. */
  restart(options: { readonly wipe: boolean; readonly powerOff?: boolean }): void
  /** Looks again whether what it waits for has come. */
  look(): void
  secureContext(): SecureContext
}

/** All nodes whose configuration names the same cluster and authority. */
export interface SimCluster {
  readonly id: string
  readonly nodes: Set<SimNode>
  /** Of machines that are or were on: with the last one the cluster is gone. */
  readonly disks: Set<Map<string, unknown>>
  /** Known once a control plane was up; workers get their certificates from its trustd. */
  os: KeyPair | undefined
  readonly etcds: Map<bigint, Etcd>
  /** API servers that serve, by the node that runs them. */
  readonly apis: Map<SimNode, SimulatedApi>
}

export interface World {
  readonly kubernetes: KubernetesSim
  readonly clock: SimClock
  readonly random: () => number
  readonly latencies: Latencies
  readonly clusters: Map<string, SimCluster>
  /** Ids of the etcds of clusters that are gone: all that is kept of them. */
  readonly former: Map<string, readonly bigint[]>
  /** By network and address. */
  readonly nodes: Map<string, SimNode>
  /** Calls after a step's time; no timer and no clock for zero. Returns the cancel. */
  later(ms: number, call: () => void): () => void
}

export const addressKey = (networkId: string, address: string): string => `${networkId} ${address}`

export const clusterOf = (world: World, id: string): SimCluster => {
  let cluster = world.clusters.get(id)
  if (cluster === undefined) world.clusters.set(id, cluster = { id, nodes: new Set(), disks: new Set(), os: undefined, etcds: new Map(), apis: new Map() })
  return cluster
}

/** The machine with this disk is one of the cluster's, until the disk is no more. */
export const belongs = (world: World, cluster: SimCluster, { disk, onDiskGone }: GuestStart): void => {
  if (cluster.disks.has(disk)) return
  cluster.disks.add(disk)
  onDiskGone(() => {
    cluster.disks.delete(disk)
    if (cluster.disks.size > 0) return
    world.former.set(cluster.id, etcdIdsOf(world, cluster.id))
    world.clusters.delete(cluster.id)
    for (const id of cluster.etcds.keys()) void world.kubernetes.forget(hex(id))
  })
}
/** Of all that were ever bootstrapped under this cluster's secrets. */
export const etcdIdsOf = (world: World, clusterId: string): readonly bigint[] => [...new Set([...(world.former.get(clusterId) ?? []), ...(world.clusters.get(clusterId)?.etcds.keys() ?? [])])]

/** Something changed that nodes of the cluster may wait for. */
export const poke = (cluster: SimCluster): void => { for (const node of cluster.nodes) node.look() }
