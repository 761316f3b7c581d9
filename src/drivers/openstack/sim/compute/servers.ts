/** Servers: lists, one, update, delete, metadata, tags, interfaces. */
import type { Call, Handle, Json } from '../core/call.ts'
import { isAdmin, mayWrite, ok } from '../core/call.ts'
import type { ServerRow } from '../core/rows.ts'
import { type World, joined, nextPage, page } from '../core/world.ts'
import { badInput, policy, refuse, serverNotFound } from './errors.ts'
import type { Life } from './life.ts'
import { serverView, status, summary, unreachable } from './view.ts'

export interface Servers {
  /** The caller's server, whose cell answers. */
  own(call: Call): ServerRow
  /** For good, as far as no fault says otherwise. */
  remove(call: Call, server: ServerRow): void
  readonly routes: Readonly<Record<string, Handle>>
}

export const serversOf = (world: World, life: Life): Servers => {
  const { servers, ports } = world.tables

  const text = (call: Call, s: ServerRow, single: boolean): string => servers.text(s, `${call.version}/${isAdmin(call)}/${single}/${call.base}`, () => serverView(world, call, s, { single }))
  const isCut = (call: Call): ((s: ServerRow) => boolean) | undefined => {
    const cut = world.faults.strike(call, 'unreachable-cell')
    if (cut === undefined) return undefined
    const { cell } = cut.fault
    return (s) => cell === undefined || cell === 'all' || s.cell === cell
  }
  const find = (call: Call): { readonly server: ServerRow; readonly cut: boolean } => {
    const server = world.find(call, servers, call.params['id']!)
    if (server === undefined) throw serverNotFound(call.params['id']!)
    return { server, cut: isCut(call)?.(server) === true }
  }
  const own = (call: Call): ServerRow => {
    const { server, cut } = find(call)
    if (cut) throw refuse(500, 'Unexpected API Error. Please report this at http://bugs.launchpad.net/nova/ and attach the Nova API log if possible.\n<class \'nova.exception.NovaException\'>')
    return server
  }

  const list = (detail: boolean): Handle => (call) => {
    const { query } = call
    let all = query.get('all_tenants') !== null && query.get('all_tenants') !== '0' && isAdmin(call) ? [...servers.all()] : [...world.seen(call, servers)]
    if (query.get('all_tenants') !== null && !isAdmin(call) && ['1', 'true', 'True', ''].includes(query.get('all_tenants')!)) throw policy('os_compute_api:servers:detail:get_all_tenants')
    all.reverse() // newest first
    const filtered = ['name', 'status', 'image', 'flavor', 'ip', 'tags', 'tags-any', 'changes-since', 'uuid'].some((k) => query.has(k))
    const name = query.get('name')
    if (name !== null) {
      let pattern: RegExp
      try { pattern = new RegExp(name, 'i') } catch { throw refuse(400, `Invalid input for query parameters name. Value: ${name}. '${name}' is not a 'regex'`) }
      all = all.filter((s) => pattern.test(s.name))
    }
    const wantedStatus = query.getAll('status').map((s) => s.toUpperCase())
    if (wantedStatus.length > 0) all = all.filter((s) => wantedStatus.includes(status(s)))
    else all = all.filter((s) => s.vmState !== 'soft-delete' || query.get('deleted') !== null)
    const image = query.get('image')
    if (image !== null) all = all.filter((s) => s.imageId === image)
    const flavor = query.get('flavor')
    if (flavor !== null) all = all.filter((s) => s.flavorId === flavor)
    const tags = query.get('tags')?.split(',')
    if (tags !== undefined) all = all.filter((s) => tags.every((t) => s.tags.includes(t)))
    const changed = query.get('changes-since')
    if (changed !== null) all = all.filter((s) => Date.parse(s.updatedAt ?? s.createdAt) >= Date.parse(changed))
    const ip = query.get('ip')
    if (ip !== null) all = all.filter((s) => s.portIds.some((id) => ports.get(id)?.fixedIps.some((f) => f.address.startsWith(ip.replaceAll('\\', '').replace(/^\^|\$$/g, ''))) === true))

    const cut = isCut(call)
    const down = cut === undefined || call.version < 2069 || filtered ? [] : all.filter(cut)
    if (cut !== undefined) all = all.filter((s) => !cut(s))
    const p = page(world, call, all, { marker: (marker) => refuse(400, `marker [${marker}] not found`), limit: (t) => refuse(400, `Invalid input for query parameters limit. Value: ${t}. '${t}' does not match '^[0-9]*$'`) })
    const texts = p.rows.map((s) => (detail ? text(call, s, false) : JSON.stringify(summary(call, s))))
    for (const s of down) texts.push(JSON.stringify(unreachable(call, s)))
    const links = p.more ? `,"servers_links":${JSON.stringify([{ rel: 'next', href: nextPage(`${call.base}/compute${call.path}`, call, p.rows.at(-1)!.id, p.limit) }])}` : ''
    return ok(`{"servers":${joined(texts)}${links}}`)
  }

  /** Nova ignores who asks again meanwhile. */
  const isGoing = (s: ServerRow): boolean => s.taskState === 'deleting' || s.taskState === 'soft-deleting'
  const remove = (call: Call, s: ServerRow): void => {
    if (isGoing(s)) return
    const fault = world.faults.strike(call, 'delete-sticks', 'delete-fails', 'delete-leaves')?.fault.kind
    if (fault === 'delete-sticks') {
      s.taskState = 'deleting'
      servers.touch(s)
    } else life.destroy(s, fault === 'delete-fails' ? 'deletion-failed' : fault === 'delete-leaves' ? 'deleted-attached' : 'deleted')
  }
  const destroy: Handle = (call) => {
    const { server: s, cut } = find(call)
    if (!mayWrite(call)) throw policy('os_compute_api:servers:delete')
    if (s.locked && !isAdmin(call)) throw refuse(409, `Instance ${s.id} is locked`)
    if (cut) throw refuse(500, 'Unexpected API Error.')
    // What never ran cannot be soft-deleted and goes at once; every other state can, also again.
    if (s.launchedAt !== null && !isGoing(s) && world.faults.strike(call, 'soft-delete') !== undefined) life.softDelete(s)
    else remove(call, s)
    return { status: 204 }
  }

  const metadataOf = (call: Call): ServerRow => own(call)
  return {
    own, remove,
    routes: {
      'GET /v2.1/servers': list(false),
      'GET /v2.1/servers/detail': list(true),
      'GET /v2.1/servers/:id': (call) => {
        const { server, cut } = find(call)
        if (cut) {
          if (call.version < 2069) throw refuse(500, 'Unexpected API Error. Please report this at http://bugs.launchpad.net/nova/ and attach the Nova API log if possible.\n<class \'nova.exception.NovaException\'>')
          return ok({ server: { ...(unreachable(call, server) as object), flavor: { id: server.flavorId }, image: server.imageId === null ? '' : { id: server.imageId }, user_id: server.userId, 'OS-EXT-AZ:availability_zone': 'UNKNOWN', 'OS-EXT-STS:power_state': 0 } })
        }
        return ok(`{"server":${text(call, server, true)}}`)
      },
      'PUT /v2.1/servers/:id': (call) => {
        const s = own(call)
        if (!mayWrite(call)) throw policy('os_compute_api:servers:update')
        const given = call.body?.server ?? {}
        if (given.name !== undefined) {
          if (typeof given.name !== 'string' || given.name === '') throw badInput('name', given.name, `'${given.name}' is too short`)
          s.name = given.name
        }
        if (call.version >= 2019 && given.description !== undefined) s.description = given.description
        servers.touch(s)
        return ok(`{"server":${text(call, s, true)}}`)
      },
      'DELETE /v2.1/servers/:id': destroy,
      'GET /v2.1/servers/:id/metadata': (call) => ok({ metadata: metadataOf(call).metadata }),
      'POST /v2.1/servers/:id/metadata': (call) => {
        const s = metadataOf(call)
        s.metadata = { ...s.metadata, ...(call.body?.metadata as Record<string, string>) }
        servers.touch(s)
        return ok({ metadata: s.metadata })
      },
      'PUT /v2.1/servers/:id/metadata': (call) => {
        const s = metadataOf(call)
        s.metadata = { ...(call.body?.metadata as Record<string, string>) }
        servers.touch(s)
        return ok({ metadata: s.metadata })
      },
      'PUT /v2.1/servers/:id/metadata/:key': (call) => {
        const s = metadataOf(call)
        s.metadata = { ...s.metadata, ...(call.body?.meta as Record<string, string>) }
        servers.touch(s)
        return ok({ meta: { [call.params['key']!]: s.metadata[call.params['key']!] } })
      },
      'DELETE /v2.1/servers/:id/metadata/:key': (call) => {
        const s = metadataOf(call)
        if (!(call.params['key']! in s.metadata)) throw refuse(404, 'Metadata item was not found')
        delete s.metadata[call.params['key']!]
        servers.touch(s)
        return { status: 204 }
      },
      'GET /v2.1/servers/:id/tags': (call) => ok({ tags: own(call).tags }),
      'PUT /v2.1/servers/:id/tags': (call) => {
        const s = own(call)
        s.tags = [...((call.body?.tags ?? []) as string[])]
        servers.touch(s)
        return ok({ tags: s.tags })
      },
      'GET /v2.1/servers/:id/ips': (call) => ok({ addresses: (serverView(world, call, own(call), { single: true }) as Record<string, Json>)['addresses'] }),
      'GET /v2.1/servers/:id/os-interface': (call) => ok({
        interfaceAttachments: own(call).portIds.flatMap((id) => {
          const p = ports.get(id)
          return p === undefined ? [] : [{ net_id: p.networkId, port_id: p.id, mac_addr: p.mac, port_state: p.status, fixed_ips: p.fixedIps.map((f) => ({ subnet_id: f.subnetId, ip_address: f.address })), ...(call.version >= 2070 ? { tag: null } : {}) }]
        }),
      }),
    },
  }
}
