/** Glance v2: images with ids of the caller's choice, uploads. Only size and checksums of what is uploaded are kept. */
import { createHash } from 'node:crypto'
import type { Api, Call, Handle, Json, Reply } from '../core/call.ts'
import { Refusal, isAdmin, mayWrite, ok } from '../core/call.ts'
import type { ImageRow } from '../core/rows.ts'
import { type World, joined, nextPage, page } from '../core/world.ts'

const titles: Readonly<Record<number, string>> = { 400: 'Bad Request', 401: 'Unauthorized', 403: 'Forbidden', 404: 'Not Found', 405: 'Method Not Allowed', 409: 'Conflict', 410: 'Gone', 413: 'Request Entity Too Large', 415: 'Unsupported Media Type', 429: 'Too Many Requests', 500: 'Internal Server Error', 503: 'Service Unavailable' }
/** WebOb answers in HTML unless JSON alone is accepted; clients parse both. */
const error = (status: number, message: string, call?: Call): Reply => {
  const title = titles[status] ?? 'Error'
  const accept = call?.headers.accept ?? '*/*'
  if (!accept.includes('html') && !accept.includes('*/*') && accept.includes('json')) return { status, body: { message: `${message}<br /><br />\n\n\n`, code: `${status} ${title}`, title } }
  return { status, type: 'text/html; charset=UTF-8', body: Buffer.from(`<html>\n <head>\n  <title>${status} ${title}</title>\n </head>\n <body>\n  <h1>${status} ${title}</h1>\n  ${message}<br /><br />\n\n\n\n </body>\n</html>`) }
}

const base = new Set(['id', 'name', 'status', 'visibility', 'protected', 'owner', 'container_format', 'disk_format', 'min_disk', 'min_ram', 'tags', 'os_hidden', 'created_at', 'updated_at', 'size', 'checksum', 'self', 'file', 'schema', 'virtual_size', 'os_hash_algo', 'os_hash_value', 'locations', 'direct_url', 'stores'])
const readOnly = ['created_at', 'updated_at', 'status', 'checksum', 'size', 'virtual_size', 'direct_url', 'self', 'file', 'schema', 'os_hash_algo', 'os_hash_value', 'locations']
const uuid = /^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$/
const maySee = (call: Call, image: ImageRow): boolean => !call.blind && (image.project === call.token.projectId || image.visibility === 'public' || image.visibility === 'community' || isAdmin(call))

export interface SeedImage { readonly id?: string; readonly name: string; readonly properties?: Readonly<Record<string, string>>; readonly minDiskGiB?: number; readonly sizeBytes?: number; readonly visibility?: 'public' | 'private'; readonly project?: string }

export const image = (world: World): { readonly api: Api; seed(of: SeedImage): ImageRow } => {
  const { images } = world.tables
  const time = (iso: string): string => `${iso.slice(0, 19)}Z`
  const view = (i: ImageRow): Json => ({
    ...i.properties, id: i.id, name: i.name, status: i.status, visibility: i.visibility, protected: i.protected, owner: i.project, container_format: i.containerFormat, disk_format: i.diskFormat, min_disk: i.minDisk, min_ram: i.minRam, tags: i.tags, os_hidden: i.hidden,
    size: i.size, virtual_size: i.virtualSize, checksum: i.checksum, os_hash_algo: i.hash === null ? null : 'sha512', os_hash_value: i.hash, created_at: time(i.createdAt), updated_at: time(i.updatedAt ?? i.createdAt), self: `/v2/images/${i.id}`, file: `/v2/images/${i.id}/file`, schema: '/v2/schemas/image',
  })
  const text = (i: ImageRow): string => images.text(i, 'v', () => view(i))
  const refuse = (call: Call, status: number, message: string): Refusal => new Refusal(error(status, message, call))
  const own = (call: Call): ImageRow => {
    const row = images.get(call.params['id']!)
    if (row === undefined || !maySee(call, row)) throw refuse(call, 404, `No image found with ID ${call.params['id']}`)
    return row
  }
  const mine = (call: Call): ImageRow => {
    const row = own(call)
    if (!mayWrite(call) || (row.project !== call.token.projectId && !isAdmin(call))) throw refuse(call, 403, `You are not authorized to complete ${call.method === 'DELETE' ? 'delete_image' : 'modify_image'} action.`)
    return row
  }
  const make = (of: Partial<ImageRow> & { readonly id: string; readonly project: string; readonly name: string }): ImageRow => images.add({
    createdAt: world.now(), status: 'queued', visibility: 'shared', protected: false, containerFormat: null, diskFormat: null, minDisk: 0, minRam: 0, size: null, checksum: null, hash: null, properties: {}, tags: [], hidden: false, virtualSize: null, ...of,
  })
  world.step(images, 'saved', (i) => { i.status = 'active' })

  const create: Handle = (call) => {
    const given = (call.body ?? {}) as Record<string, Json>
    if (!mayWrite(call)) throw refuse(call, 403, 'You are not authorized to complete add_image action.')
    for (const key of readOnly) if (key in given) throw refuse(call, 403, `Attribute '${key}' is read-only.`)
    const id = (given['id'] ?? world.id()) as string
    if (!uuid.test(id)) throw refuse(call, 400, `Provided object does not match schema 'image': '${id}' does not match '^([0-9a-fA-F]){8}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){12}$'`)
    if (images.get(id) !== undefined) throw refuse(call, 409, `Image ID ${id} already exists!`)
    if (given['visibility'] === 'public' && !isAdmin(call)) throw refuse(call, 403, 'You are not authorized to complete publicize_image action.')
    if (given['owner'] !== undefined && given['owner'] !== call.token.projectId && !isAdmin(call)) throw refuse(call, 403, `You are not permitted to create images owned by '${given['owner']}'.`)
    const properties: Record<string, string> = {}
    for (const [key, value] of Object.entries(given)) {
      if (base.has(key)) continue
      if (typeof value !== 'string') throw refuse(call, 400, `Provided object does not match schema 'image': ${JSON.stringify(value)} is not of type 'string'`)
      properties[key] = value
    }
    const row = make({
      id, project: (given['owner'] ?? call.token.projectId) as string, name: given['name'] ?? null, visibility: given['visibility'] ?? 'shared', protected: given['protected'] === true, containerFormat: given['container_format'] ?? null, diskFormat: given['disk_format'] ?? null, minDisk: given['min_disk'] ?? 0, minRam: given['min_ram'] ?? 0, properties, tags: given['tags'] ?? [], hidden: given['os_hidden'] === true,
    })
    return { status: 201, body: text(row), headers: { location: `${call.base}/image/v2/images/${id}`, 'openstack-image-import-methods': 'glance-direct,web-download' } }
  }

  const upload: Handle = async (call) => {
    const row = mine(call)
    const type = call.headers['content-type'] ?? ''
    if (!type.startsWith('application/octet-stream')) {
      call.request.resume()
      throw refuse(call, 415, `Unsupported Media Type: ${type}`)
    }
    if (row.diskFormat === null || row.containerFormat === null) {
      call.request.resume()
      throw refuse(call, 400, "Properties disk_format, container_format must be set prior to saving data.")
    }
    if (row.status !== 'queued') {
      call.request.resume()
      throw refuse(call, 409, row.status === 'saving' ? `Image status transition from saving to saving is not allowed` : `Image status transition from ${row.status} to saving is not allowed`)
    }
    row.status = 'saving'
    images.touch(row)
    const [md5, sha] = [createHash('md5'), createHash('sha512')]
    let size = 0
    try {
      for await (const chunk of call.request as AsyncIterable<Buffer>) {
        size += chunk.length
        md5.update(chunk)
        sha.update(chunk)
      }
    } catch (cause) {
      // A broken upload goes back to queued, with nothing saved.
      row.status = 'queued'
      images.touch(row)
      throw refuse(call, 400, `Error occurred in reading image data: ${String(cause)}`)
    }
    if (images.get(row.id) !== row) throw refuse(call, 410, `Image ${row.id} could not be found after upload. The image may have been deleted during the upload.`)
    Object.assign(row, { size, checksum: md5.digest('hex'), hash: sha.digest('hex'), virtualSize: row.diskFormat === 'raw' ? size : null })
    if (world.settings.latency.imageSave > 0) world.later(images, row, 'saved', world.settings.latency.imageSave)
    else row.status = 'active'
    images.touch(row)
    return { status: 204 }
  }

  const patch: Handle = (call) => {
    const row = mine(call)
    if (!Array.isArray(call.body)) throw refuse(call, 400, 'Request body must be a JSON array of operation objects.')
    const fields: Readonly<Record<string, keyof ImageRow>> = { name: 'name', visibility: 'visibility', protected: 'protected', container_format: 'containerFormat', disk_format: 'diskFormat', min_disk: 'minDisk', min_ram: 'minRam', tags: 'tags', os_hidden: 'hidden' }
    for (const change of call.body as { op?: string; path?: string; value?: Json }[]) {
      const key = (change.path ?? '').replace(/^\//, '').replaceAll('~1', '/').replaceAll('~0', '~')
      if (readOnly.includes(key)) throw refuse(call, 403, `Attribute '${key}' is read-only.`)
      if (key === 'visibility' && change.value === 'public' && !isAdmin(call)) throw refuse(call, 403, 'You are not authorized to complete publicize_image action.')
      const field = fields[key]
      if (field !== undefined) {
        if (change.op === 'remove') throw refuse(call, 403, `Property ${key} may not be removed.`)
        Object.assign(row, { [field]: change.value })
      } else if (change.op === 'remove' || change.op === 'replace') {
        if (!(key in row.properties)) throw refuse(call, 409, `Property ${key} does not exist.`)
        if (change.op === 'remove') delete row.properties[key]
        else row.properties[key] = String(change.value)
      } else row.properties[key] = String(change.value)
    }
    images.touch(row)
    return ok(text(row))
  }

  const list: Handle = (call) => {
    const stale = world.seen(call, images)
    const { query } = call
    const visibility = query.get('visibility')
    let rows = call.blind ? [] : [...stale, ...[...images.all()].filter((i) => i.project !== call.token.projectId && i.visibility === 'public')].reverse()
    if (visibility !== null && visibility !== 'all') rows = rows.filter((i) => i.visibility === visibility)
    rows = rows.filter((i) => i.hidden === (query.get('os_hidden') === 'true'))
    for (const [key, value] of query) {
      if (['limit', 'marker', 'sort', 'sort_key', 'sort_dir', 'visibility', 'os_hidden', 'member_status'].includes(key)) continue
      if (key === 'tag') rows = rows.filter((i) => i.tags.includes(value))
      else {
        const options = value.startsWith('in:') ? value.slice(3).split(',') : [value]
        rows = rows.filter((i) => options.includes(String((view(i) as Record<string, Json>)[key])))
      }
    }
    const p = page(world, call, rows, { marker: (m) => refuse(call, 400, `Marker ${m} could not be found`), limit: () => refuse(call, 400, 'limit param must be an integer') })
    const first = new URLSearchParams(query)
    first.delete('marker')
    const next = p.more && p.rows.length < rows.length ? `,"next":${JSON.stringify(nextPage('/v2/images', call, p.rows.at(-1)!.id, p.limit))}` : ''
    return ok(`{"images":${joined(p.rows.map(text))}${next},"schema":"/v2/schemas/images","first":${JSON.stringify(`/v2/images${first.size > 0 ? `?${first.toString()}` : ''}`)}}`)
  }

  const versions = (call: Call): Json => ({ versions: ['2.17', '2.16', '2.15', '2.9', '2.7', '2.5', '2.0'].map((v, i) => ({ id: `v${v}`, status: i === 0 ? 'CURRENT' : 'SUPPORTED', links: [{ rel: 'self', href: `${call.base}/image/v2/` }] })) })

  return {
    seed(of) {
      const row = make({ id: of.id ?? world.id(), project: of.project ?? 'ca11ab1eca11ab1eca11ab1eca11ab1e', name: of.name, status: 'active', visibility: of.visibility ?? 'public', containerFormat: 'bare', diskFormat: 'raw', minDisk: of.minDiskGiB ?? 0, size: of.sizeBytes ?? 2 ** 20, checksum: createHash('md5').update(of.name).digest('hex'), hash: createHash('sha512').update(of.name).digest('hex'), properties: { ...of.properties } })
      world.journal.flush()
      return row
    },
    api: {
      name: 'image', error,
      open: (_method, path) => path === '/' || path === '/versions',
      raw: (method, path) => method === 'PUT' && path.endsWith('/file'),
      routes: {
        'GET /': (call) => ({ status: 300, body: versions(call) }),
        'GET /versions': (call) => ok(versions(call)),
        'GET /v2/images': list,
        'POST /v2/images': create,
        'GET /v2/images/:id': (call) => ok(text(own(call))),
        'PATCH /v2/images/:id': patch,
        'DELETE /v2/images/:id': (call) => {
          const row = mine(call)
          if (row.protected) throw refuse(call, 403, `Image ${row.id} is protected and cannot be deleted.`)
          images.remove(row)
          return { status: 204 }
        },
        'PUT /v2/images/:id/file': upload,
        'GET /v2/images/:id/file': (call) => {
          const row = own(call)
          if (row.status !== 'active') return { status: 204 }
          throw refuse(call, 503, 'The simulator keeps no image data.')
        },
        'PUT /v2/images/:id/tags/:tag': (call) => {
          const row = mine(call)
          if (!row.tags.includes(call.params['tag']!)) row.tags.push(call.params['tag']!)
          images.touch(row)
          return { status: 204 }
        },
        'DELETE /v2/images/:id/tags/:tag': (call) => {
          const row = mine(call)
          if (!row.tags.includes(call.params['tag']!)) throw refuse(call, 404, `Failed to find tag ${call.params['tag']} for image ${row.id}`)
          row.tags = row.tags.filter((t) => t !== call.params['tag'])
          images.touch(row)
          return { status: 204 }
        },
        'GET /v2/schemas/image': () => ok({ name: 'image', properties: {}, additionalProperties: { type: 'string' } }),
        'GET /v2/info/import': () => ok({ 'import-methods': { description: 'Import methods available.', type: 'array', value: [] } }),
      },
    },
  }
}
