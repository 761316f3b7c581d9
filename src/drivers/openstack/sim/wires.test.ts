/** Connections from outside and between servers: floating IPs, balancers, security groups, provider addresses. */
import { connect, createServer } from 'node:net'
import { Duplex } from 'node:stream'
import { afterEach, expect, it } from 'vitest'
import type { Fabric, GuestFactory } from './guest.ts'
import { type OpenStackSim, type SimOptions, startOpenStackSim } from './index.ts'
import { type Client, balancer, clientOf, place, port, server, settled } from './testing.ts'

let sim: OpenStackSim
let fabric: Fabric
afterEach(() => sim.close())
/** Says its name on 6443 and goes. */
const greeter: GuestFactory = (g) => {
  fabric = g.fabric
  const releases = g.nics.map((n) => g.fabric.listen(n.networkId, n.address, 6443, (socket) => { socket.end(`I am ${g.name}`) }))
  return { reboot() {}, stop() { for (const release of releases) release() } }
}
const start = async (options: SimOptions = {}): Promise<Client> => {
  sim = await startOpenStackSim({ publicCidr: '127.84.0.0/16', providerCidr: '127.94.0.0/16', guests: greeter, ...options })
  return clientOf(sim)
}
const ask = (address: string, number = 6443): Promise<string> => new Promise((resolve) => {
  const socket = connect({ host: address, port: number })
  let text = ''
  socket.on('data', (d) => { text += String(d) })
  socket.on('error', (e: NodeJS.ErrnoException) => { resolve(e.code ?? 'error') })
  socket.on('close', () => { resolve(text === '' ? 'nothing' : text) })
})
const group = async (c: Client, rules: readonly object[]): Promise<string> => {
  const id = (await c.call('POST', '/network/v2.0/security-groups', { security_group: { name: 'g' } })).body.security_group.id as string
  for (const rule of rules) await c.call('POST', '/network/v2.0/security-group-rules', { security_group_rule: { security_group_id: id, direction: 'ingress', protocol: 'tcp', ...rule } })
  return id
}
const floating = async (c: Client, network: string, portId: string | null): Promise<{ readonly id: string; readonly address: string }> => {
  const made = (await c.call('POST', '/network/v2.0/floatingips', { floatingip: { floating_network_id: network, ...(portId === null ? {} : { port_id: portId }) } })).body.floatingip
  return { id: made.id as string, address: made.floating_ip_address as string }
}

it('a floating IP on a server reaches it when its group admits the source, and not before', async () => {
  const c = await start()
  const p = await place(sim, c)
  const g = await group(c, [])
  const one = await port(c, p.network, { security_groups: [g] })
  const id = await server(c, p, one.id, { name: 'a' })
  await settled(c, id)
  const ip = await floating(c, p.publicNetwork, one.id)
  expect(await ask(ip.address)).toBe('ECONNRESET')
  await c.call('POST', '/network/v2.0/security-group-rules', { security_group_rule: { security_group_id: g, direction: 'ingress', protocol: 'tcp', port_range_min: 6443, port_range_max: 6443, remote_ip_prefix: '127.0.0.0/8' } })
  expect(await ask(ip.address)).toBe('I am a')
  const shown = (await c.call('GET', `/compute/v2.1/servers/${id}`)).body.server.addresses.n
  expect(shown.map((a: { addr: string }) => a.addr)).toEqual([one.address, ip.address])
  await c.call('PUT', `/network/v2.0/floatingips/${ip.id}`, { floatingip: { port_id: null } })
  expect(await ask(ip.address)).toBe('ECONNREFUSED')
  expect(sim.listeners.open).toBe(0)
})

it('an address that another program has is named', async () => {
  const named: string[] = []
  const c = await start({ addressTaken: (address) => named.push(address) })
  const p = await place(sim, c)
  const one = await port(c, p.network, { security_groups: [await group(c, [{ remote_ip_prefix: '127.0.0.0/8' }])] })
  await settled(c, await server(c, p, one.id, { name: 'a' }))
  const free = await floating(c, p.publicNetwork, null)
  const other = createServer()
  await new Promise<void>((done) => { other.listen({ host: free.address, port: 6443 }, done) })
  try {
    await c.call('PUT', `/network/v2.0/floatingips/${free.id}`, { floatingip: { port_id: one.id } })
    await expect.poll(() => named).toEqual([`${free.address}:6443`])
  } finally { other.close() }
})

it('O6 amphora: allowed_cidrs decide at the listener, members see the VIP subnet; monitors follow what listens', async () => {
  const c = await start()
  const p = await place(sim, c)
  const g = await group(c, [{ port_range_min: 6443, port_range_max: 6443, remote_ip_prefix: '10.10.0.0/24' }])
  const one = await port(c, p.network, { security_groups: [g] })
  await settled(c, await server(c, p, one.id, { name: 'cp' }))
  const b = await balancer(c, p.subnet, { provider: 'amphora', vip_address: '10.10.0.5' }, { allowed_cidrs: ['192.0.2.0/24'] })
  await c.call('POST', `/load-balancer/v2.0/lbaas/pools/${b.pool}/members`, { member: { address: one.address, protocol_port: 6443, subnet_id: p.subnet } })
  await b.active()
  await c.call('POST', '/load-balancer/v2.0/lbaas/healthmonitors', { healthmonitor: { type: 'TCP', delay: 5, timeout: 3, max_retries: 2, pool_id: b.pool } })
  await b.active()
  const ip = await floating(c, p.publicNetwork, b.vipPort)
  expect(await ask(ip.address)).toBe('ECONNRESET')
  await c.call('PUT', `/load-balancer/v2.0/lbaas/listeners/${b.listener}`, { listener: { allowed_cidrs: ['127.0.0.0/8'] } })
  await b.active()
  expect(await ask(ip.address)).toBe('I am cp')
  const members = `/load-balancer/v2.0/lbaas/pools/${b.pool}/members`
  expect((await c.call('GET', members)).body.members[0].operating_status).toBe('ONLINE')
  await c.call('POST', `/compute/v2.1/servers/${sim.inventory().ids['servers']![0]}/action`, { 'os-stop': null })
  await c.until(members, (a) => a.body.members[0].operating_status === 'ERROR')
  expect(await ask(ip.address)).toBe('ECONNRESET')
})

it('O5 O6 ovn: the source address reaches the member, and a member made before its port stays ERROR', async () => {
  const c = await start()
  const p = await place(sim, c)
  const g = await group(c, [{ port_range_min: 6443, port_range_max: 6443, remote_ip_prefix: '10.10.0.0/24' }])
  const b = await balancer(c, p.subnet, { provider: 'ovn' })
  const add = async (address: string): Promise<void> => { await c.call('POST', `/load-balancer/v2.0/lbaas/pools/${b.pool}/members`, { member: { address, protocol_port: 6443, subnet_id: p.subnet } }); await b.active() }
  await c.call('POST', '/load-balancer/v2.0/lbaas/healthmonitors', { healthmonitor: { type: 'TCP', delay: 5, timeout: 3, max_retries: 2, pool_id: b.pool } })
  await b.active()
  await add('10.10.0.11')
  const early = await port(c, p.network, { security_groups: [g], fixed_ips: [{ subnet_id: p.subnet, ip_address: '10.10.0.11' }] })
  await settled(c, await server(c, p, early.id, { name: 'early' }))
  const right = await port(c, p.network, { security_groups: [g] })
  await add(right.address)
  await settled(c, await server(c, p, right.id, { name: 'right' }))
  const list = (await c.call('GET', `/load-balancer/v2.0/lbaas/pools/${b.pool}/members`)).body.members as { address: string; operating_status: string }[]
  expect(Object.fromEntries(list.map((m) => [m.address, m.operating_status]))).toEqual({ '10.10.0.11': 'ERROR', [right.address]: 'ONLINE' })
  const ip = await floating(c, p.publicNetwork, b.vipPort)
  expect(await ask(ip.address)).toBe('ECONNRESET') // the group admits the subnet only, and the client is not in it
  await c.call('POST', '/network/v2.0/security-group-rules', { security_group_rule: { security_group_id: g, direction: 'ingress', protocol: 'tcp', remote_ip_prefix: '127.0.0.0/8' } })
  expect(await ask(ip.address)).toBe('I am right')
})

it('servers reach each other by group, and nobody else', async () => {
  const c = await start()
  const p = await place(sim, c)
  const g = await group(c, [])
  await c.call('POST', '/network/v2.0/security-group-rules', { security_group_rule: { security_group_id: g, direction: 'ingress', remote_group_id: g } })
  const [a, b, stranger] = [await port(c, p.network, { security_groups: [g] }), await port(c, p.network, { security_groups: [g] }), await port(c, p.network)]
  await settled(c, await server(c, p, a.id, { name: 'a' }))
  const end = (): { readonly socket: Duplex; readonly text: Promise<string> } => {
    let text = ''
    let done: (t: string) => void = () => {}
    const read = new Promise<string>((resolve) => { done = resolve })
    const socket = new Duplex({ read() {}, write(chunk, _e, next) { text += String(chunk); next() }, final(next) { done(text); next() } })
    return { socket, text: read }
  }
  const one = end()
  expect(fabric.connect(p.network, a.address, 6443, one.socket as never, b.address)).toBe(true)
  expect(await one.text).toBe('I am a')
  expect(fabric.connect(p.network, a.address, 6443, end().socket as never, stranger.address)).toBe(false)
  expect(fabric.connect(p.network, a.address, 22, end().socket as never, b.address)).toBe(false)
})

it('routed: a server answers on its own address, from the moment it listens until it is gone', async () => {
  const c = await start({ shape: 'routed' })
  const network = (await c.call('GET', '/network/v2.0/networks')).body.networks[0].id as string
  const g = await group(c, [{ remote_ip_prefix: '127.0.0.0/8' }])
  const one = await port(c, network, { security_groups: [g] })
  const image = sim.seedImage({ name: 'talos' }).id
  const id = await server(c, { network, image, subnet: '', router: '', publicNetwork: '' }, one.id, { name: 'solo' })
  await settled(c, id)
  expect(one.address).toMatch(/^127\.94\./)
  expect(await ask(one.address)).toBe('I am solo')
  await c.call('DELETE', `/compute/v2.1/servers/${id}`)
  await c.until(`/compute/v2.1/servers/${id}`, (a) => a.status === 404)
  expect(await ask(one.address)).toBe('ECONNREFUSED')
})
