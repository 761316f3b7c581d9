import { expect, test } from 'vitest'
import type { Machine } from '../../api/index.ts'
import type { Seen } from './observe.ts'
import { plan } from './plan.ts'

const machine = (name: string): Machine => ({ metadata: { name, creationTimestamp: '2026-01-01T00:00:00Z' }, status: { phase: 'Running' } }) as never
const seen = (status: object, ...staying: Machine[]): Seen => ({
  pool: { metadata: { name: 'w' }, spec: { cluster: 'c', replicas: 2 } }, cluster: { metadata: { name: 'c' }, spec: { controlPlane: { replicas: 1 } }, status }, deleting: false, staying, leaving: [], ready: staying,
}) as never
const steps = (s: Seen) => plan(s, new Date(0)).steps.map((x) => x.kind)
const placed = { infrastructure: { nodeGroupId: 'g' }, endpoint: { insideAddresses: ['10.250.0.2'] } }

test('S8 a pool makes no machine that could only wait: not before network and addresses are there', () => {
  expect([steps(seen({})), steps(seen({ infrastructure: placed.infrastructure })), steps(seen(placed))]).toEqual([[], [], ['issue', 'create-machine', 'create-machine']])
})

test('a pool that has its machines is as it is, whatever its cluster is about to get', () => {
  expect(plan(seen({}, machine('a'), machine('b')), new Date(0))).toEqual({ steps: [], outcome: { kind: 'settled' } })
  expect(steps(seen({}, machine('a'), machine('b'), machine('c')))).toEqual(['delete-machine'])
})
