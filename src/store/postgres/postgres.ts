/** The store in PostgreSQL, the truth: wires group commit, the log, leases and sealed bytes to their connections. */
import { expired } from '../errors.ts'
import type { Audit } from '../audit.ts'
import type { Log } from '../log.ts'
import type { Row, Store } from '../store.ts'
import { auditOn } from './audit.ts'
import { openCommitter } from './committer.ts'
import { connect, noLimits, openSession, type Connection } from './connection.ts'
import { leasesOn } from './leases.ts'
import { compact, extendLog, type MaintenanceOptions } from './maintenance.ts'
import { migrate } from './migrate.ts'
import { channel, openNotifier } from './notifier.ts'
import { changeOf, changesSql, rowColumns, rowOf, type SqlChange, type SqlRow } from './rows.ts'
import { sealedOn } from './sealed.ts'
import { sharedCall } from './shared-call.ts'

export interface PostgresOptions {
  readonly connection: Connection
  /** The role that owns the schema: runs migrations and keeps the log's partitions. Absent: the same one. */
  readonly owner?: Connection
  readonly log: Log
  /** How long a change is kept at least (S4). */
  readonly keepMs?: number
  /** Versions in one partition of the log. */
  readonly span?: number
  readonly maintenanceMs?: number
  /** How long the truth is looked for when the connection was lost during a commit (S3). */
  readonly settleMs?: number
}

export interface PostgresStore extends Store {
  readonly audit: Audit
  /** Drops old partitions of the log now; answers the floor. Runs by itself every `maintenanceMs`. */
  compact(): Promise<number>
}

const snapshotPage = 2_000

export async function openPostgresStore({ connection, owner = connection, log, keepMs = 30 * 60_000, span = 65_536, maintenanceMs = 60_000, settleMs = 5_000 }: PostgresOptions): Promise<PostgresStore> {
  await migrate(owner, log, connection.user)
  const maintenance: MaintenanceOptions = { connection: owner, log, span, keepMs }
  let extendBefore = await extendLog(maintenance)

  const wakes = new Set<() => void>()
  const wake = (): void => {
    for (const each of wakes) each()
  }
  const notifier = openNotifier(connection, log)
  const read = openSession({ connection, purpose: 'read', log })
  const lease = openSession({ connection, purpose: 'lease', log })
  // Of its own: nobody waits behind a long search.
  const audit = openSession({ connection, purpose: 'audit', log })
  const tail = openSession({
    connection, purpose: 'tail', log, setup: `set jit = off; set enable_seqscan = off; set enable_hashjoin = off; set enable_mergejoin = off; listen ${channel};`,
    onNotification: wake,
    // What was notified while we were away is lost.
    onConnected: wake,
  })
  const extend = sharedCall(async () => {
    extendBefore = await extendLog(maintenance)
  })
  const committer = openCommitter({
    connection, log, extendLog: extend, settleMs,
    onCommitted(version) {
      wake()
      notifier.notify()
      if (version < extendBefore) return
      extendBefore = Infinity // once; the call sets it anew
      extend().catch((err: unknown) => log.warn({ err }, 'log cannot be extended yet'))
    },
  })
  let maintaining: Promise<unknown> = Promise.resolve()
  const timer = setInterval(() => {
    maintaining = extend().then(() => compact(maintenance)).catch((err: unknown) => log.warn({ err }, 'log cannot be maintained yet'))
  }, maintenanceMs).unref()

  const counter = sharedCall(async () => (await read.query<{ version: number; floor: number }>({ name: 'counter', text: 'select version, floor from counter' })).rows[0]!)

  return {
    commit: committer.commit,
    version: async () => (await counter()).version,
    floor: async () => (await counter()).floor,
    snapshot: () => snapshot(connection, log),
    async changes(after, limit) {
      const { rows } = await tail.query<SqlChange>({ name: 'changes', text: changesSql, values: [after, limit] })
      const floor = rows[0]!.floor
      if (after < floor) throw expired(after, floor)
      return rows.filter((row): row is SqlChange & { readonly version: number } => row.version !== null).map(changeOf)
    },
    onChange(each) {
      wakes.add(each)
      tail.ready().catch(() => {}) // hears others from now on; when it cannot, the poll finds out
      return () => void wakes.delete(each)
    },
    leases: leasesOn(lease),
    sealed: sealedOn(read),
    audit: auditOn(audit, owner, log),
    compact: () => compact(maintenance),
    async close() {
      clearInterval(timer)
      wakes.clear()
      await committer.close()
      await Promise.all([notifier.close(), read.close(), lease.close(), audit.close(), tail.close(), maintaining])
    },
  }
}

/** The counter and all rows in one snapshot, on a connection of its own: with many rows it outlasts the usual limits. */
async function snapshot(connection: Connection, log: Log): Promise<{ readonly version: number; readonly rows: readonly Row[] }> {
  const client = await connect({ connection, purpose: 'snapshot', log, limits: noLimits })
  try {
    await client.query('begin isolation level repeatable read read only')
    const { rows: counted } = await client.query<{ version: number }>('select version from counter')
    await client.query(`declare every no scroll cursor for select ${rowColumns} from resource`)
    const all: Row[] = []
    for (;;) {
      const { rows } = await client.query<SqlRow>(`fetch ${snapshotPage} from every`)
      for (const row of rows) all.push(rowOf(row))
      if (rows.length < snapshotPage) break
    }
    await client.query('commit')
    return { version: counted[0]!.version, rows: all }
  } finally {
    await client.end().catch(() => {})
  }
}
