/** What goes wrong on purpose: replicas and connections are killed, also within COMMIT, and somebody else's transaction stays open. */
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import type { Connection } from '../../src/store/postgres/connection.ts'
import type { Replicas } from './replicas.ts'

export interface Troubles { replicas: number; connections: number; commits: number }
export interface Pace { readonly replicaMs: number; readonly connectionMs: number; readonly commitMs: number }

const adminOf = async (connection: Connection): Promise<pg.Client> => {
  const admin = new pg.Client({ ...connection, database: 'postgres' })
  admin.on('error', () => {})
  await admin.connect()
  return admin
}

export const makeTrouble = async (connection: Connection, replicas: Replicas, pace: Pace, random: () => number, signal: AbortSignal): Promise<Troubles> => {
  const done: Troubles = { replicas: 0, connections: 0, commits: 0 }
  const admin = await adminOf(connection)
  const often = async (ms: number, once: () => Promise<void>): Promise<void> => {
    while (!signal.aborted) {
      await sleep(ms * (0.5 + random()), undefined, { signal }).catch(() => {})
      if (!signal.aborted) await once()
    }
  }
  await Promise.all([
    often(pace.replicaMs, async () => {
      await replicas.kill(Math.floor(random() * replicas.count))
      done.replicas++
    }),
    often(pace.connectionMs, async () => {
      const { rowCount } = await admin.query(`select pg_terminate_backend(pid) from (select pid from pg_stat_activity where application_name like 'skerry %' order by random() limit 1) x`)
      done.connections += rowCount ?? 0
    }),
    often(pace.commitMs, async () => { done.commits += await killInCommit(admin) }),
  ])
  await admin.end()
  return done
}

/** A standby that never comes: whoever commits now stays in the last moment of COMMIT, written and not answered, and is killed there. */
const killInCommit = async (admin: pg.Client): Promise<number> => {
  let killed = 0
  try {
    await admin.query(`alter system set synchronous_standby_names = 'nobody'`)
    await admin.query('select pg_reload_conf()')
    for (let n = 0; n < 40 && killed === 0; n++) {
      const { rowCount } = await admin.query(`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'skerry commit' and wait_event = 'SyncRep'`)
      killed += rowCount ?? 0
      await sleep(5)
    }
  } finally {
    await admin.query('alter system reset synchronous_standby_names')
    await admin.query('select pg_reload_conf()')
  }
  return killed
}

/** Transactions of somebody else that write and stay open: in our database and in another one of the server. Returns their end. */
export const holdTransactions = async (connection: Connection): Promise<() => Promise<void>> => {
  const clients = await Promise.all([connection, { ...connection, database: 'postgres' }].map(async (each) => {
    const client = new pg.Client(each)
    client.on('error', () => {})
    await client.connect()
    await client.query('begin')
    await client.query('create table foreign_to_us (n int)')
    await client.query('insert into foreign_to_us values (1)')
    return client
  }))
  return async () => { for (const client of clients) { await client.query('rollback'); await client.end() } }
}
