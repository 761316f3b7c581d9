/** Cinder v3: volumes, snapshots, types, quotas; attachments are made by the compute side. */
import type { Api, Call, Handle, Json, Reply } from '../core/call.ts'
import { Refusal, isAdmin, mayWrite, ok } from '../core/call.ts'
import type { ImageRow, SnapshotRow, VolumeRow } from '../core/rows.ts'
import { type World, joined, nextPage, page } from '../core/world.ts'

const names: Readonly<Record<number, string>> = { 400: 'badRequest', 401: 'unauthorized', 403: 'forbidden', 404: 'itemNotFound', 405: 'badMethod', 409: 'conflictingRequest', 413: 'overLimit', 415: 'badMediaType', 501: 'notImplemented', 503: 'serviceUnavailable' }
const error = (status: number, message: string): Reply => ({ status, body: { [names[status] ?? 'computeFault']: { code: status, message: status === 500 ? 'The server has either erred or is incapable of performing the requested operation.' : message } } })
const refuse = (status: number, message: string): Refusal => new Refusal(error(status, message))
/** Quota is 413 with `Retry-After: 0`, as QuotaError declares. */
const overLimit = (message: string): Refusal => new Refusal({ status: 413, body: { overLimit: { code: 413, message, retryAfter: '0' } }, headers: { 'retry-after': '0' } })

const latest = 3071
export interface VolumeSide {
  readonly api: Api
  /** For the compute side. Throws Cinder's refusals. */
  create(of: { readonly project: string; readonly userId: string; readonly size: number; readonly name: string; readonly type?: string | null; readonly image?: ImageRow }): VolumeRow
  reserve(volume: VolumeRow, serverId: string, device: string, attachmentId: string): void
  attach(volume: VolumeRow, serverId: string): void
  detach(volume: VolumeRow, serverId: string): void
  remove(volume: VolumeRow): void
}

export const volume = (world: World): VolumeSide => {
  const { volumes, snapshots, images } = world.tables
  const { settings } = world
  const typeNames = [...settings.volumeTypes, ...(settings.volumeTypes.includes('__DEFAULT__') ? [] : ['__DEFAULT__'])]
  const defaultType = settings.volumeTypes[0] ?? '__DEFAULT__'
  const typeId = (name: string): string => {
    const hex = Buffer.from(name.padEnd(16, '-')).toString('hex').slice(0, 32)
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`
  }
  const time = (iso: string): string => `${iso.slice(0, 23)}000`.replace('Z', '')
  const gigabytes = new Map<string, number>()
  for (const v of volumes.all()) gigabytes.set(v.project, (gigabytes.get(v.project) ?? 0) + v.size)

  const view = (v: VolumeRow, call: Call): Json => ({
    id: v.id, status: v.status, size: v.size, availability_zone: v.availabilityZone, created_at: time(v.createdAt), updated_at: v.updatedAt === undefined ? null : time(v.updatedAt), name: v.name, description: v.description, volume_type: v.type, snapshot_id: v.snapshotId, source_volid: v.sourceVolumeId,
    metadata: v.metadata, links: [{ rel: 'self', href: `${call.base}/volume/v3/${v.project}/volumes/${v.id}` }, { rel: 'bookmark', href: `${call.base}/volume/${v.project}/volumes/${v.id}` }], user_id: v.userId, bootable: String(v.bootable), encrypted: false, replication_status: null, consistencygroup_id: null, multiattach: v.multiattach,
    attachments: v.attachments.map((a) => ({ id: v.id, attachment_id: a.id, volume_id: v.id, server_id: a.serverId, host_name: null, device: a.device, attached_at: a.attachedAt })),
    'os-vol-tenant-attr:tenant_id': v.project, ...(v.imageMetadata === null ? {} : { volume_image_metadata: v.imageMetadata }),
    ...(isAdmin(call) ? { migration_status: null, 'os-vol-mig-status-attr:migstat': null, 'os-vol-mig-status-attr:name_id': null, 'os-vol-host-attr:host': 'cinder@sim#sim' } : {}),
    ...(call.version >= 3013 ? { group_id: null } : {}), ...(call.version >= 3021 && isAdmin(call) ? { provider_id: null } : {}), ...(call.version >= 3048 ? { shared_targets: call.version >= 3069 ? null : false, service_uuid: null } : {}), ...(call.version >= 3063 ? { volume_type_id: typeId(v.type) } : {}), ...(call.version >= 3065 ? { consumes_quota: true } : {}),
  })
  const text = (v: VolumeRow, call: Call): string => volumes.text(v, `${call.version}/${isAdmin(call)}/${call.base}`, () => view(v, call))
  const snapshotView = (s: SnapshotRow): Json => ({ id: s.id, name: s.name, description: s.description, volume_id: s.volumeId, status: s.status, size: s.size, created_at: time(s.createdAt), updated_at: s.updatedAt === undefined ? null : time(s.updatedAt), metadata: s.metadata, 'os-extended-snapshot-attributes:project_id': s.project, 'os-extended-snapshot-attributes:progress': s.status === 'available' ? '100%' : '0%' })

  const project = (call: Call): string => {
    const named = call.params['project']
    if (named !== undefined && named !== call.token.projectId && !isAdmin(call)) throw refuse(404, 'Malformed request url')
    return call.token.projectId
  }
  const own = (call: Call): VolumeRow => {
    project(call)
    const row = world.find(call, volumes, call.params['id']!)
    if (row === undefined) throw refuse(404, `Volume ${call.params['id']} could not be found.`)
    return row
  }
  const writer = (call: Call, action: string): void => {
    if (!mayWrite(call)) throw refuse(403, `Policy doesn't allow volume:${action} to be performed.`)
  }

  const create: VolumeSide['create'] = (of) => {
    const limit = world.quota(of.project, 'gigabytes')
    const used = gigabytes.get(of.project) ?? 0
    if (limit >= 0 && used + of.size > limit) throw overLimit(`VolumeSizeExceedsAvailableQuota: Requested volume or snapshot exceeds allowed gigabytes quota. Requested ${of.size}G, quota is ${limit}G and ${used}G has been consumed.`)
    const count = world.quota(of.project, 'volumes')
    if (count >= 0 && volumes.count(of.project) >= count) throw overLimit(`VolumeLimitExceeded: Maximum number of volumes allowed (${count}) exceeded for quota 'volumes'.`)
    gigabytes.set(of.project, used + of.size)
    const { image } = of
    const row = volumes.add({
      id: world.id(), project: of.project, createdAt: world.now(), name: of.name, description: '', userId: of.userId, size: of.size, type: of.type ?? defaultType, status: 'creating', imageId: image?.id ?? null,
      imageMetadata: image === undefined ? null : { ...image.properties, image_id: image.id, image_name: image.name, checksum: image.checksum ?? '', container_format: image.containerFormat ?? 'bare', disk_format: image.diskFormat ?? 'raw', min_disk: String(image.minDisk), min_ram: String(image.minRam), size: String(image.size ?? 0) },
      sourceVolumeId: null, snapshotId: null, bootable: false, metadata: {}, availabilityZone: 'nova', attachments: [], endsInError: false, multiattach: false,
    })
    world.later(volumes, row, image === undefined ? 'created' : 'downloading', image === undefined ? settings.latency.volumeCreate : settings.latency.volumeCreate / 2)
    return row
  }
  world.step(volumes, 'downloading', (v) => {
    v.status = 'downloading'
    world.later(volumes, v, 'created', settings.latency.volumeFromImage)
  })
  world.step(volumes, 'created', (v) => {
    v.status = v.endsInError ? 'error' : 'available'
    if (v.imageId !== null && !v.endsInError) v.bootable = true
  })
  const remove = (v: VolumeRow): void => {
    gigabytes.set(v.project, (gigabytes.get(v.project) ?? 0) - v.size)
    volumes.remove(v)
    world.changed.volumeGone(v.id)
    world.values.delete(`disk/${v.id}`)
    world.journal.noteValue('value', `disk/${v.id}`, null)
  }
  world.step(volumes, 'deleted', (v) => {
    if (v.endsInError) v.status = 'error_deleting'
    else remove(v)
  })
  world.step(snapshots, 'created', (s) => { s.status = 'available' })
  world.step(snapshots, 'deleted', (s) => { snapshots.remove(s) })

  const list = (detail: boolean): Handle => (call) => {
    project(call)
    const { query } = call
    const all = query.get('all_tenants') !== null && isAdmin(call) ? [...volumes.all()] : world.seen(call, volumes)
    // Newest first, as Cinder sorts.
    let rows = [...all].reverse()
    for (const key of ['name', 'status', 'bootable'] as const) {
      const wanted = query.get(key)
      if (wanted !== null) rows = rows.filter((v) => String(v[key]) === wanted)
    }
    const metadata = query.get('metadata')
    if (metadata !== null) {
      const wanted = Object.entries(JSON.parse(metadata.replaceAll("'", '"').replaceAll('u"', '"')) as Record<string, string>)
      rows = rows.filter((v) => wanted.every(([k, value]) => v.metadata[k] === value))
    }
    const p = page(world, call, rows, {
      marker: (marker) => refuse(404, `Volume ${marker} could not be found.`),
      limit: () => refuse(400, 'limit param must be an integer'),
    })
    const texts = p.rows.map((v) => (detail ? text(v, call) : JSON.stringify({ id: v.id, name: v.name, links: (view(v, call) as { links: Json }).links })))
    const links = p.more ? `,"volumes_links":${JSON.stringify([{ rel: 'next', href: nextPage(`${call.base}/volume${call.path}`, call, p.rows.at(-1)!.id, p.limit) }])}` : ''
    return ok(`{"volumes":${joined(texts)}${links}}`)
  }

  const post: Handle = (call) => {
    const projectId = project(call)
    writer(call, 'create')
    const given = call.body?.volume
    if (given === undefined || given === null) throw refuse(400, "'volume' is a required property")
    let size = given.size === undefined || given.size === null ? undefined : Number(given.size)
    let image: ImageRow | undefined
    if (given.imageRef != null) {
      image = images.get(String(given.imageRef))
      if (image === undefined || (image.project !== projectId && image.visibility !== 'public')) throw refuse(400, 'Invalid image identifier or unable to access requested image.')
      if (image.status !== 'active') throw refuse(400, `Invalid input received: Image ${image.id} is not active.`)
    }
    const snapshot = given.snapshot_id == null ? undefined : world.find(call, snapshots, String(given.snapshot_id))
    if (given.snapshot_id != null && snapshot === undefined) throw refuse(404, `Snapshot ${given.snapshot_id} could not be found.`)
    const source = given.source_volid == null ? undefined : world.find(call, volumes, String(given.source_volid))
    if (given.source_volid != null && source === undefined) throw refuse(404, `Volume ${given.source_volid} could not be found.`)
    size ??= snapshot?.size ?? source?.size
    if (size === undefined || !Number.isInteger(size) || size < 1) throw refuse(400, `Invalid input received: Invalid volume size provided for create request: ${size ?? 'None'} (size argument must be an integer (or string representation of an integer) and greater than zero).`)
    if (image !== undefined && image.size !== null && image.size > size * 2 ** 30) throw refuse(400, `Invalid input received: Size of specified image ${Math.ceil(image.size / 2 ** 30)}GB is larger than volume size ${size}GB.`)
    if (image !== undefined && image.minDisk > size) throw refuse(400, `Invalid input received: Volume size ${size}GB cannot be smaller than the image minDisk size ${image.minDisk}GB.`)
    const type = given.volume_type == null ? undefined : typeNames.find((name) => name === given.volume_type || typeId(name) === given.volume_type)
    if (given.volume_type != null && type === undefined) throw refuse(404, `Volume type with name ${given.volume_type} could not be found.`)
    if (given.availability_zone != null && given.availability_zone !== 'nova') throw refuse(400, `Availability zone '${given.availability_zone}' is invalid.`)
    const row = create({ project: projectId, userId: call.token.userId, size, name: given.name ?? '', type: type ?? null, ...(image === undefined ? {} : { image }) })
    Object.assign(row, { description: given.description ?? null, metadata: { ...given.metadata }, sourceVolumeId: source?.id ?? null, snapshotId: snapshot?.id ?? null, multiattach: given.multiattach === true })
    const origin = source ?? (snapshot === undefined ? undefined : volumes.get(snapshot.volumeId))
    if (origin !== undefined) {
      row.bootable = origin.bootable
      row.imageMetadata = origin.imageMetadata
    }
    row.endsInError = world.faults.strike(call, 'volume-error') !== undefined
    volumes.touch(row)
    return ok(`{"volume":${text(row, call)}}`, 202)
  }

  const destroy: Handle = (call) => {
    const v = own(call)
    writer(call, 'delete')
    if (!['available', 'error', 'error_restoring', 'error_extending', 'error_managing', 'error_deleting'].includes(v.status) || v.attachments.length > 0 || (snapshots.of(v.project).some((s) => s.volumeId === v.id) && call.query.get('cascade') === null)) {
      throw refuse(400, 'Invalid volume: Volume status must be available or error or error_restoring or error_extending or error_managing and must not be migrating, attached, belong to a group, have snapshots, awaiting a transfer, or be disassociated from snapshots after volume transfer.')
    }
    v.status = 'deleting'
    v.endsInError = world.faults.strike(call, 'volume-error') !== undefined
    world.later(volumes, v, 'deleted', settings.latency.volumeDelete)
    return { status: 202 }
  }

  const action: Handle = (call) => {
    const v = own(call)
    const [name, given] = Object.entries((call.body ?? {}) as Record<string, Json>)[0] ?? []
    if (name === 'os-extend') {
      writer(call, 'extend')
      if (v.status !== 'available') throw refuse(400, `Invalid volume: Volume ${v.id} status must be '('available',)' to extend, currently ${v.status}.`)
      const size = Number(given.new_size)
      if (!(size > v.size)) throw refuse(400, `Invalid input received: New size for extend must be greater than current size. (current: ${v.size}, extended: ${size}).`)
      gigabytes.set(v.project, (gigabytes.get(v.project) ?? 0) + size - v.size)
      v.size = size
    } else if (name === 'os-set_bootable') v.bootable = given.bootable === true || given.bootable === 'true'
    else if (name === 'os-reset_status') {
      if (!isAdmin(call)) throw refuse(403, "Policy doesn't allow volume_extension:volume_admin_actions:reset_status to be performed.")
      v.status = given.status
    } else if (name === 'os-force_delete') {
      if (!isAdmin(call)) throw refuse(403, "Policy doesn't allow volume_extension:volume_admin_actions:force_delete to be performed.")
      remove(v)
      return { status: 202 }
    } else throw refuse(400, `There is no such action: ${name}`)
    volumes.touch(v)
    return { status: name === 'os-set_bootable' ? 200 : 202 }
  }

  const limits = (call: Call): Json => {
    const p = project(call)
    const used = gigabytes.get(p) ?? 0
    return { limits: { rate: [], absolute: { maxTotalVolumes: world.quota(p, 'volumes'), maxTotalVolumeGigabytes: world.quota(p, 'gigabytes'), maxTotalSnapshots: world.quota(p, 'snapshots'), maxTotalBackups: 10, maxTotalBackupGigabytes: 1000, totalVolumesUsed: volumes.count(p), totalGigabytesUsed: used, totalSnapshotsUsed: snapshots.count(p), totalBackupsUsed: 0, totalBackupGigabytesUsed: 0 } } }
  }
  const quotaSet: Handle = (call) => {
    const id = call.params['target']!
    if (id !== call.token.projectId && !isAdmin(call)) throw refuse(403, "Policy doesn't allow volume_extension:quotas:show to be performed.")
    const one = (limit: number, used: number): Json => (/^true$/i.test(call.query.get('usage') ?? '') ? { limit, in_use: used, reserved: 0, allocated: 0 } : limit)
    return ok({ quota_set: { id, volumes: one(world.quota(id, 'volumes'), volumes.count(id)), gigabytes: one(world.quota(id, 'gigabytes'), gigabytes.get(id) ?? 0), snapshots: one(world.quota(id, 'snapshots'), snapshots.count(id)), backups: one(10, 0), backup_gigabytes: one(1000, 0), per_volume_gigabytes: one(-1, 0), groups: one(10, 0) } })
  }
  const typeView = (name: string): Json => ({ id: typeId(name), name, description: name === '__DEFAULT__' ? 'Default Volume Type' : null, is_public: true, 'os-volume-type-access:is_public': true, qos_specs_id: null, extra_specs: {} })

  const postSnapshot: Handle = (call) => {
    writer(call, 'create_snapshot')
    const given = call.body?.snapshot
    const v = world.find(call, volumes, String(given?.volume_id))
    if (v === undefined) throw refuse(404, `Volume ${given?.volume_id} could not be found.`)
    if (v.status !== 'available' && !(v.status === 'in-use' && given.force === true)) throw refuse(400, `Invalid volume: Volume ${v.id} status must be available, but current status is: ${v.status}.`)
    const row = snapshots.add({ id: world.id(), project: v.project, createdAt: world.now(), name: given.name ?? '', description: given.description ?? '', volumeId: v.id, size: v.size, status: 'creating', metadata: { ...given.metadata } })
    world.later(snapshots, row, 'created', settings.latency.volumeCreate)
    return ok({ snapshot: snapshotView(row) }, 202)
  }
  const ownSnapshot = (call: Call): SnapshotRow => {
    const row = world.find(call, snapshots, call.params['id']!)
    if (row === undefined) throw refuse(404, `Snapshot ${call.params['id']} could not be found.`)
    return row
  }

  const routes: Record<string, Handle> = {
    'GET /volumes': list(false),
    'GET /volumes/detail': list(true),
    'POST /volumes': post,
    'GET /volumes/:id': (call) => ok(`{"volume":${text(own(call), call)}}`),
    'PUT /volumes/:id': (call) => {
      const v = own(call)
      writer(call, 'update')
      const given = call.body?.volume ?? {}
      if (given.name !== undefined) v.name = given.name
      if (given.description !== undefined) v.description = given.description
      if (given.metadata !== undefined) v.metadata = { ...v.metadata, ...given.metadata }
      volumes.touch(v)
      return ok(`{"volume":${text(v, call)}}`)
    },
    'DELETE /volumes/:id': destroy,
    'POST /volumes/:id/action': action,
    'GET /volumes/:id/metadata': (call) => ok({ metadata: own(call).metadata }),
    'POST /volumes/:id/metadata': (call) => {
      const v = own(call)
      v.metadata = { ...v.metadata, ...call.body?.metadata }
      volumes.touch(v)
      return ok({ metadata: v.metadata })
    },
    'GET /snapshots': (call) => ok({ snapshots: world.seen(call, snapshots).map(snapshotView) }),
    'GET /snapshots/detail': (call) => ok({ snapshots: world.seen(call, snapshots).map(snapshotView) }),
    'POST /snapshots': postSnapshot,
    'GET /snapshots/:id': (call) => ok({ snapshot: snapshotView(ownSnapshot(call)) }),
    'DELETE /snapshots/:id': (call) => {
      const row = ownSnapshot(call)
      row.status = 'deleting'
      world.later(snapshots, row, 'deleted', settings.latency.volumeDelete)
      return { status: 202 }
    },
    'GET /types': () => ok({ volume_types: typeNames.map(typeView) }),
    'GET /types/default': () => ok({ volume_type: typeView(defaultType) }),
    'GET /types/:id': (call) => {
      const name = typeNames.find((n) => typeId(n) === call.params['id'])
      if (name === undefined) throw refuse(404, `Volume type ${call.params['id']} could not be found.`)
      return ok({ volume_type: typeView(name) })
    },
    'GET /limits': (call) => ok(limits(call)),
    'GET /os-quota-sets/:target': quotaSet,
    'PUT /os-quota-sets/:target': (call) => {
      if (!isAdmin(call)) throw refuse(403, "Policy doesn't allow volume_extension:quotas:update to be performed.")
      const row = world.tables.projects.get(call.params['target']!)
      if (row === undefined) throw refuse(404, 'Project not found')
      for (const key of ['volumes', 'gigabytes', 'snapshots']) if (call.body?.quota_set?.[key] !== undefined) row.quota[key] = Number(call.body.quota_set[key])
      world.tables.projects.touch(row)
      return quotaSet(call)
    },
    'GET /os-availability-zone': () => ok({ availabilityZoneInfo: [{ zoneName: 'nova', zoneState: { available: true } }] }),
    'GET /extensions': () => ok({ extensions: [] }),
  }
  const versions = (call: Call): Json => ({ id: 'v3.0', status: 'CURRENT', version: '3.71', min_version: '3.0', updated: '2023-08-31T00:00:00Z', links: [{ rel: 'self', href: `${call.base}/volume/v3/` }], 'media-types': [{ base: 'application/json', type: 'application/vnd.openstack.volume+json;version=3' }] })
  const all: Record<string, Handle> = {
    'GET /': (call) => ({ status: 300, body: { versions: [versions(call)] } }),
    'GET /v3': (call) => ok({ versions: [versions(call)] }),
  }
  for (const [pattern, handle] of Object.entries(routes)) {
    const [method, path] = pattern.split(' ')
    all[`${method} /v3/:project${path}`] = handle
    all[`${method} /v3${path}`] = handle // since 3.67 the project may be left out
  }

  return {
    create, remove,
    reserve(v, serverId, device, attachmentId) {
      v.status = 'reserved'
      v.attachments.push({ id: attachmentId, serverId, device, attachedAt: world.now().replace('Z', '000') })
      volumes.touch(v)
    },
    attach(v, serverId) {
      v.status = 'in-use'
      for (const a of v.attachments) if (a.serverId === serverId) a.attachedAt = world.now().replace('Z', '000')
      volumes.touch(v)
    },
    detach(v, serverId) {
      v.attachments = v.attachments.filter((a) => a.serverId !== serverId)
      v.status = v.attachments.length > 0 ? 'in-use' : 'available'
      volumes.touch(v)
    },
    api: {
      name: 'volume', error, routes: all,
      open: (_method, path) => path === '/' || path === '/v3' || path === '/v3/',
      begin(call) {
        const header = call.headers['openstack-api-version']
        const asked = typeof header === 'string' ? /(?:^|,)\s*volume\s+(\S+)/.exec(header)?.[1] : undefined
        if (asked === undefined) call.version = 3000
        else if (asked === 'latest') call.version = latest
        else {
          const match = /^(\d+)\.(\d+)$/.exec(asked)
          if (match === null) throw refuse(400, `API Version String ${asked} is of invalid format. Must be of format MajorNum.MinorNum.`)
          call.version = Number(match[1]) * 1000 + Number(match[2])
          if (call.version < 3000 || call.version > latest) throw refuse(406, `Version ${asked} is not supported by the API. Minimum is 3.0 and maximum is 3.71.`)
        }
      },
      headers: (call) => ({ 'openstack-api-version': `volume ${Math.floor(call.version / 1000)}.${call.version % 1000}`, vary: 'OpenStack-API-Version' }),
    },
  }
}
