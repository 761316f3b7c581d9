/** Tenants' Kubernetes APIs: one client and one watch of nodes for each cluster that is worked on. */
import type { Cluster } from '../../api/index.ts'
import type { NodesChange, Ports } from '../../controllers/ports.ts'
import { isSameNode, type KubeAccess, type KubeNode, type KubernetesDriver } from '../../drivers/kubernetes/index.ts'
import type { SecretsBundle } from '../../drivers/talos/talos.ts'
import { endpointName } from '../../rules/names.ts'

/** Signs our own short-lived certificate for one cluster. */
export type SignOwn = (secrets: SecretsBundle) => Promise<{ readonly crt: string; readonly key: string; readonly renewAt: number }>

/** An API that is known to stand is given this long to answer a new watch, before anything is said of its nodes. */
const firstAnswerMs = 5_000

interface Tenant { first: Promise<void> | undefined; access: Promise<KubeAccess>; renewAt: number; server: string; nodes: readonly KubeNode[] | undefined; stop: (() => void) | undefined }

const byName = (nodes: readonly KubeNode[]): ReadonlyMap<string, KubeNode> => new Map(nodes.map((n) => [n.name, n]))
const changeOf = (clusterUid: string, was: readonly KubeNode[] | undefined, is: readonly KubeNode[]): NodesChange => {
  const [before, nodes] = [byName(was ?? []), byName(is)]
  const isSame = (name: string): boolean => { const [a, b] = [before.get(name), nodes.get(name)]; return a !== undefined && b !== undefined && isSameNode(a, b) }
  return { clusterUid, nodes, changed: was === undefined ? undefined : new Set([...before.keys(), ...nodes.keys()].filter((name) => !isSame(name))) }
}

export const openTenants = (driver: KubernetesDriver, sign: SignOwn, now: () => number): Ports['tenants'] => {
  const tenants = new Map<string, Tenant>()
  const listeners = new Set<(change: NodesChange) => void>()
  const serverOf = (c: Cluster): string => `https://${c.status?.endpoint?.host ?? ''}:${c.status?.endpoint?.port ?? 6443}`

  const drop = (uid: string): void => { tenants.get(uid)?.stop?.(); tenants.delete(uid); driver.forget(uid) }
  const tenant = (cluster: Cluster, secrets: SecretsBundle): Tenant => {
    const { uid } = cluster.metadata
    const server = serverOf(cluster)
    const have = tenants.get(uid)
    if (have !== undefined && have.server === server && now() < have.renewAt) return have
    if (have !== undefined) drop(uid)
    const made: Tenant = { first: undefined, server, nodes: have?.nodes, stop: undefined, renewAt: now() + 60_000, access: sign(secrets).then((own) => {
      made.renewAt = own.renewAt
      return { server, serverName: endpointName(uid), ca: secrets.certs.k8s.crt, clientCert: own.crt, clientKey: own.key }
    }) }
    tenants.set(uid, made)
    return made
  }
  return {
    open: async (cluster, secrets) => driver.connect(cluster.metadata.uid, await tenant(cluster, secrets).access),
    nodes: async (cluster, secrets) => {
      const t = tenant(cluster, secrets)
      if (t.stop === undefined) {
        let stopped = false
        const answered = Promise.withResolvers<void>()
        const timer = setTimeout(answered.resolve, firstAnswerMs)
        t.first = answered.promise
        t.stop = () => { stopped = true }
        t.access.then((access) => {
          if (stopped) return
          t.stop = driver.watchNodes(cluster.metadata.uid, access, (nodes) => {
            const change = changeOf(cluster.metadata.uid, t.nodes, nodes)
            t.nodes = nodes
            clearTimeout(timer)
            answered.resolve()
            for (const l of listeners) l(change)
          })
        }, () => { t.stop = undefined })
      }
      // After a start nothing is known yet, which is no reason to say that nodes are gone.
      if (t.nodes === undefined && cluster.status?.controlPlane?.established === true) await t.first
      return t.nodes
    },
    onNodes: (l) => { listeners.add(l); return () => listeners.delete(l) },
    forget: (cluster) => drop(cluster.metadata.uid),
  }
}
