/** Cinder. */
import type { Cloud, Volume, VolumeSpec } from './cloud.ts'
import { openCollection } from './collection.ts'
import type { ListerOptions } from './lister.ts'
import { asMetadata, asName, fromMetadata } from './marks.ts'
import type { Transport } from './transport.ts'

const volume = (v: any): Volume => {
  const mark = fromMetadata(v.metadata)
  return {
    id: v.id, name: v.name ?? '', ...(mark !== undefined && { mark }), ...(v.created_at !== undefined && { createdAt: v.created_at }), status: v.status ?? '', sizeGiB: v.size ?? 0, type: v.volume_type ?? '',
    bootable: v.bootable === true || v.bootable === 'true', attachedTo: ((v.attachments ?? []) as { server_id: string }[]).map((a) => a.server_id),
  }
}

export const openVolume = (t: Transport, lister: ListerOptions): Cloud['volume'] => ({
  volumes: openCollection<Volume, VolumeSpec>(t, {
    service: 'volume', path: '/volumes', listPath: '/volumes/detail', one: 'volume', many: 'volumes', parse: volume,
    body: (s, mark) => ({ volume: { name: asName(mark), size: s.sizeGiB, metadata: asMetadata(mark), ...(s.type !== undefined && { volume_type: s.type }), ...(s.imageId !== undefined && { imageRef: s.imageId }), ...(s.availabilityZone !== undefined && { availability_zone: s.availabilityZone }) } }),
  }, lister),
  types: async () => ((await t.call('volume', { method: 'GET', path: '/types' })).body.volume_types as { id: string; name: string }[]).filter((v) => v.name !== '__DEFAULT__').map(({ id, name }) => ({ id, name })),
  quota: async () => {
    const a = (await t.call('volume', { method: 'GET', path: '/limits' })).body.limits.absolute
    return { volumes: { limit: a.maxTotalVolumes, used: a.totalVolumesUsed }, gigabytes: { limit: a.maxTotalVolumeGigabytes, used: a.totalGigabytesUsed } }
  },
})
