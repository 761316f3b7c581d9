/** What kubectl shows of Kubernetes' own kinds, as kube-apiserver prints them (pkg/printers/internalversion/printers.go). */
import type { Column } from '../../../api/meta/index.ts'

/** As much of an object as is looked at here. */
interface Stored { readonly metadata: { readonly labels?: Readonly<Record<string, string>>; readonly deletionTimestamp?: string }; readonly spec?: any; readonly status?: any }

const none = '<none>'
const column = (name: string, value: (o: Stored) => string | number | undefined, priority: 0 | 1 = 0): Column => ({ name, type: 'string', value: value as (o: unknown) => unknown, absent: none, priority })
const wide = (name: string, value: (o: Stored) => string | number | undefined): Column => column(name, value, 1)
const age: Column = { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' }

const readiness = (o: Stored): string => {
  const ready = (o.status?.conditions as readonly { readonly type: string; readonly status: string }[] | undefined)?.find((c) => c.type === 'Ready')
  return [ready === undefined ? 'Unknown' : ready.status === 'True' ? 'Ready' : 'NotReady', ...(o.spec?.unschedulable === true ? ['SchedulingDisabled'] : [])].join(',')
}
const rolePrefix = 'node-role.kubernetes.io/'
const roles = (o: Stored): string | undefined =>
  Object.keys(o.metadata.labels ?? {}).filter((l) => l.startsWith(rolePrefix)).map((l) => l.slice(rolePrefix.length)).toSorted().join(',') || undefined
const address = (type: string) => (o: Stored): string | undefined => (o.status?.addresses as readonly { readonly type: string; readonly address: string }[] | undefined)?.find((a) => a.type === type)?.address

export const nodeColumns: readonly Column[] = [
  column('Status', readiness), column('Roles', roles), age, column('Version', (o) => o.status?.nodeInfo?.kubeletVersion),
  wide('Internal-IP', address('InternalIP')), wide('External-IP', address('ExternalIP')), wide('OS-Image', (o) => o.status?.nodeInfo?.osImage),
  wide('Kernel-Version', (o) => o.status?.nodeInfo?.kernelVersion), wide('Container-Runtime', (o) => o.status?.nodeInfo?.containerRuntimeVersion),
]

interface ContainerStatus { readonly ready?: boolean; readonly restartCount?: number }
const containers = (o: Stored): readonly ContainerStatus[] => o.status?.containerStatuses ?? []

export const podColumns: readonly Column[] = [
  column('Ready', (o) => `${containers(o).filter((c) => c.ready === true).length}/${(o.spec?.containers ?? []).length}`),
  column('Status', (o) => (o.metadata.deletionTimestamp !== undefined ? 'Terminating' : (o.status?.reason ?? o.status?.phase))),
  column('Restarts', (o) => containers(o).reduce((n, c) => n + (c.restartCount ?? 0), 0)), age,
  wide('IP', (o) => o.status?.podIP), wide('Node', (o) => o.spec?.nodeName), wide('Nominated Node', (o) => o.status?.nominatedNodeName), wide('Readiness Gates', () => undefined),
]

const count = (v: number | undefined): number => v ?? 0
export const deploymentColumns: readonly Column[] = [
  column('Ready', (o) => `${count(o.status?.readyReplicas)}/${count(o.spec?.replicas ?? 1)}`), column('Up-to-date', (o) => count(o.status?.updatedReplicas)), column('Available', (o) => count(o.status?.availableReplicas)), age,
]
export const daemonSetColumns: readonly Column[] = [
  column('Desired', (o) => count(o.status?.desiredNumberScheduled)), column('Current', (o) => count(o.status?.currentNumberScheduled)), column('Ready', (o) => count(o.status?.numberReady)),
  column('Up-to-date', (o) => count(o.status?.updatedNumberScheduled)), column('Available', (o) => count(o.status?.numberAvailable)),
  column('Node Selector', (o) => Object.entries((o.spec?.template?.spec?.nodeSelector ?? {}) as Readonly<Record<string, string>>).map(([k, v]) => `${k}=${v}`).join(',') || undefined), age,
]
export const namespaceColumns: readonly Column[] = [column('Status', (o) => o.status?.phase)]
export const leaseColumns: readonly Column[] = [column('Holder', (o) => o.spec?.holderIdentity)]
