/**
 * The chain of audit records (rule S12): what a link's hash covers, how a checkpoint is signed, and what is wrong with a stretch of it.
 * Needs nothing but the lines of an export and the public key, so that a stranger can check it.
 */
import { createHash, createPublicKey, sign as signBytes, verify as verifyBytes, type KeyLike } from 'node:crypto'

/** What comes before position 1. */
export const firstPrevious = '0'.repeat(64)

export interface ChainLink { readonly position: number; readonly version: number; readonly record: string; readonly hash: string }

/** SHA-256 over the 32 bytes of the hash before it and the text `<position> <version> <record>` in UTF-8. */
export const linkHash = (previous: string, { position, version, record }: Omit<ChainLink, 'hash'>): string =>
  createHash('sha256').update(Buffer.from(previous, 'hex')).update(`${position} ${version} ${record}`).digest('hex')

/** What a checkpoint says; `key` is the id of the one it is signed with. */
export interface CheckpointBody { readonly installation: string; readonly position: number; readonly hash: string; readonly time: string; readonly key: string }
export interface SignedCheckpoint { readonly body: string; readonly signature: string }

/** Ed25519 over the text, byte for byte. */
export const signCheckpoint = (body: CheckpointBody, privateKey: KeyLike): SignedCheckpoint => {
  const text = JSON.stringify({ type: 'skerry audit checkpoint', ...body })
  return { body: text, signature: signBytes(null, Buffer.from(text), privateKey).toString('base64') }
}

/** A public key's id: the first 16 digits of the SHA-256 of its DER form. */
export const keyId = (publicKey: KeyLike): string =>
  createHash('sha256').update(createPublicKey(publicKey as string).export({ type: 'spki', format: 'der' })).digest('hex').slice(0, 16)

/** One line of an export or an archive. */
export type ChainLine =
  | { readonly type: 'start'; readonly installation: string; /** The position before the first. */ readonly after: number; readonly previous: string; /** PEM */ readonly keys: readonly string[] }
  | { readonly type: 'record'; readonly position: number; readonly version: number; readonly hash: string; /** null: the link stands, its record does not. */ readonly record: string | null }
  | { readonly type: 'checkpoint'; readonly body: string; readonly signature: string }
  | { readonly type: 'end'; readonly position: number; readonly hash: string }

export interface Fault { readonly position: number; readonly problem: string }
export interface Verdict {
  readonly first: number
  readonly last: number
  readonly head: string
  readonly records: number
  readonly checkpoints: number
  /** Time and position of the last checkpoint that holds. */
  readonly covered: { readonly position: number; readonly time: string } | undefined
  /** Ids of the keys that signed. */
  readonly keys: readonly string[]
}

/**
 * Checks lines in the order in which they stand; several files in their order are one chain. `add` and `end` answer the first fault.
 * `trusted`: public keys in PEM; without any, those that the files bring are taken, which proves that nobody without that key
 * made it, not whose key it is.
 */
export const chainVerifier = (trusted: readonly string[]) => {
  const keys = new Map(trusted.map((pem) => [keyId(pem), pem]))
  const used = new Set<string>()
  const ahead: CheckpointBody[] = []
  let begun: { readonly installation: string; readonly after: number } | undefined
  let at = { position: 0, hash: '' }
  let records = 0
  let checkpoints = 0
  let covered: Verdict['covered']
  let isEnded = true

  const compare = (c: CheckpointBody): Fault | undefined => {
    if (at.hash !== c.hash) return { position: c.position, problem: `the records up to ${c.position} are not those that the checkpoint of ${c.time} was signed for: the chain was made anew` }
    covered = { position: c.position, time: c.time }
    return undefined
  }
  /** Those that came before their place. */
  const reached = (): Fault | undefined => {
    while (ahead[0]?.position === at.position) {
      const fault = compare(ahead.shift()!)
      if (fault !== undefined) return fault
    }
    return undefined
  }
  const start = (line: Extract<ChainLine, { type: 'start' }>): Fault | undefined => {
    isEnded = false
    if (trusted.length === 0) for (const pem of line.keys) keys.set(keyId(pem), pem)
    if (begun === undefined) {
      begun = { installation: line.installation, after: line.after }
      at = { position: line.after, hash: line.previous }
      // Of an earlier export: what stands before this one cannot be compared.
      while (ahead[0] !== undefined && ahead[0].position < line.after) ahead.shift()
      if (line.after === 0 && line.previous !== firstPrevious) return { position: 1, problem: 'record 1 does not begin the chain' }
      return reached()
    }
    if (line.installation !== begun.installation) return { position: line.after + 1, problem: `this stretch is of another installation (${line.installation})` }
    if (line.after > at.position) return { position: at.position + 1, problem: `${span(at.position + 1, line.after)} missing between two files` }
    if (line.after < at.position) return { position: line.after + 1, problem: `a file begins at ${line.after + 1} again, behind ${at.position}: give files in their order, each once` }
    if (line.previous !== at.hash) return { position: line.after + 1, problem: `record ${line.after + 1} does not continue the file before it` }
    return undefined
  }
  const record = (line: Extract<ChainLine, { type: 'record' }>): Fault | undefined => {
    const { position } = line
    const wanted = at.position + 1
    if (position > wanted) return { position: wanted, problem: `${span(wanted, position - 1)} missing` }
    if (position < wanted) return { position, problem: `record ${position} stands behind ${at.position}: reordered, or put in twice` }
    if (line.record === null) return { position, problem: `record ${position} is missing; its link stands` }
    const hash = linkHash(at.hash, { position, version: line.version, record: line.record })
    if (hash !== line.hash) return { position, problem: `record ${position} is not what was sealed there: it was changed, put in, or has another's place` }
    at = { position, hash }
    records++
    return reached()
  }
  const checkpoint = (line: Extract<ChainLine, { type: 'checkpoint' }>): Fault | undefined => {
    let body: CheckpointBody
    try { body = JSON.parse(line.body) as CheckpointBody } catch { return { position: at.position, problem: 'a checkpoint is no JSON' } }
    const key = keys.get(body.key)
    if (key === undefined) return { position: body.position, problem: `the checkpoint at ${body.position} is signed with the key ${body.key}, which is not trusted` }
    if (!verifyBytes(null, Buffer.from(line.body), key, Buffer.from(line.signature, 'base64'))) return { position: body.position, problem: `the signature of the checkpoint at ${body.position} is wrong` }
    if (begun !== undefined && body.installation !== begun.installation) return { position: body.position, problem: `the checkpoint at ${body.position} is of another installation (${body.installation})` }
    used.add(body.key)
    checkpoints++
    if (begun !== undefined && body.position === at.position) return compare(body)
    // Of what stands in an archive that was not given.
    if (begun !== undefined && body.position < begun.after) return undefined
    if (begun !== undefined && body.position < at.position) return { position: body.position, problem: `the checkpoint at ${body.position} stands behind record ${at.position}` }
    ahead.push(body)
    ahead.sort((a, b) => a.position - b.position)
    return undefined
  }

  return {
    add(line: ChainLine): Fault | undefined {
      switch (line.type) {
        case 'start': return start(line)
        case 'record': return record(line)
        case 'checkpoint': return checkpoint(line)
        case 'end': {
          isEnded = true
          if (line.position > at.position) return { position: at.position + 1, problem: `${span(at.position + 1, line.position)} missing at the end` }
          return line.position !== at.position || line.hash !== at.hash ? { position: at.position, problem: `the chain ends at ${at.position} and not where its last line says` } : undefined
        }
      }
    },
    end(): Fault | undefined {
      if (begun === undefined) return { position: 0, problem: 'this is no export of an audit: it has no first line' }
      if (!isEnded) return { position: at.position + 1, problem: `it breaks off behind record ${at.position}: its last line is missing` }
      const [last] = ahead.slice(-1)
      return last === undefined ? undefined : { position: at.position + 1, problem: `${span(at.position + 1, last.position)} missing at the end: the checkpoint of ${last.time} was signed for them` }
    },
    verdict: (): Verdict => ({ first: (begun?.after ?? 0) + 1, last: at.position, head: at.hash, records, checkpoints, covered, keys: [...used] }),
  }
}
export type ChainVerifier = ReturnType<typeof chainVerifier>

const span = (first: number, last: number): string => (first === last ? `record ${first} is` : `records ${first} to ${last} are`)
