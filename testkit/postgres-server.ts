/** The test run's PostgreSQL (see postgres.ts): `node postgres-server.ts DIRECTORY RUN-PID`. Ends, and removes the directory, when the run has ended. */
import { rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { startEmbedded } from '../src/store/embedded.ts'
import { migrate } from '../src/store/postgres/migrate.ts'
import type { Log } from '../src/store/log.ts'
import { asAdmin, template } from './postgres.ts'

const [directory, run] = [process.argv[2]!, Number(process.argv[3])]
const say = (fields: object, message: string): void => console.error(message, fields)
const log: Log = { info: say, warn: say, error: say }

const isRunning = (): boolean => {
  try {
    process.kill(run, 0)
    return true
  } catch {
    return false
  }
}

process.on('SIGINT', () => {}) // of the terminal, meant for the run
try {
  // A standby that never comes: where a test turns synchronous_commit on for its database, a COMMIT stays in its last moment (rule S3).
  const settings = { synchronous_standby_names: 'nobody', fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', max_connections: '400', max_wal_size: '256MB' }
  const server = await startEmbedded({ directory: join(directory, 'server'), log, settings })
  await asAdmin(server.connection, `create database ${template}`)
  await migrate({ ...server.connection, database: template }, log)
  await writeFile(join(directory, 'ready.new'), JSON.stringify({ supervisor: process.pid, connection: server.connection }))
  await rename(join(directory, 'ready.new'), join(directory, 'ready.json'))
  while (isRunning()) await sleep(200)
  await server.stop()
} catch (error) {
  await writeFile(join(directory, 'failed'), String(error instanceof Error ? (error.stack ?? error.message) : error))
  while (isRunning()) await sleep(200)
}
await rm(directory, { recursive: true, force: true })
