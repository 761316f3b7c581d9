/** `node fuzz.ts SCHEMATHESIS [--minutes N] [--seed N] [--store memory|postgres]`: schemathesis against our own OpenAPI documents. Ends with 1 when it finds something. */
import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Log } from '../../src/store/log.ts'
import { openMemoryStore } from '../../src/store/memory/memory.ts'
import { openPostgresStore } from '../../src/store/postgres/postgres.ts'
import { openTarget, project } from '../../testkit/api-target.ts'
import { testDatabase } from '../../testkit/postgres.ts'

const { values, positionals: [schemathesis] } = parseArgs({ options: { minutes: { type: 'string', default: '2' }, seed: { type: 'string' }, store: { type: 'string', default: 'postgres' } }, allowPositionals: true })
if (schemathesis === undefined) throw new Error('usage: node fuzz.ts SCHEMATHESIS [--minutes N] [--seed N] [--store memory|postgres]')
const seed = values.seed ?? String(Date.now() % 1_000_000)
const say = (line: string): void => { process.stdout.write(`${line}\n`) }

const complaints: string[] = []
const log: Log = { info() {}, warn() {}, error: (fields, message) => { complaints.push(`${message} ${JSON.stringify(fields)}`) } }
const database = values.store === 'memory' ? undefined : await testDatabase()
const store = database === undefined ? openMemoryStore() : await openPostgresStore({ connection: database.connection, log })
const target = await openTarget(store, log)
const directory = await mkdtemp(join(tmpdir(), 'skerry-fuzz-'))

/** Names that are there and one that is not; a watch would not end. */
const config = `[parameters]
"path.namespace" = ["${project}"]
"path.name" = ["a", "b"]
"query.watch" = ["false"]
`
const checks = 'not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance'
const documents = ['apis/skerry.dev/v1alpha1', 'api/v1', 'apis/coordination.k8s.io/v1']
const secondsEach = Math.max(10, Math.floor((Number(values.minutes) * 60) / (documents.length + 1)))

const run = (document: string, token: string, seconds: number): Promise<number> => new Promise((done, failed) => {
  say(`--- /openapi/v3/${document} as ${token}, ${seconds} s, seed ${seed}`)
  spawn(schemathesis, ['--config-file', 'schemathesis.toml', 'run', `${target.url}/openapi/v3/${document}`, '-H', `Authorization: Bearer ${token}`, '--checks', checks, '--phases', 'examples,coverage,fuzzing', '--seed', seed, '--max-time', String(seconds),
    '--request-timeout', '20', '--continue-on-failure', '--no-color', '--warnings', 'off', '--suppress-health-check', 'all', '--max-failures', '20'], { cwd: directory, stdio: 'inherit', env: { ...process.env, SCHEMATHESIS_HOOKS: 'fuzz_hooks', PYTHONPATH: import.meta.dirname, PYTHONDONTWRITEBYTECODE: '1' } }).on('error', failed).on('exit', (code) => done(code ?? 1))
})
try {
  await writeFile(join(directory, 'schemathesis.toml'), config)
  const found: string[] = []
  for (const [document, token] of [...documents.map((d) => [d, 'admin'] as const), ['apis/skerry.dev/v1alpha1', 'site'] as const]) {
    await target.fill()
    if ((await run(document, token, secondsEach)) !== 0) found.push(`${document} as ${token}`)
  }
  say(`codes: ${Object.entries(await target.codes()).map(([code, n]) => `${code}: ${n}`).join(', ')}`)
  for (const c of complaints.slice(0, 20)) say(`log: ${c}`)
  say(found.length + complaints.length === 0 ? `fuzz: nothing found, seed ${seed}` : `fuzz: found in ${found.join(', ') || 'the log'}, seed ${seed}`)
  process.exitCode = found.length + complaints.length === 0 ? 0 : 1
} finally {
  await target.close()
  await store.close()
  await database?.drop()
  await rm(directory, { recursive: true, force: true })
}
process.exit()
