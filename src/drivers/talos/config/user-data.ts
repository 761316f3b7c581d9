/** User data as Nova takes it: gzip, which Talos undoes, and base64 (rule T5). */
import { gzipSync } from 'node:zlib'
import { InvalidInput } from './invalid-input.ts'

/** Nova's limit on the base64 text. */
const limit = 65_535

export const packUserData = (yaml: string): { readonly base64: string; readonly bytes: number } => {
  const base64 = gzipSync(yaml, { level: 9 }).toString('base64')
  if (base64.length > limit) throw new InvalidInput('userData', `the machine configuration is ${base64.length} bytes packed; Nova takes ${limit}. Shorten trusted roots, registry mirrors or labels`)
  return { base64, bytes: base64.length }
}
