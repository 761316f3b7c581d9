/** User data as Nova takes it: gzip, which Talos undoes, and base64 (rule T5). */
import { gzipSync } from 'node:zlib'
import { InvalidInput } from './invalid-input.ts'

/** Bytes of base64 text that Nova takes. */
export const userDataLimit = 65_535

export const pack = (text: string): string => gzipSync(text, { level: 9 }).toString('base64')

export const packUserData = (yaml: string): { readonly base64: string; readonly bytes: number } => {
  const base64 = pack(yaml)
  if (base64.length > userDataLimit) throw new InvalidInput('userData', `the machine configuration is ${base64.length} bytes packed; Nova takes ${userDataLimit}. Shorten trusted roots, registry mirrors or labels`)
  return { base64, bytes: base64.length }
}
