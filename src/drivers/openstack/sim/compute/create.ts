/** POST /servers: what Nova checks before it says 202, in its order. */
import type { Call, Handle, Json } from '../core/call.ts'
import { mayWrite } from '../core/call.ts'
import type { ImageRow, ServerRow } from '../core/rows.ts'
import type { World } from '../core/world.ts'
import type { NetworkSide } from '../network/index.ts'
import type { VolumeSide } from '../volume/index.ts'
import { badInput, policy, refuse } from './errors.ts'
import { flavorId } from './extras.ts'
import type { Life } from './life.ts'
import type { Usage } from './usage.ts'
import { keepUserData } from './user-data.ts'

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i
const userDataLimit = 65_535

export const createServer = (world: World, network: NetworkSide, volume: VolumeSide, usage: Usage, life: Life): Handle => {
  const { servers, images, volumes, ports, networks, securityGroups, serverGroups, keyPairs } = world.tables

  const imageOf = (call: Call, id: string): ImageRow => {
    const image = images.get(id)
    if (image === undefined || (image.project !== call.token.projectId && image.visibility !== 'public')) throw refuse(400, 'Can not find requested image')
    if (image.status !== 'active') throw refuse(400, `Image ${id} is not active.`)
    return image
  }

  interface Devices { readonly volumes: { id: string; device: string; deleteOnTermination: boolean; bootIndex: number; attachmentId: string; tag: string | null }[]; readonly fromImage: ServerRow['volumesFromImage']; readonly bootsFromVolume: boolean; readonly imageId: string | null }
  const devices = (call: Call, given: Json): Devices => {
    const mappings = (given.block_device_mapping_v2 ?? given.block_device_mapping ?? []) as Json[]
    if (given.block_device_mapping_v2 !== undefined && given.block_device_mapping !== undefined) throw refuse(400, 'Using different block_device_mapping syntaxes is not allowed in the same request.')
    const existing: Devices['volumes'] = []
    const fromImage: { imageId: string; size: number; type: string | null; deleteOnTermination: boolean; bootIndex: number }[] = []
    let local: string | null = typeof given.imageRef === 'string' && given.imageRef !== '' ? given.imageRef : null
    const indexes: number[] = []
    mappings.forEach((m, i) => {
      const bootIndex = m.boot_index === undefined || m.boot_index === null ? -1 : Number(m.boot_index)
      if (bootIndex >= 0) indexes.push(bootIndex)
      const source = m.source_type ?? 'volume'
      const destination = m.destination_type ?? (source === 'volume' ? 'volume' : 'local')
      if (source === 'volume') existing.push({ id: String(m.uuid ?? m.volume_id), device: `/dev/vd${String.fromCharCode(97 + i)}`, deleteOnTermination: m.delete_on_termination === true, bootIndex, attachmentId: world.id(), tag: m.tag ?? null })
      else if (source === 'image' && destination === 'volume') {
        imageOf(call, String(m.uuid))
        if (!(Number(m.volume_size) > 0)) throw refuse(400, "Block Device Mapping is Invalid: Images with destination_type 'volume' need to have a non-zero size specified")
        fromImage.push({ imageId: String(m.uuid), size: Number(m.volume_size), type: m.volume_type ?? null, deleteOnTermination: m.delete_on_termination === true, bootIndex })
      } else if (source === 'image') local = String(m.uuid)
      else if (source === 'blank' && destination === 'volume') {
        if (!(Number(m.volume_size) > 0)) throw refuse(400, "Block Device Mapping is Invalid: Blank volumes (source: 'blank', dest: 'volume') need to have non-zero size")
        throw refuse(400, 'The simulator makes no blank volumes at boot; make the volume first.')
      }
    })
    if (local !== null && !indexes.includes(0)) indexes.push(0)
    indexes.sort((a, b) => a - b)
    if (indexes.length === 0 || indexes.some((x, i) => x !== i)) {
      if (mappings.length === 0) throw refuse(400, 'Invalid imageRef provided.')
      throw refuse(400, 'Block Device Mapping is Invalid: Boot sequence for the instance and image/block device mapping combination is not valid.')
    }
    return { volumes: existing, fromImage, bootsFromVolume: local === null, imageId: local }
  }

  const nets = (call: Call, given: Json): ServerRow['wanted'] => {
    const asked = given.networks as Json
    if (asked === undefined || asked === 'auto' || asked === 'none') {
      if (call.version >= 2037 && asked === undefined) throw badInput('server', '{…}', "'networks' is a required property")
      if (asked === 'none') return []
      const own = networks.of(call.token.projectId)
      const candidates = own.length > 0 ? own : [...networks.all()].filter((n) => n.shared)
      if (candidates.length > 1) throw refuse(409, 'More than one possible network found. Specify network ID(s) to select which one(s) to connect to.')
      return candidates.length === 0 ? [] : [{ network: candidates[0]!.id }]
    }
    if (!Array.isArray(asked)) throw badInput('networks', asked, `${JSON.stringify(asked)} is not valid under any of the given schemas`)
    const seen = new Set<string>()
    return asked.map((n: Json) => {
      if (typeof n.port === 'string') {
        const port = ports.get(n.port)
        if (port === undefined || port.project !== call.token.projectId) throw refuse(400, `Port id ${n.port} could not be found.`)
        if (port.deviceId !== '' || seen.has(port.id)) throw refuse(409, `Port ${n.port} is still in use.`)
        if (port.fixedIps.length === 0) throw refuse(400, `Port ${n.port} requires a FixedIP in order to be used.`)
        seen.add(port.id)
        return { port: port.id }
      }
      if (typeof n.uuid !== 'string' || !uuid.test(n.uuid)) throw badInput('uuid', n.uuid ?? null, `'${n.uuid}' is not a 'uuid'`)
      const net = networks.get(n.uuid)
      if (net === undefined || (net.project !== call.token.projectId && !net.shared && !net.external)) throw refuse(400, `Network ${n.uuid} could not be found.`)
      if (net.external && !net.shared && net.project !== call.token.projectId) throw refuse(403, `It is not allowed to create an interface on external network ${n.uuid}`)
      if (net.subnetIds.length === 0) throw refuse(400, `Network ${n.uuid} requires a subnet in order to boot instances on.`)
      return { network: net.id, ...(typeof n.fixed_ip === 'string' ? { fixedIp: n.fixed_ip } : {}) }
    })
  }

  return (call) => {
    const given = call.body?.server
    if (given === undefined || given === null) throw refuse(400, "Invalid input for field/attribute server. 'server' is a required property")
    if (typeof given.name !== 'string' || given.name.trim() === '' || given.name.length > 255) throw badInput('name', given.name ?? null, `'${given.name ?? ''}' is too short`)
    if (given.flavorRef === undefined) throw badInput('server', '{…}', "'flavorRef' is a required property")
    const userData = given.user_data as string | null | undefined
    if (typeof userData === 'string') {
      if (userData.length > userDataLimit) throw badInput('user_data', userData, `'${userData.slice(0, 60)}…' is too long`)
      if (userData.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(userData.replaceAll('\n', ''))) throw badInput('user_data', userData, `'${userData.slice(0, 60)}' is not a 'base64'`)
    }
    const metadata = (given.metadata ?? {}) as Record<string, Json>
    for (const [key, value] of Object.entries(metadata)) {
      if (!/^[a-zA-Z0-9-_:. ]{1,255}$/.test(key)) throw badInput('metadata', metadata, `Additional properties are not allowed ('${key}' was unexpected)`)
      if (typeof value !== 'string' || value.length > 255) throw badInput(key, value, typeof value === 'string' ? `'${value}' is too long` : `${JSON.stringify(value)} is not of type 'string'`)
    }
    if (Object.keys(metadata).length > 128) throw refuse(403, 'Maximum number of metadata items exceeds 128')
    const minCount = Number(given.min_count ?? 1)
    const maxCount = Number(given.max_count ?? minCount)
    if (minCount > maxCount) throw refuse(400, 'min_count must be <= max_count')
    if (given.tags !== undefined && call.version < 2052) throw badInput('server', '{…}', "Additional properties are not allowed ('tags' was unexpected)")
    if (!mayWrite(call)) throw policy('os_compute_api:servers:create')
    const zone = given.availability_zone as string | undefined
    if (zone !== undefined && zone !== null && zone !== 'nova') throw refuse(400, 'The requested availability zone is not available')

    const disk = devices(call, given)
    const wanted = nets(call, given)
    const wantedFlavor = String(given.flavorRef).split('/').at(-1)!
    const flavor = world.settings.flavors.find((f) => flavorId(f) === wantedFlavor)
    if (flavor === undefined) throw refuse(400, `Flavor ${wantedFlavor} could not be found.`)
    if (given.key_name != null && !keyPairs.of(call.token.projectId).some((k) => k.name === given.key_name && k.userId === call.token.userId)) throw refuse(400, 'Invalid key_name provided.')
    if (disk.imageId !== null) {
      const image = imageOf(call, disk.imageId)
      if (!disk.bootsFromVolume) {
        if (flavor.diskGiB === 0) throw refuse(403, 'Only volume-backed servers are allowed for flavors with zero disk.')
        if (image.minDisk > flavor.diskGiB) throw refuse(400, `Flavor's disk is smaller than the minimum size specified in image metadata. Flavor disk is ${flavor.diskGiB * 2 ** 30} bytes, minimum size is ${image.minDisk * 2 ** 30} bytes.`)
        if ((image.size ?? 0) > flavor.diskGiB * 2 ** 30) throw refuse(400, `Flavor's disk is too small for requested image. Flavor disk is ${flavor.diskGiB * 2 ** 30} bytes, image is ${image.size} bytes.`)
        if (image.minRam > flavor.ramMiB) throw refuse(400, "Flavor's memory is too small for requested image.")
      }
    }
    const groupNames = ((given.security_groups ?? []) as { name: string }[]).map((g) => g.name)
    const groupIds = (groupNames.length === 0 ? ['default'] : groupNames).map((name) => {
      if (name === 'default') return network.groups.ensureDefault(call.token.projectId).id
      const matches = securityGroups.of(call.token.projectId).filter((g) => g.name === name || g.id === name)
      if (matches.length === 0) throw refuse(400, `Security group ${name} not found for project ${call.token.projectId}.`)
      if (matches.length > 1) throw refuse(409, `Multiple security groups found matching '${name}'. Use an ID to be more specific.`)
      return matches[0]!.id
    })
    const hints = (call.body['os:scheduler_hints'] ?? call.body['OS-SCH-HNT:scheduler_hints'] ?? {}) as { group?: string }
    if (hints.group !== undefined) {
      const group = serverGroups.get(hints.group)
      if (group === undefined || group.project !== call.token.projectId) throw refuse(400, `Instance group ${hints.group} could not be found.`)
      const limit = world.quota(call.token.projectId, 'server_group_members')
      if (limit >= 0 && usage.members(group.id).length + minCount > limit) throw refuse(403, 'Quota exceeded, too many servers in group')
    }
    const project = call.token.projectId
    const used = usage.of(project)
    for (const [name, req, now] of [['instances', minCount, used.instances], ['cores', minCount * flavor.vcpus, used.cores], ['ram', minCount * flavor.ramMiB, used.ram]] as const) {
      const limit = world.quota(project, name)
      if (limit >= 0 && now + req > limit) throw refuse(403, `Quota exceeded for ${name}: Requested ${req}, but already used ${now} of ${limit} ${name}`)
    }
    for (const d of disk.volumes) {
      const v = volumes.get(d.id)
      if (v === undefined || v.project !== project) throw refuse(400, `Block Device Mapping is Invalid: failed to get volume ${d.id}.`)
      if (d.bootIndex === 0 && !v.bootable) throw refuse(400, `Block Device ${d.id} is not bootable.`)
      if (v.status !== 'available' && v.status !== 'downloading') throw refuse(400, `Invalid volume: Invalid input received: Invalid volume: Volume ${d.id} status must be available or downloading to reserve, but the current status is ${v.status}. (HTTP 400) (Request-ID: ${call.requestId})`)
    }
    if (maxCount > 1 && wanted.some((w) => w.port !== undefined)) throw refuse(400, 'Unable to launch multiple instances with a single configured port ID. Please launch your instance one by one with different ports.')

    const hangs = world.faults.strike(call, 'guest-hangs') !== undefined
    const noHost = world.faults.strike(call, 'no-valid-host') !== undefined
    const broken = world.faults.strike(call, 'server-error')
    const reservationId = `r-${world.id().slice(0, 8)}`
    const made: ServerRow[] = []
    for (let i = 0; i < minCount; i++) {
      const id = world.id()
      const server: ServerRow = {
        id, project, createdAt: world.now(), name: minCount > 1 ? `${given.name.trim()}-${i + 1}` : given.name.trim(), userId: call.token.userId, flavorId: wantedFlavor, imageId: disk.imageId,
        metadata: { ...(metadata as Record<string, string>) }, tags: [...((given.tags ?? []) as string[])], keyName: given.key_name ?? null, configDrive: given.config_drive === true || given.config_drive === 'true' || given.config_drive === 'True' ? 'True' : '', description: call.version >= 2019 ? (given.description ?? null) : given.name, availabilityZone: 'nova',
        vmState: 'building', taskState: 'scheduling', powerState: 0, host: null, cell: Number.parseInt(id.slice(0, 2), 16) % 2 === 0 ? 'cell1' : 'cell2', launchedAt: null, reservationId, groupId: hints.group ?? null, wanted, securityGroups: groupIds, portIds: [], ownPortIds: [],
        volumes: disk.volumes.map((d) => ({ ...d })), volumesFromImage: disk.fromImage, hangs, locked: false, adminPass: world.id().replaceAll('-', '').slice(0, 12),
        fault: noHost ? { code: 500, created: '', message: 'No valid host was found. There are not enough hosts available.' } : broken === undefined ? null : { code: 500, created: '', message: broken.fault.message ?? `Build of instance ${id} aborted: simulated fault.` },
      }
      if (typeof userData === 'string') keepUserData(world, id, Buffer.from(userData, 'base64'))
      servers.add(server)
      usage.add(server)
      for (const d of server.volumes) volume.reserve(volumes.get(d.id)!, server.id, d.device, d.attachmentId)
      life.build(server)
      made.push(server)
    }
    if (given.return_reservation_id === true) return { status: 202, body: { reservation_id: reservationId } }
    const first = made[0]!
    const location = `${call.base}/compute/v2.1/servers/${first.id}`
    return {
      status: 202, headers: { location },
      body: { server: { id: first.id, links: [{ rel: 'self', href: location }, { rel: 'bookmark', href: `${call.base}/compute/servers/${first.id}` }], 'OS-DCF:diskConfig': 'MANUAL', security_groups: (groupNames.length === 0 ? ['default'] : groupNames).map((name) => ({ name })), adminPass: first.adminPass } },
    }
  }
}
