/** Simulated Talos machines: what the OpenStack simulator starts inside its servers. */
import type { GuestFactory } from '../../openstack/sim/guest.ts'
import { openApid } from './apid.ts'
import { hex } from './etcd.ts'
import type { KubernetesSim } from './kubernetes-port.ts'
import { realistic, zero, type Latencies } from './latencies.ts'
import { startNode } from './node.ts'
import { etcdIdsOf, type SimClock, type SimNode, type World } from './world.ts'

export type { KubernetesClusterOptions, KubernetesSim, RegisteredNode, SimulatedApi } from './kubernetes-port.ts'

export interface TalosGuestsOptions {
  readonly kubernetes: KubernetesSim
  readonly clock: SimClock
  readonly latencies?: 'zero' | 'realistic' | Partial<Latencies>
  /** 0 ≤ x < 1 */
  readonly random?: () => number
}

/** For tests in other processes: by `SecretsBundle.clusterId`, of clusters that are gone too. */
export interface TalosFacts { readonly etcdClusterIds: Readonly<Record<string, readonly string[]>> }

/** Call it as the OpenStack simulator's guest factory. */
export interface TalosGuests extends GuestFactory {
  /** Every etcd that was ever bootstrapped under this cluster's secrets (`SecretsBundle.clusterId`); more than one breaks rule T1. */
  etcdClusterIds(talosClusterId: string): readonly string[]
  /** Machines that are on. */
  nodes(): readonly SimNode[]
  close(): void
}

export const createTalosGuests = ({ kubernetes, clock, latencies = 'zero', random = Math.random }: TalosGuestsOptions): TalosGuests => {
  const timers = new Set<() => void>()
  const on = new Set<SimNode>()
  const world: World = {
    kubernetes, clock, random, clusters: new Map(), former: new Map(), nodes: new Map(),
    latencies: latencies === 'realistic' ? realistic : { ...zero, ...(typeof latencies === 'object' ? latencies : {}) },
    later: (ms, call) => {
      let cancel: () => void
      const run = () => { timers.delete(cancel); call() }
      if (ms === 0) {
        const immediate = setImmediate(run)
        cancel = () => { clearImmediate(immediate); timers.delete(cancel) }
      } else {
        const stop = clock.after(ms * (0.8 + 0.4 * random()), run)
        cancel = () => { stop(); timers.delete(cancel) }
      }
      timers.add(cancel)
      return cancel
    },
  }
  const apid = openApid(world)
  const factory: GuestFactory = (start) => {
    const node = startNode(world, start, (n, socket) => { apid.accept(n, socket) })
    on.add(node)
    return { reboot: () => { on.add(node); node.reboot() }, stop: () => { on.delete(node); node.stop() } }
  }
  return Object.assign(factory, {
    etcdClusterIds: (id: string) => etcdIdsOf(world, id).map(hex),
    facts: (): TalosFacts => ({ etcdClusterIds: Object.fromEntries([...world.former.keys(), ...world.clusters.keys()].map((id) => [id, etcdIdsOf(world, id).map(hex)])) }),
    nodes: () => [...on],
    close: () => {
      for (const node of on) node.stop()
      on.clear()
      for (const cancel of timers) cancel()
      apid.close()
    },
  })
}
