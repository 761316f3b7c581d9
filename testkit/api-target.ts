/** What is fuzzed: our API as `serve` wires it, without a cloud behind it, over a memory store or PostgreSQL, with an object of each kind. */
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Registry } from 'prom-client'
import { kinds, Project } from '../src/api/index.ts'
import { byToken, createApiServer, listen, type Identity } from '../src/apiserver/index.ts'
import { openTalos } from '../src/drivers/talos/index.ts'
import { openApiAccess } from '../src/server/api-access.ts'
import { bootstrapUser, ensureAdministrator } from '../src/server/bootstrap.ts'
import { platformPki } from '../src/server/platform-pki.ts'
import { driverErrors } from '../src/server/ports/errors.ts'
import { openSecrets } from '../src/server/ports/secrets.ts'
import { talosPort } from '../src/server/ports/talos.ts'
import { newBundle, signer } from '../src/server/signer.ts'
import { subresources } from '../src/server/subresources.ts'
import { openCache } from '../src/store/cache.ts'
import type { Log } from '../src/store/log.ts'
import type { Store } from '../src/store/store.ts'

export const identities: Readonly<Record<string, Identity>> = {
  admin: { user: bootstrapUser, groups: ['system:authenticated'], writer: 'admin' },
  site: { user: 'fuzz-site', groups: ['skerry:sites', 'system:authenticated'], writer: 'site' },
}
export const project = 'fuzz'

export interface Target {
  readonly url: string
  /** How often which code was answered. */
  codes(): Promise<Readonly<Record<string, number>>>
  /** Makes the objects that are there, again. */
  fill(): Promise<void>
  close(): Promise<void>
}

export const openTarget = async (store: Store, log: Log): Promise<Target> => {
  const metrics = new Registry()
  const secrets = openSecrets(store.sealed, randomBytes(32), newBundle)
  const talos = openTalos({ log: { debug() {}, ...log }, now: () => new Date() })
  const nowhere = (): never => { throw new Error('there is no cloud here') }
  const state = await mkdtemp(join(tmpdir(), 'skerry-target-'))
  const pki = await platformPki(state, '127.0.0.1', new Date())
  const cache = await openCache(store, { log })
  await ensureAdministrator(store, cache, new Date())
  await cache.fresh()
  const { authenticate: _, authorize, scopeOf, close: closeAccess, ...access } = openApiAccess(cache)
  // A fuzzer takes the administrator's own grant away, and would be refused from then on.
  const isAdmin = (identity: Identity): boolean => identity.writer === 'admin'
  const api = await createApiServer({
    store, cache, kinds, namespaceKind: Project, builtins: ['events', 'leases'], limitEvents: true, ...access, log, metrics,
    authenticate: byToken((token) => identities[token]), authorize: (i, a) => isAdmin(i) || authorize(i, a), scopeOf: (i) => (isAdmin(i) ? undefined : scopeOf(i)),
    subresources: subresources(secrets, signer, pki.authority, { clouds: { open: nowhere, forget: nowhere } as never, talos: talosPort(talos), errors: driverErrors }),
    version: { major: '1', minor: '36', gitVersion: 'v1.36.0-skerry.fuzz' },
  })
  const listening = await listen(api.handle, { host: '127.0.0.1', port: 0 })
  const make = async (token: string, path: string, name: string, spec: object): Promise<void> => {
    const response = await fetch(`${listening.url}${path}`, { method: 'POST', headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' }, body: JSON.stringify({ metadata: { name }, spec }) })
    if (!response.ok && response.status !== 409) throw new Error(`making ${path}/${name}: ${await response.text()}`)
  }
  const ours = '/apis/skerry.dev/v1alpha1'
  const within = `${ours}/namespaces/${project}`
  return {
    url: listening.url,
    async codes() {
      const counts: Record<string, number> = {}
      for (const { labels, value } of (await metrics.getSingleMetric('skerry_api_requests_total')!.get()).values) counts[labels['code']!] = (counts[labels['code']!] ?? 0) + value
      return counts
    },
    async fill() {
      await make('admin', `${ours}/projects`, project, {})
      await make('admin', `${ours}/sites`, 'a', { authUrl: 'https://127.0.0.1:1/v3', region: 'r', publicDefaults: true })
      await make('admin', `${ours}/releases`, 'a', { talosVersion: 'v1.13.9', kubernetesVersion: 'v1.36.3', installerImage: 'registry.invalid/installer:v1.13.9' })
      await make('site', `${ours}/machinetypes`, 'a', { site: 'a', flavor: 'f', flavorId: 'f', cpus: 2, memoryMiB: 4096, diskGiB: 20 })
      await make('admin', `${within}/clusters`, 'a', { site: 'a', release: 'a', controlPlane: { machineType: 'f' } })
      await make('admin', `${within}/nodepools`, 'a', { cluster: 'a', replicas: 1, machineType: 'f' })
      await make('site', `${within}/machines`, 'a', { cluster: 'a', role: 'controlplane', machineType: 'f', rootVolume: {}, release: 'a' })
    },
    async close() {
      await api.close()
      closeAccess()
      await listening.close(200)
      await talos.close()
      await rm(state, { recursive: true, force: true })
    },
  }
}
