/** The eviction subresource: a pod goes unless a disruption budget forbids it. */
import { conflict, type Subresource } from '../../../apiserver/index.ts'
import { DaemonSet, Deployment, Node, Pod, PodDisruptionBudget } from './kinds.ts'
import { isReady } from './nodes.ts'
import type { Key, Objects, Stored } from './objects.ts'

interface Selector { readonly matchLabels?: Readonly<Record<string, string>>; readonly matchExpressions?: readonly { readonly key: string; readonly operator: string; readonly values?: readonly string[] }[] }

export const matches = (selector: Selector | undefined, labels: Readonly<Record<string, string>> = {}): boolean => selector !== undefined
  && Object.entries(selector.matchLabels ?? {}).every(([k, v]) => labels[k] === v)
  && (selector.matchExpressions ?? []).every(({ key, operator, values = [] }) => {
    const value = labels[key]
    switch (operator) {
      case 'In': return value !== undefined && values.includes(value)
      case 'NotIn': return value === undefined || !values.includes(value)
      case 'Exists': return value !== undefined
      default: return value === undefined
    }
  })

/** Of `total`; a percentage is rounded up, as Kubernetes does for both fields. */
const amount = (v: unknown, total: number): number => (typeof v === 'string' && v.endsWith('%') ? Math.ceil(Number(v.slice(0, -1)) * total / 100) : Number(v))

const isHealthy = (pod: Stored, objects: Objects): boolean => {
  const node = objects.get(Node, { name: pod.spec?.nodeName ?? '' })
  return pod.metadata.deletionTimestamp === undefined && pod.status?.phase === 'Running' && node !== undefined && isReady(node)
}
/** How many pods there should be: what their controllers want, else what is there. */
const expected = (pods: readonly Stored[], objects: Objects): number => {
  const owners = new Map(pods.flatMap((p) => p.metadata.ownerReferences ?? []).map((o) => [o.uid, o]))
  if (owners.size === 0) return pods.length
  return [...owners.values()].reduce((n, o) => {
    const kind = o.kind === 'DaemonSet' ? DaemonSet : Deployment
    const owner = objects.list(kind).find((d) => d.metadata.uid === o.uid)
    return n + (owner === undefined ? 0 : Number((o.kind === 'DaemonSet' ? owner.status?.desiredNumberScheduled : owner.spec?.replicas) ?? 1))
  }, 0)
}

const budgetsOver = (pod: Stored, objects: Objects): readonly Stored[] => objects.list(PodDisruptionBudget, pod.metadata.namespace).filter((b) => matches(b.spec?.selector as Selector | undefined, pod.metadata.labels))

/** Why not now; undefined: it may. A pod that does not run may always go. */
const refusal = (pod: Stored, budget: Stored, objects: Objects): string | undefined => {
  if (!isHealthy(pod, objects)) return undefined
  const pods = objects.list(Pod, pod.metadata.namespace).filter((p) => matches(budget.spec?.selector as Selector | undefined, p.metadata.labels))
  const wanted = expected(pods, objects)
  const healthy = pods.filter((p) => isHealthy(p, objects)).length
  const needed = budget.spec?.minAvailable !== undefined ? amount(budget.spec.minAvailable, wanted) : wanted - amount(budget.spec?.maxUnavailable ?? 0, wanted)
  return healthy - 1 >= needed ? undefined : `The disruption budget ${budget.metadata.name} needs ${needed} healthy pods and has ${healthy} currently`
}

const tooMany = (message: string, causes: readonly object[]): Error => Object.assign(new Error(message), {
  apiStatus: { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason: 'TooManyRequests', details: { causes }, code: 429 },
})

export const evictionSubresource = (objects: () => Objects, terminate: (pod: Key) => Promise<void>): Subresource => async ({ object, body }) => {
  const pod = object as unknown as Stored
  const { uid } = ((body as { deleteOptions?: { preconditions?: { uid?: string } } }).deleteOptions?.preconditions ?? {})
  if (uid !== undefined && uid !== pod.metadata.uid) throw conflict(Pod, pod.metadata.name, `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${pod.metadata.uid}`)
  const budgets = budgetsOver(pod, objects())
  if (budgets.length > 1) throw Object.assign(new Error('several budgets'), { apiStatus: { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', reason: 'InternalError', message: 'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.', code: 500 } })
  for (const b of budgets) {
    const why = refusal(pod, b, objects())
    if (why !== undefined) throw tooMany('Cannot evict pod as it would violate the pod\'s disruption budget.', [{ reason: 'DisruptionBudget', message: why }])
  }
  await terminate({ name: pod.metadata.name, namespace: pod.metadata.namespace! })
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 }
}
