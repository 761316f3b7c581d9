/** The key that seals bundles and credentials (rule T7): 32 bytes in a file of its owner. */
import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'

export const newSiteKey = (): string => `${randomBytes(32).toString('base64')}\n`

export const readSiteKey = async (path: string): Promise<Buffer> => {
  const key = Buffer.from((await readFile(path, 'utf8')).trim(), 'base64')
  if (key.length !== 32) throw new Error(`${path} does not hold 32 bytes in base64`)
  return key
}
