/** Opens the driver: one client for each tenant cluster, kept until it is forgotten. */
import { object, text, type Json } from './answer.ts'
import { openConnection, systemClock, type Clock, type Connection, type Tickets } from './connection.ts'
import { isNotFound, kubernetesError } from './errors.ts'
import { isLeaving, staysWithNode, whyLeft, type Left } from './eviction.ts'
import type { KubeAccess, KubeObject, KubernetesDriver, NodeWatch, TenantKubernetes } from './kubernetes.ts'
import { openLists, type ListAll } from './lists.ts'
import { toNode } from './node.ts'
import { collectionPath, objectPath, openPlaces, type Named } from './paths.ts'
import { openGate, watchNodes, type Log } from './watch.ts'

export interface KubernetesOptions {
  readonly log: Log
  readonly clock?: Clock
  readonly random?: () => number
  /** Of one call; a list of several pages has three times as long. Default 10 s. */
  readonly timeoutMs?: number
}

const evictionsAtOnce = 8
const watchesAtOnce = 16
const manager = 'skerry'

const clientOf = (connection: Connection, listAll: ListAll): TenantKubernetes => {
  const place = openPlaces((path) => connection.json({ what: 'discovery', path }))
  const pathOf = async (o: Named): Promise<string> => objectPath(await place(o), o)
  const patchNode = async (name: string, patch: object): Promise<void> => {
    await connection.json({ what: `patch node ${name}`, method: 'PATCH', path: `${await pathOf({ apiVersion: 'v1', kind: 'Node', name })}?fieldManager=${manager}`, contentType: 'application/merge-patch+json', body: patch })
  }
  const evictOne = async (pod: Json): Promise<Left | undefined> => {
    const { name, namespace, uid } = object(pod['metadata'])
    const named = { apiVersion: 'v1', kind: 'Pod', name: text(name), namespace: text(namespace) }
    const label = `${named.namespace}/${named.name}`
    if (isLeaving(pod)) return { pod: label, why: 'is shutting down' }
    const why = whyLeft(await connection.raw({
      what: `evict ${label}`, method: 'POST', path: `${await pathOf(named)}/eviction`,
      // Of this pod only, not of one that took its name since the list.
      body: { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: named.name, namespace: named.namespace }, deleteOptions: { preconditions: { uid: text(uid, 64) } } },
    }))
    return why === undefined ? undefined : { pod: label, why }
  }

  return {
    readyz: async () => {
      const { code, body } = await connection.raw({ what: 'readyz', path: '/readyz' })
      return code === 200 && body.trim() === 'ok'
    },
    nodes: async () => (await listAll(connection, 'list nodes', '/api/v1/nodes', {})).items.map(toNode),
    apply: async (o, by) => {
      const named = { apiVersion: o.apiVersion, kind: o.kind, name: o.metadata.name, ...(o.metadata.namespace !== undefined && { namespace: o.metadata.namespace }) }
      const at = await place(named)
      const body = at.namespaced ? { ...o, metadata: { ...o.metadata, namespace: named.namespace ?? 'default' } } : o
      await connection.json({ what: `apply ${o.kind} ${named.name}`, method: 'PATCH', path: `${objectPath(at, named)}?${new URLSearchParams({ fieldManager: by, force: 'true' }).toString()}`, contentType: 'application/apply-patch+yaml', body })
    },
    get: async (o) => {
      try { return toObject(await connection.json({ what: `get ${o.kind} ${o.name}`, path: await pathOf(o) }), o) } catch (error) {
        if (isNotFound(error)) return undefined
        throw error
      }
    },
    list: async (of) => {
      const query = { ...(of.labelSelector !== undefined && { labelSelector: of.labelSelector }), ...(of.fieldSelector !== undefined && { fieldSelector: of.fieldSelector }) }
      return (await listAll(connection, `list ${of.kind}`, collectionPath(await place(of), of), query)).items.map((i) => toObject(i, of))
    },
    delete: async (o) => {
      try { await connection.json({ what: `delete ${o.kind} ${o.name}`, method: 'DELETE', path: await pathOf(o), body: { apiVersion: 'v1', kind: 'DeleteOptions', propagationPolicy: 'Background' } }) } catch (error) {
        if (!isNotFound(error)) throw error
      }
    },
    patchNode,
    cordon: (name) => patchNode(name, { spec: { unschedulable: true } }),
    evict: async (name) => {
      const { items } = await listAll(connection, `list pods on ${name}`, '/api/v1/pods', { fieldSelector: `spec.nodeName=${name}` })
      const waiting = items.filter((p) => !staysWithNode(p))
      const left: Left[] = []
      const work = async (): Promise<void> => {
        for (let pod = waiting.shift(); pod !== undefined; pod = waiting.shift()) {
          const one = await evictOne(pod)
          if (one !== undefined) left.push(one)
        }
      }
      await Promise.all(Array.from({ length: evictionsAtOnce }, work))
      return left.toSorted((a, b) => (a.pod < b.pod ? -1 : 1))
    },
  }
}

/** Items of a list carry neither kind nor apiVersion. */
const toObject = (o: Json, of: { readonly apiVersion: string; readonly kind: string }): KubeObject => {
  const metadata = object(o['metadata'])
  return { ...o, apiVersion: of.apiVersion, kind: of.kind, metadata: { ...metadata, name: text(metadata['name']), ...(typeof metadata['namespace'] === 'string' && { namespace: text(metadata['namespace']) }) } } as KubeObject
}

interface Client { readonly access: KubeAccess; readonly calls: Connection; readonly api: TenantKubernetes }

const isSameAccess = (a: KubeAccess, b: KubeAccess): boolean =>
  a.server === b.server && a.serverName === b.serverName && a.ca === b.ca && a.clientCert === b.clientCert && a.clientKey === b.clientKey

export const openKubernetes = ({ log, clock = systemClock, random = Math.random, timeoutMs = 10_000 }: KubernetesOptions): KubernetesDriver => {
  const clients = new Map<string, Client>()
  const watches = new Map<string, Set<NodeWatch>>()
  const tickets: Tickets = new WeakMap()
  const gates = { first: openGate(watchesAtOnce), broken: openGate(watchesAtOnce), resting: openGate(watchesAtOnce) }
  const listAll = openLists(clock, 3 * timeoutMs)
  let isClosed = false

  const demandOpen = (): void => { if (isClosed) throw kubernetesError('other', 'the Kubernetes driver is closed') }
  const drop = (cluster: string): void => {
    for (const w of watches.get(cluster) ?? []) w.stop()
    watches.delete(cluster)
    clients.get(cluster)?.calls.close()
    clients.delete(cluster)
  }

  return {
    connect: (cluster, access) => {
      demandOpen()
      const have = clients.get(cluster)
      if (have !== undefined && isSameAccess(have.access, access)) return have.api
      // A renewed certificate: calls under way end on the old connection.
      have?.calls.close()
      const calls = openConnection({ label: cluster, access, tickets, clock, timeoutMs, connections: 6 })
      const api = clientOf(calls, listAll)
      clients.set(cluster, { access, calls, api })
      return api
    },
    watchNodes: (cluster, access, changed) => {
      demandOpen()
      const watch = watchNodes({
        cluster, gates, changed, clock, random, log,
        connect: async () => openConnection({ label: cluster, access: await access(), tickets, clock, timeoutMs, connections: 1 }),
        list: (connection) => listAll(connection, 'list nodes', '/api/v1/nodes', {}),
      })
      const all = watches.get(cluster) ?? new Set()
      watches.set(cluster, all.add(watch))
      return { stir: watch.stir, stop: () => { watch.stop(); all.delete(watch) } }
    },
    forget: drop,
    close: async () => {
      isClosed = true
      for (const cluster of new Set([...clients.keys(), ...watches.keys()])) drop(cluster)
    },
  }
}
