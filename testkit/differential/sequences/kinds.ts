/** Each of our own kinds: defaults, apply by two managers, status, scale, what does not fit. */
import { CloudProject, Cluster, Machine, MachineType, NodePool, Project, Release, Site } from '../../../src/api/index.ts'
import { apiVersionOf, type Kind } from '../../../src/api/meta/index.ts'
import type { Sequence, Step } from '../sequence.ts'
import type { Answer } from '../subject.ts'
import { apply, create, get, list, merge, remove, update } from '../steps.ts'

interface Example {
  readonly kind: Kind<any>
  readonly spec: object
  /** Of another manager. */
  readonly other: object
  /** Each does not fit. */
  readonly bad: readonly object[]
  readonly status?: object
}

const condition = { type: 'Ready', status: 'True', reason: 'R', message: 'm', lastTransitionTime: '2026-01-01T00:00:00Z' }
const examples: readonly Example[] = [
  { kind: Project, spec: {}, other: { displayName: 'Shop' }, bad: [{ displayName: 'x'.repeat(101) }, { displayName: 1 }], status: { phase: 'Active', conditions: [condition] } },
  {
    kind: Site, spec: { authUrl: 'https://keystone.invalid:5000/v3', services: { registryMirrors: { '*': { endpoints: ['https://mirror.invalid'] } } } }, other: { services: { ntp: ['ntp.invalid'] }, egressCIDRs: ['192.0.2.0/24'] },
    bad: [{ authUrl: 'x', shape: 'round' }, { authUrl: 'x', bootTimeout: '10' }, { authUrl: 'x', services: { registryMirrors: { a: { endpoints: [] } } } }, { authUrl: 'x', egressCIDRs: ['x'] }, { authUrl: 'x', clustersAtOnce: 0 }],
    status: { conditions: [condition], unknownObjects: { count: 0, items: [] } },
  },
  { kind: MachineType, spec: { site: 's', flavor: 'f', flavorId: 'i', cpus: 1, memoryMiB: 2, diskGiB: 0 }, other: { gpu: { name: 'g', count: 1 } }, bad: [{ site: 's' }, { site: 's', flavor: 'f', flavorId: 'i', cpus: 'x', memoryMiB: 2, diskGiB: 0 }] },
  { kind: CloudProject, spec: { site: 's', projectId: 'p', projectName: 'n', projects: [], since: 'now', limits: { cores: { limit: 1, used: 0 } } }, other: { limits: { volumes: { limit: -1, used: 0 } } }, bad: [{ site: 's', projectId: 'p', projectName: 'n', projects: [], since: 'now', limits: { cores: {} } }] },
  {
    kind: Release, spec: { talosVersion: 'v1.2.3', kubernetesVersion: 'v1.36.0', installerImage: 'i', addOns: [{ name: 'a', manifest: 'm' }] }, other: { addOns: [{ name: 'b', manifest: 'n' }], images: { etcd: 'e' } },
    bad: [{ talosVersion: '1.2', kubernetesVersion: 'v1.36.0', installerImage: 'i' }, { talosVersion: 'v1.2.3', kubernetesVersion: 'v1.36.0', installerImage: 'i', addOns: [{ name: 'a' }] }],
  },
  {
    kind: Cluster, spec: { site: 's', release: 'r', controlPlane: { machineType: 'm' } }, other: { endpoint: { allowedCIDRs: ['192.0.2.0/24'] }, deletionProtection: true },
    bad: [{ site: 's', release: 'r' }, { site: '', release: 'r', controlPlane: { machineType: 'm' } }, { site: 's', release: 'r', controlPlane: { machineType: 'm', rootVolume: { sizeGiB: 1 } } }, { site: 's', release: 'r', controlPlane: { machineType: 'm' }, network: { pods: [] } }, { site: 's', release: 'r', controlPlane: { machineType: 'm' }, network: { pods: ['10.0.0.0/16', '10.1.0.0/16'], cni: 'x', nodes: 'x' } }],
    status: { conditions: [condition], endpoint: { host: '192.0.2.1', port: 6443, slots: [{ slot: 0, portId: 'p', address: 'a' }] }, observed: { x: 'y' } },
  },
  { kind: NodePool, spec: { cluster: 'c', machineType: 'm' }, other: { labels: { a: 'b' }, taints: [{ key: 'k', effect: 'NoSchedule' }] }, bad: [{ cluster: 'c' }, { cluster: 'c', machineType: 'm', replicas: 501 }, { cluster: 'c', machineType: 'm', taints: [{ key: '', effect: 'Never' }] }, { cluster: 'c', machineType: 'm', drainTimeout: 'soon' }], status: { replicas: 1, selector: 'a=b', conditions: [condition] } },
  { kind: Machine, spec: { cluster: 'c', role: 'worker', machineType: 'm', rootVolume: {}, release: 'r' }, other: { labels: { a: 'b' }, slot: 1 }, bad: [{ cluster: 'c', role: 'boss', machineType: 'm', rootVolume: {}, release: 'r' }, { cluster: 'c', role: 'worker', machineType: 'm', release: 'r' }], status: { phase: 'Running', hardReboots: 1, conditions: [condition] } },
]

const sequenceOf = ({ kind, spec, other, bad, status }: Example): Sequence => {
  const object = (name: string, given: object): object => ({ apiVersion: apiVersionOf(kind), kind: kind.kind, metadata: { name }, spec: given })
  const statusSteps: readonly Step[] = status === undefined ? [] : [
    merge('a', { status }, 'fieldManager=site', '/status'), apply('a', { ...object('a', {}), spec: undefined, status }, 'fieldManager=other-site', '/status'), get('a', '/status'),
    merge('a', { status: { conditions: [{ type: 'Ready' }] } }, '', '/status'), merge('a', { status: { conditions: [condition, condition] } }, '', '/status'),
  ]
  const scaleSteps: readonly Step[] = kind.scale === undefined ? [] : [get('a', '/scale'), merge('a', { spec: { replicas: 4 } }, 'fieldManager=scaler', '/scale')]
  return {
    name: kind.kind, kind,
    steps: [
      create(object('a', spec)), get('a'), apply('a', object('a', other), 'fieldManager=two'), apply('a', object('a', other), 'fieldManager=two&force=true'), apply('a', object('a', {}), 'fieldManager=two'),
      apply('b', object('b', spec), 'fieldManager=one'), apply('b', object('b', other), 'fieldManager=two'), update('b', (seen: readonly Answer[]) => ({ ...object('b', spec), metadata: { name: 'b', resourceVersion: seen[6]!.body.metadata.resourceVersion } })), ...statusSteps, ...scaleSteps,
      ...bad.map((given) => create(object('bad', given))), { ...list(), accept: 'application/json;as=Table;v=v1;g=meta.k8s.io', what: 'LIST as Table' }, remove('a'), remove('b'), list(),
    ],
  }
}

export const ourKinds: readonly Sequence[] = examples.map(sequenceOf)
