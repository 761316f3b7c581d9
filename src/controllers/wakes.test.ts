/** What wakes whom (rule E4): a change of which a pass would make nothing is no reason for one. */
import { describe, expect, test } from 'vitest'
import type { Cluster, Machine, NodePool } from '../api/index.ts'
import { Cluster as ClusterKind, Machine as MachineKind } from '../api/index.ts'
import type { Kind, Resource } from '../api/meta/index.ts'
import type { Cached } from '../engine/shapes.ts'
import { cluster as clusterController } from './cluster/index.ts'
import { controlPlane } from './control-plane/index.ts'
import { machine as machineController } from './machine/index.ts'
import { nodePool } from './node-pool/index.ts'

const none = undefined as never
const placed = {
  infrastructure: { projectId: 'p', networkId: 'n', subnetId: 's', nodeGroupId: 'g', serverGroupId: 'a' },
  endpoint: { kind: 'octavia', host: 'h', port: 6443, insideAddresses: ['v'], slots: [0, 1, 2].map((slot) => ({ slot, portId: `p${slot}`, address: `a${slot}` })) },
}
const cluster = (status: object, conditions: readonly object[] = []): Cluster => ({ metadata: { name: 'c', namespace: 'demo', uid: 'u' }, spec: { site: 'x', controlPlane: { replicas: 3 } }, status: { ...status, conditions } }) as never
const machine = (role: string, status: object, name = 'm'): Machine => ({ metadata: { name, namespace: 'demo', uid: name, ownerReferences: [{ controller: true, uid: 'u' }] }, spec: { cluster: 'c', role, slot: 0 }, status }) as never
const cachedOf = (c: Cluster, machines: readonly Machine[] = []): Cached => {
  const of = (kind: Kind<any>): readonly Resource[] => (kind === ClusterKind ? [c] : kind === MachineKind ? machines : [])
  return { get: (kind: Kind<any>) => of(kind)[0], byUid: none, list: of, ownedBy: of } as never
}
const says = (type: string, status: string) => ({ type, status, reason: 'Done', message: `${type} ${status}` })

describe('E4 what other controllers say', () => {
  const looks = (c: Cluster) => JSON.stringify(clusterController(none, none).inputs!(c, cachedOf(c)))
  test('E4 of a cluster wakes nobody who asks the cloud for what machines share', () => {
    expect(looks(cluster(placed, [says('ControlPlaneReady', 'True'), says('EndpointReady', 'True')]))).toBe(looks(cluster(placed)))
  })
})

describe('E4 the control plane', () => {
  const looks = (status: object, ...machines: readonly Machine[]) => { const c = cluster(status); return JSON.stringify(controlPlane(none).inputs!(c, cachedOf(c, machines))) }
  const silent = { phase: 'Provisioning' }
  const running = { phase: 'Booting', serverId: 's', address: '10.0.0.5', activeAt: 'now' }
  test('E4 is woken by the first contact of a machine, and not by what comes before it', () => {
    expect(looks(placed, machine('controlplane', running))).toBe(looks(placed, machine('controlplane', silent)))
    expect(looks(placed, machine('controlplane', { ...running, contactAt: 'now' }))).not.toBe(looks(placed, machine('controlplane', running)))
    expect(looks(placed, machine('controlplane', { ...running, contactAt: 'now', serverId: 's2' }))).not.toBe(looks(placed, machine('controlplane', { ...running, contactAt: 'now' })))
  })
  test('E4 is woken when all is there that its machines need, not by each part of it', () => {
    expect(looks({ infrastructure: { projectId: 'p', networkId: 'n' } })).toBe(looks({}))
    expect(looks({ ...placed, endpoint: { ...placed.endpoint, slots: placed.endpoint.slots.slice(1) } })).toBe(looks({}))
    expect(looks(placed)).not.toBe(looks({}))
  })
})

describe('E4 a machine', () => {
  const looks = (m: Machine, c: Cluster, ...others: readonly Machine[]) => JSON.stringify(machineController(none, none).inputs!(m, cachedOf(c, [m, ...others])))
  const wakes = (m: Machine, ...others: readonly Machine[]) => machineController(none, none).reads.find((r) => r.relation.startsWith('the others'))!.wakes(m, cachedOf(cluster(placed), [m, ...others])).map((k) => k.name)
  test('E4 of a control plane that boots is woken when another of it is heard; no other is', () => {
    const [boots, heard] = [machine('controlplane', { activeAt: 'now' }), machine('controlplane', { activeAt: 'now', contactAt: 'now' }, 'heard')]
    const looksWith = (m: Machine, other: Machine) => looks(m, cluster(placed), other)
    expect([wakes(heard, boots), wakes(boots, heard), wakes(heard, machine('controlplane', {}))]).toEqual([['m'], [], []])
    expect(looksWith(boots, heard)).not.toBe(looksWith(boots, boots))
    for (const other of [machine('worker', { activeAt: 'now' }), machine('controlplane', {}), machine('controlplane', { activeAt: 'now', contactAt: 'now' })]) expect(looksWith(other, heard)).toBe(looksWith(other, boots))
  })
  test('E4 is woken when its cluster has a place for it, not by each part of it', () => {
    const m = machine('worker', {})
    expect(looks(m, cluster({ infrastructure: { projectId: 'p', networkId: 'n' } }))).toBe(looks(m, cluster({})))
    expect(looks(m, cluster(placed))).not.toBe(looks(m, cluster({})))
  })
})

test('E4 a pool makes its machines when its cluster has a place for them, and hears of nothing before', () => {
  const pool = { metadata: { name: 'w', namespace: 'demo', uid: 'w' }, spec: { cluster: 'c', replicas: 3 } } as NodePool
  const looks = (status: object) => JSON.stringify(nodePool(none).inputs!(pool, cachedOf(cluster(status))))
  expect(looks({ infrastructure: { projectId: 'p' } })).toBe(looks({}))
  expect(looks(placed)).not.toBe(looks({}))
})
