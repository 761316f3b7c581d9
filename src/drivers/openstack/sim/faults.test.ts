/** Every fault that can be ordered does what its name says, and is over when removed. */
import { afterEach, expect, it } from 'vitest'
import { fakeClock } from '../../../../testkit/fake-clock.ts'
import { type OpenStackSim, type SimOptions, startOpenStackSim } from './index.ts'
import { type Client, balancer, clientOf, place, port, server, settled } from './testing.ts'

let sim: OpenStackSim
afterEach(() => sim.close())
const start = async (options: SimOptions = {}): Promise<Client> => {
  sim = await startOpenStackSim({ publicCidr: '127.83.0.0/16', projects: [{ name: 'demo', user: 'demo', password: 'demo' }, { name: 'other', user: 'other', password: 'other' }], ...options })
  return clientOf(sim)
}
const networks = '/network/v2.0/networks'
const net = { network: { name: 'made' } }
const madeCount = (): number => sim.inventory('demo').counts['networks']!

it('a 5xx comes without the effect, as often as ordered', async () => {
  const c = await start()
  const fault = sim.faults.add({ kind: 'status', status: 503, service: 'network', method: 'POST', times: 2 })
  expect((await c.call('POST', networks, net)).status).toBe(503)
  expect((await c.call('POST', networks, net)).status).toBe(503)
  expect(madeCount()).toBe(0)
  expect((await c.call('POST', networks, net)).status).toBe(201)
  expect(fault.struck).toBe(2)
})

it('a 429 says when to come back', async () => {
  const c = await start()
  sim.faults.add({ kind: 'status', status: 429, retryAfter: 7, path: '/servers' })
  const answer = await c.call('GET', '/compute/v2.1/servers')
  expect([answer.status, answer.headers.get('retry-after')]).toEqual([429, '7'])
})

it('a reset before the effect leaves nothing, one after it leaves the object', async () => {
  const c = await start()
  sim.faults.add({ kind: 'reset', when: 'before', method: 'POST', times: 1 })
  await expect(c.call('POST', networks, net)).rejects.toThrow()
  expect(madeCount()).toBe(0)
  sim.faults.add({ kind: 'reset', when: 'after', method: 'POST', times: 1 })
  await expect(c.call('POST', networks, net)).rejects.toThrow()
  expect(madeCount()).toBe(1)
})

/** Lets what is under way in this process go on until it holds. */
const eventually = async (holds: () => boolean): Promise<void> => { while (!holds()) await new Promise((resolve) => { setImmediate(resolve) }) }
const posts = (): number => sim.stats.byMethod.get('network POST') ?? 0

it('silence after success: it is done, and nobody is told', async () => {
  const c = await start()
  sim.faults.add({ kind: 'silence-after-success', service: 'network', method: 'POST' })
  const patience = new AbortController()
  const call = c.call('POST', networks, net, {}, patience.signal)
  await eventually(() => madeCount() === 1)
  patience.abort()
  await expect(call).rejects.toThrow(/abort/i)
})

it('a late effect comes up to 45 s after the client has given up', async () => {
  const clock = fakeClock()
  const c = await start({ clock })
  const fault = sim.faults.add({ kind: 'late-effect', afterMs: 45_000, service: 'network', method: 'POST' })
  const patience = new AbortController()
  const call = c.call('POST', networks, net, {}, patience.signal)
  await eventually(() => fault.struck === 1)
  patience.abort()
  await expect(call).rejects.toThrow(/abort/i)
  await clock.advance(44_999)
  expect(madeCount()).toBe(0)
  await clock.advance(1)
  expect(madeCount()).toBe(1)
})

it('a held call reaches the cloud when the fault is removed, whatever became of the caller', async () => {
  const c = await start({})
  const fault = sim.faults.add({ kind: 'held', service: 'network', method: 'POST', times: 1 })
  const patience = new AbortController()
  const call = c.call('POST', networks, net, {}, patience.signal)
  await eventually(() => fault.struck === 1)
  patience.abort()
  await expect(call).rejects.toThrow(/abort/i)
  expect(madeCount()).toBe(0)
  fault.remove()
  await eventually(() => madeCount() === 1)
})

it('slow: nothing is done before its time, then the answer is right', async () => {
  const clock = fakeClock()
  const c = await start({ clock })
  sim.faults.add({ kind: 'slow', ms: 60_000, service: 'network' })
  const call = c.call('POST', networks, net)
  await eventually(() => posts() === 1)
  expect(madeCount()).toBe(0)
  await clock.advance(60_000)
  expect((await call).status).toBe(201)
})

it('a stale list answers what was there when the fault came; a GET is fresh', async () => {
  const c = await start()
  const before = (await c.call('POST', networks, net)).body.network.id as string
  const fault = sim.faults.add({ kind: 'stale-list', service: 'network' })
  const after = (await c.call('POST', networks, net)).body.network.id as string
  await c.call('DELETE', `${networks}/${before}`)
  expect((await c.call('GET', networks)).body.networks.map((n: { id: string }) => n.id)).toContain(before)
  expect((await c.call('GET', networks)).body.networks.map((n: { id: string }) => n.id)).not.toContain(after)
  expect((await c.call('GET', `${networks}/${after}`)).status).toBe(200)
  fault.remove()
  expect((await c.call('GET', networks)).body.networks.map((n: { id: string }) => n.id)).toContain(after)
})

it('E2 an unreachable cell: missing from the list with 200, UNKNOWN from 2.69, a GET below is 500', async () => {
  const c = await start()
  const p = await place(sim, c)
  const id = await server(c, p, (await port(c, p.network)).id)
  await settled(c, id)
  sim.faults.add({ kind: 'unreachable-cell', cell: 'all' })
  const old = { 'openstack-api-version': 'compute 2.60' }
  expect(await c.call('GET', '/compute/v2.1/servers/detail', undefined, old)).toMatchObject({ status: 200, body: { servers: [] } })
  expect((await c.call('GET', `/compute/v2.1/servers/${id}`, undefined, old)).status).toBe(500)
  expect((await c.call('GET', '/compute/v2.1/servers/detail')).body.servers).toMatchObject([{ id, status: 'UNKNOWN' }])
  expect((await c.call('GET', `/compute/v2.1/servers/${id}`)).body.server).toMatchObject({ id, status: 'UNKNOWN' })
})

it('E2 a removed role: lists are 200 and empty, everything else refused', async () => {
  const c = await start()
  const id = (await c.call('POST', networks, net)).body.network.id as string
  sim.faults.add({ kind: 'role-removed', project: 'demo' })
  expect(await c.call('GET', networks)).toMatchObject({ status: 200, body: { networks: [] } })
  expect(await c.call('GET', '/compute/v2.1/servers/detail')).toMatchObject({ status: 200, body: { servers: [] } })
  expect((await c.call('GET', `${networks}/${id}`)).status).toBe(404)
  expect((await c.call('POST', networks, net)).status).toBe(403)
})

it('E2 a credential of another project: the token says so, and shows that project', async () => {
  const c = await start()
  await c.call('POST', networks, net)
  sim.faults.add({ kind: 'wrong-project', as: 'other' })
  expect((await c.call('GET', networks)).body.networks.map((n: { name: string }) => n.name)).toEqual(['public'])
  const log = await fetch(`${sim.authUrl}/auth/tokens`, { method: 'POST', body: JSON.stringify({ auth: { identity: { methods: ['password'], password: { user: { name: 'demo', domain: { id: 'default' }, password: 'demo' } } } } }) })
  expect(((await log.json()) as { token: { project: { name: string } } }).token.project.name).toBe('other')
})

it('E2 a marker lost between pages: 400 from Nova, 404 from Neutron', async () => {
  const c = await start()
  const p = await place(sim, c)
  const id = await server(c, p, (await port(c, p.network)).id)
  sim.faults.add({ kind: 'lost-marker' })
  expect(await c.call('GET', `/compute/v2.1/servers/detail?marker=${id}`)).toMatchObject({ status: 400, body: { badRequest: { message: `marker [${id}] not found` } } })
  expect(await c.call('GET', `${networks}?limit=1&marker=${p.network}`)).toMatchObject({ status: 404, body: { NeutronError: { type: 'NetworkNotFound' } } })
})

it('a load balancer ends in ERROR and can then only be deleted', async () => {
  const c = await start()
  const p = await place(sim, c)
  sim.faults.add({ kind: 'load-balancer-error', method: 'POST', path: '/loadbalancers$', times: 1 })
  const lb = (await c.call('POST', '/load-balancer/v2.0/lbaas/loadbalancers', { loadbalancer: { vip_subnet_id: p.subnet } })).body.loadbalancer.id as string
  const path = `/load-balancer/v2.0/lbaas/loadbalancers/${lb}`
  await c.until(path, (a) => a.body.loadbalancer.provisioning_status === 'ERROR')
  expect((await c.call('POST', '/load-balancer/v2.0/lbaas/listeners', { listener: { protocol: 'TCP', protocol_port: 1, loadbalancer_id: lb } })).status).toBe(409)
  expect((await c.call('DELETE', `${path}?cascade=true`)).status).toBe(204)
  await c.until(path, (a) => a.status === 404)
  expect(sim.inventory('demo').counts['ports']).toBe(0)
})

it('a load balancer sticks in PENDING', async () => {
  const c = await start()
  const p = await place(sim, c)
  const b = await balancer(c, p.subnet)
  sim.faults.add({ kind: 'load-balancer-sticks', path: '/members$' })
  await c.call('POST', `/load-balancer/v2.0/lbaas/pools/${b.pool}/members`, { member: { address: '10.10.0.9', protocol_port: 1 } })
  for (let i = 0; i < 5; i++) expect((await c.call('GET', `/load-balancer/v2.0/lbaas/loadbalancers/${b.lb}`)).body.loadbalancer.provisioning_status).toBe('PENDING_UPDATE')
  expect((await c.call('DELETE', `/load-balancer/v2.0/lbaas/loadbalancers/${b.lb}?cascade=true`)).status).toBe(409)
})

it('a server hangs at its first boot until it is rebooted hard', async () => {
  const seen: string[] = []
  const c = await start({ guests: (g) => { seen.push(`start hangs=${g.hangs} ${g.userData.toString()}`); g.console('kernel'); return { reboot() { seen.push('reboot') }, stop() { seen.push('stop') } } } })
  const p = await place(sim, c)
  sim.faults.add({ kind: 'guest-hangs', times: 1 })
  const id = await server(c, p, (await port(c, p.network)).id)
  await settled(c, id)
  await c.call('POST', `/compute/v2.1/servers/${id}/action`, { reboot: { type: 'HARD' } })
  await c.until(`/compute/v2.1/servers/${id}`, (a) => a.body.server['OS-EXT-STS:task_state'] === null)
  expect((await c.call('POST', `/compute/v2.1/servers/${id}/action`, { 'os-getConsoleOutput': { length: 5 } })).body).toEqual({ output: 'kernel\n' })
  await c.call('DELETE', `/compute/v2.1/servers/${id}`)
  await c.until(`/compute/v2.1/servers/${id}`, (a) => a.status === 404)
  expect(seen).toEqual(['start hangs=true x', 'reboot', 'stop'])
})

it('no valid host and a failed build end in ERROR with their words', async () => {
  const c = await start()
  const p = await place(sim, c)
  sim.faults.add({ kind: 'no-valid-host', times: 1 })
  expect((await settled(c, await server(c, p, (await port(c, p.network)).id))).body.server).toMatchObject({ status: 'ERROR', fault: { message: 'No valid host was found. There are not enough hosts available.' } })
  sim.faults.add({ kind: 'server-error', message: 'disk full', times: 1 })
  const one = await port(c, p.network)
  const id = await server(c, p, one.id)
  expect((await settled(c, id)).body.server).toMatchObject({ status: 'ERROR', fault: { message: 'disk full' } })
  await c.call('DELETE', `/compute/v2.1/servers/${id}`)
  await c.until(`/compute/v2.1/servers/${id}`, (a) => a.status === 404)
  expect((await c.call('GET', `/network/v2.0/ports/${one.id}`)).body.port.device_id).toBe('')
})

it('a volume ends in error, and its deletion in error_deleting', async () => {
  const c = await start()
  sim.faults.add({ kind: 'volume-error', method: 'POST' })
  const id = (await c.call('POST', '/volume/v3/volumes', { volume: { size: 1 } })).body.volume.id as string
  const path = `/volume/v3/volumes/${id}`
  await c.until(path, (a) => a.body.volume.status === 'error')
  sim.faults.add({ kind: 'volume-error', method: 'DELETE', times: 1 })
  expect((await c.call('DELETE', path)).status).toBe(202)
  await c.until(path, (a) => a.body.volume.status === 'error_deleting')
  expect((await c.call('DELETE', path)).status).toBe(202)
  await c.until(path, (a) => a.status === 404)
})

it('the port of OVN\'s health monitors: one a subnet, from the first watched member to the last; a fault leaves it behind', async () => {
  const c = await start({ octaviaProviders: ['ovn'] })
  const p = await place(sim, c)
  const { address } = await port(c, p.network)
  const b = await balancer(c, p.subnet)
  const lbaas = '/load-balancer/v2.0/lbaas'
  const watchers = async (): Promise<readonly object[]> => (await c.call('GET', `/network/v2.0/ports?network_id=${p.network}`)).body.ports.filter((o: { name: string }) => o.name === `ovn-lb-hm-${p.subnet}`)
  const change = async (method: string, path: string, body?: object) => { const answer = await c.call(method, `${lbaas}${path}`, body); await b.active(); return answer.body }
  const monitor = (await change('POST', '/healthmonitors', { healthmonitor: { pool_id: b.pool, type: 'TCP', delay: 5, timeout: 3, max_retries: 2 } })).healthmonitor.id as string
  expect(await watchers()).toEqual([])
  await change('POST', `/pools/${b.pool}/members`, { member: { address, protocol_port: 1, subnet_id: p.subnet } })
  await change('POST', `/pools/${b.pool}/members`, { member: { address, protocol_port: 2, subnet_id: p.subnet } })
  const made = await watchers()
  expect(made).toMatchObject([{ device_owner: 'ovn-lb-hm:distributed', device_id: `ovn-lb-hm-${p.subnet}`, project_id: c.project, port_security_enabled: false, security_groups: [], fixed_ips: [{ subnet_id: p.subnet }] }])
  await change('DELETE', `/healthmonitors/${monitor}`)
  expect(await watchers()).toEqual([])
  await change('POST', '/healthmonitors', { healthmonitor: { pool_id: b.pool, type: 'TCP', delay: 5, timeout: 3, max_retries: 2 } })
  expect(await watchers()).toHaveLength(1)
  sim.faults.add({ kind: 'monitor-port-stays' })
  await c.call('DELETE', `${lbaas}/loadbalancers/${b.lb}?cascade=true`)
  await c.until(`${lbaas}/loadbalancers/${b.lb}`, (a) => a.status === 404)
  expect(await watchers()).toHaveLength(1)
  expect((await c.call('DELETE', `/network/v2.0/subnets/${p.subnet}`)).status).toBe(409)
})

it('faults, inventory and statistics are reached over HTTP from other processes', async () => {
  const c = await start()
  const made = (await (await fetch(`${sim.url}/skerry-sim/faults`, { method: 'POST', body: JSON.stringify({ kind: 'status', status: 500, service: 'network' }) })).json()) as { id: string }
  expect((await c.call('GET', networks)).status).toBe(500)
  await fetch(`${sim.url}/skerry-sim/faults/${made.id}`, { method: 'DELETE' })
  expect((await c.call('POST', networks, net)).status).toBe(201)
  expect(((await (await fetch(`${sim.url}/skerry-sim/inventory?project=demo`)).json()) as { counts: Record<string, number> }).counts['networks']).toBe(1)
  expect(((await (await fetch(`${sim.url}/skerry-sim/stats`)).json()) as { byRoute: Record<string, number> }).byRoute['network POST /v2.0/networks']).toBe(1)
})
