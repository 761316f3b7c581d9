/**
 * Brings the schema up to this program's number: plain SQL files, in order, each in one transaction, one program at a time. A file says
 * from which number on programs go on beside it (`-- Beside: 4`), so that two versions may run, and start, at once.
 */
import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import type { Log } from '../log.ts'
import { connect, noLimits, sqlState, type Client, type Connection } from './connection.ts'

export interface Migration {
  readonly number: number
  readonly name: string
  readonly sql: string
  /** Programs whose highest migration is at least this one work with the schema that it makes. */
  readonly beside: number
}

const directory = join(import.meta.dirname, 'migrations')
const lockId = 7_135_119_202

export async function migrations(): Promise<readonly Migration[]> {
  const files = (await readdir(directory)).filter((file) => /^\d{4}_.+\.sql$/.test(file)).sort()
  return Promise.all(files.map(async (name) => {
    const [number, sql] = [Number(name.slice(0, 4)), await readFile(join(directory, name), 'utf8')]
    return { number, name, sql, beside: Number(/^-- Beside: (\d+)$/m.exec(sql)?.[1] ?? number) }
  }))
}

/** Runs what is missing. `connection` names the role that owns the schema, `served` the one that works with it; two callers at once wait for each other. */
export async function migrate(connection: Connection, log: Log, served = connection.user, known?: readonly Migration[]): Promise<void> {
  // A waiter stands here while another one migrates, and nobody knows how long that takes: no time-outs.
  const client = await connect({ connection, purpose: 'migrate', log, limits: { sql: `${noLimits.sql} set lock_timeout = 0;`, silenceMs: undefined } })
  try {
    const { rows } = await client.query<{ number: number }>(`select current_setting('server_version_num')::int as number`)
    if (rows[0]!.number < 170_000) throw new Error(`PostgreSQL 17 or newer is needed; this one says ${rows[0]!.number}`)
    await client.query('select pg_advisory_lock($1)', [lockId])
    await client.query(`set lock_timeout = '3s'`)
    await run(client, known ?? (await migrations()), log)
    if (served !== connection.user) await client.query(grants(served))
  } finally {
    await client.end()
  }
}

/** What the serving role may: work with the rows; of the audit only look and append (links are made by `audit_seal`, which is the owner's). The log's partitions are reached through the log. */
const grants = (served: string): string => `
  grant select, insert, update, delete on counter, committer, resource, log, lease, sealed to ${pg.escapeIdentifier(served)};
  grant select, insert on audit, audit_checkpoint to ${pg.escapeIdentifier(served)};
  grant select on audit_link, audit_archive to ${pg.escapeIdentifier(served)};
  grant select, insert on epoch to ${pg.escapeIdentifier(served)};
  grant select, insert, update, delete on server to ${pg.escapeIdentifier(served)};
  grant select on token_key to ${pg.escapeIdentifier(served)};`

async function run(client: Client, all: readonly Migration[], log: Log): Promise<void> {
  await client.query(`create table if not exists migration (number int primary key, name text not null, sha256 text not null, at timestamptz not null default clock_timestamp())`)
  await client.query('alter table migration add column if not exists beside int not null default 0')
  const { rows: done } = await client.query<{ number: number; sha256: string; beside: number }>('select number, sha256, beside from migration order by number')
  const highest = all.at(-1)!.number
  const beyond = done.find(({ number, beside }) => !all.some((each) => each.number === number) && (number < highest || beside === 0 || beside > highest))
  if (beyond !== undefined) throw new Error(`the database has migration ${beyond.number}, which this program does not know: run a newer one`)
  for (const { number, name, sql, beside } of all) {
    const sha256 = createHash('sha256').update(sql).digest('hex')
    const standing = done.find((each) => each.number === number)
    if (standing !== undefined && standing.sha256 !== sha256) throw new Error(`migration ${name} was changed after it had run`)
    if (standing !== undefined) continue
    await runOne(client, { number, name, sql, beside }, sha256)
    log.info({ migration: name }, 'migration done')
  }
}

/** Others are at work: a table that is busy is asked for again, and nobody waits behind us for longer than the lock's time limit. */
const triesAtMost = 20

async function runOne(client: Client, { number, name, sql, beside }: Migration, sha256: string): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      await client.query('begin')
      await client.query(sql)
      await client.query('insert into migration (number, name, sha256, beside) values ($1, $2, $3, $4)', [number, name, sha256, beside])
      await client.query('commit')
      return
    } catch (cause) {
      await client.query('rollback').catch(() => {})
      if (sqlState(cause) !== '55P03' || tries === triesAtMost) throw new Error(`running migration ${name}`, { cause })
    }
  }
}
