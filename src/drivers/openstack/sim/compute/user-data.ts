/** User data in little memory: deflated, as text. */
import { deflateRawSync, inflateRawSync } from 'node:zlib'

export const pack = (data: Buffer): string => (data.length === 0 ? '' : deflateRawSync(data, { level: 1 }).toString('base64'))
export const unpack = (packed: string): Buffer => (packed === '' ? Buffer.alloc(0) : inflateRawSync(Buffer.from(packed, 'base64')))
