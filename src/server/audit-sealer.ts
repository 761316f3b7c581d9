/**
 * Keeps the audit's chain going (rule S12): links what was written every second, signs a checkpoint of the chain's end, and remembers
 * it outside the database, in a file and in the log. Every server does so; the database lets one at a time. A database that does not
 * hold what was remembered is told at the start and until somebody has looked (docs/runbooks/audit-chain-broken.md).
 */
import { readFile } from 'node:fs/promises'
import type { KeyObject } from 'node:crypto'
import { Gauge, type Registry } from 'prom-client'
import { keyId, signCheckpoint, type CheckpointBody, type SignedCheckpoint } from '../rules/audit-chain.ts'
import type { Audit, AuditHead } from '../store/audit.ts'
import type { Log } from '../store/log.ts'
import { writePrivate } from './files.ts'

export interface AuditSealerOptions {
  readonly audit: Audit
  readonly installation: string
  readonly key: { readonly privateKey: KeyObject; readonly publicKey: string }
  /** Where the last checkpoint is remembered. */
  readonly file: string
  readonly log: Log
  readonly now: () => Date
  readonly metrics?: Registry
  /** Between two looks for what has no link. Default 1 s: nothing is without one for 2 s. */
  readonly everyMs?: number
  /** Between two checkpoints, while there is something new; `checkpointRecords` new ones make one at once. */
  readonly checkpointMs?: number
  readonly checkpointRecords?: number
}

export interface AuditSealer {
  /** Links all that waits, and signs when it is time, or when told. */
  seal(sign?: boolean): Promise<AuditHead>
  /** Undefined: the database holds what was remembered. */
  readonly problem: string | undefined
  close(): Promise<void>
}

const atOnce = 2_000

export const rememberedCheckpoint = async (file: string): Promise<SignedCheckpoint | undefined> => {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as SignedCheckpoint
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

export const openAuditSealer = async (o: AuditSealerOptions): Promise<AuditSealer> => {
  const { audit, log, everyMs = 1_000, checkpointMs = 60_000, checkpointRecords = 1_000 } = o
  const key = keyId(o.key.publicKey)
  const remembered = await rememberedCheckpoint(o.file)
  const signed = remembered === undefined ? { position: 0, hash: '' } : (JSON.parse(remembered.body) as CheckpointBody)
  let last = { position: signed.position, at: 0 }
  let head: AuditHead = { position: 0, hash: '' }

  /** What is wrong with the database, as far as the last checkpoint tells. */
  const compare = async (): Promise<string | undefined> => {
    if (signed.position === 0) return undefined
    const end = (await audit.archives()).at(-1)
    if (end !== undefined && signed.position < end.last) return undefined
    const standing = end?.last === signed.position ? end.hash : (await audit.links(signed.position - 1, 1)).find((l) => l.position === signed.position)?.hash
    if (standing === undefined) return `the chain ends before position ${signed.position}, for which a checkpoint was signed`
    return standing === signed.hash ? undefined : `position ${signed.position} is not what a checkpoint was signed for`
  }
  let problem: string | undefined
  const tell = (what: string): void => {
    problem = what
    log.error({ problem, file: o.file }, 'the audit in the database is not the one that was signed; see the runbook audit-chain-broken')
  }
  const found = await compare()
  if (found !== undefined) tell(found)

  if (o.metrics !== undefined) {
    const registers = [o.metrics]
    new Gauge({ name: 'skerry_audit_position', help: 'Position of the last audit record that is linked.', registers, collect() { this.set(head.position) } })
    new Gauge({ name: 'skerry_audit_checkpoint_position', help: 'Position of the last signed checkpoint.', registers, collect() { this.set(last.position) } })
    new Gauge({ name: 'skerry_audit_broken', help: '1: the database does not hold what a checkpoint was signed for.', registers, collect() { this.set(problem === undefined ? 0 : 1) } })
  }

  const sign = async (): Promise<void> => {
    const time = o.now()
    const checkpoint = signCheckpoint({ installation: o.installation, position: head.position, hash: head.hash, time: time.toISOString(), key }, o.key.privateKey)
    await audit.addCheckpoint({ position: head.position, ...checkpoint })
    last = { position: head.position, at: time.getTime() }
    // A broken chain's last good checkpoint is the evidence: it is not written over.
    if (problem !== undefined) return
    await writePrivate(o.file, JSON.stringify(checkpoint))
    log.info({ checkpoint: checkpoint.body, signature: checkpoint.signature }, 'audit checkpoint')
  }
  let tail: Promise<unknown> = Promise.resolve()
  /** One at a time: an end that goes back would be a chain that was cut. */
  const seal = (signNow = false): Promise<AuditHead> => {
    const mine = tail.then(() => sealOnce(signNow))
    tail = mine.catch(() => {})
    return mine
  }
  const sealOnce = async (signNow: boolean): Promise<AuditHead> => {
    for (;;) {
      const sealed = await audit.seal(atOnce)
      if (sealed.head.position < head.position && problem === undefined) tell(`the chain ends at position ${sealed.head.position}, and ended at ${head.position} before`)
      head = sealed.head
      if (sealed.linked < atOnce) break
    }
    const fresh = head.position - last.position
    if (fresh > 0 && (signNow || fresh >= checkpointRecords || o.now().getTime() - last.at >= checkpointMs)) await sign()
    return head
  }

  let running: Promise<unknown> = Promise.resolve()
  let isRunning = false
  const timer = setInterval(() => {
    if (isRunning) return
    isRunning = true
    running = seal().catch((error: unknown) => log.warn({ error: String(error) }, 'audit records are linked later')).finally(() => { isRunning = false })
  }, everyMs)
  timer.unref()
  return {
    seal,
    get problem() { return problem },
    async close() {
      clearInterval(timer)
      await running
      // A stop in order leaves nothing unsigned.
      await seal(true).catch((error: unknown) => log.warn({ error: String(error) }, 'audit records are linked later'))
    },
  }
}
