import { expect, test } from 'vitest'
import type { Cluster } from '../../api/index.ts'
import { readiness, readinessOf } from './index.ts'

const part = (type: string, status: string, reason: string, observedGeneration = 1) => ({ type, status, reason, message: `${type} ${reason}`, observedGeneration, lastTransitionTime: '' })
const done = (generation = 1) => ['InfrastructureReady', 'EndpointReady', 'ControlPlaneReady', 'AddOnsReady'].map((type) => part(type, 'True', 'Done', generation))
const cluster = (conditions: readonly object[], metadata: object = {}): Cluster => ({ metadata: { name: 'c', namespace: 'demo', uid: 'u', generation: 1, ...metadata }, spec: {}, status: { conditions } }) as never
const said = (c: Cluster) => readinessOf(c).map((x) => [x.type, x.status, x.reason, x.observedGeneration])
const inputs = (c: Cluster) => JSON.stringify(readiness.inputs!(c, undefined as never))

test('T6 a cluster is Ready when all of its parts are, not before one of them was ever looked at', () => {
  for (const none of [[], done().slice(1)]) expect(said(cluster(none))).toEqual([])
  expect(said(cluster(done().slice(0, 1)))).toEqual([['Ready', 'False', 'Creating', 1], ['Progressing', 'True', 'Creating', 1]])
  for (const left of [1, 2, 3]) expect(said(cluster(done().filter((_, i) => i !== left)))[0]).toEqual(['Ready', 'False', 'Creating', 1])
  expect(said(cluster(done()))).toEqual([['Ready', 'True', 'Ready', 1], ['Progressing', 'False', 'Idle', 1]])
})

test('S8 the first part that is not there says what is waited for; what changes behind it wakes nobody', () => {
  const waits = (more: string) => cluster([part('InfrastructureReady', 'True', 'Done'), part('EndpointReady', 'False', 'WaitingForLoadBalancer'), part('ControlPlaneReady', 'False', more)])
  expect(readinessOf(waits('WaitingForNetwork'))[0]).toMatchObject({ status: 'False', reason: 'WaitingForLoadBalancer', message: 'EndpointReady WaitingForLoadBalancer', fault: 'Cloud' })
  expect(inputs(waits('WaitingForNetwork'))).toBe(inputs(waits('WaitingForMachines')))
  expect(inputs(waits('WaitingForMachines'))).not.toBe(inputs(cluster(done())))
})

test('S8 after a change of the spec Ready speaks of the old generation until every part has looked at the new one', () => {
  const looking = (n: number) => cluster([...done(2).slice(0, n), ...done(1).slice(n)], { generation: 2 })
  expect([0, 1, 2, 3, 4].map((n) => said(looking(n))[0])).toEqual([1, 1, 1, 1, 2].map((g) => ['Ready', 'True', 'Ready', g]))
})

test('O9 what is being deleted is not Ready, whatever its parts last said', () => {
  const going = (conditions: readonly object[]) => readinessOf(cluster(conditions, { generation: 2, deletionTimestamp: '2026-01-01T00:00:00Z' }))
  expect(going(done())[0]).toEqual({ type: 'Ready', status: 'False', reason: 'Deleting', message: 'everything of it is going', fault: 'Platform' })
  expect(going([part('InfrastructureReady', 'False', 'BlockedBy', 2)])[0]).toMatchObject({ status: 'False', reason: 'Deleting', message: 'InfrastructureReady BlockedBy' })
})
