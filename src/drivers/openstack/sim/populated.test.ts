/** A balancer with all that is below it in one POST, and a pool's members in one PUT, as octavia's API takes and refuses them. */
import { afterEach, expect, test } from 'vitest'
import { startOpenStackSim, type OpenStackSim, type SimOptions } from './index.ts'
import { clientOf, place, port, type Client } from './testing.ts'

const lbaas = '/load-balancer/v2.0/lbaas'
let sim: OpenStackSim | undefined
afterEach(async () => { await sim?.close(); sim = undefined })

const open = async (options: SimOptions = {}): Promise<{ readonly c: Client; readonly p: Awaited<ReturnType<typeof place>> }> => {
  sim = await startOpenStackSim(options)
  const c = await clientOf(sim)
  return { c, p: await place(sim, c) }
}
const monitor = { type: 'TCP', delay: 5, timeout: 3, max_retries: 2 }
const pool = (more: object = {}) => ({ name: 'api', tags: ['t'], protocol: 'TCP', lb_algorithm: 'SOURCE_IP_PORT', ...more })
const listener = (more: object = {}) => ({ name: 'api', protocol: 'TCP', protocol_port: 6443, default_pool: pool(), ...more })
const post = (c: Client, subnet: string, more: object) => c.call('POST', `${lbaas}/loadbalancers`, { loadbalancer: { vip_subnet_id: subnet, vip_address: '10.10.0.5', ...more } })
const quiet = (c: Client, id: string) => c.until(`${lbaas}/loadbalancers/${id}`, (a) => !String(a.body.loadbalancer?.provisioning_status).startsWith('PENDING'))
const tree = async (c: Client, id: string) => (await c.call('GET', `${lbaas}/loadbalancers/${id}/status`)).body.statuses.loadbalancer

test('all of it is PENDING_CREATE, then ACTIVE, and hangs together', async () => {
  const { c, p } = await open({ latencies: { loadBalancerCreate: 30 } })
  const member = await port(c, p.network)
  const made = (await post(c, p.subnet, { provider: 'amphora', listeners: [listener({ allowed_cidrs: ['192.0.2.0/24'], default_pool: pool({ healthmonitor: monitor, members: [{ address: member.address, protocol_port: 6443, subnet_id: p.subnet }] }) }), listener({ protocol_port: 50_000, default_pool: { name: 'api' } })] })).body.loadbalancer
  expect([made.provisioning_status, made.listeners.length, made.pools.length]).toEqual(['PENDING_CREATE', 2, 1])
  const [before] = (await c.call('GET', `${lbaas}/pools`)).body.pools
  expect(before).toMatchObject({ provisioning_status: 'PENDING_CREATE', tags: ['t'], loadbalancers: [{ id: made.id }] })
  expect(before.listeners).toHaveLength(2)
  await quiet(c, made.id)
  const one = (status: string) => expect.objectContaining({ provisioning_status: status })
  const whole = await tree(c, made.id)
  expect(whole).toMatchObject({ provisioning_status: 'ACTIVE', listeners: [one('ACTIVE'), one('ACTIVE')], pools: [{ provisioning_status: 'ACTIVE', health_monitor: one('ACTIVE'), members: [one('ACTIVE')] }] })
  await c.call('DELETE', `${lbaas}/loadbalancers/${made.id}?cascade=true`)
  await c.until(`${lbaas}/loadbalancers/${made.id}`, (a) => a.status === 404)
  for (const type of ['listeners', 'pools', 'healthmonitors']) expect((await c.call('GET', `${lbaas}/${type}`)).body[type]).toEqual([])
})

test('ovn calls the balancer ACTIVE before the pools that came with it, which are immutable until then', async () => {
  const { c, p } = await open({ latencies: { loadBalancerChange: 200 } })
  const made = (await post(c, p.subnet, { provider: 'ovn', listeners: [listener()] })).body.loadbalancer
  await quiet(c, made.id)
  const [{ id, provisioning_status: status }] = (await c.call('GET', `${lbaas}/pools`)).body.pools
  const early = await c.call('PUT', `${lbaas}/pools/${id}/members`, { members: [{ address: '10.10.0.30', protocol_port: 1 }] })
  expect([status, early.status, early.body.faultstring]).toEqual(['PENDING_CREATE', 409, `Pool ${id} is immutable and cannot be updated.`])
  await c.until(`${lbaas}/pools/${id}`, (a) => a.body.pool.provisioning_status === 'ACTIVE')
})

test('ovn calls balancer and pool ACTIVE with the first of the members that came in one call', async () => {
  const { c, p } = await open({ latencies: { loadBalancerChange: 200 } })
  const made = (await post(c, p.subnet, { provider: 'ovn', listeners: [listener()] })).body.loadbalancer
  const members = `${lbaas}/pools/${made.pools[0].id}/members`
  await c.until(`${lbaas}/pools/${made.pools[0].id}`, (a) => a.body.pool.provisioning_status === 'ACTIVE')
  await c.call('PUT', members, { members: [1, 2, 3].map((n) => ({ address: `10.10.0.${n}`, protocol_port: 1, subnet_id: p.subnet })) })
  await quiet(c, made.id)
  const { pools: [below] } = await tree(c, made.id)
  const states = (list: readonly { provisioning_status: string }[]): readonly string[] => list.map((m) => m.provisioning_status)
  expect([below.provisioning_status, states(below.members)]).toEqual(['ACTIVE', ['ACTIVE', 'PENDING_CREATE', 'PENDING_CREATE']])
  await c.until(members, (a) => states(a.body.members).every((s) => s === 'ACTIVE'))
})

test('a driver that fails leaves the balancer in ERROR with all of it, and cascade takes it away', async () => {
  const { c, p } = await open()
  sim!.faults.add({ kind: 'load-balancer-error', method: 'POST', path: '/loadbalancers$', times: 1 })
  const made = (await post(c, p.subnet, { listeners: [listener()] })).body.loadbalancer
  await quiet(c, made.id)
  expect(await tree(c, made.id)).toMatchObject({ provisioning_status: 'ERROR', listeners: [{ provisioning_status: 'ERROR' }], pools: [{ provisioning_status: 'ERROR' }] })
  expect((await c.call('DELETE', `${lbaas}/loadbalancers/${made.id}?cascade=true`)).status).toBe(204)
})

test('what is malformed is refused before the VIP; what is refused after it leaves the VIP\'s port behind', async () => {
  const { c, p } = await open({ projects: [{ name: 'demo', user: 'demo', password: 'demo', quota: { pool: 1, listener: 1, health_monitor: 0 } }] })
  const vips = async () => ((await c.call('GET', `/network/v2.0/ports?network_id=${p.network}`)).body.ports as { id: string; name: string; fixed_ips: { ip_address: string }[] }[]).filter((x) => x.fixed_ips[0]?.ip_address === '10.10.0.5')
  expect(await post(c, p.subnet, { listeners: [{ ...listener(), protocol_port: undefined }] })).toMatchObject({ status: 400, body: { faultstring: expect.stringContaining('protocol_port') } })
  expect(await vips()).toEqual([])
  const after: readonly (readonly [object, number, string])[] = [
    [{ listeners: [listener({ default_pool: { ...pool(), name: undefined } })] }, 400, 'Validation failure: Pools must be named when creating a fully populated loadbalancer.'],
    [{ listeners: [listener(), listener({ protocol_port: 2 })] }, 400, 'Validation failure: Pool names must be unique when creating a fully populated loadbalancer.'],
    [{ listeners: [listener({ default_pool: { name: 'other' } })] }, 400, 'Validation failure: Pool \'other\' was referenced but no full definition was found.'],
    [{ listeners: [listener(), listener({ protocol_port: 2, default_pool: pool({ name: 'b' }) })] }, 403, 'Quota has been met for resources: Pool'],
    [{ listeners: [listener({ default_pool: pool({ healthmonitor: monitor }) })] }, 403, 'Quota has been met for resources: Health Monitor'],
    [{ listeners: [listener(), listener({ protocol_port: 2, default_pool: { name: 'api' } })] }, 403, 'Quota has been met for resources: Listener'],
    [{ provider: 'ovn', listeners: [listener({ allowed_cidrs: ['192.0.2.0/24'] })] }, 501, 'Provider \'ovn\' does not support a requested option: OVN provider does not support allowed_cidrs option'],
    [{ provider: 'ovn', listeners: [listener({ default_pool: pool({ lb_algorithm: 'ROUND_ROBIN' }) })] }, 501, 'Provider \'ovn\' does not support a requested option: OVN provider does not support ROUND_ROBIN algorithm'],
  ]
  for (const [body, status, text] of after) {
    expect(await post(c, p.subnet, body)).toMatchObject({ status, body: { faultstring: text } })
    const left = await vips()
    expect(left.map((x) => x.name)).toEqual([expect.stringMatching(/^(octavia-lb|ovn-lb-vip)-[0-9a-f-]{36}$/)])
    expect((await post(c, p.subnet, {})).status, 'the address is taken').toBe(500)
    await c.call('DELETE', `/network/v2.0/ports/${left[0]!.id}`)
  }
  expect((await c.call('GET', `${lbaas}/loadbalancers`)).body.loadbalancers).toEqual([])
})

test('a PUT of members makes the list what is given, or with additive_only adds to it; one wrong entry, and nothing is done', async () => {
  const { c, p } = await open({ projects: [{ name: 'demo', user: 'demo', password: 'demo', quota: { member: 3 } }] })
  const made = (await post(c, p.subnet, { provider: 'ovn', listeners: [listener()] })).body.loadbalancer
  const poolId = made.pools[0].id as string
  await c.until(`${lbaas}/pools/${poolId}`, (a) => a.body.pool.provisioning_status === 'ACTIVE')
  const entry = (n: number, more: object = {}) => ({ address: `10.10.0.${n}`, protocol_port: 6443, subnet_id: p.subnet, ...more })
  const path = `${lbaas}/pools/${poolId}/members`
  const put = async (members: readonly object[], query = '') => {
    const answer = await c.call('PUT', `${path}${query}`, { members })
    await quiet(c, made.id)
    return answer
  }
  const have = async () => ((await c.call('GET', path)).body.members as { id: string; address: string; weight: number }[]).map((m) => [m.address.slice(8), m.weight]).toSorted()
  const idOf = async (n: number) => ((await c.call('GET', path)).body.members as { id: string; address: string }[]).find((m) => m.address === `10.10.0.${n}`)?.id
  expect((await put([entry(1), entry(2)])).status).toBe(202)
  const id = await idOf(2)
  expect((await put([entry(2, { weight: 5 }), entry(3)], '?additive_only=true')).status).toBe(202)
  expect([await have(), await idOf(2)]).toEqual([[['1', 1], ['2', 5], ['3', 1]], id])
  const refusals: readonly (readonly [readonly object[], number, string])[] = [
    [[entry(4), entry(3), entry(3)], 400, 'Validation failure: Member must be updated only once in the same request.'],
    [[entry(4)], 403, 'Quota has been met for resources: Member'],
    [[entry(3), { address: 'x', protocol_port: 1 }], 400, 'Invalid input for field/attribute address. Value: \'x\'. Value should be IPv4 or IPv6 format'],
    [[entry(1, { monitor_port: 1 })], 501, 'Provider \'ovn\' does not support a requested option: OVN provider does not support monitor options'],
  ]
  for (const [members, status, text] of refusals) expect(await put(members, '?additive_only=true')).toMatchObject({ status, body: { faultstring: text } })
  expect(await put([entry(4), entry(4)])).toMatchObject({ status: 409, body: { faultstring: 'Another member on this pool is already using ip 10.10.0.4 on protocol_port 6443' } })
  expect(await put([entry(1), entry(5, { subnet_id: '00000000-0000-0000-0000-000000000000' })])).toMatchObject({ status: 404 })
  expect(await have()).toEqual([['1', 1], ['2', 5], ['3', 1]])
  expect((await put([entry(2), entry(3)])).status).toBe(202)
  expect((await put([entry(2), entry(4)])).status).toBe(202)
  expect([await have(), await idOf(2)], 'what an entry does not say is the default again').toEqual([[['2', 1], ['4', 1]], id])
})

test('ovn loses the second member that goes in one PUT, and the pool with it', async () => {
  const { c, p } = await open()
  const made = (await post(c, p.subnet, { provider: 'ovn', listeners: [listener()] })).body.loadbalancer
  const poolId = made.pools[0].id as string
  await c.until(`${lbaas}/pools/${poolId}`, (a) => a.body.pool.provisioning_status === 'ACTIVE')
  const put = async (...ns: number[]) => {
    const answer = await c.call('PUT', `${lbaas}/pools/${poolId}/members`, { members: ns.map((n) => ({ address: `10.10.0.${n}`, protocol_port: 1, subnet_id: p.subnet })) })
    await quiet(c, made.id)
    return answer
  }
  await put(1, 2, 3)
  expect((await put(1)).status).toBe(202)
  expect(((await c.call('GET', `${lbaas}/pools/${poolId}/members`)).body.members as { provisioning_status: string }[]).map((m) => m.provisioning_status)).toEqual(['ACTIVE', 'PENDING_DELETE'])
  expect(await put(1)).toMatchObject({ status: 409, body: { faultstring: `Pool ${poolId} is immutable and cannot be updated.` } })
  expect((await c.call('DELETE', `${lbaas}/loadbalancers/${made.id}?cascade=true`)).status).toBe(204)
})
