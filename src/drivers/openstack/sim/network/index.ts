/** Neutron v2.0: puts its parts together; versions, extensions, quotas, tags. */
import type { Api, Call, Handle, Json } from '../core/call.ts'
import { isAdmin, mayWrite, ok } from '../core/call.ts'
import { overlap, parseCidr } from '../core/ipv4.ts'
import type { Row, Table } from '../core/table.ts'
import type { World } from '../core/world.ts'
import { defaultQuota } from '../options.ts'
import { addresses as makeAddresses, type Addresses } from './addresses.ts'
import * as errors from './errors.ts'
import { groups as makeGroups, type Groups } from './groups.ts'
import { networksOf } from './networks.ts'
import { type Ports, portsOf } from './ports.ts'
import { routersOf } from './routers.ts'

/** The owner of what belongs to the operator. */
export const servicesProject = 'ca11ab1eca11ab1eca11ab1eca11ab1e'

export interface NetworkSide {
  readonly api: Api
  readonly ports: Ports
  readonly groups: Groups
  readonly addresses: Addresses
  gatewayAddress(networkId: string): string | undefined
}

const aliases: readonly (readonly [string, string])[] = [
  ['security-group', 'security-group'], ['port-security', 'Port Security'], ['allowed-address-pairs', 'Allowed Address Pairs'], ['binding', 'Port Binding'], ['standard-attr-tag', 'Tag support for resources with standard attribute'],
  ['standard-attr-timestamp', 'Resource timestamps'], ['standard-attr-revisions', 'Resource revision numbers'], ['standard-attr-description', 'standard-attr-description'], ['quotas', 'Quota management support'], ['quota_details', 'Quota details management support'],
  ['provider', 'Provider Network'], ['external-net', 'Neutron external network'], ['net-mtu', 'Network MTU'], ['pagination', 'Pagination support'], ['sorting', 'Sorting support'], ['project-id', 'project_id field enabled'], ['fip-port-details', 'Floating IP Port Details Extension'],
  ['tag-ports-during-bulk-creation', 'Tag Ports During Bulk Creation'],
]
const routing: readonly (readonly [string, string])[] = [['router', 'Neutron L3 Router'], ['ext-gw-mode', 'Neutron L3 Configurable external gateway mode'], ['extraroute', 'Neutron Extra Route']]

const quotaNames = ['network', 'subnet', 'subnetpool', 'port', 'router', 'floatingip', 'rbac_policy', 'security_group', 'security_group_rule'] as const

export const network = (world: World): NetworkSide => {
  const { tables, settings } = world
  const addresses = makeAddresses(world)
  const groups = makeGroups(world)
  const ports = portsOf(world, addresses, groups)
  const networks = networksOf(world, addresses, ports)
  const routers = routersOf(world, addresses, ports)
  const tenant = settings.shape === 'tenant'

  if (tables.networks.size === 0) {
    if (tenant) {
      const net = networks.make({ project: servicesProject, name: 'public', external: true })
      networks.makeSubnet(net, { name: 'public-subnet', cidr: settings.publicCidr, enableDhcp: false })
    } else {
      const net = networks.make({ project: servicesProject, name: 'provider', shared: true })
      networks.makeSubnet(net, { name: 'provider-subnet', cidr: settings.providerCidr })
    }
  }
  for (const [name, cidr] of [['publicCidr', settings.publicCidr], ['providerCidr', settings.providerCidr]] as const) {
    const parsed = parseCidr(cidr)
    if (parsed === undefined || !overlap(parsed, parseCidr('127.0.0.0/8')!)) throw new Error(`${name} must lie in 127.0.0.0/8: its addresses become listeners of this machine`)
  }

  const version = (call: Call): object => ({ id: 'v2.0', status: 'CURRENT', links: [{ rel: 'self', href: `${call.base}/network/v2.0/` }] })
  const extensions = [...aliases, ...(tenant ? routing : [])].map(([alias, name]) => ({ alias, name, description: name, links: [], updated: '2024-01-01T00:00:00-00:00' }))

  const usage = (project: string): Record<string, number> => ({
    network: tables.networks.count(project), subnet: tables.subnets.count(project), subnetpool: 0, port: tables.ports.count(project), router: tables.routers.count(project), floatingip: tables.floatingIps.count(project), rbac_policy: 0, security_group: tables.securityGroups.count(project), security_group_rule: tables.securityGroupRules.count(project),
  })
  const quotas = (project: string): Record<string, number> => Object.fromEntries(quotaNames.map((name) => [name, name === 'subnetpool' ? -1 : name === 'rbac_policy' ? 10 : world.quota(project, name)]))
  const quotaProject = (call: Call): string => {
    const project = call.params['project']!
    if (project !== call.token.projectId && !isAdmin(call)) throw errors.policy('get_quota')
    return project
  }

  const taggable: Readonly<Record<string, Table<Row & { tags: string[] }>>> = { networks: tables.networks, subnets: tables.subnets, ports: tables.ports, routers: tables.routers, 'security-groups': tables.securityGroups, floatingips: tables.floatingIps } as never
  const tagged = (call: Call): { readonly table: Table<Row & { tags: string[] }>; readonly row: Row & { tags: string[] } } => {
    const table = taggable[call.params['collection']!]
    const row = table === undefined || call.blind ? undefined : world.find(call, table, call.params['id']!)
    if (table === undefined || row === undefined) throw errors.tagResource(call.params['collection']!, call.params['id']!)
    if (call.method !== 'GET' && !mayWrite(call)) throw errors.policy('update_tags')
    return { table, row }
  }
  const checkTags = (tags: Json): string[] => {
    if (!Array.isArray(tags)) throw errors.invalidInput('Invalid tags body')
    for (const tag of tags) if (typeof tag !== 'string' || tag.length > 255 || tag.length === 0 || tag.includes(',')) throw errors.invalidInput(`'${String(tag)}' is not a valid tag`)
    if (tags.length > 50) throw errors.badRequest('The number of tags exceed the per-resource limit of 50')
    return [...new Set(tags as string[])]
  }
  const tagRoutes: Record<string, Handle> = {}
  for (const collection of Object.keys(taggable)) {
    const at = (call: Call): ReturnType<typeof tagged> => tagged(Object.assign(call, { params: { ...call.params, collection } }))
    tagRoutes[`GET /v2.0/${collection}/:id/tags`] = (call) => ok({ tags: at(call).row.tags })
    tagRoutes[`PUT /v2.0/${collection}/:id/tags`] = (call) => {
      const { table, row } = at(call)
      row.tags = checkTags(call.body?.tags)
      table.touch(row)
      return ok({ tags: row.tags })
    }
    tagRoutes[`DELETE /v2.0/${collection}/:id/tags`] = (call) => {
      const { table, row } = at(call)
      row.tags = []
      table.touch(row)
      return { status: 204 }
    }
    tagRoutes[`GET /v2.0/${collection}/:id/tags/:tag`] = (call) => {
      if (!at(call).row.tags.includes(call.params['tag']!)) throw errors.notFound.tag(call.params['tag']!)
      return { status: 204 }
    }
    tagRoutes[`PUT /v2.0/${collection}/:id/tags/:tag`] = (call) => {
      const { table, row } = at(call)
      const tag = call.params['tag']!
      checkTags([tag])
      if (!row.tags.includes(tag)) {
        row.tags = [...row.tags, tag]
        table.touch(row)
      }
      return { status: 201 }
    }
    tagRoutes[`DELETE /v2.0/${collection}/:id/tags/:tag`] = (call) => {
      const { table, row } = at(call)
      const tag = call.params['tag']!
      if (!row.tags.includes(tag)) throw errors.notFound.tag(tag)
      row.tags = row.tags.filter((t) => t !== tag)
      table.touch(row)
      return { status: 204 }
    }
  }

  return {
    ports, groups, addresses,
    gatewayAddress: routers.gatewayAddress,
    api: {
      name: 'network',
      open: (_method, path) => path === '/' || path === '/v2.0' || path === '/v2.0/',
      error: errors.plainError,
      routes: {
        'GET /': (call) => ok({ versions: [version(call)] }),
        'GET /v2.0': (call) => ok({ resources: ['network', 'subnet', 'port', ...(tenant ? ['router', 'floatingip'] : [])].map((name) => ({ name, collection: `${name}s`, links: [{ rel: 'self', href: `${call.base}/network/v2.0/${name}s` }] })) }),
        'GET /v2.0/extensions': () => ok({ extensions }),
        'GET /v2.0/extensions/:alias': (call) => {
          const found = extensions.find((e) => e.alias === call.params['alias'])
          if (found === undefined) throw errors.extension(call.params['alias']!)
          return ok({ extension: found })
        },
        'GET /v2.0/quotas/:project': (call) => ok({ quota: quotas(quotaProject(call)) }),
        'GET /v2.0/quotas/:project/details': (call) => {
          const project = quotaProject(call)
          const used = usage(project)
          return ok({ quota: Object.fromEntries(Object.entries(quotas(project)).map(([name, limit]) => [name, { limit, used: used[name] ?? 0, reserved: 0 }])) })
        },
        // The name of this path in neutron's API for years, and clients use it.
        'GET /v2.0/quotas/:project/details.json': (call) => ok({ quota: Object.fromEntries(Object.entries(quotas(quotaProject(call))).map(([name, limit]) => [name, { limit, used: usage(call.params['project']!)[name] ?? 0, reserved: 0 }])) }),
        'PUT /v2.0/quotas/:project': (call) => {
          if (!isAdmin(call)) throw errors.policy('update_quota')
          const row = tables.projects.get(call.params['project']!)
          // The names of other implementations of the API, which clients still send.
          const plurals: Readonly<Record<string, string>> = { networks: 'network', subnets: 'subnet', ports: 'port', routers: 'router', floating_ips: 'floatingip', security_groups: 'security_group', security_group_rules: 'security_group_rule' }
          if (row !== undefined) {
            for (const [name, value] of Object.entries((call.body?.quota ?? {}) as Record<string, number>)) row.quota[plurals[name] ?? name] = Number(value)
            tables.projects.touch(row)
          }
          return ok({ quota: quotas(call.params['project']!) })
        },
        'DELETE /v2.0/quotas/:project': (call) => {
          if (!isAdmin(call)) throw errors.policy('delete_quota')
          const row = tables.projects.get(call.params['project']!)
          if (row !== undefined) {
            for (const name of quotaNames) if (name in defaultQuota) row.quota[name] = defaultQuota[name as keyof typeof defaultQuota]
            tables.projects.touch(row)
          }
          return { status: 204 }
        },
        'GET /v2.0/availability_zones': () => ok({ availability_zones: [] }),
        'GET /v2.0/agents': (call) => {
          if (!isAdmin(call)) throw errors.policy('get_agent')
          return ok({ agents: [] })
        },
        ...networks.routes, ...ports.routes, ...groups.routes, ...(tenant ? routers.routes : {}), ...tagRoutes,
      },
    },
  }
}
