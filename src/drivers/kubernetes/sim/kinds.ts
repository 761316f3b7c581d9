/** The kinds that a simulated tenant's Kubernetes serves. Loosely typed: what is not needed by somebody is stored as it comes. */
import { z } from 'zod'
import { defineKind, type Column, type Kind } from '../../../api/meta/index.ts'
import { serve, type Served } from '../../../apiserver/served.ts'
import { daemonSetColumns, deploymentColumns, leaseColumns, namespaceColumns, nodeColumns, podColumns } from './columns.ts'

interface Loose { readonly shortNames?: readonly string[]; readonly columns?: readonly Column[]; readonly selectableFields?: readonly string[] }

const anything = z.unknown()
const loose = (apiVersion: string, kind: string, plural: string, namespaced: boolean, { shortNames = [], columns = [], selectableFields = [] }: Loose = {}): Kind<any> => {
  const [group, version] = apiVersion.includes('/') ? apiVersion.split('/') as [string, string] : ['', apiVersion]
  return defineKind({
    group, version, kind, plural, singular: kind.toLowerCase(), shortNames, categories: [], namespaced, description: `${kind}, simulated.`, home: 'hub', writers: { spec: 'user', status: 'user' }, spec: anything, columns, selectableFields,
  })
}

export const Node = loose('v1', 'Node', 'nodes', false, { shortNames: ['no'], columns: nodeColumns })
export const Namespace = loose('v1', 'Namespace', 'namespaces', false, { shortNames: ['ns'], columns: namespaceColumns })
export const Pod = loose('v1', 'Pod', 'pods', true, { shortNames: ['po'], columns: podColumns, selectableFields: ['spec.nodeName', 'status.phase'] })
export const Deployment = loose('apps/v1', 'Deployment', 'deployments', true, { shortNames: ['deploy'], columns: deploymentColumns })
export const DaemonSet = loose('apps/v1', 'DaemonSet', 'daemonsets', true, { shortNames: ['ds'], columns: daemonSetColumns })
export const PodDisruptionBudget = loose('policy/v1', 'PodDisruptionBudget', 'poddisruptionbudgets', true, { shortNames: ['pdb'] })
export const Lease = loose('coordination.k8s.io/v1', 'Lease', 'leases', true, { columns: leaseColumns })
export const ServiceAccount = loose('v1', 'ServiceAccount', 'serviceaccounts', true, { shortNames: ['sa'] })
export const Service = loose('v1', 'Service', 'services', true, { shortNames: ['svc'] })
export const ClusterRole = loose('rbac.authorization.k8s.io/v1', 'ClusterRole', 'clusterroles', false)
export const ClusterRoleBinding = loose('rbac.authorization.k8s.io/v1', 'ClusterRoleBinding', 'clusterrolebindings', false)

const others: readonly Kind<any>[] = [
  loose('v1', 'ConfigMap', 'configmaps', true, { shortNames: ['cm'] }),
  loose('v1', 'Secret', 'secrets', true, { selectableFields: ['type'] }),
  loose('v1', 'Endpoints', 'endpoints', true, { shortNames: ['ep'] }),
  loose('v1', 'PersistentVolume', 'persistentvolumes', false, { shortNames: ['pv'] }),
  loose('v1', 'PersistentVolumeClaim', 'persistentvolumeclaims', true, { shortNames: ['pvc'] }),
  loose('v1', 'Event', 'events', true, { shortNames: ['ev'], selectableFields: ['involvedObject.kind', 'involvedObject.name', 'involvedObject.namespace', 'involvedObject.uid', 'reason', 'type'] }),
  loose('apps/v1', 'StatefulSet', 'statefulsets', true, { shortNames: ['sts'] }),
  loose('batch/v1', 'Job', 'jobs', true),
  loose('networking.k8s.io/v1', 'NetworkPolicy', 'networkpolicies', true, { shortNames: ['netpol'] }),
  loose('rbac.authorization.k8s.io/v1', 'Role', 'roles', true),
  loose('rbac.authorization.k8s.io/v1', 'RoleBinding', 'rolebindings', true),
  loose('certificates.k8s.io/v1', 'CertificateSigningRequest', 'certificatesigningrequests', false, { shortNames: ['csr'] }),
  loose('storage.k8s.io/v1', 'StorageClass', 'storageclasses', false, { shortNames: ['sc'] }),
  loose('storage.k8s.io/v1', 'CSIDriver', 'csidrivers', false),
  loose('scheduling.k8s.io/v1', 'PriorityClass', 'priorityclasses', false, { shortNames: ['pc'] }),
  loose('apiextensions.k8s.io/v1', 'CustomResourceDefinition', 'customresourcedefinitions', false, { shortNames: ['crd'] }),
]

export const tenantKinds: readonly Kind<any>[] = [Node, Namespace, Pod, Deployment, DaemonSet, PodDisruptionBudget, Lease, ServiceAccount, Service, ClusterRole, ClusterRoleBinding, ...others]

/** As the store knows them; shared by all clusters of the process. */
export const servedAs = (kind: Kind<any>): Served => serve(kind)
