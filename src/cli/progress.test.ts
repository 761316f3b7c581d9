import { expect, test } from 'vitest'
import type { Cluster, Machine, NodePool } from '../api/index.ts'
import { tree } from './progress.ts'

const at = (seconds: number): string => new Date(Date.UTC(2026, 10, 25) + seconds * 1000).toISOString()
const condition = (type: string, status: 'True' | 'False', seconds: number, reason = 'Ready', message = '', fault?: 'User') => ({ type, status, reason, message, lastTransitionTime: at(seconds), ...(fault !== undefined && { fault }) })
const meta = (name: string, seconds = 0) => ({ name, namespace: 'demo', creationTimestamp: at(seconds) })
const machine = (name: string, role: string, phase: string, ...conditions: object[]) => ({ metadata: meta(name, 10), spec: { role }, status: { phase, conditions } }) as unknown as Machine

test('shows what is done and how long it took, what is not and what it waits for, and whose move it is', () => {
  const cluster = { metadata: meta('shop'), status: { conditions: [condition('InfrastructureReady', 'True', 8), condition('EndpointReady', 'True', 100), condition('ControlPlaneReady', 'False', 9, 'WaitingForEtcd', 'waits for etcd')] } } as unknown as Cluster
  const pool = { metadata: meta('web', 5), status: { conditions: [condition('Ready', 'False', 9, 'QuotaExceeded', 'no cores left', 'User')] } } as unknown as NodePool
  const machines = [machine('shop-w', 'worker', 'Booting', condition('Ready', 'False', 11, 'WaitingForBoot', 'waits for first contact')), machine('shop-0', 'controlplane', 'Running', condition('Ready', 'True', 50))]
  expect(tree({ cluster, pools: [pool], machines }, Date.parse(at(130)), false)).toEqual([
    'cluster shop  2 min 10 s  1 of 2 machines running',
    '  ✓ network                          8 s',
    '  ✓ endpoint                  1 min 40 s',
    '  · control plane             2 min 10 s  WaitingForEtcd: waits for etcd',
    '  · add-ons                   2 min 10 s  not begun',
    '  ✗ pool web                   2 min 5 s  QuotaExceeded: no cores left',
    '    ✓ shop-0                          40 s',
    '    · shop-w                     2 min 0 s  WaitingForBoot: waits for first contact  Booting',
  ])
})
