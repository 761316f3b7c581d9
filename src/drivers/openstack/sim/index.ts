/** A simulated OpenStack cloud: the real HTTP APIs of Keystone, Nova, Neutron, Cinder, Glance and Octavia on one port. */
import { createHash } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import type { Api } from './core/call.ts'
import type { Row, Table } from './core/table.ts'
import { httpSide } from './core/http.ts'
import { makeWorld } from './core/world.ts'
import { admin } from './admin.ts'
import type { OpenStackSim } from './simulator.ts'
import { compute } from './compute/index.ts'
import type { Fault, FaultHandle } from './faults.ts'
import { guestsOf } from './guests.ts'
import { digest, identity } from './identity/index.ts'
import { tokens as tokensOf } from './identity/tokens.ts'
import { image } from './image/index.ts'
import { loadBalancer } from './load-balancer/index.ts'
import { network as networkSide } from './network/index.ts'
import { type SimOptions, defaultQuota, settle } from './options.ts'
import { volume as volumeSide } from './volume/index.ts'
import { wires as wiresOf } from './wires.ts'

export type { Inventory, OpenStackSim } from './simulator.ts'
export type { SimOptions, ProjectOptions, CredentialOptions, QuotaOptions, FlavorOptions, Latencies, SimClock } from './options.ts'
export type { Fault, FaultHandle, Faults } from './faults.ts'
export type { Stats } from './core/http.ts'
export type { SeedImage } from './image/index.ts'
export type { Guest, GuestFactory, GuestStart, Fabric, Nic } from './guest.ts'

export const idOf = (text: string): string => createHash('md5').update(text).digest('hex')

export const startOpenStackSim = async (options: SimOptions = {}): Promise<OpenStackSim> => {
  const settings = settle(options)
  const world = makeWorld(settings)
  const { tables } = world
  for (const p of settings.projects) {
    const id = p.id ?? idOf(`project/${p.name}`)
    const userId = idOf(`user/${p.user}`)
    const roles = p.roles ?? ['member', 'reader']
    if (tables.projects.get(id) === undefined) tables.projects.add({ id, project: id, createdAt: world.now(), name: p.name, userId, user: p.user, password: digest(p.password), roles, quota: { ...defaultQuota, ...p.quota } })
    for (const c of p.applicationCredentials ?? []) {
      const credentialId = c.id ?? idOf(`credential/${p.name}/${c.name}`)
      if (tables.credentials.get(credentialId) === undefined) tables.credentials.add({ id: credentialId, project: id, createdAt: world.now(), name: c.name, secret: digest(c.secret), userId, roles: c.roles ?? roles, expiresAt: c.expiresAt ?? null, unrestricted: c.unrestricted === true, description: '' })
    }
  }
  const tokens = tokensOf(world)
  const network = networkSide(world)
  const wires = wiresOf(world, network)
  const guests = guestsOf(world, wires)
  const volume = volumeSide(world)
  const images = image(world)
  const apis: Api[] = [identity(world, tokens), network.api, volume.api, images.api]
  if (settings.shape === 'tenant') apis.push(loadBalancer(world, network, wires))
  apis.push(compute(world, network, volume, guests))

  const http = httpSide(world, apis, (text) => tokens.check(text), admin(() => sim))
  await new Promise<void>((resolve, reject) => {
    http.server.once('error', reject)
    http.server.listen(settings.port, settings.host, () => { resolve() })
  })
  const url = `http://${settings.host}:${(http.server.address() as AddressInfo).port}`
  world.journal.flush()
  wires.resume()
  guests.resume()
  world.resume()

  const projectId = (name: string): string => {
    const found = [...tables.projects.all()].find((p) => p.name === name || p.id === name)
    if (found === undefined) throw new Error(`the simulated cloud has no project ${name}`)
    return found.id
  }
  const sim: OpenStackSim = {
    url,
    authUrl: `${url}/identity/v3`,
    region: settings.region,
    faults: world.faults,
    guestFacts: () => settings.guests?.facts?.(),
    stats: http.stats,
    projectId,
    setQuota(project, quota) {
      const row = tables.projects.get(projectId(project))!
      Object.assign(row.quota, quota)
      tables.projects.touch(row)
    },
    inventory(project) {
      const own = project === undefined ? undefined : projectId(project)
      const ids: Record<string, readonly string[]> = {}
      const put = <R extends Row>(name: string, table: Table<R>, isTheirs: (row: R) => boolean = () => true): void => {
        ids[name] = (own === undefined ? [...table.all()].filter((row) => tables.projects.get(row.project) !== undefined) : table.of(own)).filter(isTheirs).map((row) => row.id)
      }
      put('servers', tables.servers)
      put('serverGroups', tables.serverGroups)
      put('keyPairs', tables.keyPairs)
      put('networks', tables.networks)
      put('subnets', tables.subnets)
      put('routers', tables.routers)
      put('ports', tables.ports, (p) => !['network:distributed', 'network:router_interface', 'network:router_gateway', 'network:floatingip'].includes(p.deviceOwner))
      put('securityGroups', tables.securityGroups, (g) => !g.isDefault)
      put('securityGroupRules', tables.securityGroupRules, (r) => tables.securityGroups.get(r.groupId)?.isDefault !== true)
      put('floatingIps', tables.floatingIps)
      put('volumes', tables.volumes)
      put('snapshots', tables.snapshots)
      put('images', tables.images)
      put('loadBalancers', tables.loadBalancers)
      put('listeners', tables.listeners)
      put('pools', tables.pools)
      put('members', tables.members)
      put('monitors', tables.monitors)
      return { ids, counts: Object.fromEntries(Object.entries(ids).map(([name, list]) => [name, list.length])) }
    },
    seedImage: (of) => ({ id: images.seed(of).id }),
    revokeTokens() { tokens.revokeAll() },
    console: (id) => {
      const server = tables.servers.get(id)
      return server === undefined ? [] : guests.console(server)
    },
    listeners: { get open() { return wires.open } },
    async close() {
      world.stop()
      guests.close()
      await wires.close()
      const closed = new Promise<void>((resolve) => { http.server.close(() => { resolve() }) })
      http.server.closeAllConnections()
      await closed
      world.journal.close()
    },
  }
  return sim
}
export type { Fault as OpenStackFault, FaultHandle as OpenStackFaultHandle }
