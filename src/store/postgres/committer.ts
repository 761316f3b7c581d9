/**
 * Group commit (S2): one committer a process, one batch at a time; what arrives while a batch is under way makes up the next one.
 * After a lost connection nothing is answered before it is known whether the batch was carried out (S3).
 */
import { randomUUID } from 'node:crypto'
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises'
import { behind, isUnavailable, isUnclear, unavailable, unclear } from '../errors.ts'
import type { Log } from '../log.ts'
import { checkTransaction } from '../row.ts'
import type { Committed, News, Transaction } from '../store.ts'
import { answerOf, batchMessage, commitBatch, newsOf, outcomes, takeBatch, type BatchAnswer } from './batch.ts'
import { isRolledBack, sqlState, type Connection, type Limits } from './connection.ts'
import { keepEpoch, type Memory } from './epoch.ts'
import type { Schema } from './schema.ts'
import { openSession, type Session } from './session.ts'

export interface Committer {
  commit(transaction: Transaction): Promise<Committed>
  /** Ends after what waits has been answered. */
  close(): Promise<void>
}

export interface CommitterOptions {
  readonly connection: Connection
  readonly limits: Limits
  readonly log: Log
  readonly memory: Memory
  readonly schema: Schema
  /** A batch wrote something. */
  readonly onCommitted: (news: News) => void
  /** The log has no partition for the next versions: make some. */
  readonly extendLog: () => Promise<void>
  /** S3: how long the truth is looked for. */
  readonly settleMs?: number
}

interface Waiting {
  readonly transaction: Transaction
  readonly resolve: (committed: Committed) => void
  readonly reject: (error: Error) => void
}

// The plan must not depend on statistics of the moment: always by index, planned once. Text above 2 KB is packed by lz4 where there is one.
const setup = `${keepEpoch}
  set plan_cache_mode = force_generic_plan; set jit = off; set work_mem = '16MB';
  set enable_seqscan = off; set enable_hashjoin = off; set enable_mergejoin = off;
  select set_config('default_toast_compression', 'lz4', false) from pg_settings where name = 'default_toast_compression' and 'lz4' = any (enumvals);`

type Sent = { readonly kind: 'answered'; readonly answer: BatchAnswer } | { readonly kind: 'not-made'; readonly error: unknown } | { readonly kind: 'unknown'; readonly error: unknown }

export function openCommitter({ connection, limits, log, memory, schema, onCommitted, extendLog, settleMs = 5_000 }: CommitterOptions): Committer {
  const session = openSession({ connection, purpose: 'commit', log, limits, setup })
  const queue: Waiting[] = []
  let id = ''
  let number = 0
  let running: Promise<void> | undefined
  let closed = false

  async function run(): Promise<void> {
    // A turn of the loop first, here and below: all who were answered together can be in the next batch together.
    await turn()
    while (queue.length > 0) {
      await carryOut(takeBatch(queue))
      await turn()
    }
    running = undefined
  }

  /** Answers each of them, whatever happens. */
  async function carryOut(batch: readonly Waiting[]): Promise<void> {
    let left = batch
    const until = performance.now() + settleMs
    try {
      while (left.length > 0) left = await attempt(left, until)
    } catch (error) {
      const reason = isUnclear(error) || isUnavailable(error) ? (error as Error) : unavailable('the write was not made', error)
      for (const each of left) each.reject(reason)
    }
  }

  /** One round; answers whom it can, and returns those for whom it is certain that nothing was written yet and who may go again. */
  async function attempt(batch: readonly Waiting[], until: number): Promise<readonly Waiting[]> {
    const sent = await send(batch.map((each) => each.transaction))
    if (sent.kind === 'answered') return answer(batch, sent.answer)
    if (sent.kind === 'not-made') {
      const state = sqlState(sent.error)
      if (performance.now() < until && (await mend(sent.error, state))) return batch
      // 22 and 54: a value that PostgreSQL does not take or that is too large. It is one's fault, not all theirs: each goes alone.
      if (state !== undefined && /^(22|54)/.test(state) && batch.length > 1) {
        for (const each of batch) await carryOut([each])
        return []
      }
      if (state === 'SK003') throw behind(memory.highest, Number(/at version (\d+)/.exec((sent.error as Error).message)?.[1]))
      throw unavailable('the write was not made: the database refused the batch', sent.error)
    }
    log.warn({ committer: id, batch: number, err: sent.error }, 'connection lost while a batch was committed; looking it up')
    const versions = await settle(sent.error)
    if (versions === undefined) {
      if (performance.now() < until) return batch
      throw unavailable('the write was not made: the connection to the database was lost', sent.error)
    }
    return answer(batch, { versions, fenced: [], newer: [], conflicts: null })
  }

  function answer(batch: readonly Waiting[], given: BatchAnswer): readonly Waiting[] {
    const transactions = batch.map((each) => each.transaction)
    const news = newsOf(transactions, given.versions)
    if (news !== undefined) onCommitted(news)
    const results = outcomes(transactions, given)
    batch.forEach((each, i) => {
      const result = results[i]
      if (result !== undefined) each.resolve(result)
    })
    return batch.filter((_, i) => results[i] === undefined)
  }

  async function send(transactions: readonly Transaction[]): Promise<Sent> {
    try {
      if (id === '') await register()
    } catch (error) {
      return { kind: 'not-made', error }
    }
    number += 1
    let reached = false
    try {
      // Apart from the query: a connection that was never made has lost nothing.
      await session.ready()
      reached = true
      const rows = await session.execute(commitBatch, batchMessage({ committer: id, number, seen: memory.highest, known: schema.known, written: schema.agreed }, transactions))
      return { kind: 'answered', answer: answerOf(rows) }
    } catch (error) {
      const known = !reached || isRolledBack(error)
      if (known) number -= 1
      return { kind: known ? 'not-made' : 'unknown', error }
    }
  }

  async function register(): Promise<void> {
    const fresh = randomUUID()
    await session.query({ text: 'insert into committer (id) values ($1)', values: [fresh] })
    id = fresh
    number = 0
  }

  /** true: the cause of the refusal is gone, go again. */
  async function mend(error: unknown, state: string | undefined): Promise<boolean> {
    // SK001: our row was removed after a long silence, or this batch was given up by a lookup whose answer was lost.
    if (state === 'SK001') id = ''
    // SK002: the server was promoted under our connection. A new one begins the epoch.
    else if (state === 'SK002') session.cut()
    // 23514: no partition of the log for this version.
    else if (state === '23514') await extendLog()
    // A server that starts again: a moment's patience instead of an error for everybody.
    else if (isUnavailable(error)) await sleep(100)
    else return false
    return true
  }

  /** The versions of the batch; undefined: it was not carried out and never will be. Throws isUnclear(e) after `settleMs`. */
  async function settle(cause: unknown): Promise<readonly (number | null)[] | undefined> {
    session.cut()
    const until = performance.now() + settleMs
    for (;;) {
      const lookup: Session = openSession({ connection, purpose: 'settle', log, limits: { ...limits, silenceMs: Math.max(1, Math.ceil(until - performance.now())) } })
      try {
        const { rows } = await lookup.query<{ committed: boolean; versions: (number | null)[] | null }>({ text: 'select * from settle_batch($1, $2)', values: [id, number] })
        const { committed, versions } = rows[0]!
        return committed ? versions! : undefined
      } catch (error) {
        if (performance.now() >= until) {
          id = '' // the number is not known to be free
          throw unclear('it is not known whether the write was made: the connection to the database was lost while it was committed', error ?? cause)
        }
        await sleep(100)
      } finally {
        await lookup.close()
      }
    }
  }

  return {
    commit(transaction) {
      try {
        if (closed) throw unavailable('the store is closed')
        checkTransaction(transaction)
      } catch (error) {
        return Promise.reject(error)
      }
      return new Promise((resolve, reject) => {
        queue.push({ transaction, resolve, reject })
        running ??= run()
      })
    },
    async close() {
      closed = true
      await running
      await session.close()
    },
  }
}
