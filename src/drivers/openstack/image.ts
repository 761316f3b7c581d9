/** Glance. */
import type { Cloud, Image } from './cloud.ts'
import { listAll } from './collection.ts'
import { detailsOf, isConflict } from './errors.ts'
import type { Transport } from './transport.ts'

const own = new Set(['id', 'name', 'status', 'min_disk', 'min_ram', 'size', 'checksum', 'os_hash_algo', 'os_hash_value', 'created_at', 'updated_at', 'owner', 'visibility', 'protected', 'tags', 'file', 'schema', 'self', 'virtual_size', 'disk_format', 'container_format', 'stores', 'locations', 'direct_url', 'os_hidden'])
const image = (i: any): Image => ({
  id: i.id, name: i.name ?? '', status: i.status, minDiskGiB: i.min_disk ?? 0, sizeBytes: i.size ?? 0, checksum: i.checksum ?? null,
  properties: Object.fromEntries(Object.entries(i as Record<string, unknown>).filter(([k, v]) => !own.has(k) && typeof v === 'string')) as Record<string, string>,
})

export const openImage = (t: Transport): Cloud['image'] => ({
  list: async () => (await listAll(t, 'image', '/images', 'images')).map(image),
  async get(id) { try { return image((await t.call('image', { method: 'GET', path: `/images/${id}` })).body) } catch (error) { if (detailsOf(error)?.code === 404) return undefined; throw error } },
  async create(id, i) {
    try {
      await t.call('image', { method: 'POST', path: '/images', body: { id, name: i.name, disk_format: 'raw', container_format: 'bare', visibility: 'private', min_disk: i.minDiskGiB, ...i.properties } })
    } catch (error) { if (!isConflict(error)) throw error }
  },
  async upload(id, data) {
    await t.call('image', { method: 'PUT', path: `/images/${id}/file`, stream: data as unknown as AsyncIterable<Uint8Array>, headers: { 'content-type': 'application/octet-stream' }, timeoutMs: 3_600_000 })
  },
  async delete(id) { try { await t.call('image', { method: 'DELETE', path: `/images/${id}` }) } catch (error) { if (detailsOf(error)?.code !== 404) throw error } },
})
