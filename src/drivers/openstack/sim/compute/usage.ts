/** What a project's servers use, what hosts carry, who is in a server group: kept as servers come and go. */
import type { ServerRow } from '../core/rows.ts'
import type { World } from '../core/world.ts'

export interface Used { readonly instances: number; readonly cores: number; readonly ram: number }
export interface Host { readonly name: string; vcpus: number; ram: number; gpus: number; readonly hasGpus: number }

export interface Usage {
  of(project: string): Used
  add(server: ServerRow): void
  remove(server: ServerRow): void
  members(groupId: string): readonly string[]
  /** Takes a place for it; undefined when there is none. */
  place(server: ServerRow): Host | undefined
  release(server: ServerRow): void
}

export const usageOf = (world: World): Usage => {
  const { settings, tables } = world
  const used = new Map<string, { instances: number; cores: number; ram: number }>()
  const groups = new Map<string, Set<string>>()
  const hosts = new Map<string, Host>()
  for (let i = 1; i <= settings.hosts.count; i++) hosts.set(`host-${i}`, { name: `host-${i}`, vcpus: 0, ram: 0, gpus: 0, hasGpus: i <= settings.hosts.gpuHosts ? settings.hosts.gpusPerHost : 0 })
  const flavors = new Map(settings.flavors.map((f) => [f.id ?? f.name, f]))
  const gpus = (flavorId: string): number => {
    const specs = flavors.get(flavorId)?.extraSpecs ?? {}
    let n = Number(specs['resources:VGPU'] ?? 0)
    for (const alias of (specs['pci_passthrough:alias'] ?? '').split(',')) n += Number(alias.split(':')[1] ?? 0)
    return n
  }
  const load = (server: ServerRow, sign: 1 | -1): void => {
    const host = server.host === null ? undefined : hosts.get(server.host)
    if (host === undefined) return
    const flavor = flavors.get(server.flavorId)!
    host.vcpus += sign * flavor.vcpus
    host.ram += sign * flavor.ramMiB
    host.gpus += sign * gpus(server.flavorId)
  }
  const add = (server: ServerRow): void => {
    let own = used.get(server.project)
    if (own === undefined) used.set(server.project, (own = { instances: 0, cores: 0, ram: 0 }))
    const flavor = flavors.get(server.flavorId)!
    own.instances++
    own.cores += flavor.vcpus
    own.ram += flavor.ramMiB
    if (server.groupId !== null) {
      let members = groups.get(server.groupId)
      if (members === undefined) groups.set(server.groupId, (members = new Set()))
      members.add(server.id)
    }
  }
  for (const server of tables.servers.all()) {
    add(server)
    load(server, 1)
  }
  return {
    of: (project) => used.get(project) ?? { instances: 0, cores: 0, ram: 0 },
    add,
    remove(server) {
      const own = used.get(server.project)!
      const flavor = flavors.get(server.flavorId)!
      own.instances--
      own.cores -= flavor.vcpus
      own.ram -= flavor.ramMiB
      if (server.groupId !== null) groups.get(server.groupId)?.delete(server.id)
    },
    members: (groupId) => [...(groups.get(groupId) ?? [])],
    place(server) {
      const flavor = flavors.get(server.flavorId)!
      const wanted = gpus(server.flavorId)
      const group = server.groupId === null ? undefined : tables.serverGroups.get(server.groupId)
      const members = group === undefined ? [] : [...(groups.get(group.id) ?? [])].filter((id) => id !== server.id).map((id) => tables.servers.get(id)?.host ?? null).filter((h) => h !== null)
      let fit = [...hosts.values()].filter((h) => h.vcpus + flavor.vcpus <= settings.hosts.vcpus && h.ram + flavor.ramMiB <= settings.hosts.ramMiB && h.gpus + wanted <= (wanted > 0 ? h.hasGpus : Number.POSITIVE_INFINITY))
      if (group?.policy === 'anti-affinity') fit = fit.filter((h) => !members.includes(h.name))
      if (group?.policy === 'affinity' && members.length > 0) fit = fit.filter((h) => members.includes(h.name))
      const soft = group?.policy === 'soft-anti-affinity' ? (h: Host): number => members.filter((m) => m === h.name).length : group?.policy === 'soft-affinity' ? (h: Host): number => -members.filter((m) => m === h.name).length : (): number => 0
      // The least loaded, after the group's wish.
      let best: Host | undefined
      for (const h of fit) if (best === undefined || soft(h) < soft(best) || (soft(h) === soft(best) && h.vcpus < best.vcpus)) best = h
      if (best === undefined) return undefined
      server.host = best.name
      load(server, 1)
      return best
    },
    release(server) {
      load(server, -1)
      server.host = null
    },
  }
}
