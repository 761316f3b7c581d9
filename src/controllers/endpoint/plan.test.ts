import { expect, test } from 'vitest'
import type { FloatingIp, Listener, LoadBalancer, Pool, Port } from '../../drivers/openstack/cloud.ts'
import type { Sight } from '../outside.ts'
import { apiPorts, entryOf, type Seen, type Way } from './observe.ts'
import { plan } from './plan.ts'

const now = new Date('2026-01-01T01:00:00Z')
const is = <T>(object: T, doubles: readonly T[] = []): Sight<T> => ({ kind: 'seen', object, doubles })
const absent = { kind: 'absent' } as const
const port = (n: number): Port => ({ id: `p${n}`, name: '', networkId: 'n', status: 'DOWN', deviceId: '', deviceOwner: '', fixedIps: [{ subnetId: 's', address: `10.0.0.1${n}` }], mac: '', securityGroupIds: [] })
const lb = (more: Partial<LoadBalancer> = {}): LoadBalancer => ({ id: 'lb', name: '', provisioningStatus: 'ACTIVE', operatingStatus: 'ONLINE', vipAddress: '10.0.0.5', vipPortId: 'vp', vipSubnetId: 's', provider: 'ovn', createdAt: now.toISOString(), ...more })
const fip = (portId: string | null): FloatingIp => ({ id: 'f', name: '', address: '192.0.2.9', portId, networkId: 'x', status: 'DOWN' })
const pool = (n: number) => ({ id: `q${n}`, provisioningStatus: 'ACTIVE' }) as Pool
const whole: readonly Way[] = apiPorts.map((p) => ({ port: p, allowed: null, hasMonitor: true, members: [0, 1, 2].map((n) => ({ id: `m${n}`, address: `10.0.0.1${n}`, port: p, operatingStatus: 'ONLINE', provisioningStatus: 'ACTIVE', adminStateUp: true })), listener: is({ id: `l${p}`, provisioningStatus: 'ACTIVE', allowedCidrs: null } as Listener), pool: is(pool(p)) }))
const none: readonly Way[] = apiPorts.map((p) => ({ port: p, allowed: null, hasMonitor: false, members: [], listener: absent, pool: absent }))
const seen = (more: Partial<Seen> = {}): Seen => ({
  kind: 'seen', entry: 0, endpoint: 'octavia', isBuilt: false, site: {} as never, siteCloud: {} as never, deleting: false, tenant: true, replicas: 3, nodeCidr: '10.0.0.0/24', podCidrs: [], networkId: 'n', subnetId: 's', groupIds: ['g', 'h'], externalNetworkId: 'x',
  slots: [0, 1, 2].map((n) => is(port(n))), floatingIp: is(fip('vp')), loadBalancer: is(lb()), ways: whole, strandedVips: [], intents: undefined, machines: [], mark: (role) => ({ uid: 'u', site: 'i', role }), ...more,
})
const steps = (s: Seen) => plan(s, now).steps.map((x) => x.kind)

test('O5 floating IP, balancer and ports are made side by side', () => {
  const p = plan(seen({ slots: [absent, absent, absent], floatingIp: absent, loadBalancer: absent, ways: none }), now)
  expect(p.steps.map((x) => x.kind)).toEqual(['intend', 'create'])
  expect(p.steps.flatMap((x) => (x.kind === 'create' ? x.objects.map((c) => c.kind) : []))).toEqual(['create-port', 'create-port', 'create-port', 'create-floating-ip', 'create-load-balancer'])
})
test('O5 the balancer is made with its listeners and their lists in one call', () => {
  const ways = none.map((w) => ({ ...w, allowed: w.port === 50_000 ? ['198.51.100.0/24'] : null }))
  expect(plan(seen({ loadBalancer: absent, ways }), now).steps).toContainEqual({ kind: 'create', objects: [{ kind: 'create-load-balancer', listeners: [{ port: 6443, allowed: null }, { port: 50_000, allowed: ['198.51.100.0/24'] }] }] })
})
test('O5 a listener or pool that somebody took away is made by itself', () => {
  const [api, talos] = whole
  expect(plan(seen({ ways: [none[0]!, talos!] }), now).steps).toContainEqual({ kind: 'create', objects: [{ kind: 'create-listener', port: 6443, loadBalancerId: 'lb', allowed: null }] })
  expect(plan(seen({ ways: [{ ...api!, listener: absent }, talos!] }), now).steps).toContainEqual({ kind: 'create', objects: [{ kind: 'create-listener', port: 6443, loadBalancerId: 'lb', allowed: null, poolId: 'q6443' }] })
  expect(plan(seen({ ways: [{ ...api!, pool: absent }, talos!] }), now).steps).toContainEqual({ kind: 'create', objects: [{ kind: 'create-pool', port: 6443, listenerId: 'l6443' }] })
})
test('O5 what is whole is left alone', () => expect([steps(seen()), plan(seen(), now).outcome.kind]).toEqual([[], 'settled']))
test('O5 the floating IP is bound to the VIP', () => expect(plan(seen({ floatingIp: is(fip(null)) }), now).steps).toEqual([{ kind: 'bind', floatingIpId: 'f', portId: 'vp' }]))
test('O5 the members that are missing come in one step for each pool, and only those whose port exists', () => {
  const [api, talos] = whole
  const ways = [{ ...api!, members: [] }, { ...talos!, members: talos!.members.slice(0, 1) }]
  const added = (slots: Seen['slots']) => plan(seen({ ways, slots, intents: { 'cp-1': now.toISOString(), 'cp-2': now.toISOString() } }), now).steps.filter((s) => s.kind === 'add-members')
  expect(added([0, 1, 2].map((n) => is(port(n))))).toEqual([
    { kind: 'add-members', pool: pool(6443), port: 6443, members: [{ slot: 0, address: '10.0.0.10' }, { slot: 1, address: '10.0.0.11' }, { slot: 2, address: '10.0.0.12' }] },
    { kind: 'add-members', pool: pool(50_000), port: 50_000, members: [{ slot: 1, address: '10.0.0.11' }, { slot: 2, address: '10.0.0.12' }] },
  ])
  expect(added([is(port(0)), absent, absent])).toEqual([{ kind: 'add-members', pool: pool(6443), port: 6443, members: [{ slot: 0, address: '10.0.0.10' }] }])
})
test.each([false, true])('O3 O5 a balancer in ERROR is deleted with all that hangs on it a minute after it came to that; its cluster goes: %s', (deleting) => {
  const since = (updatedAt: string) => plan(seen({ deleting, slots: [absent], floatingIp: absent, loadBalancer: is(lb({ provisioningStatus: 'ERROR', updatedAt })) }), now)
  expect(since('2026-01-01T00:59:00Z')).toMatchObject({ steps: [{ kind: 'delete-load-balancer', id: 'lb' }], outcome: { reason: 'LoadBalancerError' } })
  expect(since('2026-01-01T00:59:01Z')).toMatchObject({ steps: [], outcome: { reason: 'LoadBalancerError' } })
})
test('O5 a part in ERROR takes its balancer with it only while nobody was served', () => {
  const ways = whole.map((w) => ({ ...w, listener: is({ id: 'l', provisioningStatus: 'ERROR', allowedCidrs: null } as Listener) }))
  expect(plan(seen({ ways }), now).steps).toEqual([{ kind: 'delete-load-balancer', id: 'lb' }])
  expect(plan(seen({ ways, isBuilt: true }), now).steps).toEqual([])
})
test('O5 PENDING for long is the cloud\'s fault and nothing is deleted', () => {
  const said = (more: Partial<LoadBalancer>, s: Partial<Seen> = {}) => plan(seen({ loadBalancer: is(lb({ createdAt: '2026-01-01T00:00:00Z', ...more })), ways: none, ...s }), now)
  const going = { deleting: true, slots: [absent], floatingIp: absent }
  for (const provisioningStatus of ['PENDING_CREATE', 'PENDING_UPDATE', 'PENDING_DELETE']) {
    expect(said({ provisioningStatus })).toMatchObject({ steps: [], outcome: { reason: 'LoadBalancerStuck' } })
    expect(said({ provisioningStatus, updatedAt: '2026-01-01T00:50:00Z' })).toMatchObject({ steps: [], outcome: { reason: 'WaitingForLoadBalancer' } })
    expect(said({ provisioningStatus }, going)).toMatchObject({ steps: [], outcome: { reason: 'LoadBalancerStuck' } })
    expect(said({ provisioningStatus, updatedAt: '2026-01-01T00:50:00Z' }, going)).toMatchObject({ steps: [], outcome: { reason: 'Deleting' } })
  }
})
test('O3 nothing below a balancer is touched while it changes', () => expect(steps(seen({ loadBalancer: is(lb({ provisioningStatus: 'PENDING_UPDATE' })), ways: whole.map((w) => ({ ...w, members: [] })) }))).toEqual([]))
test('O3 a balancer that is ACTIVE while OVN still makes its pools takes no member yet', () => {
  const ways = whole.map((w) => ({ ...w, members: [], pool: is({ id: 'q', provisioningStatus: 'PENDING_CREATE', createdAt: now.toISOString() } as Pool) }))
  expect([steps(seen({ ways })), plan(seen({ ways }), now).outcome]).toMatchObject([[], { reason: 'WaitingForLoadBalancer' }])
})
test('E3 doubles go', () => expect(plan(seen({ loadBalancer: is(lb(), [lb({ id: 'lb2' })]) }), now).steps).toEqual([{ kind: 'delete-load-balancer', id: 'lb2', isDouble: true }]))
test('E3 a double that is going already is not deleted, and counted, again', () => expect(steps(seen({ loadBalancer: is(lb(), [lb({ id: 'lb2', provisioningStatus: 'PENDING_DELETE' })]) }))).toEqual([]))
test('O5 a VIP without its balancer is freed first, unless the balancer may still come', () => {
  const left = { loadBalancer: absent, ways: none, strandedVips: ['vip'] }
  expect(steps(seen(left))).toEqual(['delete-port', 'intend', 'create'])
  expect(steps(seen({ ...left, intents: { 'load-balancer': now.toISOString() } }))).toEqual([])
  expect(plan(seen({ ...left, deleting: true, slots: [absent], floatingIp: absent, ways: [] }), now).steps).toEqual([{ kind: 'delete-port', id: 'vip' }])
})
test('O9 addresses go after the machines', () => {
  expect(steps(seen({ deleting: true, machines: ['m'] }))).toEqual([])
  expect(steps(seen({ deleting: true }))).toEqual(['delete-load-balancer', 'delete-floating-ip', 'delete-port', 'delete-port', 'delete-port'])
  expect(steps(seen({ deleting: true, slots: [absent], floatingIp: absent, loadBalancer: absent, ways: [] }))).toEqual(['finish'])
})

test('T4 without a balancer the floating IP is bound to the slot through which the cluster is reached', () => {
  const at = (entry: number) => plan(seen({ endpoint: 'nodes', loadBalancer: absent, ways: [], floatingIp: is(fip('p0')), entry }), now).steps
  expect([at(0), at(2)]).toEqual([[], [{ kind: 'bind', floatingIpId: 'f', portId: 'p2' }]])
})
test('T4 the way stays while its slot lives, and before etcd was whole it is the first one\'s', () => {
  const cluster = (established: boolean, host: string) => ({ status: { controlPlane: { established }, endpoint: { host } } }) as never
  const ports = [0, 1, 2].map(port)
  const through = (established: boolean, host: string, live: readonly number[], to?: FloatingIp) => entryOf(cluster(established, host), live, to, ports)
  expect([through(true, '10.0.0.11', [0, 1, 2]), through(true, '10.0.0.10', [1, 2]), through(true, '10.0.0.10', []), through(false, '', [1, 2]), through(true, 'x', [0, 1], fip('p1')), through(true, 'x', [0, 2], fip('p1'))]).toEqual([1, 1, 0, 0, 1, 0])
})
