import { describe, expect, test } from 'vitest'
import type { Cluster, Machine } from '../../api/index.ts'
import type { EtcdMember, EtcdStatus } from '../../drivers/talos/talos.ts'
import type { Answer, Etcd, Seen } from './observe.ts'
import { plan } from './plan.ts'

const now = new Date('2026-01-01T00:00:00Z')
const machine = (slot: number): Machine => ({
  apiVersion: 'skerry.dev/v1alpha1', kind: 'Machine', metadata: { name: `cp-${slot}`, namespace: 'p', uid: `m${slot}`, resourceVersion: '1', generation: 1, creationTimestamp: '2026-01-01T00:00:00Z' },
  spec: { cluster: 'c', role: 'controlplane', slot, machineType: 't', rootVolume: { sizeGiB: 40 }, release: 'r', labels: {}, taints: [], drainTimeout: '10m' }, status: { serverId: `s${slot}`, address: `10.0.0.1${slot}` },
})
const cluster = (replicas: number, controlPlane: NonNullable<Cluster['status']>['controlPlane'] = {}): Cluster => ({
  apiVersion: 'skerry.dev/v1alpha1', kind: 'Cluster', metadata: { name: 'c', namespace: 'p', uid: 'u', resourceVersion: '1', generation: 1, creationTimestamp: '2026-01-01T00:00:00Z' },
  spec: { site: 'x', release: 'r', deletionProtection: false, controlPlane: { replicas, machineType: 't', rootVolume: { sizeGiB: 40 }, scheduling: false }, network: { nodes: '10.0.0.0/24', pods: [], services: [], cni: 'none' }, endpoint: { kind: 'auto', allowedCIDRs: [] } },
  status: { controlPlane },
})
const answer = (slot: number, data: Answer['data'], more: Partial<Answer> = {}): Answer => ({ serverId: `s${slot}`, machine: `cp-${slot}`, address: `10.0.0.1${slot}`, data, instanceId: `s${slot}`, hostname: `cp-${slot}`, ...more })
const member = (slot: number, isLearner = false): EtcdMember => ({ id: `${slot}`, hostname: `cp-${slot}`, peerUrls: [], isLearner })
const status = (slot: number, more: Partial<EtcdStatus> = {}): EtcdStatus & { machine: string } => ({ memberId: `${slot}`, clusterId: 'e1', leader: '0', raftIndex: 1, raftAppliedIndex: 1, dbSizeBytes: 1, isLearner: false, errors: [], machine: `cp-${slot}`, ...more })
const etcd = (...slots: number[]): Etcd => ({ members: slots.map((s) => member(s)), statuses: slots.map((s) => status(s)), clusterIds: ['e1'] })
const seen = (more: Partial<Seen>): Seen => ({
  kind: 'seen', deleting: false, machines: [machine(0), machine(1), machine(2)], workers: 0, hasSecrets: true, hasAddresses: true, answers: [], isBootstrapServerGone: false, etcd: undefined,
  readyNodes: new Set(), apiReady: false, cluster: cluster(3), ...more,
})
const steps = (s: Seen) => plan(s, now).steps.map((x) => x.kind)

describe('T1 etcd is bootstrapped at most once', () => {
  const empty = [answer(0, 'no'), answer(1, 'no'), answer(2, 'no')]
  test('T1 the lowest slot is asked when every marked server says that it holds no data', () => {
    expect(plan(seen({ answers: empty }), now).steps).toEqual([{ kind: 'request-bootstrap', machine: 'cp-0', serverId: 's0', address: '10.0.0.10' }])
  })
  test('T1 a machine whose slot has no server that answers stops it: what the cloud hides holds the port of its slot', () => {
    const p = plan(seen({ answers: [answer(0, 'no'), answer(1, 'no')] }), now)
    expect([p.steps, p.outcome]).toMatchObject([[], { reason: 'WaitingForBoot', message: expect.stringContaining('cp-2') as string }])
  })
  test('T1 one silent server stops it', () => expect(steps(seen({ answers: [answer(0, 'no'), answer(1, 'silent'), answer(2, 'no')] }))).toEqual([]))
  test('T1 one that boots stops it too, and is not asked again and again: its first contact wakes us', () => {
    const after = (...answers: Answer[]) => { const p = plan(seen({ answers }), now); return [p.steps, p.outcome.kind === 'waiting' && p.outcome.afterSeconds] }
    expect([after(answer(0, 'booting'), answer(1, 'booting')), after(answer(0, 'no'), answer(1, 'booting')), after(answer(0, 'silent'), answer(1, 'booting')), after()]).toEqual([[[], 30], [[], 30], [[], 2], [[], 30]])
  })
  test('T1 data on a server that was never asked refuses, naming what to do', () => {
    const p = plan(seen({ answers: [answer(0, 'no'), answer(1, 'yes'), answer(2, 'no')] }), now)
    expect([p.steps, p.outcome.kind, 'reason' in p.outcome && p.outcome.reason]).toEqual([[], 'waiting', 'EtcdDataLost'])
  })
  test('T1 an etcd that answers is recorded, not bootstrapped, when the database forgot it', () => {
    expect(plan(seen({ answers: empty, etcd: etcd(0) }), now).steps).toEqual([{ kind: 'record-bootstrap', machine: 'cp-0', serverId: 's0' }])
  })
  const requested = cluster(3, { bootstrap: { machine: 'cp-1', serverId: 's1', requestedAt: now.toISOString() } })
  test('T1 data on others beside the one that was asked is of members that joined it: an etcd that is silent for a moment is waited for', () => {
    const p = plan(seen({ cluster: requested, answers: [answer(0, 'yes'), answer(1, 'yes'), answer(2, 'no')] }), now)
    expect([p.steps, p.outcome]).toMatchObject([[], { kind: 'waiting', reason: 'WaitingForEtcd' }])
    expect(plan(seen({ cluster: requested, answers: [answer(0, 'yes'), answer(1, 'no'), answer(2, 'no')] }), now).outcome).toMatchObject({ kind: 'waiting', reason: 'EtcdDataLost' })
  })
  test('T1 after an unanswered request only the same server is asked again', () => {
    expect(plan(seen({ cluster: requested, answers: empty }), now).steps).toEqual([{ kind: 'request-bootstrap', machine: 'cp-1', serverId: 's1', address: '10.0.0.11' }])
  })
  test('T1 its data already there is waited for', () => expect(steps(seen({ cluster: requested, answers: [answer(0, 'no'), answer(1, 'yes'), answer(2, 'no')] }))).toEqual([]))
  test('T1 data whose etcd does not come is waited for and said to be unhealthy after ten minutes', () => {
    const holding = seen({ cluster: requested, answers: [answer(0, 'no'), answer(1, 'yes'), answer(2, 'no')] })
    const after = (ms: number) => { const p = plan(holding, new Date(now.getTime() + ms)); return [p.steps, 'reason' in p.outcome && p.outcome.reason] }
    expect([after(599_000), after(600_000)]).toEqual([[[], 'WaitingForEtcd'], [[], 'EtcdUnhealthy']])
  })
  test('T1 a requested server that is not listed is no reason to ask another', () => expect(steps(seen({ cluster: requested, answers: [answer(0, 'no'), answer(1, 'no', { serverId: 's9', instanceId: 's9' }), answer(2, 'no')] }))).toEqual([]))
  test('T1 another is chosen when GET says that the requested one is gone', () => {
    expect(plan(seen({ cluster: requested, answers: [answer(0, 'no'), answer(1, 'no', { serverId: 's9', instanceId: 's9' }), answer(2, 'no')], isBootstrapServerGone: true }), now).steps[0]).toMatchObject({ kind: 'request-bootstrap', serverId: 's0' })
  })
  test('T1 an etcd that is silent is called lost only when each slot has a server that says it holds nothing', () => {
    const at = (...answers: Answer[]): unknown => { const p = plan(seen({ cluster: cluster(3, { established: true, bootstrap: { machine: 'cp-1', serverId: 's1', requestedAt: now.toISOString(), doneAt: now.toISOString() } }), answers }), now); return [p.steps, 'reason' in p.outcome && p.outcome.reason] }
    expect(at(...empty)).toEqual([[], 'EtcdDataLost'])
    for (const some of [[answer(0, 'no'), answer(1, 'no')], [answer(0, 'no'), answer(1, 'no'), answer(2, 'yes')], [answer(0, 'no'), answer(1, 'no'), answer(2, 'silent')]]) expect(at(...some)).toEqual([[], 'WaitingForEtcd'])
  })
  test('T1 an established cluster is never bootstrapped again', () => {
    const p = plan(seen({ cluster: cluster(3, { established: true }), answers: empty }), now)
    expect([p.steps, p.outcome.kind]).toEqual([[], 'waiting'])
  })
  test('T1 a marked server without a Machine stops it', () => expect(steps(seen({ answers: [...empty, answer(7, 'no', { machine: undefined })] }))).toEqual([]))
  test('T1 the instance id must be Nova\'s', () => expect(steps(seen({ answers: [answer(0, 'no', { instanceId: 'other' }), answer(1, 'no'), answer(2, 'no')] }))).toEqual([]))
  test('T2 two nodes with one host name stop it', () => {
    expect(plan(seen({ answers: [answer(0, 'no', { hostname: 'x' }), answer(1, 'no', { hostname: 'x' }), answer(2, 'no')] }), now)).toMatchObject({ steps: [], outcome: { kind: 'waiting', reason: 'EtcdUnhealthy' } })
  })
  test.each([{ hostname: undefined }, { instanceId: undefined }])('T2 nodes that do not answer who they are are asked again, and not taken for one: %o', (silent) => {
    expect(plan(seen({ answers: [answer(0, 'no', silent), answer(1, 'no', silent), answer(2, 'no')] }), now)).toMatchObject({ steps: [], outcome: { kind: 'waiting', afterSeconds: 2 } })
  })
})

describe('T2 one member in motion', () => {
  const done = { bootstrap: { machine: 'cp-0', serverId: 's0', requestedAt: '', doneAt: '' }, established: true, issued: 1 }
  const grown = { cluster: cluster(3, done), machines: [machine(0)] }
  test('T2 the first members are made together', () => expect(steps(seen({ machines: [] }))).toEqual(['issue', 'create-machine', 'create-machine', 'create-machine']))
  test('T2 an established control plane grows by one', () => {
    expect(plan(seen({ ...grown, etcd: etcd(0), readyNodes: new Set(['cp-0']), apiReady: true }), now).steps).toEqual([{ kind: 'issue', upTo: 2 }, { kind: 'create-machine', slot: 1, ordinal: 1 }])
  })
  test.each([
    ['etcd does not answer', undefined, ['cp-0']], ['a node is not Ready', etcd(0), []],
    ['a member is a learner', { ...etcd(0), members: [member(0, true)] }, ['cp-0']], ['a member reports errors', { ...etcd(0), statuses: [status(0, { errors: ['NOSPACE'] })] }, ['cp-0']],
  ] as const)('T2 it does not grow while %s', (_, e, ready) => expect(steps(seen({ ...grown, etcd: e, readyNodes: new Set(ready), apiReady: true }))).toEqual([]))
  test('T1 members of two etcd clusters are named and nothing is done', () => {
    const p = plan(seen({ cluster: cluster(3, done), etcd: { ...etcd(0, 1, 2), clusterIds: ['e1', 'e2'] } }), now)
    expect([p.steps, 'reason' in p.outcome && p.outcome.reason]).toEqual([[], 'EtcdUnhealthy'])
  })
})

test('O9 a control plane goes after the workers', () => {
  expect(steps(seen({ deleting: true, workers: 1 }))).toEqual([])
  expect(steps(seen({ deleting: true }))).toEqual(['delete-machine', 'delete-machine', 'delete-machine'])
  expect(steps(seen({ deleting: true, machines: [] }))).toEqual(['finish'])
})

describe('T2 O7 a machine that is to go leaves etcd first', () => {
  const going = (slot: number, more: Partial<Machine['status']> = {}): Machine => ({ ...machine(slot), metadata: { ...machine(slot).metadata, deletionTimestamp: '2026-01-01T00:00:00Z' }, status: { ...machine(slot).status, contactAt: '2026-01-01T00:00:00Z', ...more } })
  const bootstrap = { machine: 'cp-0', serverId: 's0', requestedAt: now.toISOString(), doneAt: now.toISOString() }
  const at = (machines: readonly Machine[], of: Etcd | undefined, leaving?: { machine: string; isOut: boolean }, replicas = 3): Seen =>
    seen({ machines, etcd: of, apiReady: true, cluster: cluster(replicas, { established: true, issued: replicas, bootstrap, ...(leaving !== undefined && { leaving }) }) })
  const ended = (s: Seen): unknown => { const { outcome } = plan(s, now); return 'reason' in outcome && outcome.reason }
  const drained = { drainedAt: now.toISOString() }
  test('T2 one of two that are to go is let go; the other waits until it is replaced', () => {
    expect(plan(at([machine(0), going(1), going(2)], etcd(0, 1, 2)), now).steps).toEqual([{ kind: 'let-go', machine: 'cp-1' }])
    expect(steps(at([machine(0), going(1), going(2)], etcd(0, 1, 2), { machine: 'cp-1', isOut: false }))).toEqual([])
    expect([steps(at([machine(0), going(2)], etcd(0, 2))), ended(at([machine(0), going(2)], etcd(0, 2)))]).toEqual([[], 'EtcdUnhealthy'])
    // Of five, too, only one is missing at a time.
    expect(steps(at([machine(0), machine(1), machine(2), going(3)], etcd(0, 1, 2, 3), undefined, 5))).toEqual([])
  })
  test('T2 nothing is taken from an etcd that is not healthy without it, of fewer than three, or that does not answer', () => {
    const all = [machine(0), machine(1), going(2)]
    const sick: Etcd = { ...etcd(0, 1, 2), statuses: [status(0), status(1, { errors: ['NOSPACE'] }), status(2)] }
    const learner: Etcd = { ...etcd(0, 1, 2), members: [member(0), member(1, true), member(2)] }
    const silent: Etcd = { ...etcd(0, 1, 2), statuses: [status(0), status(2)] }
    const two: Etcd = { ...etcd(0, 1, 2), clusterIds: ['e1', 'e2'] }
    for (const e of [sick, learner, silent, two, undefined]) expect([steps(at(all, e)), ended(at(all, e))]).toEqual([[], 'EtcdUnhealthy'])
    expect(steps(at([going(0)], etcd(0), undefined, 1))).toEqual([])
    for (const e of [sick, learner, silent, two, undefined]) expect(steps(at([machine(0), machine(1), going(2, drained)], e, { machine: 'cp-2', isOut: false }))).toEqual([])
  })
  test('O7 its pods first, then it is removed through another, also when it does not answer itself; then it is out', () => {
    const leaving = { machine: 'cp-2', isOut: false }
    expect(steps(at([machine(0), machine(1), going(2)], etcd(0, 1, 2), leaving))).toEqual([])
    const dead: Etcd = { ...etcd(0, 1, 2), statuses: [status(0), status(1)] }
    for (const e of [etcd(0, 1, 2), dead]) expect(plan(at([machine(0), machine(1), going(2, drained)], e, leaving), now).steps).toMatchObject([{ kind: 'remove-member', memberId: '2', via: 'cp-0' }])
    expect(steps(at([machine(0), machine(1), going(2, drained)], etcd(0, 1), leaving))).toEqual(['record-out'])
    expect(steps(at([machine(0), machine(1), going(2, drained)], etcd(0, 1), { machine: 'cp-2', isOut: true }))).toEqual([])
  })
  test('O7 who is no member takes nothing along', () => expect(steps(at([machine(0), machine(1), going(2)], etcd(0, 1)))).toEqual(['let-go']))
})
