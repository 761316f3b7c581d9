/**
 * A real PostgreSQL beside the program, for laptops and tests: makes its data directory, starts it on a unix socket only, starts it again
 * when it dies, takes over one that a killed program left running, and shuts it down. One program a directory.
 */
import { spawn } from 'node:child_process'
import { open, readdir, readFile, readlink, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { binaries, hydrate, makeDirectory, serverUser, socketDirectory, type ServerUser } from './embedded-files.ts'
import type { Log } from './log.ts'
import type { Connection } from './postgres/connection.ts'

export interface Embedded {
  readonly connection: Connection
  /** The postmaster's process now; another one after it died and was started again. */
  readonly pid: number
  /** Waits 2 s for clients to leave (smart), then ends their connections (fast). Nothing is lost either way. */
  stop(): Promise<void>
}

export interface EmbeddedOptions {
  /** Its own: `data/`, `run/` and `postgres.log` are made in it. */
  readonly directory: string
  readonly log: Log
  /** Beyond and above the defaults, e.g. fsync off in tests. */
  readonly settings?: Readonly<Record<string, string>>
}

const user = 'skerry'
const port = 5432
const startMs = 60_000
const defaults = { listen_addresses: '', unix_socket_permissions: '0700', shared_buffers: '128MB', max_connections: '100', log_min_messages: 'warning', timezone: 'UTC', log_timezone: 'UTC' }

export async function startEmbedded({ directory, log, settings = {} }: EmbeddedOptions): Promise<Embedded> {
  const native = await hydrate(await binaries())
  const as = await serverUser()
  const data = join(directory, 'data')
  await makeDirectory(directory, as, native)
  const run = await socketDirectory(directory, as)
  await initialise(native, directory, data, as, 'fsync' in settings && settings['fsync'] === 'off')

  let pid = 0

  async function start(): Promise<void> {
    const left = await leftRunning(data)
    if (left === undefined) {
      await clearForeignPid(data)
      pid = await launch()
    } else {
      pid = left
      log.info({ pid }, 'embedded PostgreSQL was left running and is taken over')
    }
    await answering(run, () => isAlive(pid))
  }

  async function launch(): Promise<number> {
    const output = await open(join(directory, 'postgres.log'), 'a')
    const options = Object.entries({ ...defaults, unix_socket_directories: run, ...settings }).flatMap(([name, value]) => ['-c', `${name}=${value}`])
    // Of a process group of its own: Ctrl-C is for the program, which then stops the server in order.
    const child = spawn(join(native, 'bin', 'postgres'), ['-D', data, ...options], { ...as.ids, detached: true, stdio: ['ignore', output.fd, output.fd], cwd: directory, env: serverEnv })
    child.unref()
    try {
      await new Promise((resolve, reject) => {
        child.once('error', reject)
        child.once('spawn', resolve)
      })
    } finally {
      await output.close()
    }
    return child.pid!
  }

  await start()
  const stopped = new AbortController()
  const watching = watch()

  async function watch(): Promise<void> {
    while (!stopped.signal.aborted) {
      await sleep(250, undefined, { ref: false, signal: stopped.signal }).catch(() => {})
      if (stopped.signal.aborted || isAlive(pid)) continue
      log.warn({ pid }, 'embedded PostgreSQL died and is started again')
      await start().catch((err: unknown) => log.error({ err }, 'embedded PostgreSQL cannot be started again'))
    }
  }

  const connection: Connection = { host: run, port, user, database: user }
  await ensureDatabase(run)
  return {
    connection,
    get pid() {
      return pid
    },
    async stop() {
      if (stopped.signal.aborted) return
      stopped.abort()
      await watching
      await shutDown(pid)
    },
  }
}

// The server is told its locale and nothing else of our environment.
const serverEnv = { LC_ALL: 'C', PATH: '/usr/bin:/bin', TZ: 'UTC' }

/** Made under another name first: a data directory that exists is complete. */
async function initialise(native: string, directory: string, data: string, as: ServerUser, hasty: boolean): Promise<void> {
  if ((await readFile(join(data, 'PG_VERSION')).catch(() => undefined)) !== undefined) return
  const making = join(directory, 'data.new')
  await rm(making, { recursive: true, force: true })
  const args = ['-D', making, '-U', user, '-A', 'trust', '-E', 'UTF8', '--no-locale', ...(hasty ? ['-N'] : [])]
  const child = spawn(join(native, 'bin', 'initdb'), args, { ...as.ids, stdio: ['ignore', 'pipe', 'pipe'], cwd: directory, env: serverEnv })
  let said = ''
  child.stdout.on('data', (bytes: Buffer) => (said += bytes.toString()))
  child.stderr.on('data', (bytes: Buffer) => (said += bytes.toString()))
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  if (code !== 0) throw new Error(`initdb as user ${as.name} failed: ${said.trim().split('\n').slice(-3).join(' ')}`)
  await rename(making, data)
}

/** The postmaster named in postmaster.pid, if that process is one; after a crash the number may belong to anybody. */
async function leftRunning(data: string): Promise<number | undefined> {
  const pid = Number((await readFile(join(data, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n')[0])
  if (!(pid > 0) || !isAlive(pid)) return undefined
  const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => undefined)
  // Without /proc (macOS) PostgreSQL's own check decides: it refuses to start when the process lives.
  return command === undefined || (command.includes('postgres') && command.includes(data)) ? pid : undefined
}

/**
 * After a reboot or in a new container the number in postmaster.pid may be another program's, and PostgreSQL would refuse to start.
 * In every other case the file stays: through it PostgreSQL finds backends that outlived their postmaster, and waits for them.
 */
async function clearForeignPid(data: string): Promise<void> {
  const file = join(data, 'postmaster.pid')
  const pid = Number((await readFile(file, 'utf8').catch(() => '')).split('\n')[0])
  if (!(pid > 0) || !isAlive(pid)) return
  const processes = (await readdir('/proc').catch(() => [])).filter((each) => /^\d+$/.test(each))
  const homes = await Promise.all(processes.map((each) => readlink(`/proc/${each}/cwd`).catch(() => '')))
  if (!homes.includes(data)) await rm(file)
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

async function withClient<T>(host: string, database: string, use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ host, port, user, database, connectionTimeoutMillis: 5_000 })
  client.on('error', () => {}) // the query that was under way reports it
  try {
    await client.connect()
    return await use(client)
  } finally {
    await client.end().catch(() => {})
  }
}

async function answering(host: string, alive: () => boolean): Promise<void> {
  const until = performance.now() + startMs
  for (;;) {
    try {
      await withClient(host, 'postgres', (client) => client.query('select 1'))
      return
    } catch (cause) {
      if (!alive()) throw new Error('embedded PostgreSQL ended while starting; postgres.log in its directory says why', { cause })
      if (performance.now() > until) throw new Error('embedded PostgreSQL does not answer', { cause })
      await sleep(20)
    }
  }
}

async function ensureDatabase(host: string): Promise<void> {
  await withClient(host, 'postgres', async (client) => {
    const { rowCount } = await client.query('select from pg_database where datname = $1', [user])
    if (rowCount === 0) await client.query(`create database ${user}`)
  })
}

/** SIGTERM smart, SIGINT fast, SIGQUIT immediate (recovers at the next start). */
async function shutDown(pid: number): Promise<void> {
  for (const [signal, ms] of [['SIGTERM', 2_000], ['SIGINT', 30_000], ['SIGQUIT', 5_000]] as const) {
    if (!isAlive(pid)) return
    process.kill(pid, signal)
    for (const until = performance.now() + ms; performance.now() < until && isAlive(pid); ) await sleep(20)
  }
  if (isAlive(pid)) throw new Error(`embedded PostgreSQL (process ${pid}) does not end`)
}
