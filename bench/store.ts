/**
 * `node bench/store.ts [--json] [--seconds N]`: group commit on the embedded PostgreSQL (fsync on): creates and updates of 2 KB objects,
 * audit and log included, by closed-loop writers in one process. CPU is this process and the server together, per write.
 */
import { randomUUID } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { parseArgs } from 'node:util'
import pg from 'pg'
import { startEmbedded } from '../src/store/embedded.ts'
import { silent } from '../src/store/log.ts'
import { openPostgresStore } from '../src/store/postgres/postgres.ts'
import type { Operation, Store } from '../src/store/store.ts'

const { values } = parseArgs({ options: { json: { type: 'boolean', default: false }, seconds: { type: 'string', default: '4' } } })
const seconds = Number(values.seconds)

interface Figure {
  readonly what: 'create' | 'update'
  readonly writers: number
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly cpuMsPerWrite: number
}

// About what a cluster with its managedFields takes; not so repetitive that compression does the work.
const filler = Array.from({ length: 44 }, (_, i) => `"f${i}":"${randomUUID()}"`).join(',')

const write = (name: string, expect: number | 'absent', round: number): Operation => {
  const key = { resource: 'things.bench', namespace: 'bench', name }
  const body = `{"apiVersion":"bench/v1","kind":"Thing","metadata":{"name":"${name}"},"spec":{"round":${round},${filler}}}`
  return { key, expect, row: { ...key, uid: name, body, labels: { app: 'bench' }, ownerUids: ['owner'], finalizers: [], deleting: false } }
}

const audit = JSON.stringify({
  auditID: randomUUID(), time: '2026-01-01T00:00:00.000Z', level: 'Change', verb: 'update', user: { username: 'bench', groups: ['skerry:sites', 'system:authenticated'] }, sourceIPs: ['127.0.0.1'], userAgent: 'bench/1',
  objectRef: { apiGroup: 'bench', apiVersion: 'v1', resource: 'things', namespace: 'bench', name: 'x', uid: randomUUID() }, decision: 'allow', responseStatus: { code: 200 }, change: { before: { spec: { round: 1 } }, after: { spec: { round: 2 } } },
})

/** CPU seconds of the postmaster and its children (Linux; elsewhere 0). */
async function serverCpu(postmaster: number): Promise<number> {
  let ticks = 0
  for (const pid of (await readdir('/proc').catch(() => [])).filter((each) => /^\d+$/.test(each))) {
    const fields = (await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')).replace(/^.*\) /s, '').split(' ')
    if (Number(fields[1]) === postmaster || Number(pid) === postmaster) ticks += Number(fields[11]) + Number(fields[12])
  }
  return ticks / 100
}

async function measure(store: Store, postmaster: number, what: Figure['what'], writers: number): Promise<Figure> {
  const latencies: number[] = []
  const run = randomUUID().slice(0, 8)
  const made = await Promise.all(Array.from({ length: writers }, async (_, w) => (what === 'create' ? 0 : versionOf(await store.commit({ operations: [write(`${run}-${w}`, 'absent', 0)] })))))
  const cpuBefore = process.cpuUsage()
  const serverBefore = await serverCpu(postmaster)
  const start = performance.now()
  await Promise.all(made.map(async (version, w) => {
    let standing = version
    for (let i = 1; performance.now() - start < seconds * 1_000; i += 1) {
      const began = performance.now()
      const operation = what === 'create' ? write(`${run}-${w}-${i}`, 'absent', i) : write(`${run}-${w}`, standing, i)
      standing = versionOf(await store.commit({ operations: [operation], audit }))
      latencies.push(performance.now() - began)
    }
  }))
  const took = (performance.now() - start) / 1_000
  const { user, system } = process.cpuUsage(cpuBefore)
  const cpu = (user + system) / 1e3 + ((await serverCpu(postmaster)) - serverBefore) * 1e3
  latencies.sort((a, b) => a - b)
  const at = (part: number): number => round(latencies[Math.floor(latencies.length * part)]!, 2)
  return { what, writers, perSecond: Math.round(latencies.length / took), p50Ms: at(0.5), p99Ms: at(0.99), cpuMsPerWrite: round(cpu / latencies.length, 3) }
}

function versionOf(committed: Awaited<ReturnType<Store['commit']>>): number {
  if (committed.kind !== 'committed') throw new Error(`refused: ${committed.kind}`)
  return committed.versions[0]!
}

const round = (value: number, digits: number): number => Number(value.toFixed(digits))

const directory = await mkdtemp(`${tmpdir()}/skerry-bench-`)
try {
  const server = await startEmbedded({ directory, log: silent })
  try {
    const store = await openPostgresStore({ connection: server.connection, log: silent })
    const figures: Figure[] = []
    for (const what of ['create', 'update'] as const)
      for (const writers of [1, 16, 64]) {
        const figure = await measure(store, server.pid, what, writers)
        figures.push(figure)
        if (!values.json) console.log(`${what.padEnd(7)} ${String(writers).padStart(3)} writers ${String(figure.perSecond).padStart(7)}/s  p50 ${figure.p50Ms} ms  p99 ${figure.p99Ms} ms  CPU ${figure.cpuMsPerWrite} ms a write`)
      }
    const hot = await hotUpdates(server.connection)
    await store.close()
    if (values.json) console.log(JSON.stringify({ bodyBytes: write('x', 'absent', 0).row!.body.length, seconds, figures, hotUpdates: hot }))
    else console.log(`heap-only updates of resource: ${(hot * 100).toFixed(1)} %`)
  } finally {
    await server.stop()
  }
} finally {
  await rm(directory, { recursive: true, force: true })
}

async function hotUpdates(connection: pg.ClientConfig): Promise<number> {
  const client = new pg.Client(connection)
  await client.connect()
  await client.query('select pg_stat_force_next_flush()')
  const { rows } = await client.query<{ hot: number }>(`select n_tup_hot_upd::float8 / greatest(1, n_tup_upd) as hot from pg_stat_user_tables where relname = 'resource'`)
  await client.end()
  return round(rows[0]!.hot, 4)
}
