/**
 * A database of its own for each test: cloned from a migrated template, on one embedded PostgreSQL a test run. The server belongs to no
 * worker: the first who needs it starts `postgres-server.ts`, which ends with the run, also when that is killed.
 */
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, open, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { isMainThread } from 'node:worker_threads'
import pg from 'pg'
import type { Connection } from '../src/store/postgres/connection.ts'

export interface TestDatabase {
  readonly connection: Connection
  drop(): Promise<void>
}

export const template = 'skerry_template'

interface Server {
  readonly supervisor: number
  readonly connection: Connection
}

let server: Promise<Server> | undefined

export async function testDatabase(): Promise<TestDatabase> {
  const { connection } = await (server ??= findServer())
  const database = `t_${randomUUID().replaceAll('-', '')}`
  await asAdmin(connection, `create database ${database} template ${template} strategy file_copy`)
  return { connection: { ...connection, database }, drop: () => asAdmin(connection, `drop database if exists ${database} with (force)`) }
}

/** SQL from outside our program: to look, or to make trouble. */
export async function asAdmin(connection: Connection, sql: string): Promise<void> {
  const client = new pg.Client({ ...connection, connectionTimeoutMillis: 20_000 })
  client.on('error', () => {}) // reported by the query
  await client.connect()
  await client.query(sql).finally(() => client.end())
}

// vitest's workers are processes or threads of the process that is the run; a program outside vitest is its own run.
const run = !isMainThread || process.env['VITEST'] === undefined ? process.pid : process.ppid

async function findServer(): Promise<Server> {
  const directory = join(tmpdir().length < 40 ? tmpdir() : '/tmp', `skerry-test-${process.getuid?.() ?? 0}-${run}`)
  const ready = join(directory, 'ready.json')
  const failed = join(directory, 'failed')
  for (const until = performance.now() + 90_000; performance.now() < until; await sleep(25)) {
    const text = await readFile(ready, 'utf8').catch(() => '')
    if (text !== '') {
      const found = JSON.parse(text) as Server
      if (isAlive(found.supervisor)) return found
      await rm(directory, { recursive: true, force: true }) // of an earlier run with the same number
    }
    const reason = await readFile(failed, 'utf8').catch(() => undefined)
    if (reason !== undefined) throw new Error(`the test server did not start: ${reason}`)
    // Whoever makes the directory starts the server.
    if (!existsSync(directory) && (await mkdir(directory).then(() => true, () => false))) await startServer(directory)
  }
  throw new Error(`the test server in ${directory} does not become ready`)
}

async function startServer(directory: string): Promise<void> {
  const output = await open(join(directory, 'supervisor.log'), 'a')
  const { NODE_OPTIONS: _, ...env } = process.env
  spawn(process.execPath, [join(import.meta.dirname, 'postgres-server.ts'), directory, String(run)], { detached: true, stdio: ['ignore', output.fd, output.fd], env }).unref()
  await output.close()
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
