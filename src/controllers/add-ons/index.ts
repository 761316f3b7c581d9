/** Applies what a release brings into a cluster, as `skerry-addons`, once its API answers (rule T6). */
import { createHash } from 'node:crypto'
import { parseAllDocuments } from 'yaml'
import { Cluster, Release } from '../../api/index.ts'
import type { Release as ReleaseResource } from '../../api/index.ts'
import { keyOf } from '../../api/meta/index.ts'
import type { KubeObject } from '../../drivers/kubernetes/kubernetes.ts'
import { refused, settled, waiting } from '../../engine/outcome.ts'
import { planned, status as writes, type NewCondition, type ObserveContext, type Plan, type Finish } from '../../engine/shapes.ts'
import { condition, fromPass } from '../conditions.ts'
import type { Ports } from '../ports.ts'
import { answersAt, decided, releaseOfCluster } from '../reads.ts'
import { secretsOf } from '../secrets.ts'

type Step = { readonly kind: 'apply'; readonly object: KubeObject }
interface Seen {
  readonly cluster: Cluster
  readonly release: ReleaseResource | undefined
  readonly deleting: boolean
  readonly wanted: readonly KubeObject[]
  readonly hash: string
  /** The manifest that is no YAML of Kubernetes objects. */
  readonly bad: string | undefined
  /** `answers`: to the nodes' watch, which tells when it begins to. */
  readonly api: 'silent' | 'answers' | 'ready'
}

/** People's kubeconfigs carry this group; it is bound here and nowhere else, so that it can be taken away (rule T8). */
export const administrators = 'skerry:cluster-admins'
const binding: KubeObject = {
  apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRoleBinding', metadata: { name: 'skerry:cluster-admins' },
  roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
  subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: administrators }],
}

export const manifestsOf = (cluster: Cluster, release: ReleaseResource): { readonly objects: readonly KubeObject[]; readonly bad?: string } => {
  const { cni, networkPolicy } = release.spec
  const own = cluster.spec.network.cni === 'release' && cni !== undefined
  // The policy before what it is to hold back.
  const texts = [...(own ? [{ name: 'cni', manifest: cni.manifest }] : []), ...(own && networkPolicy !== undefined ? [{ name: 'networkPolicy', manifest: networkPolicy.manifest }] : []), ...release.spec.addOns]
  const objects: KubeObject[] = [binding]
  for (const { name, manifest } of texts) {
    for (const document of parseAllDocuments(manifest)) {
      const value = document.errors.length === 0 ? (document.toJS() as KubeObject | null) : undefined
      if (value === null) continue
      if (typeof value?.apiVersion !== 'string' || typeof value.kind !== 'string' || typeof value.metadata?.name !== 'string') return { objects, bad: name }
      objects.push(value)
    }
  }
  return { objects }
}

/** Manifests are large and the same for all clusters of a release: parsed and hashed once for each version of it. */
type Wanted = ReturnType<typeof manifestsOf> & { readonly hash: string }
const parsed = new WeakMap<ReleaseResource, Map<Cluster['spec']['network']['cni'], Wanted>>()
const wantedOf = (cluster: Cluster, release: ReleaseResource): Wanted => {
  const { cni } = cluster.spec.network
  const have = parsed.get(release)?.get(cni)
  if (have !== undefined) return have
  const manifests = manifestsOf(cluster, release)
  const made = { ...manifests, hash: createHash('sha256').update(JSON.stringify(manifests.objects)).digest('hex').slice(0, 16) }
  parsed.set(release, new Map([...(parsed.get(release) ?? []), [cni, made]]))
  return made
}

const observe = (ports: Ports) => async (cluster: Cluster, context: ObserveContext): Promise<Seen> => {
  const release = context.cached.get(Release, { namespace: '', name: cluster.spec.release })
  const { objects: wanted, bad, hash } = release === undefined ? { objects: [], bad: undefined, hash: '' } : wantedOf(cluster, release)
  const deleting = cluster.metadata.deletionTimestamp !== undefined
  const base = { cluster, release, deleting, wanted, hash, bad }
  if (deleting || cluster.status?.addOns?.applied === hash || cluster.status?.controlPlane?.bootstrap?.doneAt === undefined) return { ...base, api: 'silent' }
  const secrets = await ports.secrets.get(cluster.metadata.uid)
  if (secrets === undefined) return { ...base, api: 'silent' }
  // The nodes' watch tells when the API begins to answer, and wakes us: nobody asks every few seconds.
  if ((await ports.tenants.nodes(cluster, secrets)) === undefined) return { ...base, api: 'silent' }
  const api = await ports.tenants.open(cluster, secrets)
  return { ...base, api: (await api.readyz().catch(() => false)) ? 'ready' : 'answers' }
}

const plan = (s: Seen, _now: Date): Plan<Step | Finish> => {
  if (s.deleting || s.cluster.status?.addOns?.applied === s.hash) return { steps: [], outcome: settled() }
  if (s.release === undefined) return { steps: [], outcome: refused('ReleaseMissing', `there is no release ${s.cluster.spec.release}`) }
  if (s.bad !== undefined) return { steps: [], outcome: refused('AddOnRefused', `manifest ${s.bad} of release ${s.release.metadata.name} is no YAML of Kubernetes objects`) }
  if (s.api !== 'ready') return { steps: [], outcome: waiting('WaitingForApi', 'waits until the API server answers', s.api === 'answers' ? 5 : 60) }
  return { steps: s.wanted.map((object) => ({ kind: 'apply', object })), outcome: settled() }
}

/** Neither flannel nor a pod network that we do not know keeps pods from the metadata service (rule T5). */
const metadata = (cluster: Cluster, seen: Seen | undefined, applied: string | undefined): NewCondition => {
  const say = (why: string) => condition('MetadataReachable', seen === undefined ? 'Unknown' : 'True', 'MetadataReachable', `${why}; user data there opens this cluster only`)
  if (cluster.spec.network.cni === 'flannel') return say('flannel cannot keep pods from 169.254.169.254')
  if (cluster.spec.network.cni === 'none') return say('whether this pod network keeps pods from 169.254.169.254 is not known')
  if (seen?.release?.spec.networkPolicy === undefined) return say(`release ${cluster.spec.release} brings no network policy that keeps pods from 169.254.169.254`)
  return applied === seen.hash ? condition('MetadataReachable', 'False', 'MetadataProtected', 'the release\'s network policy is applied; its pod network enforces it') : say('the release\'s network policy is not applied yet')
}

export const addOns = (ports: Ports) => planned<Cluster, Seen, Step>({
  name: 'add-ons',
  concurrency: 64,
  for: Cluster,
  reads: [releaseOfCluster],
  writes: [writes(Cluster, 'addOns')],
  outside: ['tenants.readyz', 'tenants.apply'],
  observe: observe(ports),
  plan,
  apply: async (step, seen, cluster) => {
    const secrets = await secretsOf(ports, cluster)
    await (await ports.tenants.open(seen.cluster, secrets)).apply(step.object, 'skerry-addons')
  },
  status: (cluster, seen, pass) => {
    const isDone = seen !== undefined && !seen.deleting && pass.error === undefined && pass.outcome.kind === 'settled'
    const applied = isDone ? seen.hash : cluster.status?.addOns?.applied
    return {
      ...(applied !== undefined && { addOns: { applied } }),
      conditions: [
        fromPass('AddOnsReady', pass, ports, { reason: 'Done', message: 'what the release brings is applied' }),
        metadata(cluster, seen, applied),
      ],
    }
  },
  wakers: (wake, cached) => ports.tenants.onNodes(({ clusterUid }) => { const c = cached.byUid(Cluster, clusterUid); if (c !== undefined && c.status?.addOns === undefined) wake(keyOf(c)) }),
  inputs: (c, cached) => [decided(c), c.status?.controlPlane?.bootstrap?.doneAt !== undefined && answersAt(c), cached.get(Release, { namespace: '', name: c.spec.release })?.metadata.generation],
})
