/** What refuses a second one, row by row (rule O2), as each service words it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type OpenStackSim, startOpenStackSim } from './index.ts'
import { type Client, type Place, balancer, clientOf, place, port, server, settled } from './testing.ts'

let sim: OpenStackSim
let c: Client
let p: Place
beforeAll(async () => {
  sim = await startOpenStackSim({ projects: [{ name: 'demo', user: 'demo', password: 'demo' }] })
  c = await clientOf(sim)
  p = await place(sim, c)
})
afterAll(() => sim.close())

const neutron = (type: string): object => ({ NeutronError: expect.objectContaining({ type }) as unknown })

describe('O2 what refuses a second one', () => {
  it('O2 a server is refused by its port in use: 409', async () => {
    const one = await port(c, p.network)
    await settled(c, await server(c, p, one.id))
    const second = await c.call('POST', '/compute/v2.1/servers', { server: { name: 'b', flavorRef: 'l2.c4r8.100', imageRef: p.image, networks: [{ port: one.id }] } })
    expect(second).toMatchObject({ status: 409, body: { conflictingRequest: { code: 409, message: `Port ${one.id} is still in use.` } } })
  })
  it('O2 two servers accepted with one port: the later ends in ERROR and leaves the port to the first', async () => {
    const one = await port(c, p.network)
    const [a, b] = await Promise.all([server(c, p, one.id), server(c, p, one.id).catch(() => undefined)])
    const ends = await Promise.all([a, b].filter((id) => id !== undefined).map((id) => settled(c, id)))
    expect(ends.filter((e) => e.body.server.status === 'ACTIVE')).toHaveLength(1)
    expect((await c.call('GET', `/network/v2.0/ports/${one.id}`)).body.port.device_id).toBe(ends.find((e) => e.body.server.status === 'ACTIVE')!.body.server.id)
  })
  it('O2 a server is refused by its root volume: 400', async () => {
    const v = (await c.call('POST', '/volume/v3/volumes', { volume: { size: 4, imageRef: p.image } })).body.volume.id as string
    await c.until(`/volume/v3/volumes/${v}`, (a) => a.body.volume.status === 'available' && a.body.volume.bootable === 'true')
    const boot = async (): Promise<Awaited<ReturnType<Client['call']>>> => c.call('POST', '/compute/v2.1/servers', { server: { name: 'v', flavorRef: 'b2.c2r4', networks: [{ port: (await port(c, p.network)).id }], block_device_mapping_v2: [{ boot_index: 0, uuid: v, source_type: 'volume', destination_type: 'volume', delete_on_termination: false }] } })
    const first = await boot()
    expect(first.status).toBe(202)
    expect(await boot()).toMatchObject({ status: 400, body: { badRequest: { message: expect.stringContaining('status must be available or downloading to reserve') as unknown } } })
    await settled(c, first.body.server.id)
    expect((await c.call('GET', `/volume/v3/volumes/${v}`)).body.volume).toMatchObject({ status: 'in-use', attachments: [{ server_id: first.body.server.id }] })
    expect(await c.call('DELETE', `/volume/v3/volumes/${v}`)).toMatchObject({ status: 400, body: { badRequest: { message: expect.stringContaining('Volume status must be available or error') as unknown } } })
  })
  it('O2 a port is refused by its address: 409 IpAddressAlreadyAllocated', async () => {
    const body = { port: { network_id: p.network, fixed_ips: [{ subnet_id: p.subnet, ip_address: '10.10.0.9' }] } }
    expect((await c.call('POST', '/network/v2.0/ports', body)).status).toBe(201)
    expect(await c.call('POST', '/network/v2.0/ports', body)).toMatchObject({ status: 409, body: neutron('IpAddressAlreadyAllocated') })
  })
  it('O6 on a network without port security no port takes a group, so that no allow-list only looks enforced: 400', async () => {
    const open = (await c.call('POST', '/network/v2.0/networks', { network: { name: 'open', port_security_enabled: false } })).body.network as { id: string; port_security_enabled: boolean }
    await c.call('POST', '/network/v2.0/subnets', { subnet: { network_id: open.id, ip_version: 4, cidr: '10.20.0.0/24' } })
    const group = (await c.call('POST', '/network/v2.0/security-groups', { security_group: { name: 'g' } })).body.security_group.id as string
    const make = (more: object) => c.call('POST', '/network/v2.0/ports', { port: { network_id: open.id, ...more } })
    expect(open.port_security_enabled).toBe(false)
    expect(await make({ security_groups: [group] })).toMatchObject({ status: 400, body: neutron('PortSecurityAndIPRequiredForSecurityGroups') })
    expect(await make({})).toMatchObject({ status: 201, body: { port: { port_security_enabled: false, security_groups: [] } } })
    expect(await make({ security_groups: [group], port_security_enabled: true })).toMatchObject({ status: 201, body: { port: { port_security_enabled: true, security_groups: [group] } } })
  })
  it('O2 on a shared network an address cannot be chosen: 403', async () => {
    const routed = await startOpenStackSim({ shape: 'routed', providerCidr: '127.91.0.0/16' })
    try {
      const r = await clientOf(routed)
      const net = (await r.call('GET', '/network/v2.0/networks')).body.networks[0]
      expect(net).toMatchObject({ name: 'provider', shared: true })
      expect(await r.call('POST', '/network/v2.0/ports', { port: { network_id: net.id, fixed_ips: [{ ip_address: '127.91.0.77' }] } })).toMatchObject({ status: 403, body: neutron('PolicyNotAuthorized') })
      expect((await r.call('POST', '/network/v2.0/ports', { port: { network_id: net.id } })).status).toBe(201)
      expect(await r.call('POST', '/network/v2.0/networks', { network: { name: 'x' } })).toMatchObject({ status: 403, body: neutron('PolicyNotAuthorized') })
      expect((await r.call('GET', '/network/v2.0/routers')).status).toBe(404)
      expect((await r.call('GET', '/load-balancer/v2.0/lbaas/loadbalancers')).status).toBe(404)
    } finally { await routed.close() }
  })
  it('O2 a router refuses the same subnet again: 400, another router: 409', async () => {
    expect(await c.call('PUT', `/network/v2.0/routers/${p.router}/add_router_interface`, { subnet_id: p.subnet })).toMatchObject({ status: 400, body: { NeutronError: { type: 'BadRequest', message: `Bad router request: Router already has a port on subnet ${p.subnet}.` } } })
    const other = (await c.call('POST', '/network/v2.0/routers', { router: { name: 'other' } })).body.router.id as string
    expect(await c.call('PUT', `/network/v2.0/routers/${other}/add_router_interface`, { subnet_id: p.subnet })).toMatchObject({ status: 409, body: neutron('IpAddressAlreadyAllocated') })
  })
  it('O2 a rule is refused by the same rule: 409, and 0.0.0.0/0 is the same as none', async () => {
    const g = (await c.call('POST', '/network/v2.0/security-groups', { security_group: { name: 'g' } })).body.security_group.id as string
    const rule = (more: object): Promise<unknown> => c.call('POST', '/network/v2.0/security-group-rules', { security_group_rule: { security_group_id: g, direction: 'ingress', protocol: 'tcp', port_range_min: 6443, port_range_max: 6443, ...more } })
    expect(await rule({})).toMatchObject({ status: 201 })
    expect(await rule({})).toMatchObject({ status: 409, body: neutron('SecurityGroupRuleExists') })
    expect(await rule({ remote_ip_prefix: '0.0.0.0/0' })).toMatchObject({ status: 409, body: neutron('SecurityGroupRuleExists') })
    expect(await rule({ remote_ip_prefix: '192.0.2.0/24' })).toMatchObject({ status: 201 })
  })
  it('O2 listener, pool, monitor, member are refused: 409, a VIP that is taken: 500', async () => {
    const b = await balancer(c, p.subnet, { vip_address: '10.10.0.6', provider: 'amphora' })
    expect(await c.call('POST', '/load-balancer/v2.0/lbaas/listeners', { listener: { protocol: 'TCP', protocol_port: 6443, loadbalancer_id: b.lb } })).toMatchObject({ status: 409, body: { faultstring: 'Another Listener on this Load Balancer is already using protocol TCP and protocol_port 6443' } })
    expect(await c.call('POST', '/load-balancer/v2.0/lbaas/pools', { pool: { protocol: 'TCP', lb_algorithm: 'ROUND_ROBIN', listener_id: b.listener } })).toMatchObject({ status: 409, body: { faultstring: 'This listener already has a default pool' } })
    const monitor = { healthmonitor: { type: 'TCP', delay: 5, timeout: 3, max_retries: 2, pool_id: b.pool } }
    expect((await c.call('POST', '/load-balancer/v2.0/lbaas/healthmonitors', monitor)).status).toBe(201)
    await b.active()
    expect(await c.call('POST', '/load-balancer/v2.0/lbaas/healthmonitors', monitor)).toMatchObject({ status: 409, body: { faultstring: 'This pool already has a health monitor' } })
    const member = { member: { address: '10.10.0.21', protocol_port: 6443, subnet_id: p.subnet } }
    expect((await c.call('POST', `/load-balancer/v2.0/lbaas/pools/${b.pool}/members`, member)).status).toBe(201)
    await b.active()
    expect(await c.call('POST', `/load-balancer/v2.0/lbaas/pools/${b.pool}/members`, member)).toMatchObject({ status: 409, body: { faultstring: 'Another member on this pool is already using ip 10.10.0.21 on protocol_port 6443' } })
    expect((await c.call('POST', '/load-balancer/v2.0/lbaas/loadbalancers', { loadbalancer: { vip_subnet_id: p.subnet, vip_address: '10.10.0.6', provider: 'amphora' } })).status).toBe(500)
  })
  it('O2 nothing refuses a second network, router, group, floating IP or volume', async () => {
    for (const [path, body] of [
      ['/network/v2.0/networks', { network: { name: 'n' } }], ['/network/v2.0/routers', { router: { name: 'r' } }], ['/network/v2.0/security-groups', { security_group: { name: 'g' } }],
      ['/network/v2.0/floatingips', { floatingip: { floating_network_id: p.publicNetwork } }], ['/volume/v3/volumes', { volume: { name: 'v', size: 1 } }], ['/compute/v2.1/os-server-groups', { server_group: { name: 'g', policy: 'anti-affinity' } }],
    ] as const) {
      for (let i = 0; i < 2; i++) expect((await c.call('POST', path, body)).status).toBeLessThan(300)
    }
  })
  it('O2 an image is refused by its id: 409, and an uploaded one by its status', async () => {
    const id = crypto.randomUUID()
    const body = { id, name: 'i', disk_format: 'raw', container_format: 'bare', role: 'talos' }
    expect(await c.call('POST', '/image/v2/images', body)).toMatchObject({ status: 201, body: { id, status: 'queued', role: 'talos' } })
    expect(await c.call('POST', '/image/v2/images', body)).toMatchObject({ status: 409, body: { code: '409 Conflict' } })
    const upload = (): ReturnType<Client['call']> => c.call('PUT', `/image/v2/images/${id}/file`, 'data', { 'content-type': 'application/octet-stream' })
    expect((await upload()).status).toBe(204)
    expect((await c.call('GET', `/image/v2/images/${id}`)).body).toMatchObject({ status: 'active', size: 4, checksum: '8d777f385d3dfec8815d20f7496026dc' })
    expect((await upload()).status).toBe(409)
  })
  it('O2 an application credential is refused by its name: 409', async () => {
    const me = (await c.call('GET', '/identity/v3/auth/tokens', undefined, {})).status
    expect(me).toBe(404) // no subject named
    const project = sim.projectId('demo')
    expect(project).toBe(c.project)
    const user = (await fetch(`${sim.authUrl}/auth/tokens`, { method: 'POST', body: JSON.stringify({ auth: { identity: { methods: ['password'], password: { user: { name: 'demo', domain: { id: 'default' }, password: 'demo' } } } } }) }).then((r) => r.json() as Promise<{ token: { user: { id: string } } }>)).token.user.id
    const path = `/identity/v3/users/${user}/application_credentials`
    expect((await c.call('POST', path, { application_credential: { name: 'k' } })).status).toBe(201)
    expect((await c.call('POST', path, { application_credential: { name: 'k' } })).status).toBe(409)
  })
})
