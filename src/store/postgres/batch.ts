/** One batch of group commit: which waiting writes go into it, how it is sent to commit_batch, and what its answer means. Pure. */
import { keyId, sizeOf } from '../row.ts'
import type { Committed, News, OwnChange, Transaction } from '../store.ts'
import { bigints } from './connection.ts'
import { message, type Rows, type Statement } from './execution.ts'
import { rowOf, type SqlRow } from './rows.ts'

export const most = { writes: 256, characters: 4 * 1024 * 1024 }

/**
 * Takes from the front of the queue until the batch is full. A write to a key that is in the batch already, or that waits for such a
 * one, stays in the queue: writes to one key keep their order. `queue` is left with the rest.
 */
export function takeBatch<W extends { readonly transaction: Transaction }>(queue: W[]): W[] {
  const taken: W[] = []
  const left: W[] = []
  const keys = new Set<string>()
  let writes = 0
  let characters = 0
  let next = 0
  for (; next < queue.length && writes < most.writes; next += 1) {
    const waiting = queue[next]!
    const { operations, audit } = waiting.transaction
    const ids = operations.map((each) => keyId(each.key))
    const size = operations.reduce((sum, each) => sum + sizeOf(each), audit?.length ?? 0)
    // One that is too large for any batch goes alone.
    if (taken.length > 0 && (writes + operations.length > most.writes || characters + size > most.characters)) break
    if (ids.some((id) => keys.has(id))) left.push(waiting)
    else {
      taken.push(waiting)
      writes += Math.max(1, operations.length)
      characters += size
    }
    for (const id of ids) keys.add(id)
  }
  queue.splice(0, next, ...left)
  return taken
}

export interface BatchAnswer {
  readonly versions: readonly (number | null)[]
  readonly fenced: readonly number[]
  readonly newer: readonly number[]
  /** JSON; null: none. */
  readonly conflicts: string | null
}

/** Of the one row that commit_batch answers. */
export function answerOf([row]: Rows): BatchAnswer {
  const [versions, fenced, newer, conflicts] = row!
  return { versions: bigints(versions!), fenced: bigints(fenced!) as number[], newer: bigints(newer!) as number[], conflicts: conflicts ?? null }
}

export interface BatchHead {
  readonly committer: string
  readonly number: number
  /** The highest version that this program has seen (S7). */
  readonly seen: number
  /** The highest schema number this program knows, and the one it writes (S11). */
  readonly known: number
  readonly written: number
}

export const commitBatch: Statement = {
  name: 'commit_batch',
  text: `select versions, fenced, newer, conflicts from commit_batch(${Array.from({ length: 22 }, (_, i) => `$${i + 1}`).join(', ')})`,
}

export function batchMessage(head: BatchHead, transactions: readonly Transaction[]): Buffer {
  const operations = transactions.flatMap((each) => each.operations)
  const rows = operations.map((each) => each.row)
  const fences: { readonly tx: number; readonly slot: string; readonly epoch: number }[] = []
  const audits: { readonly first: number; readonly last: number; readonly record: string }[] = []
  const tx: number[] = []
  transactions.forEach((each, i) => {
    const first = tx.length + 1
    for (const _ of each.operations) tx.push(i)
    if (each.fence !== undefined) fences.push({ tx: i, ...each.fence })
    if (each.audit !== undefined) audits.push({ first, last: tx.length, record: each.audit })
  })
  return message(commitBatch, 22, ({ text, texts, bigints: numbers, booleans }) => {
    for (const each of [head.committer, head.number, head.seen, head.known, head.written]) text(String(each))
    numbers(fences.map((each) => each.tx))
    texts(fences.map((each) => each.slot))
    numbers(fences.map((each) => each.epoch))
    numbers(audits.map((each) => each.first))
    numbers(audits.map((each) => each.last))
    texts(audits.map((each) => each.record))
    numbers(tx)
    texts(operations.map((each) => each.key.resource))
    texts(operations.map((each) => each.key.namespace))
    texts(operations.map((each) => each.key.name))
    numbers(operations.map((each) => (each.expect === 'absent' ? 0 : each.expect)))
    texts(rows.map((row) => row?.uid))
    texts(rows.map((row) => row && JSON.stringify(row.labels)))
    texts(rows.map((row) => row && JSON.stringify(row.ownerUids)))
    texts(rows.map((row) => row && JSON.stringify(row.finalizers)))
    booleans(rows.map((row) => row?.deleting))
    texts(rows.map((row) => row?.body))
  })
}

/** What the batch has added to the log: its versions follow each other without a gap, for nobody else had the counter (S1). */
export function newsOf(transactions: readonly Transaction[], versions: readonly (number | null)[]): News | undefined {
  const changes: OwnChange[] = []
  transactions.flatMap((each) => each.operations).forEach(({ key, expect, row }, i) => {
    const version = versions[i] ?? null
    const stood = expect === 'absent' ? undefined : expect
    // Refused, or what stood there already.
    if (version === null || version === (stood ?? 0)) return
    changes.push({ version, key, stood, after: row && { ...row, version } })
  })
  return changes.length === 0 ? undefined : { upTo: changes.at(-1)!.version, own: { after: changes[0]!.version - 1, changes } }
}

/** One outcome a transaction; undefined: refused for a reason that this answer does not hold (a batch looked up later, rule S3). */
export function outcomes(transactions: readonly Transaction[], { versions, fenced, newer, conflicts }: BatchAnswer): (Committed | undefined)[] {
  const failed = new Map<number, Committed>([...newer.map((tx) => [tx, { kind: 'newer' }] as const), ...fenced.map((tx) => [tx, { kind: 'fenced' }] as const)])
  const operations = transactions.flatMap((each) => each.operations)
  for (const { tx, op, current } of JSON.parse(conflicts ?? '[]') as readonly { readonly tx: number; readonly op: number; readonly current: SqlRow | null }[])
    failed.set(tx, { kind: 'conflict', key: operations[op - 1]!.key, current: current === null ? undefined : rowOf(current) })
  let at = 0
  return transactions.map((each, tx) => {
    const own = versions.slice(at, (at += each.operations.length))
    const given = own.filter((version) => version !== null)
    return given.length === own.length ? { kind: 'committed', versions: given } : failed.get(tx)
  })
}
