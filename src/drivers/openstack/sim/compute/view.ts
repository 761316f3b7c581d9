/** A server as each microversion shows it (from nova/api/openstack/compute/views/servers.py). */
import { createHash } from 'node:crypto'
import type { Call, Json } from '../core/call.ts'
import { isAdmin } from '../core/call.ts'
import type { ServerRow } from '../core/rows.ts'
import type { World } from '../core/world.ts'
import { flavorId } from './extras.ts'
import { userDataOf } from './user-data.ts'

export const time = (iso: string): string => `${iso.slice(0, 19)}Z`

export const status = (s: ServerRow): string => {
  switch (s.vmState) {
    case 'building': return 'BUILD'
    case 'active': return s.taskState === 'rebooting_hard' || s.taskState === 'reboot_started_hard' ? 'HARD_REBOOT' : s.taskState === 'rebooting' ? 'REBOOT' : 'ACTIVE'
    case 'stopped': return 'SHUTOFF'
    case 'error': return 'ERROR'
    case 'soft-delete': return 'SOFT_DELETED'
  }
}

const links = (call: Call, id: string, kind = 'servers'): Json => [{ rel: 'self', href: `${call.base}/compute/v2.1/${kind}/${id}` }, { rel: 'bookmark', href: `${call.base}/compute/${kind}/${id}` }]
/** A different hash for each project, as Nova makes it, so that tenants cannot compare hosts. */
const hostId = (s: ServerRow): string => (s.host === null ? '' : createHash('sha224').update(s.project + s.host).digest('hex'))

export const summary = (call: Call, s: ServerRow): Json => ({ id: s.id, name: s.name, links: links(call, s.id) })
/** What 2.69 and later show of a server whose cell does not answer. */
export const unreachable = (call: Call, s: ServerRow): Json => ({ id: s.id, status: 'UNKNOWN', tenant_id: s.project, created: time(s.createdAt), links: links(call, s.id) })

const addresses = (world: World, s: ServerRow): Json => {
  const out: Record<string, Json[]> = {}
  for (const id of s.portIds) {
    const port = world.tables.ports.get(id)
    if (port === undefined) continue
    const name = world.tables.networks.get(port.networkId)?.name ?? port.networkId
    const list = (out[name] ??= [])
    for (const f of port.fixedIps) {
      list.push({ version: 4, addr: f.address, 'OS-EXT-IPS:type': 'fixed', 'OS-EXT-IPS-MAC:mac_addr': port.mac })
      for (const ip of world.ipsOfPort.get(id) ?? []) if (ip.fixedAddress === f.address) list.push({ version: 4, addr: ip.address, 'OS-EXT-IPS:type': 'floating', 'OS-EXT-IPS-MAC:mac_addr': port.mac })
    }
  }
  return out
}

export const serverView = (world: World, call: Call, s: ServerRow, show: { readonly single: boolean }): Json => {
  const v = call.version
  const admin = isAdmin(call)
  const flavor = world.settings.flavors.find((f) => flavorId(f) === s.flavorId)!
  const state = status(s)
  const groupIds = new Set<string>()
  for (const id of s.portIds) for (const g of world.tables.ports.get(id)?.securityGroups ?? []) groupIds.add(g)
  return {
    id: s.id, name: s.name, status: state, tenant_id: s.project, user_id: s.userId, metadata: s.metadata, hostId: hostId(s),
    image: s.imageId === null ? '' : { id: s.imageId, links: [{ rel: 'bookmark', href: `${call.base}/compute/images/${s.imageId}` }] },
    flavor: v >= 2047
      ? { vcpus: flavor.vcpus, ram: flavor.ramMiB, disk: flavor.diskGiB, ephemeral: 0, swap: 0, original_name: flavor.name, extra_specs: flavor.extraSpecs ?? {} }
      : { id: s.flavorId, links: [{ rel: 'bookmark', href: `${call.base}/compute/flavors/${s.flavorId}` }] },
    created: time(s.createdAt), updated: time(s.updatedAt ?? s.createdAt), addresses: addresses(world, s), accessIPv4: '', accessIPv6: '', links: links(call, s.id), 'OS-DCF:diskConfig': 'MANUAL',
    ...(s.fault !== null && state === 'ERROR' ? { fault: s.fault } : {}),
    ...(state === 'ACTIVE' || state === 'BUILD' || state === 'REBOOT' || state === 'HARD_REBOOT' ? { progress: 0 } : {}),
    'OS-EXT-AZ:availability_zone': s.host === null ? '' : s.availabilityZone, config_drive: s.configDrive, key_name: s.keyName, 'OS-SRV-USG:launched_at': s.launchedAt, 'OS-SRV-USG:terminated_at': null,
    ...(groupIds.size > 0 ? { security_groups: [...groupIds].map((id) => ({ name: world.tables.securityGroups.get(id)?.name ?? id })) } : {}),
    'OS-EXT-STS:task_state': s.taskState, 'OS-EXT-STS:vm_state': s.vmState, 'OS-EXT-STS:power_state': s.powerState,
    'os-extended-volumes:volumes_attached': s.volumes.map((a) => ({ id: a.id, ...(v >= 2003 ? { delete_on_termination: a.deleteOnTermination } : {}) })),
    ...(admin ? {
      'OS-EXT-SRV-ATTR:host': s.host, 'OS-EXT-SRV-ATTR:instance_name': `instance-${s.id.slice(0, 8)}`, 'OS-EXT-SRV-ATTR:hypervisor_hostname': s.host,
      ...(v >= 2003 ? { 'OS-EXT-SRV-ATTR:hostname': s.name.toLowerCase(), 'OS-EXT-SRV-ATTR:kernel_id': '', 'OS-EXT-SRV-ATTR:launch_index': 0, 'OS-EXT-SRV-ATTR:ramdisk_id': '', 'OS-EXT-SRV-ATTR:reservation_id': s.reservationId, 'OS-EXT-SRV-ATTR:root_device_name': '/dev/vda', 'OS-EXT-SRV-ATTR:user_data': userDataOf(world, s.id).toString('base64') || null } : {}),
      ...(v >= 2016 ? { host_status: s.host === null ? '' : 'UP' } : {}),
    } : {}),
    ...(v >= 2009 ? { locked: s.locked } : {}),
    ...(v >= 2019 ? { description: s.description } : {}),
    ...(v >= 2026 ? { tags: s.tags } : {}),
    ...(v >= 2063 ? { trusted_image_certificates: null } : {}),
    ...(v >= 2071 && show.single ? { server_groups: s.groupId === null ? [] : [s.groupId] } : {}),
    ...(v >= 2073 ? { locked_reason: null } : {}),
    ...(v >= 2090 && !admin ? { 'OS-EXT-SRV-ATTR:hostname': s.name.toLowerCase() } : {}),
    ...(v >= 2096 ? { pinned_availability_zone: null } : {}),
  }
}
