import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { CloudProject, Site, Cluster, Machine, MachineType, NodePool } from '../api/index.ts'
import { quotaNames } from '../api/cloud-project/index.ts'
import { areTrusted, machinesNeed, promised, sentence, sharedNeed, shortages, sum } from './quota.ts'

const type = (diskGiB: number): MachineType => ({ spec: { cpus: 4, memoryMiB: 8192, diskGiB } }) as MachineType
const amphora = { provider: 'amphora' }
const meta = { namespace: 'demo', name: 'shop' }
const cluster = (more: object = {}): Cluster => ({ metadata: meta, spec: { controlPlane: { replicas: 3, machineType: 'b2', rootVolume: { sizeGiB: 40 } } }, ...more }) as Cluster
const pool = (replicas: number, more: object = {}): NodePool => ({ metadata: { namespace: 'demo', name: 'web', ...more }, spec: { cluster: 'shop', replicas, machineType: 'b2', rootVolume: { sizeGiB: 20 } } }) as NodePool
const machine = (of: object, status: object): Machine => ({ metadata: { namespace: 'demo' }, spec: { cluster: 'shop', ...of }, status }) as Machine
const all = (o: { clusters?: readonly Cluster[]; pools?: readonly NodePool[]; machines?: readonly Machine[] }) =>
  promised({ clusters: [], pools: [], machines: [], shape: 'tenant', balancerOf: () => amphora, typeOf: (f) => (f === 'b2' ? type(0) : undefined), ...o })

test.each([
  ['machines that boot from volumes', machinesNeed(3, type(0), 40), { instances: 3, cores: 12, ramMiB: 24_576, ports: 3, volumes: 3, volumeGiB: 120 }],
  ['machines that boot from their flavor\'s disk', machinesNeed(2, type(100), 40), { instances: 2, cores: 8, ramMiB: 16_384, ports: 2 }],
  ['a network of its own with a balancer', sharedNeed('tenant', amphora), { networks: 1, subnets: 1, routers: 1, securityGroups: 2, floatingIps: 1, ports: 3, loadBalancers: 1 }],
  ['a network of its own with a balancer of OVN, which keeps a port to watch from', sharedNeed('tenant', { provider: 'ovn' }), { networks: 1, subnets: 1, routers: 1, securityGroups: 2, floatingIps: 1, ports: 4, loadBalancers: 1 }],
  ['a network of its own without', sharedNeed('tenant', undefined), { networks: 1, subnets: 1, routers: 1, securityGroups: 2, floatingIps: 1, ports: 2 }],
  ['a provider network', sharedNeed('routed', undefined), { securityGroups: 2 }],
])('O3 %s: what is needed', (_, need, want) => expect(need).toEqual(want))

const limits = { cores: { limit: 20, used: 12 }, instances: { limit: -1, used: 9 }, ports: { limit: 5, used: 7 } }
test.each([
  ['what fits exactly', { cores: 8 }, {}, []],
  ['one too many', { cores: 9 }, {}, [{ quota: 'cores', need: 9, left: 8, limit: 20 }]],
  ['what was promised to others', { cores: 8 }, { cores: 1 }, [{ quota: 'cores', need: 8, left: 7, limit: 20 }]],
  ['no limit', { instances: 10_000 }, { instances: 10_000 }, []],
  ['a limit that nobody knows', { volumes: 10_000 }, {}, []],
  ['nothing needed of what is used up', { ports: 0 }, {}, []],
  ['a limit that was lowered below its use', { ports: 1 }, {}, [{ quota: 'ports', need: 1, left: 0, limit: 5 }]],
])('O3 %s: what is short', (_, need, taken, want) => expect(shortages(need, limits, taken)).toEqual(want))
test('O3 it is never short of what is left, and always of one more', () => {
  fc.assert(fc.property(fc.constantFrom(...quotaNames), fc.nat(1000), fc.nat(1000), fc.nat(1000), (q, limit, used, taken) => {
    const left = Math.max(0, limit - used - taken)
    const short = (need: number) => shortages({ [q]: need }, { [q]: { limit, used } }, { [q]: taken }).length
    return short(left) === 0 && short(left + 1) === 1
  }))
})

test.each([
  ['a cluster just made', { clusters: [cluster()] }, sum([machinesNeed(3, type(0), 40), sharedNeed('tenant', amphora)])],
  ['a cluster whose addresses are there', { clusters: [cluster({ status: { endpoint: { host: '192.0.2.1' } } })] }, machinesNeed(3, type(0), 40)],
  ['one that goes', { clusters: [cluster({ metadata: { ...meta, deletionTimestamp: 'now' } })] }, {}],
  ['a pool of which one machine is half made', { pools: [pool(2)], machines: [machine({ role: 'worker', pool: 'web' }, { portId: 'p', volumeId: 'v' })] }, { instances: 2, cores: 8, ramMiB: 16_384, ports: 1, volumes: 1, volumeGiB: 20 }],
  ['a pool that is whole', { pools: [pool(1)], machines: [machine({ role: 'worker', pool: 'web' }, { portId: 'p', volumeId: 'v', serverId: 's' })] }, {}],
  ['a pool that goes', { pools: [pool(5, { deletionTimestamp: 'now' })] }, {}],
])('O3 %s: what was promised and is not made', (_, o, want) => expect(all(o)).toEqual(want))

test('limits are trusted while their site is Ready', () => {
  const site = (status: string): Site => ({ metadata: { generation: 1 }, status: { conditions: [{ type: 'Ready', status, observedGeneration: 1 }] } }) as never
  expect([undefined, site('True'), site('False'), site('Unknown')].map(areTrusted)).toEqual([false, true, false, false])
})
test('the sentence says quota, need, what is left, where, and what to do', () => {
  expect(sentence({ quota: 'cores', need: 12, left: 8, limit: 20 }, { spec: { site: 'sto1', projectName: 'shop' } } as CloudProject)).toBe('quota cores: needs 12 cores, 8 of 20 are left in cloud project shop of site sto1; ask for less, free some, or let the site\'s operator raise the quota')
})
