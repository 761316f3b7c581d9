/** Tenants' Kubernetes APIs: access with our own short-lived certificate, and what is known of each cluster's nodes. */
import type { Cluster } from '../../api/index.ts'
import type { NodesChange, Ports } from '../../controllers/ports.ts'
import { isSameNode, type KubeAccess, type KubeNode, type KubernetesDriver, type NodeWatch } from '../../drivers/kubernetes/index.ts'
import type { SecretsBundle } from '../../drivers/talos/talos.ts'
import { endpointName } from '../../rules/names.ts'

/** Signs our own short-lived certificate for the cluster with this uid. */
export type SignOwn = (clusterUid: string) => Promise<{ readonly crt: string; readonly key: string; readonly renewAt: number }>

/** An API that is known to stand is given this long to answer, before anything is said of its nodes. */
const firstAnswerMs = 5_000

interface Tenant {
  readonly server: string
  readonly access: () => Promise<KubeAccess>
  nodes: readonly KubeNode[] | undefined
  watch: NodeWatch | undefined
  /** The nodes were seen since somebody asked for them, or that took too long. */
  answered: Promise<void>
  answer: () => void
}

/** With a certificate that is signed anew when it is asked for late in its life. */
const openAccess = (sign: () => ReturnType<SignOwn>, to: Pick<KubeAccess, 'server' | 'serverName' | 'ca'>, now: () => number): Tenant['access'] => {
  let access: Promise<KubeAccess> | undefined
  let renewAt = 0
  return () => {
    if (access !== undefined && now() < renewAt) return access
    renewAt = Infinity
    const made = sign().then((own) => { renewAt = own.renewAt; return { ...to, clientCert: own.crt, clientKey: own.key } })
    made.catch(() => { renewAt = 0 })
    return access = made
  }
}

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

  const drop = (uid: string): void => { tenants.delete(uid); driver.forget(uid) }
  const tenant = (cluster: Cluster, secrets: SecretsBundle): Tenant => {
    const { uid } = cluster.metadata
    const server = serverOf(cluster)
    const have = tenants.get(uid)
    if (have?.server === server) return have
    if (have !== undefined) drop(uid)
    const access = openAccess(() => sign(uid), { server, serverName: endpointName(uid), ca: secrets.certs.k8s.crt }, now)
    const made: Tenant = { server, access, nodes: have?.nodes, watch: undefined, answered: Promise.resolve(), answer: () => {} }
    tenants.set(uid, made)
    return made
  }
  const expectAnswer = (t: Tenant): void => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, firstAnswerMs)
    t.answered = promise
    t.answer = () => { clearTimeout(timer); resolve() }
  }
  const watch = (clusterUid: string, t: Tenant): NodeWatch => driver.watchNodes(clusterUid, t.access, (nodes) => {
    const change = changeOf(clusterUid, t.nodes, nodes)
    t.nodes = nodes
    t.answer()
    for (const l of listeners) l(change)
  })
  return {
    open: async (cluster, secrets) => {
      const t = tenant(cluster, secrets)
      if (t.watch?.stir() === true) expectAnswer(t)
      return driver.connect(cluster.metadata.uid, await t.access())
    },
    nodes: async (cluster, secrets) => {
      const t = tenant(cluster, secrets)
      if (t.watch === undefined) { expectAnswer(t); t.watch = watch(cluster.metadata.uid, t) } else if (t.watch.stir()) expectAnswer(t)
      // After a start nothing is known yet, and of a cluster that rested what is some minutes old: neither is a reason to act.
      if (t.nodes !== undefined || cluster.status?.controlPlane?.established === true) await t.answered
      return t.nodes
    },
    onNodes: (l) => { listeners.add(l); return () => listeners.delete(l) },
    forget: (cluster) => drop(cluster.metadata.uid),
  }
}
