/**
 * The controllers that a drain and add-ons need: pods of Deployments and DaemonSets stand on nodes, those of a gone node or owner
 * go, and a namespace takes its contents along. Deployments own their pods directly; there are no ReplicaSets.
 */
import { resourceName, type Kind } from '../../../api/meta/index.ts'
import type { Watch } from '../../../store/cache.ts'
import type { CacheView } from '../../../store/scoped-cache.ts'
import { DaemonSet, Deployment, Namespace, Node, Pod, tenantKinds } from './kinds.ts'
import { isReady } from './nodes.ts'
import type { Key, Objects, Stored } from './objects.ts'

type Taint = { readonly key: string; readonly effect: string }
type Toleration = { readonly key?: string; readonly operator?: string; readonly effect?: string }

const tolerates = (pod: Stored['spec'], taint: Taint): boolean => ((pod?.tolerations ?? []) as readonly Toleration[])
  .some((t) => (t.key === undefined || t.key === taint.key) && (t.effect === undefined || t.effect === '' || t.effect === taint.effect))
const fits = (pod: Stored['spec'], node: Stored): boolean =>
  Object.entries((pod?.nodeSelector ?? {}) as Record<string, string>).every(([k, v]) => node.metadata.labels?.[k] === v)
  && ((node.spec?.taints ?? []) as readonly Taint[]).every((t) => t.effect === 'PreferNoSchedule' || tolerates(pod, t))

const ownerOf = (o: Stored) => [{ apiVersion: o.apiVersion, kind: o.kind, name: o.metadata.name, uid: o.metadata.uid, controller: true }]
const isOf = (pod: Stored, owner: Stored): boolean => pod.metadata.ownerReferences?.some((r) => r.uid === owner.metadata.uid) === true
const isLeaving = (o: Stored): boolean => o.metadata.deletionTimestamp !== undefined

export interface Workloads {
  /** A pod's end: it is marked, and gone after its grace time. */
  terminate(pod: Key): Promise<void>
  /** All that is wanted now is done. */
  settled(): Promise<void>
  stop(): void
}

export interface WorkloadsOptions { readonly objects: Objects; readonly cache: CacheView; readonly now: () => Date; readonly suffix: () => string; readonly graceMs: number; readonly after: (ms: number, call: () => void) => () => void; readonly onError: (error: unknown) => void }

export const runWorkloads = ({ objects, cache, now, suffix, graceMs, after, onError }: WorkloadsOptions): Workloads => {
  const timers = new Set<() => void>()
  let stopped = false

  const terminate = async (pod: Key): Promise<void> => {
    if (graceMs === 0) { await objects.remove(Pod, pod); return }
    await objects.change(Pod, pod, (o) => (isLeaving(o) ? o : { ...o, metadata: { ...o.metadata, deletionTimestamp: `${now().toISOString().slice(0, 19)}Z`, deletionGracePeriodSeconds: Math.ceil(graceMs / 1000) } }))
    const cancel = after(graceMs, () => { timers.delete(cancel); objects.remove(Pod, pod).catch(onError) })
    timers.add(cancel)
  }

  const running = (spec: Stored['spec'], node: string) => ({
    phase: 'Running', startTime: `${now().toISOString().slice(0, 19)}Z`, conditions: [{ type: 'Ready', status: 'True' }, { type: 'PodScheduled', status: 'True' }], hostIP: objects.get(Node, { name: node })?.status?.addresses?.[0]?.address,
    containerStatuses: ((spec?.containers ?? []) as readonly { readonly name: string; readonly image?: string }[]).map(({ name, image = '' }) => ({ name, image, ready: true, started: true, restartCount: 0, state: { running: { startedAt: `${now().toISOString().slice(0, 19)}Z` } } })),
  })
  const newPod = (owner: Stored, node: string | undefined) => objects.create(Pod, {
    metadata: { ...owner.spec?.template?.metadata, name: `${owner.metadata.name.slice(0, 50)}-${suffix()}`, namespace: owner.metadata.namespace!, ownerReferences: ownerOf(owner) },
    spec: { ...owner.spec?.template?.spec, ...(node !== undefined && { nodeName: node }) }, status: node === undefined ? { phase: 'Pending' } : running(owner.spec?.template?.spec, node),
  })
  /** Among the nodes that take it, the one with the fewest of its siblings, then the emptiest. */
  const placeFor = (pod: Stored['spec'], nodes: readonly Stored[], load: Map<string, number>, siblings: readonly (string | undefined)[] = []): string | undefined => {
    const order = (n: Stored): number => siblings.filter((s) => s === n.metadata.name).length * 1_000 + (load.get(n.metadata.name) ?? 0)
    const best = nodes.filter((n) => n.spec?.unschedulable !== true && isReady(n) && fits(pod, n)).toSorted((a, b) => order(a) - order(b))[0]?.metadata.name
    if (best !== undefined) load.set(best, (load.get(best) ?? 0) + 1)
    return best
  }

  const daemonSet = async (owner: Stored, nodes: readonly Stored[], mine: readonly Stored[]): Promise<void> => {
    const wanted = nodes.filter((n) => fits({ ...owner.spec?.template?.spec, tolerations: [{ operator: 'Exists' }] }, n))
    for (const n of wanted) if (!mine.some((p) => p.spec?.nodeName === n.metadata.name)) await newPod(owner, n.metadata.name)
    for (const p of mine) if (!wanted.some((n) => n.metadata.name === p.spec?.nodeName) && !isLeaving(p)) await objects.remove(Pod, p.metadata)
    const ready = wanted.filter(isReady).length
    await status(DaemonSet, owner, { desiredNumberScheduled: wanted.length, currentNumberScheduled: wanted.length, updatedNumberScheduled: wanted.length, numberReady: ready, numberAvailable: ready })
  }
  const deployment = async (owner: Stored, nodes: readonly Stored[], mine: readonly Stored[], load: Map<string, number>): Promise<void> => {
    const wanted = Number(owner.spec?.replicas ?? 1)
    const staying = mine.filter((p) => !isLeaving(p))
    const places = staying.map((p) => p.spec?.nodeName as string | undefined)
    for (let i = staying.length; i < wanted; i++) {
      const node = placeFor(owner.spec?.template?.spec, nodes, load, places)
      places.push(node)
      await newPod(owner, node)
    }
    for (const p of staying.slice(wanted)) await terminate(p.metadata as Key)
    const ready = staying.slice(0, wanted).filter((p) => p.status?.phase === 'Running').length
    await status(Deployment, owner, { replicas: wanted, readyReplicas: ready, availableReplicas: ready, updatedReplicas: wanted })
  }
  const status = (kind: Kind<any>, owner: Stored, next: Readonly<Record<string, number>>): Promise<void> => {
    const whole = { ...next, observedGeneration: owner.metadata.generation }
    return objects.change(kind, owner.metadata as Key, (o) => (JSON.stringify(o.status) === JSON.stringify(whole) ? o : { ...o, status: whole }))
  }

  const pass = async (): Promise<void> => {
    const nodes = objects.list(Node)
    const pods = objects.list(Pod)
    const load = new Map<string, number>()
    for (const p of pods) if (p.spec?.nodeName !== undefined) load.set(p.spec.nodeName, (load.get(p.spec.nodeName) ?? 0) + 1)
    const owners = new Map([...objects.list(Deployment), ...objects.list(DaemonSet)].map((o) => [o.metadata.uid, o]))
    for (const p of pods) {
      const owner = p.metadata.ownerReferences?.find((r) => r.controller === true && (r.kind === 'Deployment' || r.kind === 'DaemonSet'))
      const isLost = p.spec?.nodeName !== undefined && !nodes.some((n) => n.metadata.name === p.spec.nodeName)
      if (isLost || (owner !== undefined && !owners.has(owner.uid))) await objects.remove(Pod, p.metadata)
      else if (p.spec?.nodeName === undefined) {
        const node = placeFor(p.spec, nodes, load)
        if (node !== undefined) await objects.change(Pod, p.metadata as Key, (o) => ({ ...o, spec: { ...o.spec, nodeName: node }, status: running(o.spec, node) }))
      } else if (p.status === undefined) await objects.change(Pod, p.metadata as Key, (o) => ({ ...o, status: running(o.spec, String(o.spec?.nodeName)) }))
    }
    const left = objects.list(Pod)
    for (const o of owners.values()) {
      const mine = left.filter((p) => isOf(p, o))
      if (o.kind === 'DaemonSet') await daemonSet(o, nodes, mine); else await deployment(o, nodes, mine, load)
    }
  }

  // One pass at a time; what changes during one makes another.
  let isWanted = false
  let isRunning: Promise<void> | undefined
  const wake = (): void => {
    isWanted = true
    isRunning ??= (async () => {
      while (isWanted && !stopped) { isWanted = false; await cache.fresh(); await pass() }
    })().catch(onError).finally(() => { isRunning = undefined; if (isWanted && !stopped) wake() })
  }
  const emptyNamespace = async (namespace: string): Promise<void> => {
    for (const kind of tenantKinds) if (kind.namespaced) for (const o of objects.list(kind, namespace)) await objects.remove(kind, o.metadata)
  }
  const watches: Watch[] = []
  for (const kind of [Node, Pod, Deployment, DaemonSet]) watches.push(cache.watch(resourceName(kind), undefined, cache.version, wake))
  watches.push(cache.watch(resourceName(Namespace), undefined, cache.version, (changes) => {
    for (const c of changes) if (c.after === undefined) emptyNamespace(c.key.name).catch(onError)
  }))
  wake()
  return {
    terminate,
    settled: async () => { await cache.fresh(); while (isRunning !== undefined) { await isRunning; await cache.fresh() } },
    stop: () => { stopped = true; for (const w of watches) w.stop(); for (const cancel of timers) cancel() },
  }
}
