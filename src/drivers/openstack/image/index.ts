/** Glance: images whose id we choose, so that a second one cannot be made (rule O2). API reference: docs.openstack.org/api-ref/image/v2. */
import type { Cloud, Image } from '../cloud.ts'
import { isAlreadyExists } from '../errors.ts'
import type { Client } from '../transport/client.ts'
import { id, number, text, textOrNull, type Json } from '../transport/json.ts'
import { allPages } from '../transport/pages.ts'

const service = 'image'

/** What is not a property that somebody set. */
const base = new Set(['id', 'name', 'status', 'min_disk', 'min_ram', 'size', 'virtual_size', 'checksum', 'os_hash_algo', 'os_hash_value', 'os_hidden', 'owner', 'visibility', 'protected', 'tags', 'locations', 'direct_url', 'file', 'schema', 'self', 'created_at', 'updated_at', 'stores'])

const toImage = (o: Json): Image => ({
  id: id(o), name: text(o['name']), status: text(o['status']), minDiskGiB: number(o['min_disk']), sizeBytes: number(o['size']), checksum: textOrNull(o['checksum']),
  properties: Object.fromEntries(Object.entries(o).filter((e): e is [string, string] => typeof e[1] === 'string' && !base.has(e[0]))),
})

async function* bytes(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> { for await (const chunk of stream) yield chunk }

export const openImage = (client: Client): Cloud['image'] => ({
  list: async () => (await allPages(client, { service, path: '/images', key: 'images' })).map(toImage),
  get: async (imageId) => {
    const answer = await client.find({ service, path: `/images/${imageId}` })
    return answer === undefined ? undefined : toImage(answer)
  },
  create: async (imageId, image) => {
    try {
      await client.create({ service, path: '/images', body: { disk_format: 'raw', container_format: 'bare', ...image.properties, id: imageId, name: image.name, min_disk: image.minDiskGiB, visibility: 'private' } }, () => undefined)
    } catch (error) { if (!isAlreadyExists(error)) throw error }
  },
  upload: (imageId, data) => client.send({ service, method: 'PUT', once: true, path: `/images/${imageId}/file`, upload: bytes(data) }),
  delete: (imageId) => client.remove({ service, path: `/images/${imageId}` }),
})
