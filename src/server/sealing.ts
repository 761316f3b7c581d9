/** Envelope encryption with the site's key: a data key for each object, AES-256-GCM, the object's id as additional data. */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'

const magic = Buffer.from('SKE1')

const encrypt = (key: Buffer, plain: Buffer, id: string): Buffer => {
  const iv = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(Buffer.from(id))
  const body = Buffer.concat([cipher.update(plain), cipher.final()])
  return Buffer.concat([iv, cipher.getAuthTag(), body])
}
const decrypt = (key: Buffer, sealed: Buffer, id: string): Buffer => {
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, 12)).setAAD(Buffer.from(id)).setAuthTag(sealed.subarray(12, 28))
  return Buffer.concat([decipher.update(sealed.subarray(28)), decipher.final()])
}

/** key: 32 bytes. `magic | 60 bytes wrapped data key | body`. */
export const seal = (key: Buffer, id: string, plain: Buffer): Buffer => {
  const dataKey = randomBytes(32)
  return Buffer.concat([magic, encrypt(key, dataKey, id), encrypt(dataKey, plain, id)])
}

/** Throws when the key or the id is another one, or a byte was changed. */
export const unseal = (key: Buffer, id: string, sealed: Buffer): Buffer => {
  if (!sealed.subarray(0, 4).equals(magic)) throw new Error('not sealed by this program')
  return decrypt(decrypt(key, sealed.subarray(4, 64), id), sealed.subarray(64), id)
}
