/** Octavia v2: puts its parts together; providers, quotas, versions. */
import type { Api, Call, Handle, Json } from '../core/call.ts'
import { isAdmin, ok } from '../core/call.ts'
import type { World } from '../core/world.ts'
import type { NetworkSide } from '../network/index.ts'
import type { Wires } from '../wires.ts'
import { balancers } from './balancers.ts'
import * as errors from './errors.ts'
import { parts as partsOf } from './parts.ts'
import { poolRoutes } from './pools.ts'
import { traffic as trafficOf } from './traffic.ts'
import { tree as treeOf } from './tree.ts'
import { views as viewsOf } from './views.ts'

export const loadBalancer = (world: World, network: NetworkSide, wires: Wires): Api => {
  const traffic = trafficOf(world, wires)
  wires.use(traffic)
  const views = viewsOf(world, traffic)
  const tree = treeOf(world, network, traffic)
  const parts = partsOf(world, network)
  const names = ['load_balancer', 'listener', 'pool', 'member', 'health_monitor'] as const
  const quota = (project: string): Json => ({ ...Object.fromEntries(names.map((n) => [n, world.quota(project, n)])), loadbalancer: world.quota(project, 'load_balancer'), healthmonitor: world.quota(project, 'health_monitor'), l7policy: -1, l7rule: -1 })
  const project = (call: Call): string => {
    const id = call.params['project']!
    if (id !== call.token.projectId && !isAdmin(call)) throw errors.policy()
    return id
  }
  const routes: Readonly<Record<string, Handle>> = {
    ...balancers(world, network, parts, tree, traffic, views), ...poolRoutes(world, parts, tree, views),
    'GET /providers': () => ok({ providers: world.settings.octaviaProviders.map((name) => ({ name, description: name === 'ovn' ? 'Octavia OVN driver.' : 'The Octavia Amphora driver.' })), providers_links: [] }),
    'GET /quotas/defaults': () => ok({ quota: { load_balancer: -1, listener: -1, pool: -1, member: -1, health_monitor: -1, l7policy: -1, l7rule: -1, loadbalancer: -1, healthmonitor: -1 } }),
    'GET /quotas/:project': (call) => ok({ quota: quota(project(call)) }),
    'GET /flavors': () => ok({ flavors: [], flavors_links: [] }),
    'GET /availabilityzones': () => ok({ availability_zones: [], availability_zones_links: [] }),
    'GET /l7policies': () => ok({ l7policies: [], l7policies_links: [] }),
  }
  const all: Record<string, Handle> = {
    'GET /': (call) => ok({ versions: ['v2.0', 'v2.1', 'v2.5', 'v2.10', 'v2.11', 'v2.13', 'v2.20', 'v2.26', 'v2.27'].map((id, i, list) => ({ id, status: i === list.length - 1 ? 'CURRENT' : 'SUPPORTED', updated: '2023-05-01T00:00:00Z', links: [{ rel: 'self', href: `${call.base}/load-balancer/v2` }] })) }),
  }
  for (const [pattern, handle] of Object.entries(routes)) {
    const [method, path] = pattern.split(' ')
    for (const prefix of ['/v2.0/lbaas', '/v2/lbaas']) all[`${method} ${prefix}${path}`] = handle
  }
  return { name: 'load-balancer', error: (status, message) => errors.fault(status, message), open: (_method, path) => path === '/', routes: all }
}
