/** What stands in a cluster when its first API server is up: Kubernetes' own namespaces and rights, and what Talos applies. */
import { ClusterRole, ClusterRoleBinding, DaemonSet, Deployment, Namespace, Service, ServiceAccount } from './kinds.ts'
import type { Objects } from './objects.ts'

const system = 'kube-system'
const rbac = 'rbac.authorization.k8s.io'
const workload = (name: string, spec: object, more: object = {}) => ({
  metadata: { name, namespace: system, labels: { 'k8s-app': name } },
  spec: { ...more, selector: { matchLabels: { 'k8s-app': name } }, template: { metadata: { labels: { 'k8s-app': name } }, spec } },
})

export const createDefaults = async (objects: Objects): Promise<void> => {
  for (const name of ['default', system, 'kube-public', 'kube-node-lease']) {
    await objects.create(Namespace, { metadata: { name, labels: { 'kubernetes.io/metadata.name': name } }, spec: { finalizers: ['kubernetes'] }, status: { phase: 'Active' } })
    await objects.create(ServiceAccount, { metadata: { name: 'default', namespace: name } })
  }
  await objects.create(ClusterRole, { metadata: { name: 'cluster-admin' }, rules: [{ apiGroups: ['*'], resources: ['*'], verbs: ['*'] }, { nonResourceURLs: ['*'], verbs: ['*'] }] })
  await objects.create(ClusterRoleBinding, { metadata: { name: 'cluster-admin' }, roleRef: { apiGroup: rbac, kind: 'ClusterRole', name: 'cluster-admin' }, subjects: [{ apiGroup: rbac, kind: 'Group', name: 'system:masters' }] })
  await objects.create(Service, { metadata: { name: 'kubernetes', namespace: 'default' }, spec: { type: 'ClusterIP', clusterIP: '10.96.0.1', ports: [{ name: 'https', port: 443, targetPort: 6443 }] } })
  await objects.create(DaemonSet, workload('kube-proxy', { hostNetwork: true, containers: [{ name: 'kube-proxy' }] }))
  await objects.create(DaemonSet, workload('kube-flannel', { hostNetwork: true, containers: [{ name: 'kube-flannel' }] }))
  await objects.create(Deployment, workload('coredns', { containers: [{ name: 'coredns' }], tolerations: [{ key: 'node-role.kubernetes.io/control-plane', effect: 'NoSchedule' }] }, { replicas: 2 }))
}
