/** The store in PostgreSQL, the truth: wires group commit, the log, leases and sealed bytes to their connections. */
import { expired, isUnavailable, unavailable } from '../errors.ts'
import type { Audit } from '../audit.ts'
import type { Log } from '../log.ts'
import type { Change, News, Row, Store } from '../store.ts'
import { auditOn } from './audit.ts'
import { openCommitter } from './committer.ts'
import { connect, isRolledBack, limits, noLimits, type Connection } from './connection.ts'
import { keepEpoch, openMemory } from './epoch.ts'
import { leasesOn } from './leases.ts'
import { compact, extendLog, type MaintenanceOptions } from './maintenance.ts'
import { migrate } from './migrate.ts'
import { channel, openNotifier } from './notifier.ts'
import { changeOf, changesSql, earlierOf, overwrittenSql, rowColumns, rowOf, type SqlChange, type SqlEarlier, type SqlRow } from './rows.ts'
import { announce } from './schema.ts'
import { sealedOn } from './sealed.ts'
import { openSession, type Session, type SessionOptions } from './session.ts'
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
  /** The highest schema number that this program writes (S11); it is announced. Absent: it writes the first one and is not asked about others. */
  readonly schema?: number
  /** How often it is announced. */
  readonly beatMs?: number
  /** How long the truth is looked for when the connection was lost during a commit (S3). */
  readonly settleMs?: number
  /** How long a server that has fallen silent is waited for. */
  readonly silenceMs?: number
}

export interface PostgresStore extends Store {
  readonly audit: Audit
  /** Drops old partitions of the log now; answers the floor. Runs by itself every `maintenanceMs`. */
  compact(): Promise<number>
}

const snapshotPage = { rows: 2_000, mostMs: 60_000 } as const
/** A lease has the patience of one of its beats (30 s in six), so that a lost connection does not cost it; no lock is waited for longer than 3 s. */
const leaseMs = 5_000

export async function openPostgresStore({ connection, owner = connection, log, keepMs = 30 * 60_000, span = 65_536, maintenanceMs = 60_000, schema: known, beatMs = 5_000, settleMs = 5_000, silenceMs = limits.silenceMs }: PostgresOptions): Promise<PostgresStore> {
  await migrate(owner, log, connection.user)
  const maintenance: MaintenanceOptions = { connection: owner, log, span, keepMs }
  let extendBefore = await extendLog(maintenance)

  const listeners = new Set<(news: News) => void>()
  const tell = (news: News): void => {
    for (const each of listeners) each(news)
  }
  const bounds = { ...limits, silenceMs }
  const open = (purpose: string, more: Partial<SessionOptions> = {}): Session => openSession({ connection, purpose, log, limits: bounds, ...more })
  const notifier = openNotifier(connection, log, bounds)
  const memory = openMemory()
  const read = open('read', { setup: keepEpoch })
  // Of its own: it may read much of the log, and nobody's fresh read waits behind it.
  const past = open('past', { setup: `${keepEpoch} set jit = off;` })
  const lease = open('lease', { limits: { ...bounds, silenceMs: Math.min(silenceMs, leaseMs) } })
  // Of its own: nobody waits behind a long search.
  const audit = open('audit', { setup: keepEpoch })
  const byIndex = `${keepEpoch} set jit = off; set enable_seqscan = off; set enable_hashjoin = off; set enable_mergejoin = off;`
  const history = open('history', { setup: byIndex })
  const tail = open('tail', {
    setup: `${byIndex} listen ${channel};`,
    // A program of an earlier version says no number.
    onNotification: (payload) => tell({ upTo: Number(payload) || Infinity }),
    // What was notified while we were away is lost.
    onConnected: () => tell({ upTo: Infinity }),
  })
  const extend = sharedCall(async () => {
    extendBefore = await extendLog(maintenance)
  })
  const schema = known === undefined ? undefined : await announce(read, known, beatMs, log)
  const committer = openCommitter({
    connection, limits: bounds, log, memory, schema: schema ?? { known: 1, agreed: 1 }, extendLog: extend, settleMs,
    onCommitted(news) {
      memory.note(news.upTo)
      // A turn later: whoever waits for the answer comes before whoever watches.
      setImmediate(tell, news)
      notifier.notify(news.upTo)
      if (news.upTo < extendBefore) return
      extendBefore = Infinity // once; the call sets it anew
      extend().catch((err: unknown) => log.warn({ err }, 'log cannot be extended yet'))
    },
  })
  let maintaining: Promise<unknown> = Promise.resolve()
  const timer = setInterval(() => {
    maintaining = extend().then(() => compact(maintenance)).catch((err: unknown) => log.warn({ err }, 'log cannot be maintained yet'))
  }, maintenanceMs).unref()

  const counter = sharedCall(async () => {
    const check = memory.check()
    const { version, floor } = (await reading(read.query<{ version: number; floor: number }>({ name: 'counter', text: 'select version, floor from counter' }))).rows[0]!
    check(version)
    return { version, floor }
  })
  let epoch: number | undefined
  const noteEpoch = (now: number, version: number): void => {
    if (epoch !== undefined && now !== epoch) log.warn({ epoch: now, version }, 'a new epoch of versions has begun: the database was restored, promoted or put back')
    epoch = now
  }

  async function changes(session: Session, after: number, limit: number): Promise<readonly Change[]> {
    const check = memory.check()
    const { rows } = await reading(session.query<SqlChange>({ name: 'changes', text: changesSql, values: [after, limit] }))
    const { floor, counter: version, epoch: current } = rows[0]!
    check(version)
    noteEpoch(current, version)
    if (after < floor) throw expired(after, floor)
    return rows.filter((row): row is SqlChange & { readonly version: number } => row.version !== null).map(changeOf)
  }

  return {
    commit: committer.commit,
    version: async () => (await counter()).version,
    floor: async () => (await counter()).floor,
    async snapshot() {
      const check = memory.check()
      const taken = await snapshot(connection, log)
      check(taken.version)
      return taken
    },
    schema: schema ?? { known: 1, agreed: 1 },
    changes: (after, limit) => changes(tail, after, limit),
    history: (after, limit) => changes(history, after, limit),
    async overwritten({ after, upTo, resource, namespace }) {
      const check = memory.check()
      const { rows } = await reading(past.query<SqlEarlier>({ name: 'overwritten', text: overwrittenSql, values: [after, upTo, resource, namespace ?? null] }))
      const { floor, counter: version } = rows[0]!
      check(version)
      if (after < floor) throw expired(after, floor)
      return rows.filter((row) => row.name !== null).map((row) => earlierOf(resource, row))
    },
    tokenKey: sharedCall(async () => (await read.query<{ key: Buffer }>({ text: 'select key from token_key' })).rows[0]!.key),
    onChange(each) {
      listeners.add(each)
      tail.ready().catch(() => {}) // hears others from now on; when it cannot, the poll finds out
      return () => void listeners.delete(each)
    },
    leases: leasesOn(lease),
    sealed: sealedOn(read),
    audit: auditOn(audit, owner, log),
    compact: () => compact(maintenance),
    async close() {
      clearInterval(timer)
      listeners.clear()
      await committer.close()
      await schema?.close()
      await Promise.all([notifier.close(), read.close(), past.close(), history.close(), lease.close(), audit.close(), tail.close(), maintaining])
    },
  }
}

/** What only reads may be asked again, also when its connection was lost under it. */
async function reading<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer
  } catch (error) {
    throw isRolledBack(error) || isUnavailable(error) ? error : unavailable('reading from PostgreSQL', error)
  }
}

/** The counter and all rows in one snapshot, on a connection of its own: with many rows it outlasts the usual limits. */
async function snapshot(connection: Connection, log: Log): Promise<{ readonly version: number; readonly rows: readonly Row[] }> {
  const client = await connect({ connection, purpose: 'snapshot', log, limits: { ...noLimits, silenceMs: snapshotPage.mostMs }, setup: keepEpoch })
  try {
    await client.query('begin isolation level repeatable read read only')
    const { rows: counted } = await client.query<{ version: number }>('select version from counter')
    await client.query(`declare every no scroll cursor for select ${rowColumns} from resource`)
    const all: Row[] = []
    for (;;) {
      const { rows } = await client.query<SqlRow>(`fetch ${snapshotPage.rows} from every`)
      for (const row of rows) all.push(rowOf(row))
      if (rows.length < snapshotPage.rows) break
    }
    await client.query('commit')
    return { version: counted[0]!.version, rows: all }
  } finally {
    await client.end()
  }
}
