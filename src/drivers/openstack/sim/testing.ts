/** A bare client for the simulator's own tests: one call, status and body. Tests only. */
import type { OpenStackSim } from './index.ts'

// oxlint-disable-next-line typescript/no-explicit-any
type Any = any
export interface Answer { readonly status: number; readonly body: Any; readonly headers: Headers; readonly text: string }

export interface Client {
  readonly project: string
  call(method: string, path: string, body?: unknown, headers?: Readonly<Record<string, string>>, signal?: AbortSignal): Promise<Answer>
  /** Waits until `path` answers what is wanted. */
  until(path: string, wanted: (answer: Answer) => boolean): Promise<Answer>
}

export const clientOf = async (sim: OpenStackSim, user = 'demo', password = 'demo', microversion = '2.79'): Promise<Client> => {
  const log = await fetch(`${sim.authUrl}/auth/tokens`, { method: 'POST', body: JSON.stringify({ auth: { identity: { methods: ['password'], password: { user: { name: user, domain: { id: 'default' }, password } } }, scope: { project: { name: user, domain: { id: 'default' } } } } }) })
  if (log.status !== 201) throw new Error(`log-in: ${log.status} ${await log.text()}`)
  const token = log.headers.get('x-subject-token')!
  const project = ((await log.json()) as Any).token.project.id as string
  const client: Client = {
    project,
    async call(method, path, body, headers, signal) {
      const answer = await fetch(`${sim.url}${path}`, {
        method, headers: { 'x-auth-token': token, 'openstack-api-version': `compute ${microversion}`, accept: 'application/json', 'content-type': 'application/json', ...headers },
        ...(signal === undefined ? {} : { signal }),
        ...(body === undefined ? {} : { body: typeof body === 'string' || body instanceof Uint8Array ? (body as string) : JSON.stringify(body) }),
      })
      const text = await answer.text()
      let parsed: Any
      try { parsed = JSON.parse(text) } catch { parsed = undefined }
      return { status: answer.status, body: parsed, headers: answer.headers, text }
    },
    async until(path, wanted) {
      for (;;) {
        const answer = await client.call('GET', path)
        if (wanted(answer)) return answer
        await new Promise((resolve) => { setImmediate(resolve) })
      }
    },
  }
  return client
}

export interface Place { readonly network: string; readonly subnet: string; readonly router: string; readonly image: string; readonly publicNetwork: string }

/** Network, subnet, router with gateway and interface, as a cluster has them. */
export const place = async (sim: OpenStackSim, c: Client, cidr = '10.10.0.0/24'): Promise<Place> => {
  const publicNetwork = (await c.call('GET', '/network/v2.0/networks?router:external=true')).body.networks[0].id as string
  const network = (await c.call('POST', '/network/v2.0/networks', { network: { name: 'n' } })).body.network.id as string
  const subnet = (await c.call('POST', '/network/v2.0/subnets', { subnet: { network_id: network, ip_version: 4, cidr, allocation_pools: [{ start: cidr.replace(/0\/\d+$/, '20'), end: cidr.replace(/0\/\d+$/, '200') }] } })).body.subnet.id as string
  const router = (await c.call('POST', '/network/v2.0/routers', { router: { name: 'r', external_gateway_info: { network_id: publicNetwork } } })).body.router.id as string
  await c.call('PUT', `/network/v2.0/routers/${router}/add_router_interface`, { subnet_id: subnet })
  return { network, subnet, router, image: sim.seedImage({ name: 'talos', minDiskGiB: 1 }).id, publicNetwork }
}

export const port = async (c: Client, network: string, more: object = {}): Promise<{ readonly id: string; readonly address: string }> => {
  const made = (await c.call('POST', '/network/v2.0/ports', { port: { network_id: network, ...more } })).body.port
  return { id: made.id as string, address: made.fixed_ips[0].ip_address as string }
}

export const server = async (c: Client, p: Place, portId: string, more: object = {}): Promise<string> => {
  const made = await c.call('POST', '/compute/v2.1/servers', { server: { name: 'a-b2x4q', flavorRef: 'l2.c4r8.100', imageRef: p.image, networks: [{ port: portId }], config_drive: true, user_data: Buffer.from('x').toString('base64'), ...more } })
  if (made.status !== 202) throw new Error(made.text)
  return made.body.server.id as string
}

export const settled = (c: Client, id: string): Promise<Answer> => c.until(`/compute/v2.1/servers/${id}`, (a) => a.status !== 200 || a.body.server.status !== 'BUILD')

/** A balancer of one listener and pool, ACTIVE. */
export const balancer = async (c: Client, subnet: string, more: object = {}, listenerMore: object = {}): Promise<{ readonly lb: string; readonly listener: string; readonly pool: string; readonly vipPort: string; active(): Promise<Answer> }> => {
  const lb = (await c.call('POST', '/load-balancer/v2.0/lbaas/loadbalancers', { loadbalancer: { vip_subnet_id: subnet, ...more } })).body.loadbalancer
  const active = (): Promise<Answer> => c.until(`/load-balancer/v2.0/lbaas/loadbalancers/${lb.id}`, (a) => !String(a.body.loadbalancer?.provisioning_status).startsWith('PENDING'))
  await active()
  const listener = (await c.call('POST', '/load-balancer/v2.0/lbaas/listeners', { listener: { protocol: 'TCP', protocol_port: 6443, loadbalancer_id: lb.id, ...listenerMore } })).body.listener.id as string
  await active()
  const pool = (await c.call('POST', '/load-balancer/v2.0/lbaas/pools', { pool: { protocol: 'TCP', lb_algorithm: 'SOURCE_IP_PORT', listener_id: listener } })).body.pool.id as string
  await active()
  return { lb: lb.id as string, listener, pool, vipPort: lb.vip_port_id as string, active }
}
