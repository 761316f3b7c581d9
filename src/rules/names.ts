/** Names of machines: DNS labels of at most 63 characters, ending in five characters that look random, never used twice (rule O1). */
import { createHash } from 'node:crypto'

const alphabet = 'bcdfghjklmnpqrstvwxz2456789'

/** Computed from the parent's uid and an ordinal that is never used again, so that a second create meets the first (rule E1). */
export const machineName = (prefix: string, parentUid: string, ordinal: number): string => {
  const digest = createHash('sha256').update(`${parentUid}/${ordinal}`).digest()
  let suffix = ''
  for (let i = 0; i < 5; i++) suffix += alphabet[digest.readUInt16BE(i * 2) % alphabet.length]
  return `${prefix.slice(0, 57)}-${suffix}`
}

/** The name by which nodes reach their API for ever (rule T4). */
export const endpointName = (clusterUid: string): string => `api.${clusterUid.replaceAll('-', '').slice(0, 8)}.skerry.internal`
