/** `serve`: makes keys and database ready, then supervises api, controllers and simulators until it is told to end. */
import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { pino } from 'pino'
import { schemaNumber } from '../api/schema-number.ts'
import { openPostgresStore } from '../store/postgres/postgres.ts'
import { layout, readOrMake, writePrivate } from './files.ts'
import { renewOwnCertificates } from './own-certificates.ts'
import { platformPki } from './platform-pki.ts'
import { openDatabase, readDatabase } from './database.ts'
import { readFlowControl } from './flow-levels.ts'
import { readSettings } from './settings.ts'
import { newAuditKey, readAuditKey } from './audit-key.ts'
import { newSiteKey } from './site-key.ts'
import { demandPort } from './port.ts'
import { supervise } from './supervisor.ts'

const [command, ...argv] = process.argv.slice(2)
if (command !== 'serve') {
  process.stderr.write('usage: node src/server/main.ts serve [--state DIR] [--host ADDRESS] [--port N] [--database URL] [--simulators] [--latency zero|realistic] [--read-only] [--metrics-port N] [--api-processes N] [--shutdown-delay SECONDS] [--watchdog SECONDS] [--audit-archive DIR] [--audit-keep-days N] [--limits FILE]\n')
  process.exit(2)
}

const settings = (() => {
  try { return readSettings(argv, process.env) } catch (error) {
    process.stderr.write(`serve: ${(error as Error).message}\n`)
    process.exit(2)
  }
})()
await readFlowControl(settings.limits).catch((error: unknown) => {
  process.stderr.write(`serve: ${(error as Error).message}\n`)
  process.exit(2)
})
const paths = layout(settings.state)
const log = pino({ level: settings.logLevel }).child({ process: 'serve' })

const url = `https://${settings.host === '0.0.0.0' ? '127.0.0.1' : settings.host}:${settings.port}`
await rm(paths.api, { force: true })
await writePrivate(paths.pid, String(process.pid))
const pki = await platformPki(settings.state, settings.host, new Date())
await readOrMake(paths.siteKey, newSiteKey)
await readOrMake(paths.auditKey, newAuditKey)
// What an auditor needs, and nothing secret.
await writePrivate(paths.auditPublicKey, (await readAuditKey(paths.auditKey)).publicKey)
await readOrMake(paths.installation, () => randomUUID())

await demandPort(settings.host, settings.port)
const database = await openDatabase(settings, log)
const own = { state: settings.state, url, authority: pki.authority, now: () => new Date(), openStore: async () => openPostgresStore({ connection: await readDatabase(settings.state), log, schema: schemaNumber }) }
await renewOwnCertificates(own, true)
const supervisor = supervise(paths.logs, (message) => log.warn(message), settings)
let ending = false
const end = async (signal: string): Promise<void> => {
  if (ending) return
  ending = true
  log.info({ signal }, 'ending')
  await supervisor.stop()
  await database.stop()
  await Promise.all([rm(paths.api, { force: true }), rm(paths.pid, { force: true })])
  process.exit(0)
}
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => { end(signal).catch((error: unknown) => { log.error({ error: String(error) }, 'could not end'); process.exit(1) }) })

// Of this run only: what begins with it has ended when the supervisor starts it anew (rule E4).
const place = `${hostname()}/${randomUUID()}`
const process_ = (name: string, module = name) => ({ name, args: [join(import.meta.dirname, 'processes', `${module}.ts`), JSON.stringify(settings), place] })
if (settings.simulators) await supervisor.start(process_('simulators'))
const apis = Array.from({ length: settings.apiProcesses }, (_, i) => (i === 0 ? 'api' : `api-${i + 1}`))
for (const name of apis) await supervisor.start(process_(name, 'api'))
await supervisor.start(process_('controllers'))
const renewEveryMs = 600_000
setInterval(() => {
  renewOwnCertificates(own, false).then((renewed) => {
    if (renewed.length > 0) log.info({ renewed }, 'certificates of this machine renewed')
    // It read its certificate when it started.
    if (renewed.includes('site')) supervisor.restart('controllers')
  }).catch((err: unknown) => log.error({ err }, 'certificates of this machine could not be renewed; they are tried again'))
}, renewEveryMs).unref()
await writePrivate(paths.api, JSON.stringify({ url, pids: supervisor.pids() }))
log.info({ url }, 'serving')

// A rolling restart: one API process at a time, each when its successor serves. After an upgrade of the program's files, or of its certificates.
let restarting: Promise<void> = Promise.resolve()
process.on('SIGUSR2', () => {
  restarting = restarting.then(async () => {
    log.info({ processes: apis }, 'API processes are replaced one by one')
    for (const name of apis) await supervisor.replace(name)
    await writePrivate(paths.api, JSON.stringify({ url, pids: supervisor.pids() }))
    log.info({}, 'API processes are replaced')
  }).catch((error: unknown) => log.error({ error: String(error) }, 'API processes are not all replaced'))
})
