/**
 * The log's partitions: new ones ahead of the counter, old ones dropped once everything in them is older than what is kept (S4).
 * One program at a time; each step can be repeated after a crash behind any other.
 */
import type { Log } from '../log.ts'
import { connect, limits, noLimits, type Client, type Connection, type Limits } from './connection.ts'

export interface MaintenanceOptions {
  /** Of the role that owns the schema. */
  readonly connection: Connection
  readonly log: Log
  /** Versions in a partition. */
  readonly span: number
  /** How long a change is kept at least. */
  readonly keepMs: number
}

const ahead = 4
const lockId = 7_135_119_203

async function withClient<T>({ connection, log }: MaintenanceOptions, bounds: Limits, use: (client: Client) => Promise<T>): Promise<T> {
  const client = await connect({ connection, purpose: 'maintenance', log, limits: bounds })
  try {
    return await use(client)
  } finally {
    await client.end()
  }
}

/** Partitions for the next versions. Answers the version before which the next call is due. Writes may wait for it, so it has their limits. */
export const extendLog = (options: MaintenanceOptions): Promise<number> =>
  withClient(options, limits, async (client) => {
    await client.query('select log_extend(version + 1 + $1::bigint, $2) from counter', [ahead * options.span, options.span])
    const { rows } = await client.query<{ until: number }>('select max(until) as until from log_partition')
    return rows[0]!.until - 2 * options.span
  })

/** Drops what may go. Answers the floor. */
export const compact = (options: MaintenanceOptions): Promise<number> =>
  withClient(options, noLimits, async (client) => {
    const { rows } = await client.query<{ mine: boolean }>('select pg_try_advisory_lock($1) as mine', [lockId])
    if (rows[0]!.mine) {
      const floor = await moveFloor(client, options.keepMs)
      await dropBelow(client, floor, options.log)
      await client.query(`delete from committer where at < clock_timestamp() - interval '7 days'`)
      return floor
    }
    return (await client.query<{ floor: number }>('select floor from counter')).rows[0]!.floor
  })

/** First the floor, then the rows: nobody is answered from a partition that is about to go. */
async function moveFloor(client: Client, keepMs: number): Promise<number> {
  // Times follow versions but for the moments between two statements of one batch, so a partition is as old as its last row.
  const { rows } = await client.query<{ until: number | null }>(
    `select max(p.until) as until from log_partition p, counter c
     where p.until <= c.version + 1 and (select l.at from log l where l.version < p.until order by l.version desc limit 1) < clock_timestamp() - $1 * interval '1 ms'`,
    [keepMs],
  )
  const wanted = (rows[0]!.until ?? 1) - 1
  // The update waits for the batch that holds the counter; every later batch keeps the objects before in full (0002_commit.sql).
  await client.query('update counter set floor = $1 where floor < $1', [wanted])
  return (await client.query<{ floor: number }>('select floor from counter')).rows[0]!.floor
}

async function dropBelow(client: Client, floor: number, log: Log): Promise<void> {
  const { rows: old } = await client.query<{ name: string; until: number }>('select name, until from log_partition where until <= $1 + 1 order by until', [floor])
  if (old.length === 0) return
  // What is kept and refers to what goes gets its object before written out.
  await client.query(
    `update log l set before_uid = p.uid, before_labels = p.labels, before_owner_uids = p.owner_uids, before_finalizers = p.finalizers,
       before_deleting = p.deleting, before_body = p.body
     from log p where l.version > $1 and l.before_version <= $1 and l.before_body is null and p.version = l.before_version`,
    [floor],
  )
  for (const { name, until } of old) {
    // DETACH CONCURRENTLY lets readers and writers go on; a plain DROP would make them all queue behind the slowest reader.
    const { rows } = await client.query<{ pending: boolean }>('select inhdetachpending as pending from pg_inherits where inhrelid = to_regclass($1)', [name])
    if (rows[0] !== undefined) await client.query(`alter table log detach partition ${name} ${rows[0].pending ? 'finalize' : 'concurrently'}`)
    await client.query(`drop table if exists ${name}`)
    await client.query('delete from log_partition where name = $1', [name])
    log.info({ partition: name, until }, 'log compacted')
  }
}
