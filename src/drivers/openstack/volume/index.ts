/** Cinder: volumes, types, limits. API reference: docs.openstack.org/api-ref/block-storage/v3. */
import type { Cloud, Quota, Volume, VolumeSpec } from '../cloud.ts'
import { openCollection, type Listers } from '../collection.ts'
import { metadataOf, nameOf, ofMetadata } from '../marks.ts'
import type { Client } from '../transport/client.ts'
import { bool, createdAt, id, number, object, objects, text, type Json } from '../transport/json.ts'
import { allPages } from '../transport/pages.ts'

const service = 'volume'

export const toVolume = (o: Json): Volume => {
  const mark = ofMetadata(object(o['metadata']))
  return {
    id: id(o), name: text(o['name']), ...(mark !== undefined && { mark }), ...createdAt(o['created_at']), status: text(o['status']), sizeGiB: number(o['size']), type: text(o['volume_type']), bootable: bool(o['bootable']),
    attachedTo: objects(o['attachments']).map((a) => text(a['server_id'])).filter((s) => s !== ''),
  }
}

export const openVolume = (client: Client, listers: Listers): Cloud['volume'] => ({
  volumes: openCollection<Volume, VolumeSpec>(listers, {
    fetch: async (background) => (await allPages(client, { service, path: '/volumes/detail', key: 'volumes', limitMs: 60_000, ...(background && { priority: 'background' }) })).map(toVolume),
    get: async (volumeId) => {
      const answer = await client.find({ service, path: `/volumes/${volumeId}` })
      return answer === undefined ? undefined : toVolume(object(answer['volume']))
    },
    create: (spec, mark, signal) => client.create({ service, path: '/volumes', signal, body: { volume: {
      name: nameOf(mark), size: spec.sizeGiB, metadata: metadataOf(mark), ...(spec.type !== undefined && { volume_type: spec.type }), ...(spec.imageId !== undefined && { imageRef: spec.imageId }),
      ...(spec.availabilityZone !== undefined && { availability_zone: spec.availabilityZone }),
    } } }, (a) => toVolume(object(a['volume']))),
    delete: (volumeId) => client.remove({ service, path: `/volumes/${volumeId}` }),
  }),
  types: async () => objects((await client.json({ service, path: '/types' }))['volume_types']).map((t) => ({ id: id(t), name: text(t['name']) })),
  quota: async () => {
    const limits = object(object((await client.json({ service, path: '/limits' }))['limits'])['absolute'])
    const quota = (limit: string, used: string): Quota => ({ limit: number(limits[limit]), used: number(limits[used]) })
    return { volumes: quota('maxTotalVolumes', 'totalVolumesUsed'), gigabytes: quota('maxTotalVolumeGigabytes', 'totalGigabytesUsed') }
  },
})
