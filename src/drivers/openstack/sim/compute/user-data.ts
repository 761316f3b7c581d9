/** User data in little memory: deflated, beside the server's row, so that a change of the row does not write it again. */
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import type { World } from '../core/world.ts'

const key = (serverId: string): string => `user-data/${serverId}`

export const keepUserData = (world: World, serverId: string, data: Buffer): void => {
  if (data.length === 0) return
  const packed = deflateRawSync(data, { level: 1 }).toString('base64')
  world.values.set(key(serverId), packed)
  world.journal.noteValue('value', key(serverId), packed)
}
export const userDataOf = (world: World, serverId: string): Buffer => {
  const packed = world.values.get(key(serverId))
  return typeof packed === 'string' ? inflateRawSync(Buffer.from(packed, 'base64')) : Buffer.alloc(0)
}
export const dropUserData = (world: World, serverId: string): void => {
  if (world.values.delete(key(serverId))) world.journal.noteValue('value', key(serverId), null)
}
