/** Flavors, server groups, key pairs, limits, quotas, zones. */
import { createHash, generateKeyPairSync } from 'node:crypto'
import type { Call, Handle, Json } from '../core/call.ts'
import { isAdmin, mayWrite, ok } from '../core/call.ts'
import type { ServerGroupRow } from '../core/rows.ts'
import { type World, nextPage } from '../core/world.ts'
import type { FlavorOptions } from '../options.ts'
import { policy, refuse } from './errors.ts'
import type { Usage } from './usage.ts'

export const flavorId = (f: FlavorOptions): string => f.id ?? f.name

const sshPair = (): { readonly publicKey: string; readonly privateKey: string } => {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const raw = publicKey.export({ type: 'spki', format: 'der' }).subarray(-32)
  const part = (data: Buffer): Buffer => Buffer.concat([Buffer.from([0, 0, 0, data.length]), data])
  return { publicKey: `ssh-ed25519 ${Buffer.concat([part(Buffer.from('ssh-ed25519')), part(raw)]).toString('base64')} Generated-by-Nova`, privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() }
}

export const extras = (world: World, usage: Usage): Readonly<Record<string, Handle>> => {
  const { serverGroups, servers, keyPairs } = world.tables
  const flavorView = (call: Call, f: FlavorOptions): Json => ({
    id: flavorId(f), name: f.name, vcpus: f.vcpus, ram: f.ramMiB, disk: f.diskGiB, swap: call.version >= 2075 ? 0 : '', 'OS-FLV-EXT-DATA:ephemeral': 0, 'OS-FLV-DISABLED:disabled': false, 'os-flavor-access:is_public': true, rxtx_factor: 1.0,
    links: [{ rel: 'self', href: `${call.base}/compute/v2.1/flavors/${flavorId(f)}` }, { rel: 'bookmark', href: `${call.base}/compute/flavors/${flavorId(f)}` }],
    ...(call.version >= 2055 ? { description: null } : {}), ...(call.version >= 2061 ? { extra_specs: f.extraSpecs ?? {} } : {}),
  })
  const flavor = (call: Call): FlavorOptions => {
    const found = world.settings.flavors.find((f) => flavorId(f) === call.params['id'])
    if (found === undefined) throw refuse(404, `Flavor ${call.params['id']} could not be found.`)
    return found
  }
  const flavors = (detail: boolean): Handle => (call) => {
    let list = [...world.settings.flavors].sort((a, b) => (flavorId(a) < flavorId(b) ? -1 : 1))
    const marker = call.query.get('marker')
    if (marker !== null) {
      const at = list.findIndex((f) => flavorId(f) === marker)
      if (at < 0) throw refuse(400, `marker [${marker}] not found`)
      list = list.slice(at + 1)
    }
    const asked = call.query.get('limit')
    if (asked !== null && !/^\d+$/.test(asked)) throw refuse(400, `Invalid input for query parameters limit. Value: ${asked}. '${asked}' does not match '^[0-9]*$'`)
    const limit = Math.min(world.settings.maxLimit, asked === null ? world.settings.maxLimit : Number(asked))
    list = list.slice(0, limit)
    // A full page says there may be another, also when it is the last.
    const links = limit > 0 && list.length === limit ? { flavors_links: [{ rel: 'next', href: nextPage(`${call.base}/compute${call.path}`, call, flavorId(list.at(-1)!), limit) }] } : {}
    return ok({ flavors: list.map((f) => (detail ? flavorView(call, f) : { id: flavorId(f), name: f.name, links: (flavorView(call, f) as { links: Json }).links, ...(call.version >= 2055 ? { description: null } : {}) })), ...links })
  }

  // A group's members are its servers that are not deleted.
  const groupView = (call: Call, g: ServerGroupRow): Json => ({
    id: g.id, name: g.name, ...(call.version >= 2064 ? { policy: g.policy, rules: g.rules } : { policies: [g.policy], metadata: {} }), members: usage.members(g.id), ...(call.version >= 2013 ? { project_id: g.project, user_id: g.userId } : {}),
  })
  const group = (call: Call): ServerGroupRow => {
    const row = world.find(call, serverGroups, call.params['id']!)
    if (row === undefined) throw refuse(404, `Instance group ${call.params['id']} could not be found.`)
    return row
  }
  const createGroup: Handle = (call) => {
    if (!mayWrite(call)) throw policy('os_compute_api:os-server-groups:create')
    const given = call.body?.server_group
    if (typeof given?.name !== 'string' || given.name === '') throw refuse(400, "Invalid input for field/attribute server_group. 'name' is a required property")
    let chosen: string
    if (call.version >= 2064) {
      if (given.policies !== undefined) throw refuse(400, "Invalid input for field/attribute server_group. Additional properties are not allowed ('policies' was unexpected)")
      chosen = given.policy
    } else {
      if (!Array.isArray(given.policies) || given.policies.length !== 1) throw refuse(400, "Invalid input for field/attribute policies.")
      chosen = given.policies[0]
    }
    const known = call.version >= 2015 ? ['anti-affinity', 'affinity', 'soft-anti-affinity', 'soft-affinity'] : ['anti-affinity', 'affinity']
    if (!known.includes(chosen)) throw refuse(400, `Invalid input for field/attribute policy. Value: ${chosen}. '${chosen}' is not one of ${JSON.stringify(known).replaceAll('"', "'")}`)
    const limit = world.quota(call.token.projectId, 'server_groups')
    if (limit >= 0 && serverGroups.count(call.token.projectId) >= limit) throw refuse(403, 'Quota exceeded, too many server groups.')
    const row = serverGroups.add({ id: world.id(), project: call.token.projectId, createdAt: world.now(), name: given.name, policy: chosen, userId: call.token.userId, rules: given.rules ?? {} })
    return ok({ server_group: groupView(call, row) })
  }

  const quota = (project: string, call: Call, detail: boolean): Json => {
    const used = usage.of(project)
    const one = (name: string, fallback: number, inUse: number): Json => {
      const limit = world.quota(project, name)
      const value = limit === -1 && fallback !== -1 ? fallback : limit
      return detail ? { limit: value, in_use: inUse, reserved: 0 } : value
    }
    return {
      id: project, instances: one('instances', -1, used.instances), cores: one('cores', -1, used.cores), ram: one('ram', -1, used.ram), metadata_items: detail ? { limit: 128, in_use: 0, reserved: 0 } : 128, key_pairs: one('key_pairs', 100, 0), server_groups: one('server_groups', -1, serverGroups.count(project)), server_group_members: one('server_group_members', -1, 0),
      ...(call.version < 2036 ? { fixed_ips: -1, floating_ips: -1, security_groups: -1, security_group_rules: -1 } : {}), ...(call.version < 2057 ? { injected_files: 5, injected_file_content_bytes: 10_240, injected_file_path_bytes: 255 } : {}),
    }
  }
  const quotaProject = (call: Call): string => {
    const project = call.params['project']!
    if (project !== call.token.projectId && !isAdmin(call)) throw policy('os_compute_api:os-quota-sets:show')
    return project
  }
  const keyView = (k: { readonly name: string; readonly publicKey: string; readonly fingerprint: string; readonly userId: string }, call: Call): Json => ({ name: k.name, public_key: k.publicKey, fingerprint: k.fingerprint, ...(call.version >= 2002 ? { type: 'ssh' } : {}) })
  const key = (call: Call) => {
    const found = keyPairs.of(call.token.projectId).find((k) => k.name === call.params['name'] && k.userId === call.token.userId)
    if (found === undefined) throw refuse(404, `Keypair ${call.params['name']} not found for user ${call.token.userId}`)
    return found
  }

  return {
    'GET /v2.1/flavors': flavors(false),
    'GET /v2.1/flavors/detail': flavors(true),
    'GET /v2.1/flavors/:id': (call) => ok({ flavor: flavorView(call, flavor(call)) }),
    'GET /v2.1/flavors/:id/os-extra_specs': (call) => ok({ extra_specs: flavor(call).extraSpecs ?? {} }),
    'GET /v2.1/os-server-groups': (call) => ok({ server_groups: world.seen(call, serverGroups).slice(Number(call.query.get('offset') ?? 0)).slice(0, Math.min(Number(call.query.get('limit') ?? world.settings.maxLimit) || world.settings.maxLimit, world.settings.maxLimit)).map((g) => groupView(call, g)) }),
    'POST /v2.1/os-server-groups': createGroup,
    'GET /v2.1/os-server-groups/:id': (call) => ok({ server_group: groupView(call, group(call)) }),
    'DELETE /v2.1/os-server-groups/:id': (call) => {
      if (!mayWrite(call)) throw policy('os_compute_api:os-server-groups:delete')
      serverGroups.remove(group(call))
      return { status: 204 }
    },
    'GET /v2.1/os-keypairs': (call) => ok({ keypairs: keyPairs.of(call.token.projectId).filter((k) => k.userId === call.token.userId).map((k) => ({ keypair: keyView(k, call) })) }),
    'POST /v2.1/os-keypairs': (call) => {
      const given = call.body?.keypair
      if (typeof given?.name !== 'string') throw refuse(400, "Invalid input for field/attribute keypair. 'name' is a required property")
      // Until 2.91 Nova makes the pair itself when no key is given.
      let made: { readonly publicKey: string; readonly privateKey: string } | undefined
      if (typeof given.public_key !== 'string') {
        if (call.version >= 2092) throw refuse(400, "Invalid input for field/attribute keypair. 'public_key' is a required property")
        made = sshPair()
        given.public_key = made.publicKey
      }
      if (keyPairs.of(call.token.projectId).some((k) => k.name === given.name && k.userId === call.token.userId)) throw refuse(409, `Key pair '${given.name}' already exists.`)
      const fingerprint = createHash('md5').update(Buffer.from(given.public_key.split(' ')[1] ?? '', 'base64')).digest('hex').replace(/..(?=.)/g, '$&:')
      const row = keyPairs.add({ id: world.id(), project: call.token.projectId, createdAt: world.now(), name: given.name, publicKey: given.public_key, fingerprint, userId: call.token.userId })
      return ok({ keypair: { ...(keyView(row, call) as object), user_id: row.userId, ...(made === undefined ? {} : { private_key: made.privateKey }) } }, call.version >= 2002 ? 201 : 200)
    },
    'GET /v2.1/os-keypairs/:name': (call) => ok({ keypair: { ...(keyView(key(call), call) as object), user_id: call.token.userId, id: 1, created_at: key(call).createdAt, deleted: false, deleted_at: null, updated_at: null } }),
    'DELETE /v2.1/os-keypairs/:name': (call) => {
      keyPairs.remove(key(call))
      return { status: call.version >= 2002 ? 204 : 202 }
    },
    'GET /v2.1/limits': (call) => {
      const p = call.token.projectId
      const used = usage.of(p)
      return ok({
        limits: {
          rate: [],
          absolute: {
            maxTotalInstances: world.quota(p, 'instances'), maxTotalCores: world.quota(p, 'cores'), maxTotalRAMSize: world.quota(p, 'ram'), maxServerMeta: 128, maxTotalKeypairs: 100, maxServerGroups: world.quota(p, 'server_groups'), maxServerGroupMembers: world.quota(p, 'server_group_members'),
            totalInstancesUsed: used.instances, totalCoresUsed: used.cores, totalRAMUsed: used.ram, totalServerGroupsUsed: serverGroups.count(p), ...(call.version < 2039 ? { maxImageMeta: 128 } : {}), ...(call.version < 2057 ? { maxPersonality: 5, maxPersonalitySize: 10_240 } : {}),
            ...(call.version < 2036 ? { maxTotalFloatingIps: -1, maxSecurityGroups: -1, maxSecurityGroupRules: -1, totalFloatingIpsUsed: 0, totalSecurityGroupsUsed: 0 } : {}),
          },
        },
      })
    },
    'GET /v2.1/os-quota-sets/:project': (call) => ok({ quota_set: quota(quotaProject(call), call, false) }),
    'GET /v2.1/os-quota-sets/:project/detail': (call) => ok({ quota_set: quota(quotaProject(call), call, true) }),
    'PUT /v2.1/os-quota-sets/:project': (call) => {
      if (!isAdmin(call)) throw policy('os_compute_api:os-quota-sets:update')
      const row = world.tables.projects.get(call.params['project']!)
      if (row === undefined) throw refuse(400, `Project ID ${call.params['project']} is not a valid project.`)
      for (const [name, value] of Object.entries((call.body?.quota_set ?? {}) as Record<string, Json>)) if (name !== 'force') row.quota[name] = Number(value)
      world.tables.projects.touch(row)
      return ok({ quota_set: quota(row.id, call, false) })
    },
    'GET /v2.1/os-availability-zone': () => ok({ availabilityZoneInfo: [{ zoneName: 'nova', zoneState: { available: true }, hosts: null }] }),
    'GET /v2.1/os-availability-zone/detail': () => { throw policy('os_compute_api:os-availability-zone:detail') },
    'GET /v2.1/extensions': () => ok({ extensions: [] }),
    'GET /v2.1/os-services': (call) => {
      if (!isAdmin(call)) throw policy('os_compute_api:os-services:list')
      return ok({ services: Array.from({ length: world.settings.hosts.count }, (_, i) => ({ id: i + 1, binary: 'nova-compute', host: `host-${i + 1}`, zone: 'nova', status: 'enabled', state: 'up', updated_at: world.now(), disabled_reason: null })) })
    },
    'GET /v2.1/os-hypervisors': (call) => {
      if (!isAdmin(call)) throw policy('os_compute_api:os-hypervisors:list')
      return ok({ hypervisors: Array.from({ length: world.settings.hosts.count }, (_, i) => ({ id: i + 1, hypervisor_hostname: `host-${i + 1}`, state: 'up', status: 'enabled' })) })
    },
    'GET /v2.1/servers/:id/os-security-groups': (call) => {
      const s = world.find(call, servers, call.params['id']!)
      if (s === undefined) throw refuse(404, `Instance ${call.params['id']} could not be found.`)
      const ids = new Set(s.portIds.flatMap((id) => world.tables.ports.get(id)?.securityGroups ?? []))
      return ok({ security_groups: [...ids].map((id) => ({ id, name: world.tables.securityGroups.get(id)?.name, rules: [], tenant_id: s.project, description: '' })) })
    },
  }
}
