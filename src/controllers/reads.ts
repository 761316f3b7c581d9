/** How resources wake each other, said once. */
import { createHash } from 'node:crypto'
import type { Cluster as ClusterResource, Machine as MachineResource, NodePool as NodePoolResource, Site as SiteResource } from '../api/index.ts'
import { Cluster, Machine, MachineType, NodePool, Release, Site } from '../api/index.ts'
import { condition, controllerOf, isTrue, keyOf, type Key, type Kind, type Resource } from '../api/meta/index.ts'
import type { Cached, Read } from '../engine/shapes.ts'
import type { KubeNode } from '../drivers/kubernetes/kubernetes.ts'
import type { CloudType, NodesChange, Ports } from './ports.ts'

const read = <R extends Resource>(kind: Kind<R>, relation: string, wakes: Read<R>['wakes']): Read<R> => ({ kind, relation, wakes })
const inNamespace = (o: Resource, name: string): Key => ({ namespace: o.metadata.namespace ?? '', name })

/** For controllers of Cluster. */
export const siteOfCluster = read(Site, 'site', (site, mine) => mine.list(Cluster).filter((c) => c.spec.site === site.metadata.name).map(keyOf))
export const releaseOfCluster = read(Release, 'release', (release, mine) => mine.list(Cluster).filter((c) => c.spec.release === release.metadata.name).map(keyOf))
export const machinesOfCluster = read(Machine, 'machines', (m) => [inNamespace(m, m.spec.cluster)])
export const poolsOfCluster = read(NodePool, 'pools', (p) => [inNamespace(p, p.spec.cluster)])

/** For the controller of NodePool. */
export const clusterOfPool = read(Cluster, 'cluster', (c, mine) => mine.list(NodePool, c.metadata.namespace).filter((p) => p.spec.cluster === c.metadata.name).map(keyOf))
export const machinesOfPool = read(Machine, 'machines', (m) => (m.spec.pool === undefined ? [] : [inNamespace(m, m.spec.pool)]))

/** For the controller of Machine. */
export const clusterOfMachine = read(Cluster, 'cluster', (c, mine) => mine.list(Machine, c.metadata.namespace).filter((m) => m.spec.cluster === c.metadata.name).map(keyOf))
export const hasContact = ({ status }: MachineResource): boolean => status?.contactAt !== undefined
/** A control-plane server that runs and was not heard yet. */
export const isAwaited = (m: MachineResource): boolean => m.spec.role === 'controlplane' && m.status?.activeAt !== undefined && !hasContact(m)
const siblingsOf = (cached: Cached, m: MachineResource): readonly MachineResource[] => {
  const owner = controllerOf(m)
  return m.spec.role === 'worker' || owner === undefined ? [] : cached.ownedBy(Machine, owner.uid)
}
/** Whether the way to a control plane's machines is known to be open: one of them was heard. */
export const isOneHeard = (cached: Cached, m: MachineResource): boolean => siblingsOf(cached, m).some(hasContact)
/** The first of a control plane's machines that is heard wakes the others. */
export const awaitedSiblings = read(Machine, 'the others, when one is heard', (m, mine) => (hasContact(m) ? siblingsOf(mine, m).filter(isAwaited).map(keyOf) : []))
/** Waits for a person's decision (rule H3). */
export const isHeld = (m: MachineResource): boolean => condition(m, 'Ready')?.reason === 'UnknownObjects'
/** A person's decision wakes who waits for it; nothing else of a site concerns a machine. */
export const siteOfHeldMachine = read(Site, 'site, when held', (_site, mine) => mine.list(Machine).filter(isHeld).map(keyOf))
/** Read without being woken by it: what a machine was made from does not change. */
export const quietly = <R extends Resource>(kind: Kind<R>): Read<R> => read(kind, 'looked up', () => [])
export const machineTypes = quietly(MachineType)

export const clusterOf = (cached: Cached, o: MachineResource | NodePoolResource): ClusterResource | undefined => cached.get(Cluster, inNamespace(o, o.spec.cluster))
export const machinesIn = (cached: Cached, c: ClusterResource): readonly MachineResource[] => cached.list(Machine, c.metadata.namespace).filter((m) => m.spec.cluster === c.metadata.name)

const isTold = ({ status }: MachineResource, node: KubeNode | undefined): boolean => node !== undefined && status?.nodeReady === node.ready && status.kubeletVersion === node.kubeletVersion
/** Of which machines the nodes say anything new. After a start that is those whose node is not as their status says. */
export const toldAnew = (cached: Cached, { clusterUid, nodes, changed }: NodesChange): readonly MachineResource[] => {
  const cluster = cached.byUid(Cluster, clusterUid)
  return cluster === undefined ? [] : machinesIn(cached, cluster).filter((m) => (changed === undefined ? !isTold(m, nodes.get(m.metadata.name)) : changed.has(m.metadata.name)))
}

/** What a person decided of the whole cluster: given up, its keys brought back. */
export const decided = ({ status }: ClusterResource): unknown => [status?.abandoned, status?.secrets?.importedAt]
/** What the cluster's other controllers build on: made once, and then it stays. */
export const made = ({ status }: ClusterResource): unknown => {
  const { intents: _, ...infrastructure } = status?.infrastructure ?? {}
  return infrastructure
}
/** Whether machines of it can be made: network, groups and addresses are there. */
export const isPlaced = ({ spec, status }: ClusterResource): boolean =>
  status?.endpoint?.insideAddresses !== undefined && status.infrastructure?.nodeGroupId !== undefined && (spec.controlPlane.replicas === 1 || status.infrastructure.serverGroupId !== undefined)
/** Where the cluster's API answers. */
export const answersAt = ({ status }: ClusterResource): unknown => {
  const { intents: _, ...endpoint } = status?.endpoint ?? {}
  return endpoint
}

/** What a plan looks at of a site: its spec, and what was found there. */
export const siteInputs = (cached: Cached, name: string): unknown => {
  const site = cached.get(Site, { namespace: '', name })
  return site === undefined ? undefined : [site.metadata.generation, foundOf(site)]
}
/** Only who has not begun waits for it; who stands does not care how his site fares. */
export const isSiteReady = (cached: Cached, name: string): boolean => { const site = cached.get(Site, { namespace: '', name }); return site !== undefined && isTrue(site, 'Ready') }
/** Sites are looked at by everybody and change rarely: hashed once for each version. */
const foundHashes = new WeakMap<SiteResource, string>()
const foundOf = (site: SiteResource): string => {
  const kept = foundHashes.get(site)
  if (kept !== undefined) return kept
  const made = createHash('sha256').update(JSON.stringify(site.status?.found ?? null)).digest('hex')
  foundHashes.set(site, made)
  return made
}

/** Wakes the objects of a kind whose uid is on a mark that changed in a cloud, on objects of these types. */
export const wokenByCloud = (ports: Ports, kind: Kind<any>, types: readonly CloudType[]) => (wake: (key: Key) => void, cached: Cached): (() => void) =>
  ports.clouds.onChange(types, (uids) => {
    for (const uid of uids) { const object = cached.byUid(kind, uid); if (object !== undefined) wake(keyOf(object)) }
  })

/** Slots whose machine runs and stays, as far as is known: through which a cluster without a balancer is reached. */
export const liveSlots = (cached: Cached, c: ClusterResource): readonly number[] => cached.ownedBy(Machine, c.metadata.uid)
  .filter((m) => m.spec.slot !== undefined && m.metadata.deletionTimestamp === undefined && (m.status?.phase === 'Running' || m.status?.phase === 'Joining')).map((m) => m.spec.slot!).toSorted((a, b) => a - b)
