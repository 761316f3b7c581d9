/** Where objects of a kind live. What every Kubernetes has is known; anything else (kinds of add-ons) is asked for, once a connection. */
import { list, object, type Json } from './answer.ts'
import { kubernetesError } from './errors.ts'

export interface Place { readonly plural: string; readonly namespaced: boolean }
export interface Named { readonly apiVersion: string; readonly kind: string; readonly name?: string; readonly namespace?: string }

const known: ReadonlyMap<string, Place> = new Map(([
  ['v1', true, 'configmaps ConfigMap', 'endpoints Endpoints', 'events Event', 'limitranges LimitRange', 'persistentvolumeclaims PersistentVolumeClaim', 'pods Pod', 'resourcequotas ResourceQuota', 'secrets Secret', 'serviceaccounts ServiceAccount', 'services Service'],
  ['v1', false, 'namespaces Namespace', 'nodes Node', 'persistentvolumes PersistentVolume'],
  ['apps/v1', true, 'daemonsets DaemonSet', 'deployments Deployment', 'replicasets ReplicaSet', 'statefulsets StatefulSet'],
  ['batch/v1', true, 'cronjobs CronJob', 'jobs Job'],
  ['coordination.k8s.io/v1', true, 'leases Lease'],
  ['policy/v1', true, 'poddisruptionbudgets PodDisruptionBudget'],
  ['networking.k8s.io/v1', true, 'networkpolicies NetworkPolicy', 'ingresses Ingress'],
  ['networking.k8s.io/v1', false, 'ingressclasses IngressClass'],
  ['rbac.authorization.k8s.io/v1', true, 'roles Role', 'rolebindings RoleBinding'],
  ['rbac.authorization.k8s.io/v1', false, 'clusterroles ClusterRole', 'clusterrolebindings ClusterRoleBinding'],
  ['certificates.k8s.io/v1', false, 'certificatesigningrequests CertificateSigningRequest'],
  ['apiextensions.k8s.io/v1', false, 'customresourcedefinitions CustomResourceDefinition'],
  ['apiregistration.k8s.io/v1', false, 'apiservices APIService'],
  ['storage.k8s.io/v1', false, 'storageclasses StorageClass', 'csidrivers CSIDriver', 'csinodes CSINode', 'volumeattachments VolumeAttachment'],
  ['scheduling.k8s.io/v1', false, 'priorityclasses PriorityClass'],
  ['admissionregistration.k8s.io/v1', false, 'validatingwebhookconfigurations ValidatingWebhookConfiguration', 'mutatingwebhookconfigurations MutatingWebhookConfiguration'],
] as readonly (readonly [string, boolean, ...string[]])[]).flatMap(([apiVersion, namespaced, ...names]) => names.map((n): [string, Place] => {
  const [plural, kind] = n.split(' ') as [string, string]
  return [`${apiVersion} ${kind}`, { plural, namespaced }]
})))

const rootOf = (apiVersion: string): string => (apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`)
const segment = (what: string, s: string): string => {
  // Dots alone would lead to another object.
  if (s === '' || s === '.' || s === '..') throw kubernetesError('invalid', `${what} is missing or no name`)
  return encodeURIComponent(s)
}

/** Answers places; `discover` reads one group version's APIResourceList. */
export const openPlaces = (discover: (path: string) => Promise<Json>) => {
  let found: Map<string, Place> | undefined
  return async ({ apiVersion, kind }: Named): Promise<Place> => {
    const id = `${apiVersion} ${kind}`
    const place = known.get(id) ?? found?.get(id)
    if (place !== undefined) return place
    if (!/^([a-z0-9.-]+\/)?v[a-z0-9]+$/.test(apiVersion)) throw kubernetesError('invalid', `${apiVersion} is no apiVersion`)
    const resources = list((await discover(rootOf(apiVersion)))['resources']).map(object)
    const mine = resources.find((r) => r['kind'] === kind && typeof r['name'] === 'string' && !(r['name'] as string).includes('/'))
    if (mine === undefined) throw kubernetesError('not-found', `the cluster has no kind ${kind} in ${apiVersion}`)
    const made = { plural: String(mine['name']), namespaced: mine['namespaced'] === true }
    ;(found ??= new Map()).set(id, made)
    return made
  }
}

export const collectionPath = (place: Place, of: Named): string =>
  `${rootOf(of.apiVersion)}${place.namespaced && of.namespace !== undefined ? `/namespaces/${segment('metadata.namespace', of.namespace)}` : ''}/${place.plural}`
export const objectPath = (place: Place, of: Named): string =>
  `${collectionPath(place, { ...of, ...(place.namespaced && { namespace: of.namespace ?? 'default' }) })}/${segment('metadata.name', of.name ?? '')}`
