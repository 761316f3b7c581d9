import { expect, test } from 'vitest'
import type { Cluster } from '../../api/index.ts'
import type { ClusterEndpoint } from '../../api/cluster/index.ts'
import type { ObserveContext } from '../../engine/shapes.ts'
import type { Ports } from '../ports.ts'
import { observe } from './observe.ts'
import { plan } from './plan.ts'

const withoutSite = { cached: { get: () => undefined } } as unknown as ObserveContext
const going = (endpoint: ClusterEndpoint): Cluster => ({ metadata: { name: 'c', deletionTimestamp: '2026-01-01T00:00:00Z' }, spec: { site: 'x' }, status: { endpoint } }) as unknown as Cluster
const planned = async (endpoint: ClusterEndpoint) => plan(await observe({} as Ports)(going(endpoint), withoutSite), new Date())

test.each<[string, ClusterEndpoint]>([
  ['a balancer', { kind: 'octavia', loadBalancerId: 'lb' }], ['a floating IP', { kind: 'octavia', floatingIpId: 'f' }], ['a port', { kind: 'nodes', slots: [{ slot: 0, portId: 'p', address: '10.0.0.10' }] }],
  ['a creation that was not answered', { kind: 'octavia', intents: { 'load-balancer': '2026-01-01T00:00:00Z' } }],
])('E2 O9 a cluster whose site was never seen does not go while it has %s', async (_, endpoint) => { expect(await planned(endpoint)).toMatchObject({ steps: [], outcome: { kind: 'waiting', reason: 'SiteMissing' } }) })
test('O9 one that has nothing goes', async () => { expect((await planned({ kind: 'octavia' })).steps).toEqual([{ kind: 'finish' }]) })
