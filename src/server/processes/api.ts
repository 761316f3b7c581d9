/** The process `api`: HTTPS and nothing else on its event loop (rule E5). */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { Gauge, Registry } from 'prom-client'
import { kinds, Project } from '../../api/index.ts'
import { schemaNumber } from '../../api/schema-number.ts'
import { createApiServer, listen } from '../../apiserver/index.ts'
import { openCache } from '../../store/cache.ts'
import { openPostgresStore } from '../../store/postgres/postgres.ts'
import { openApiAccess } from '../api-access.ts'
import { readFile } from 'node:fs/promises'
import { archiveAudit } from '../audit-archive.ts'
import { readAuditKey } from '../audit-key.ts'
import { openAuditSealer, rememberedCheckpoint } from '../audit-sealer.ts'
import { ensureAdministrator } from '../bootstrap.ts'
import { readDatabase } from '../database.ts'
import { readFlowControl } from '../flow-levels.ts'
import { layout } from '../files.ts'
import { platformPki } from '../platform-pki.ts'
import { openTalos } from '../../drivers/talos/index.ts'
import { openClouds } from '../ports/clouds.ts'
import { driverErrors } from '../ports/errors.ts'
import { cloudOpener } from '../ports/open-cloud.ts'
import { openSecrets } from '../ports/secrets.ts'
import { talosPort } from '../ports/talos.ts'
import { signer, newBundle } from '../signer.ts'
import { readSiteKey } from '../site-key.ts'
import { subresources } from '../subresources.ts'
import { begin, serveUntilEnd } from './process.ts'

/** For what is under way when the process is to end; the supervisor waits 10 s. */
const requestsMs = 8_000

const { settings, log } = begin('api')
const paths = layout(settings.state)
const store = await openPostgresStore({ connection: await readDatabase(settings.state), log, schema: schemaNumber })
const pki = await platformPki(settings.state, settings.host, new Date())
const secrets = openSecrets(store.sealed, await readSiteKey(paths.siteKey), newBundle)
const cache = await openCache(store, { log })
await ensureAdministrator(store, cache, new Date())
const access = openApiAccess(cache)
const metrics = new Registry()
const installation = (await readFile(paths.installation, 'utf8')).trim()
const auditKey = await readAuditKey(paths.auditKey)
const sealer = await openAuditSealer({ audit: store.audit, installation, key: auditKey, file: paths.auditCheckpoint, log, now: () => new Date(), metrics })
/** Each look wakes a process that has nothing to do: every 10 ms takes 0.7 % of a core, every 20 ms 0.4 %. No turn of the loop that took longer is missed or told shorter. */
const lookMs = 20
const lag = monitorEventLoopDelay({ resolution: lookMs })
lag.enable()
new Gauge({ name: 'skerry_event_loop_lag_seconds', help: `p99 of the event loop's delay since the last scrape; never less than the ${lookMs} ms between two looks.`, registers: [metrics], collect() { this.set(lag.percentile(99) / 1e9); lag.reset() } })

const { auditArchive } = settings
const archive = async (): Promise<void> => {
  if (auditArchive === undefined) return
  const { directory, keepDays } = auditArchive
  const done = await archiveAudit({ audit: store.audit, identity: { installation, keys: [auditKey.publicKey] }, directory, keepMs: keepDays * 86_400_000, now: () => new Date() })
  if (done !== undefined) log.info(done, 'audit records archived')
}
const archiving = setInterval(() => void archive().catch((error: unknown) => log.error({ error: String(error) }, 'audit records are not archived')), 3_600_000)
archiving.unref()

const api = await createApiServer({
  store, cache, kinds, namespaceKind: Project, builtins: ['events', 'leases'], limitEvents: true, ...access, log, metrics, flowControl: await readFlowControl(settings.limits),
  chain: { installation, keys: [auditKey.publicKey], remembered: async () => { await sealer.seal(true); return rememberedCheckpoint(paths.auditCheckpoint) } },
  subresources: subresources(secrets, signer, pki.authority, { clouds: openClouds(secrets, cloudOpener()), talos: talosPort(openTalos({ log, now: () => new Date() })), errors: driverErrors }), version: { major: '1', minor: '36', gitVersion: 'v1.36.0-skerry.0.1.0' },
})

const listening = await listen(api.handle, {
  host: settings.host, port: settings.port, reusePort: process.platform === 'linux', tls: { cert: pki.serving.crt, key: pki.serving.key, clientCa: pki.authority.crt },
})
log.info({ port: settings.port }, 'serving')

// In this order, so that no request fails: whoever balances looks elsewhere, nobody new comes in, watches end with a bookmark, what is under way is answered.
serveUntilEnd(log, async () => {
  api.drain()
  await sleep(settings.shutdownDelayMs)
  const closed = listening.close(requestsMs)
  api.endWatches()
  await closed
  await api.close()
  access.close()
  clearInterval(archiving)
  await sealer.close()
  await store.close()
})
