import { expect, test } from 'vitest'
import type { Cluster, Machine } from '../api/index.ts'
import type { KubeNode } from '../drivers/kubernetes/kubernetes.ts'
import type { Cached } from '../engine/shapes.ts'
import { toldAnew } from './reads.ts'

const machine = (name: string, status: object): Machine => ({ metadata: { name, namespace: 'demo', uid: name }, spec: { cluster: 'first', role: 'worker' }, status }) as never
const node = (name: string, ready: boolean): KubeNode => ({ name, uid: name, providerId: '', ready, unschedulable: false, kubeletVersion: 'v1', osImage: '', internalIps: [], labels: {} })
const machines = [machine('as-told', { nodeReady: true, kubeletVersion: 'v1' }), machine('ready-since', { nodeReady: false, kubeletVersion: 'v1' }), machine('upgraded', { nodeReady: true, kubeletVersion: 'v0' }), machine('new', {}), machine('node-gone', { nodeReady: true, kubeletVersion: 'v1' })]
const cached = { byUid: (_: unknown, uid: string) => (uid === 'c' ? ({ metadata: { name: 'first', namespace: 'demo', uid } } as Cluster) : undefined), list: () => machines } as unknown as Cached
const nodes = new Map(['as-told', 'ready-since', 'upgraded'].map((name) => [name, node(name, true)]))
const names = (changed: readonly string[] | undefined, clusterUid = 'c') => toldAnew(cached, { clusterUid, nodes, changed: changed === undefined ? undefined : new Set(changed) }).map((m) => m.metadata.name)

test('E4 the first answer of a cluster\'s nodes wakes whose node is not as the status says, and nobody else', () => {
  expect(names(undefined)).toEqual(['ready-since', 'upgraded', 'new', 'node-gone'])
})

test('E4 later a node wakes its own machine, come, changed or gone', () => {
  expect([names(['as-told', 'node-gone', 'not-ours']), names([]), names(['as-told'], 'another')]).toEqual([['as-told', 'node-gone'], [], []])
})
