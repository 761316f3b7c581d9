/** Deleting what machines share: what may stand in the way, and what may not be touched. */
import { expect, test } from 'vitest'
import type { Seen } from './observe.ts'
import { plan } from './plan.ts'

const seen = (id: string) => ({ kind: 'seen', object: { id }, doubles: [] })
const absent = { kind: 'absent' }
const deleting = (more: object): Seen => ({
  kind: 'seen', deleting: true, shape: 'tenant', network: seen('n'), subnet: seen('s'), router: seen('r'), nodeGroup: absent, controlPlaneGroup: absent, serverGroup: absent,
  isAttached: true, nodeRules: { missing: [], extra: [] }, controlPlaneRules: { missing: [], extra: [] }, intents: undefined, before: [], strangers: [], leftovers: [], ...more,
}) as unknown as Seen
const steps = (s: Seen) => plan(1)(s, new Date(0)).steps

test('O9 the port that OVN made for our load balancer goes before the router is detached', () => {
  expect(steps(deleting({ leftovers: ['hm'] }))).toEqual([{ kind: 'drop-port', id: 'hm' }])
  expect(steps(deleting({}))).toEqual([{ kind: 'detach-router', routerId: 'r', subnetId: 's' }])
})

test('O9 nothing is deleted while the network holds what is not ours, nor before machines and endpoint are gone', () => {
  expect(steps(deleting({ leftovers: ['hm'], strangers: ['port x (compute:nova)'] }))).toEqual([])
  expect(steps(deleting({ leftovers: ['hm'], before: ['endpoint'] }))).toEqual([])
})
