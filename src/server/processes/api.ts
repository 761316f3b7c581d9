/** The process `api`: HTTPS and nothing else on its event loop (rule E5). */
import http2 from 'node:http2'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { TLSSocket } from 'node:tls'
import { Gauge, Registry } from 'prom-client'
import { kinds, Project } from '../../api/index.ts'
import { byClientCertificate, createApiServer } from '../../apiserver/index.ts'
import { openPostgresStore } from '../../store/postgres/postgres.ts'
import { ownersOf, refuseDeletion, validateReferences } from '../admission.ts'
import { readDatabase } from '../database.ts'
import { layout } from '../files.ts'
import { platformPki } from '../platform-pki.ts'
import { openTalos } from '../../drivers/talos/index.ts'
import { openClouds } from '../ports/clouds.ts'
import { driverErrors } from '../ports/errors.ts'
import { cloudOpener } from '../ports/open-cloud.ts'
import { openSecrets } from '../ports/secrets.ts'
import { talosPort } from '../ports/talos.ts'
import { authorize, writerOf } from '../roles.ts'
import { signer, newBundle } from '../signer.ts'
import { readSiteKey } from '../site-key.ts'
import { subresources } from '../subresources.ts'
import { begin, serveUntilEnd } from './process.ts'

const { settings, log } = begin('api')
const paths = layout(settings.state)
const store = await openPostgresStore({ connection: await readDatabase(settings.state), log })
const pki = await platformPki(settings.state, settings.host, new Date())
const secrets = openSecrets(store.sealed, await readSiteKey(paths.siteKey), newBundle)
const metrics = new Registry()
const lag = monitorEventLoopDelay({ resolution: 10 })
lag.enable()
new Gauge({ name: 'skerry_event_loop_lag_seconds', help: 'p99 of the event loop\'s delay since the last scrape.', registers: [metrics], collect() { this.set(lag.percentile(99) / 1e9); lag.reset() } })

const api = await createApiServer({
  store, kinds, namespaceKind: Project, builtins: ['events', 'leases'], authenticate: byClientCertificate(writerOf), authorize, log, metrics,
  admission: { validate: (kind, object, old, read) => validateReferences(kind.kind, object, old, read), owners: (kind, object, read) => ownersOf(kind.kind, object, read), refuseDeletion: (kind, object, read) => refuseDeletion(kind.kind, object, read) },
  subresources: subresources(secrets, signer, { clouds: openClouds(secrets, cloudOpener()), talos: talosPort(openTalos({ log, now: () => new Date() })), errors: driverErrors }), version: { major: '1', minor: '36', gitVersion: 'v1.36.0-skerry.0.1.0' },
})

const handle = (request: IncomingMessage, response: ServerResponse): void => {
  if (request.url === '/metrics') {
    if ((request.socket as TLSSocket).authorized !== true) { response.writeHead(401); response.end(); return }
    metrics.metrics().then((text) => { response.writeHead(200, { 'content-type': metrics.contentType }); response.end(text) }, () => response.destroy())
    return
  }
  api.handle(request, response)
}
const server = http2.createSecureServer({
  allowHTTP1: true, cert: pki.serving.crt, key: pki.serving.key, ca: pki.authority, requestCert: true, rejectUnauthorized: false, minVersion: 'TLSv1.2',
  maxSessionMemory: 32, peerMaxConcurrentStreams: 250, settings: { maxConcurrentStreams: 250 }, maxSessionInvalidFrames: 100,
}, handle as never)
const sessions = new Set<http2.ServerHttp2Session>()
server.on('session', (s) => { sessions.add(s); s.on('close', () => sessions.delete(s)); s.on('error', () => s.destroy()) })
server.on('sessionError', () => {})
server.on('tlsClientError', () => {})
// Slow clients: a request's headers must be there in 10 s; what has begun may take its time (watches).
;(server as unknown as { headersTimeout: number }).headersTimeout = 10_000
await new Promise<void>((done, failed) => { server.once('error', failed); server.listen(settings.port, settings.host, done) })
log.info({ port: settings.port }, 'serving')

serveUntilEnd(log, async () => {
  await api.close()
  for (const s of sessions) s.goaway()
  const closed = new Promise<void>((done) => server.close(() => done()))
  const timer = setTimeout(() => { for (const s of sessions) s.destroy(); (server as unknown as { closeAllConnections?(): void }).closeAllConnections?.() }, 3_000)
  await Promise.race([closed, new Promise((r) => setTimeout(r, 5_000))])
  clearTimeout(timer)
  await store.close()
})
