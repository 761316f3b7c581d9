/** `serve`: makes keys and database ready, then supervises api, controllers and simulators until it is told to end. */
import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { pino } from 'pino'
import { layout, readOrMake, writePrivate } from './files.ts'
import { kubeconfigText, platformPki } from './platform-pki.ts'
import { openDatabase } from './database.ts'
import { readSettings } from './settings.ts'
import { newAuditKey, readAuditKey } from './audit-key.ts'
import { newSiteKey } from './site-key.ts'
import { demandPort } from './port.ts'
import { supervise } from './supervisor.ts'

const [command, ...argv] = process.argv.slice(2)
if (command !== 'serve') {
  process.stderr.write('usage: node src/server/main.ts serve [--state DIR] [--host ADDRESS] [--port N] [--database URL] [--simulators] [--latency zero|realistic] [--read-only] [--metrics-port N] [--api-processes N] [--shutdown-delay SECONDS] [--audit-archive DIR] [--audit-keep-days N]\n')
  process.exit(2)
}

const settings = (() => {
  try { return readSettings(argv, process.env) } catch (error) {
    process.stderr.write(`serve: ${(error as Error).message}\n`)
    process.exit(2)
  }
})()
const paths = layout(settings.state)
const log = pino({ level: settings.logLevel }).child({ process: 'serve' })

const url = `https://${settings.host === '0.0.0.0' ? '127.0.0.1' : settings.host}:${settings.port}`
await rm(paths.api, { force: true })
await writePrivate(paths.pid, String(process.pid))
const pki = await platformPki(settings.state, settings.host, new Date())
await writePrivate(paths.kubeconfig, kubeconfigText(url, pki.authority, pki.admin, 'skerry'))
await writePrivate(paths.siteKubeconfig, kubeconfigText(url, pki.authority, pki.site, 'skerry-site'))
await readOrMake(paths.siteKey, newSiteKey)
await readOrMake(paths.auditKey, newAuditKey)
// What an auditor needs, and nothing secret.
await writePrivate(paths.auditPublicKey, (await readAuditKey(paths.auditKey)).publicKey)
await readOrMake(paths.installation, () => randomUUID())

await demandPort(settings.host, settings.port)
const database = await openDatabase(settings, log)
const supervisor = supervise(paths.logs, (message) => log.warn(message), settings.shutdownDelayMs)
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
