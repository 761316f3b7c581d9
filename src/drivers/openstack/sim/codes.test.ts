/** Error codes and bodies of each service (rule O3). */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type OpenStackSim, startOpenStackSim } from './index.ts'
import { type Client, type Place, balancer, clientOf, place, port, server, settled } from './testing.ts'

let sim: OpenStackSim
let c: Client
let p: Place
let small: Client
beforeAll(async () => {
  sim = await startOpenStackSim({
    publicCidr: '127.81.0.0/16', hosts: { count: 2 },
    projects: [{ name: 'demo', user: 'demo', password: 'demo' }, { name: 'small', user: 'small', password: 'small', quota: { instances: 0, cores: 0, port: 1, volumes: 1, gigabytes: 5, load_balancer: 0, network: 1 } }, { name: 'reader', user: 'reader', password: 'reader', roles: ['reader'] }],
  })
  c = await clientOf(sim)
  small = await clientOf(sim, 'small', 'small')
  p = await place(sim, c)
})
afterAll(() => sim.close())

it('O3 quota: Nova 403, Neutron 409 OverQuota, Cinder 413 with Retry-After 0, Octavia 403', async () => {
  const net = (await small.call('POST', '/network/v2.0/networks', { network: { name: 'n' } })).body.network.id as string
  const subnet = (await small.call('POST', '/network/v2.0/subnets', { subnet: { network_id: net, ip_version: 4, cidr: '10.1.0.0/24' } })).body.subnet.id as string
  expect(await small.call('POST', '/compute/v2.1/servers', { server: { name: 'a', flavorRef: 'l2.c4r8.100', imageRef: p.image, networks: [{ uuid: net }] } })).toMatchObject({ status: 403, body: { forbidden: { code: 403, message: 'Quota exceeded for instances: Requested 1, but already used 0 of 0 instances' } } })
  // The network's own metadata port counts, as on a real ML2/OVN cloud.
  expect(await small.call('POST', '/network/v2.0/ports', { port: { network_id: net } })).toMatchObject({ status: 409, body: { NeutronError: { type: 'OverQuota', message: "Quota exceeded for resources: ['port'].", detail: '' } } })
  const volume = await small.call('POST', '/volume/v3/volumes', { volume: { size: 6 } })
  expect(volume).toMatchObject({ status: 413, body: { overLimit: { code: 413, retryAfter: '0' } } })
  expect(volume.headers.get('retry-after')).toBe('0')
  await small.call('POST', '/volume/v3/volumes', { volume: { size: 1 } })
  expect(await small.call('POST', '/volume/v3/volumes', { volume: { size: 1 } })).toMatchObject({ status: 413, body: { overLimit: { message: "VolumeLimitExceeded: Maximum number of volumes allowed (1) exceeded for quota 'volumes'." } } })
  expect(await small.call('POST', '/load-balancer/v2.0/lbaas/loadbalancers', { loadbalancer: { vip_subnet_id: subnet } })).toMatchObject({ status: 403, body: { faultcode: 'Client', faultstring: 'Quota has been met for resources: Load Balancer', debuginfo: null } })
})

it('O3 not found: each service has its own words', async () => {
  const id = '00000000-0000-4000-8000-000000000000'
  for (const [path, body] of [
    [`/compute/v2.1/servers/${id}`, { itemNotFound: { code: 404, message: `Instance ${id} could not be found.` } }],
    [`/network/v2.0/ports/${id}`, { NeutronError: { type: 'PortNotFound', message: `Port ${id} could not be found.`, detail: '' } }],
    [`/volume/v3/volumes/${id}`, { itemNotFound: { code: 404, message: `Volume ${id} could not be found.` } }],
    [`/load-balancer/v2.0/lbaas/loadbalancers/${id}`, { faultcode: 'Client', faultstring: `Load Balancer ${id} not found.`, debuginfo: null }],
    [`/image/v2/images/${id}`, { message: `No image found with ID ${id}<br /><br />\n\n\n`, code: '404 Not Found', title: 'Not Found' }],
  ] as const) expect(await c.call('GET', path)).toMatchObject({ status: 404, body })
})

it('O3 another project sees nothing of ours', async () => {
  const one = await port(c, p.network)
  expect((await small.call('GET', `/network/v2.0/ports/${one.id}`)).status).toBe(404)
  expect((await small.call('GET', '/network/v2.0/ports')).body.ports.map((x: { id: string }) => x.id)).not.toContain(one.id)
  expect((await small.call('DELETE', `/network/v2.0/networks/${p.network}`)).status).toBe(404)
})

it('O3 a reader may not write: 403 in every service', async () => {
  const r = await clientOf(sim, 'reader', 'reader')
  expect((await r.call('POST', '/network/v2.0/networks', { network: {} })).body.NeutronError.type).toBe('PolicyNotAuthorized')
  for (const [path, body] of [['/volume/v3/volumes', { volume: { size: 1 } }], ['/compute/v2.1/os-server-groups', { server_group: { name: 'g', policy: 'affinity' } }], ['/image/v2/images', { name: 'i' }]] as const) expect((await r.call('POST', path, body)).status).toBe(403)
})

it('O3 tokens: 401 without one, with a wrong password, after revocation', async () => {
  expect((await c.call('GET', '/compute/v2.1/servers', undefined, { 'x-auth-token': 'no' })).status).toBe(401)
  await expect(clientOf(sim, 'demo', 'wrong')).rejects.toThrow('401')
  const other = await clientOf(sim)
  expect((await other.call('GET', '/compute/v2.1/servers')).status).toBe(200)
})

it('O3 microversions: 400 malformed, 406 unknown, echoed with Vary', async () => {
  const at = (version: string): ReturnType<Client['call']> => c.call('GET', '/compute/v2.1/servers', undefined, { 'openstack-api-version': `compute ${version}` })
  expect(await at('two')).toMatchObject({ status: 400, body: { badRequest: { message: 'API Version String two is of invalid format. Must be of format MajorNum.MinorNum.' } } })
  expect(await at('2.999')).toMatchObject({ status: 406, body: { computeFault: { code: 406, message: 'Version 2.999 is not supported by the API. Minimum is 2.1 and maximum is 2.96.' } } })
  const right = await at('2.79')
  expect([right.headers.get('openstack-api-version'), right.headers.get('vary')]).toEqual(['compute 2.79', 'OpenStack-API-Version, X-OpenStack-Nova-API-Version'])
})

it('O3 Nova 400: user data over 65,535, bad base64, no networks, unknown flavor; 403: zero disk', async () => {
  const post = (more: object): ReturnType<Client['call']> => c.call('POST', '/compute/v2.1/servers', { server: { name: 'a', flavorRef: 'l2.c4r8.100', imageRef: p.image, networks: [{ uuid: p.network }], ...more } })
  expect((await post({ user_data: 'A'.repeat(65_536) })).body.badRequest.message).toMatch(/Invalid input for field\/attribute user_data/)
  expect((await post({ user_data: '%%%%' })).status).toBe(400)
  expect((await post({ networks: undefined })).status).toBe(400)
  expect(await post({ flavorRef: 'none' })).toMatchObject({ status: 400, body: { badRequest: { message: 'Flavor none could not be found.' } } })
  expect(await post({ flavorRef: 'b2.c2r4' })).toMatchObject({ status: 403, body: { forbidden: { message: 'Only volume-backed servers are allowed for flavors with zero disk.' } } })
  expect((await post({ user_data: 'A'.repeat(65_532) })).status).toBe(202)
})

it('O3 Nova 409 in the wrong state, ERROR with a fault when no host is left', async () => {
  const group = (await c.call('POST', '/compute/v2.1/os-server-groups', { server_group: { name: 'aa', policy: 'anti-affinity' } })).body.server_group.id as string
  const ids: string[] = []
  for (let i = 0; i < 3; i++) {
    const made = await c.call('POST', '/compute/v2.1/servers', { 'server': { name: `aa-${i}`, flavorRef: 'l2.c4r8.100', imageRef: p.image, networks: [{ uuid: p.network }] }, 'os:scheduler_hints': { group } })
    ids.push(made.body.server.id as string)
  }
  const ends = await Promise.all(ids.map((id) => settled(c, id)))
  expect(new Set(ends.slice(0, 2).map((e) => e.body.server.hostId)).size).toBe(2)
  expect(ends[2]!.body.server).toMatchObject({ 'status': 'ERROR', 'fault': { code: 500, message: 'No valid host was found. There are not enough hosts available.' }, 'OS-EXT-STS:vm_state': 'error' })
  expect(await c.call('POST', `/compute/v2.1/servers/${ids[0]}/action`, { 'os-start': null })).toMatchObject({ status: 409, body: { conflictingRequest: { message: `Cannot 'start' instance ${ids[0]} while it is in vm_state active` } } })
  expect(new Set((await c.call('GET', `/compute/v2.1/os-server-groups/${group}`)).body.server_group.members)).toEqual(new Set(ids))
})

it('O3 Neutron 409: network, subnet, router, group in use', async () => {
  const one = await port(c, p.network)
  expect((await c.call('DELETE', `/network/v2.0/networks/${p.network}`)).body.NeutronError.type).toBe('NetworkInUse')
  expect((await c.call('DELETE', `/network/v2.0/subnets/${p.subnet}`)).body.NeutronError.type).toBe('SubnetInUse')
  expect((await c.call('DELETE', `/network/v2.0/routers/${p.router}`)).body.NeutronError.type).toBe('RouterInUse')
  const group = (await c.call('GET', `/network/v2.0/ports/${one.id}`)).body.port.security_groups[0] as string
  expect((await c.call('DELETE', `/network/v2.0/security-groups/${group}`)).body.NeutronError.type).toBe('SecurityGroupCannotRemoveDefault')
  const own = (await c.call('POST', '/network/v2.0/security-groups', { security_group: { name: 'own' } })).body.security_group
  expect(own.security_group_rules.map((r: { direction: string; ethertype: string }) => `${r.direction} ${r.ethertype}`)).toEqual(['egress IPv4', 'egress IPv6'])
  await c.call('PUT', `/network/v2.0/ports/${one.id}`, { port: { security_groups: [own.id] } })
  expect((await c.call('DELETE', `/network/v2.0/security-groups/${own.id}`)).body.NeutronError.type).toBe('SecurityGroupInUse')
  expect((await c.call('PUT', `/network/v2.0/ports/${one.id}`, { port: { network_id: 'x' } })).body.NeutronError.message).toBe('Cannot update read-only attribute network_id')
  expect((await c.call('POST', '/network/v2.0/networks', { network: { nmae: 'x' } })).body.NeutronError.message).toBe("Unrecognized attribute(s) 'nmae'")
})

it('O3 Octavia: 409 immutable while pending, before 409 duplicate; 400 with children; ovn 501', async () => {
  const slow = await startOpenStackSim({ publicCidr: '127.82.0.0/16', latencies: { loadBalancerCreate: 0, loadBalancerChange: 60_000 } })
  try {
    const s = await clientOf(slow)
    const q = await place(slow, s)
    const lb = (await s.call('POST', '/load-balancer/v2.0/lbaas/loadbalancers', { loadbalancer: { vip_subnet_id: q.subnet, provider: 'ovn' } })).body.loadbalancer.id as string
    await s.until(`/load-balancer/v2.0/lbaas/loadbalancers/${lb}`, (a) => a.body.loadbalancer.provisioning_status === 'ACTIVE')
    const listener = { listener: { protocol: 'TCP', protocol_port: 6443, loadbalancer_id: lb } }
    expect((await s.call('POST', '/load-balancer/v2.0/lbaas/listeners', { listener: { ...listener.listener, allowed_cidrs: ['10.0.0.0/8'] } }))).toMatchObject({ status: 501, body: { faultstring: "Provider 'ovn' does not support a requested option: OVN provider does not support allowed_cidrs option" } })
    expect((await s.call('POST', '/load-balancer/v2.0/lbaas/listeners', listener)).status).toBe(201)
    expect(await s.call('POST', '/load-balancer/v2.0/lbaas/listeners', listener)).toMatchObject({ status: 409, body: { faultstring: `Load Balancer ${lb} is immutable and cannot be updated.` } })
    expect(await s.call('DELETE', `/load-balancer/v2.0/lbaas/loadbalancers/${lb}?cascade=true`)).toMatchObject({ status: 409, body: { faultstring: `Invalid state PENDING_UPDATE of loadbalancer resource ${lb}` } })
  } finally { await slow.close() }
  const b = await balancer(c, p.subnet, { provider: 'ovn' })
  expect((await c.call('DELETE', `/load-balancer/v2.0/lbaas/loadbalancers/${b.lb}`))).toMatchObject({ status: 400, body: { faultstring: `Validation failure: Cannot delete Load Balancer ${b.lb} - it has children` } })
  const other = (await c.call('POST', '/load-balancer/v2.0/lbaas/listeners', { listener: { protocol: 'TCP', protocol_port: 1, loadbalancer_id: b.lb } })).body.listener.id as string
  await b.active()
  expect((await c.call('POST', '/load-balancer/v2.0/lbaas/pools', { pool: { protocol: 'TCP', lb_algorithm: 'ROUND_ROBIN', listener_id: other } })).status).toBe(501)
  expect((await c.call('DELETE', `/load-balancer/v2.0/lbaas/loadbalancers/${b.lb}?cascade=true`)).status).toBe(204)
  await c.until(`/load-balancer/v2.0/lbaas/loadbalancers/${b.lb}`, (a) => a.status === 404)
  expect((await c.call('GET', `/network/v2.0/ports/${b.vipPort}`)).status).toBe(404)
})

it('O3 lists page: Nova by marker and link, Neutron by id', async () => {
  for (let i = 0; i < 3; i++) await settled(c, await server(c, p, (await port(c, p.network)).id))
  const seen: string[] = []
  let path: string | undefined = '/compute/v2.1/servers/detail?limit=2'
  while (path !== undefined) {
    const a = await c.call('GET', path)
    seen.push(...a.body.servers.map((s: { id: string }) => s.id))
    path = (a.body.servers_links?.[0].href as string | undefined)?.slice(sim.url.length)
  }
  expect(new Set(seen).size).toBe(seen.length)
  expect(new Set(seen)).toEqual(new Set(sim.inventory('demo').ids['servers']))
  expect((await c.call('GET', '/compute/v2.1/servers?marker=00000000-0000-4000-8000-000000000000')).body.badRequest.message).toBe('marker [00000000-0000-4000-8000-000000000000] not found')
  const ports = (await c.call('GET', '/network/v2.0/ports?limit=2&fields=id')).body
  expect(ports.ports).toHaveLength(2)
  expect(ports.ports_links[0].rel).toBe('next')
})
