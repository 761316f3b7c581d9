/** The process `controllers`: one acts under the lease, another stands by. */
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { Registry } from 'prom-client'
import { httpEvents, httpResources, readKubeconfig } from '../../client/index.ts'
import { controllers } from '../../controllers/index.ts'
import { openKubernetes } from '../../drivers/kubernetes/index.ts'
import { openTalos } from '../../drivers/talos/index.ts'
import { runControllers } from '../../engine/index.ts'
import { openPostgresStore } from '../../store/postgres/postgres.ts'
import { readDatabase } from '../database.ts'
import { layout } from '../files.ts'
import { serveMetrics } from '../metrics.ts'
import { driverErrors } from '../ports/errors.ts'
import { openClouds } from '../ports/clouds.ts'
import { openSecrets } from '../ports/secrets.ts'
import { talosPort } from '../ports/talos.ts'
import { openTenants } from '../ports/tenants.ts'
import { cloudOpener } from '../ports/open-cloud.ts'
import { newBundle, signOwn } from '../signer.ts'
import { readSiteKey } from '../site-key.ts'
import { begin, serveUntilEnd } from './process.ts'

const { settings, log } = begin('controllers')
// Whoever supervises starts the next process of this place only when the former one has ended.
const place = `${process.argv[3] ?? `${hostname()}/${randomUUID()}`}/`
const paths = layout(settings.state)
const store = await openPostgresStore({ connection: await readDatabase(settings.state), log })
const installation = readFileSync(paths.installation, 'utf8').trim()
const secrets = openSecrets(store.sealed, await readSiteKey(paths.siteKey), newBundle)
const { options } = readKubeconfig(paths.siteKubeconfig, (path) => readFileSync(path, 'utf8'))
const resources = httpResources({ ...options, userAgent: 'skerry-controllers' })
const talos = openTalos({ log, now: () => new Date() })
const kubernetes = openKubernetes({ log })
const metrics = new Registry()
const served = settings.metricsPort === undefined ? undefined : await serveMetrics(metrics, settings.metricsPort)

const running = await runControllers({
  controllers: controllers({
    installation, secrets, clouds: openClouds(secrets, cloudOpener()), talos: talosPort(talos), tenants: openTenants(kubernetes, signOwn(secrets), Date.now), errors: driverErrors,
  }),
  resources, leases: store.leases, slot: 'controllers', identity: `${place}${process.pid}`, endedPlace: place, log, metrics, readOnly: settings.readOnly, events: httpEvents({ resources, now: () => new Date(), log }),
})
log.info({ installation }, 'controllers run')

serveUntilEnd(log, async () => {
  await running.close()
  await served?.close()
  await Promise.all([resources.close(), talos.close(), kubernetes.close(), store.close()])
})
