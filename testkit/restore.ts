/** A database that comes back: a server whose data can be kept and put back, and a copy into another server as pg_dump and pg_restore make one. */
import { execFile } from 'node:child_process'
import { rm, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'
import { startEmbedded, type Embedded } from '../src/store/embedded.ts'
import { silent } from '../src/store/log.ts'
import type { Connection } from '../src/store/postgres/connection.ts'
import { migrate } from '../src/store/postgres/migrate.ts'

export interface RestorableServer {
  readonly connection: Connection
  /** Keeps what is there now. */
  keep(): Promise<void>
  /** Puts back what was kept. `recover`: as point-in-time recovery and a promotion do, on a new timeline; else as a volume's snapshot, without a sign. */
  putBack(how: 'recover' | 'silently'): Promise<void>
  stop(): Promise<void>
}

export async function restorableServer(directory: string): Promise<RestorableServer> {
  const start = (): Promise<Embedded> => startEmbedded({ directory, log: silent, settings: { fsync: 'off', full_page_writes: 'off', restore_command: '/bin/false' } })
  const data = join(directory, 'data')
  const kept = join(directory, 'data.kept')
  let server = await start()
  return {
    connection: server.connection,
    async keep() {
      await server.stop()
      // With owners: the server may run as another user.
      await promisify(execFile)('cp', ['-a', data, kept])
      server = await start()
    },
    async putBack(how) {
      await server.stop()
      await rm(data, { recursive: true })
      await rename(kept, data)
      if (how === 'recover') await writeFile(join(data, 'recovery.signal'), '')
      server = await start()
    },
    stop: () => server.stop(),
  }
}

/** The schema made anew, and every row of `from` in it. */
export async function restoreInto(from: Connection, to: Connection): Promise<void> {
  await migrate(to, silent)
  const [source, target] = [new pg.Client(from), new pg.Client(to)]
  await Promise.all([source.connect(), target.connect()])
  try {
    const { rows: tables } = await source.query<{ name: string }>(`select relname as name from pg_class where relkind in ('r', 'p') and relnamespace = 'public'::regnamespace and not relispartition and relname <> 'migration' order by relname`)
    // Triggers keep still, as in pg_restore.
    await target.query(`set session_replication_role = replica; truncate ${tables.map(({ name }) => name).join(', ')}`)
    const { rows: partitions } = await source.query<{ from: string; until: string; name: string }>('select * from log_partition')
    for (const each of partitions) await target.query(`create table ${each.name} partition of log for values from (${each.from}) to (${each.until})`)
    for (const { name } of tables) {
      const { rows } = await source.query<{ all: string }>(`select coalesce(json_agg(t), '[]')::text as all from ${name} t`)
      await target.query(`insert into ${name} overriding system value select * from json_populate_recordset(null::${name}, $1)`, [rows[0]!.all])
    }
  } finally {
    await Promise.all([source.end(), target.end()])
  }
}
