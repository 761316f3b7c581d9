/**
 * Moves old stretches of the audit into files (rule S12). A stretch ends at a checkpoint, is written, read back and verified, and only
 * then goes from the database; what follows continues its last hash. Whatever fails leaves everything where it is.
 */
import { rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { chainLines, type ChainIdentity } from '../apiserver/index.ts'
import { chainVerifier, type ChainLine, type Verdict } from '../rules/audit-chain.ts'
import type { Audit, AuditArchive } from '../store/audit.ts'
import { linesIn, writeLines } from './files.ts'

export interface AuditArchiveOptions {
  readonly audit: Audit
  readonly identity: Pick<ChainIdentity, 'installation' | 'keys'>
  readonly directory: string
  /** Records stay in the database for at least so long. */
  readonly keepMs: number
  readonly now: () => Date
  /** Records in a file, but for what is needed to reach a checkpoint. */
  readonly most?: number
}

/** In the order of names, too. */
const fileOf = (first: number, last: number): string => `audit-${String(first).padStart(12, '0')}-${String(last).padStart(12, '0')}.jsonl`

const verified = async (file: string, keys: readonly string[]): Promise<Verdict> => {
  const verifier = chainVerifier(keys)
  const check = (fault: ReturnType<typeof verifier.add>): void => { if (fault !== undefined) throw new Error(`the audit is not archived: ${fault.problem}`) }
  for await (const line of linesIn(file)) check(verifier.add(JSON.parse(line) as ChainLine))
  check(verifier.end())
  return verifier.verdict()
}

/** One stretch; undefined: nothing is old enough. */
export const archiveAudit = async ({ audit, identity, directory, keepMs, now, most = 100_000 }: AuditArchiveOptions): Promise<AuditArchive | undefined> => {
  const done = (await audit.archives()).at(-1)?.last ?? 0
  const [old] = await audit.find({ until: new Date(now().getTime() - keepMs).toISOString() }, Number.MAX_SAFE_INTEGER, 1)
  const due = (await audit.checkpoints(done)).filter((c) => c.position <= (old?.position ?? 0))
  const last = (due.findLast((c) => c.position <= done + most) ?? due[0])?.position
  if (last === undefined) return undefined
  const file = join(directory, fileOf(done + 1, last))
  async function* texts(): AsyncGenerator<string> {
    for await (const lines of chainLines(audit, { ...identity, remembered: async () => undefined }, done, last)) for (const line of lines) yield JSON.stringify(line)
  }
  await writeLines(file, texts())
  try {
    const { head, last: found, covered } = await verified(file, identity.keys)
    if (found !== last || covered?.position !== last) throw new Error(`the audit is not archived: ${file} does not end at a checkpoint for ${last}`)
    const archive = { first: done + 1, last, hash: head, file: basename(file) }
    await audit.archived(archive)
    return archive
  } catch (error) {
    await rm(file, { force: true })
    throw error
  }
}
