/** The two servers of `bench/api.ts`, each as an operator would run it: ours is the process `api` over the embedded PostgreSQL, the peer kube-apiserver over etcd; both commit durably. */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { Agent, fetch } from 'undici'
import { MachineType, Project, Release, Site } from '../src/api/index.ts'
import { httpResources, readKubeconfig } from '../src/client/index.ts'
import { schemaNumber } from '../src/api/schema-number.ts'
import { renewOwnCertificates } from '../src/server/own-certificates.ts'
import { platformPki } from '../src/server/platform-pki.ts'
import { layout, readOrMake, writePrivate } from '../src/server/files.ts'
import { readSettings } from '../src/server/settings.ts'
import { newAuditKey } from '../src/server/audit-key.ts'
import { newSiteKey } from '../src/server/site-key.ts'
import { descendants } from './processes.ts'
import { supervise } from '../src/server/supervisor.ts'
import { startEmbedded } from '../src/store/embedded.ts'
import { silent } from '../src/store/log.ts'
import { openPostgresStore } from '../src/store/postgres/postgres.ts'

const run = promisify(execFile)
const root = resolve(import.meta.dirname, '..')

/** A server that serves clusters in the namespace `bench`. */
export interface Subject {
  readonly name: string
  readonly url: string
  /** ca.crt and, where the client has a certificate, client.crt and client.key. */
  readonly certificates: string
  readonly token?: string
  /** Of the server and its database. */
  pids(): readonly number[]
  close(): Promise<void>
}

const freePort = (): Promise<number> => new Promise((done, failed) => {
  const s = createServer().once('error', failed).listen(0, '127.0.0.1', () => { const { port } = s.address() as AddressInfo; s.close(() => done(port)) })
})

export const openOurs = async (): Promise<Subject> => {
  const state = await mkdtemp(join(tmpdir(), 'skerry-bench-'))
  const port = await freePort()
  // One client asks more than an administrator may: 100,000 gets meet the rate of one identity.
  const limits = join(state, 'limits.yaml')
  await writeFile(limits, 'administrators: { rate: 100000, burst: 1000000 }\n')
  const settings = readSettings(['--state', state, '--port', String(port), '--limits', limits], { SKERRY_LOG_LEVEL: 'warn' })
  const paths = layout(state)
  const pki = await platformPki(state, settings.host, new Date())
  const url = `https://127.0.0.1:${port}`
  await readOrMake(paths.siteKey, newSiteKey)
  await readOrMake(paths.auditKey, newAuditKey)
  await readOrMake(paths.installation, () => 'bench')
  const database = await startEmbedded({ directory: paths.postgres, log: silent })
  await writePrivate(paths.database, JSON.stringify(database.connection))
  await renewOwnCertificates({ state, url, authority: pki.authority, now: () => new Date(), openStore: () => openPostgresStore({ connection: database.connection, log: silent, schema: schemaNumber }) }, true)
  const supervisor = supervise(paths.logs, (text) => process.stderr.write(`${text}\n`), { shutdownDelayMs: 0, watchdogMs: 0 })
  await supervisor.start({ name: 'api', args: [join(root, 'src/server/processes/api.ts'), JSON.stringify(settings), 'bench'] })
  const certificates = join(state, 'bench')
  await mkdir(certificates)
  const { options } = readKubeconfig(paths.kubeconfig, (p) => readFileSync(p, 'utf8'))
  for (const [name, text] of [['ca.crt', pki.authority.crt], ['client.crt', options.tls!.cert!], ['client.key', options.tls!.key!]] as const) await writeFile(join(certificates, name), text, { mode: 0o600 })
  const as = (kubeconfig: string) => httpResources({ ...readKubeconfig(kubeconfig, (p) => readFileSync(p, 'utf8')).options, userAgent: 'bench' })
  const writer = { manager: 'bench' } as const
  const admin = as(paths.kubeconfig)
  await admin.apply(Site, { metadata: { name: 'sim' }, spec: { authUrl: 'https://keystone.invalid', region: 'r', egressCIDRs: ['127.0.0.0/8'], publicDefaults: true } }, writer)
  await admin.apply(Release, { metadata: { name: 'r1' }, spec: { talosVersion: 'v1.13.9', kubernetesVersion: 'v1.36.3', installerImage: 'installer:v1.13.9' } }, writer)
  await admin.apply(Project, { metadata: { name: 'bench' }, spec: {} }, writer)
  await admin.close()
  const site = as(paths.siteKubeconfig)
  await site.create(MachineType, { metadata: { name: 'sim-b2.c2r4' }, spec: { site: 'sim', flavor: 'b2.c2r4', flavorId: '1', cpus: 2, memoryMiB: 4096, diskGiB: 20 } }, writer)
  await site.close()
  return {
    name: 'ours', url, certificates,
    pids: () => [...descendants(supervisor.pids()['api']!), ...descendants(database.pid)],
    close: async () => {
      await supervisor.stop()
      await database.stop()
      await rm(state, { recursive: true, force: true })
    },
  }
}

export const openPeer = async (): Promise<Subject> => {
  const state = await mkdtemp(join(tmpdir(), 'skerry-peer-'))
  const folder = join(state, 'peer')
  const env = { ...process.env, SKERRY_PEER_DIR: folder, SKERRY_PEER_DURABLE: '1', SKERRY_PEER_PORT: String(await freePort()), SKERRY_PEER_ETCD_PORT: String(await freePort()) }
  const script = (verb: string) => run('bash', [join(root, 'lab/clients/kube-apiserver.sh'), verb], { env })
  await script('up')
  const { url, token, ca } = JSON.parse(await readFile(join(folder, 'peer.json'), 'utf8')) as { url: string; token: string; ca: string }
  await writeFile(join(state, 'ca.crt'), ca)
  const dispatcher = new Agent({ connect: { ca } })
  const made = await fetch(`${url}/api/v1/namespaces`, { method: 'POST', dispatcher, headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' }, body: JSON.stringify({ metadata: { name: 'bench' } }) })
  if (made.status !== 201) throw new Error(`the peer does not make a namespace: ${made.status} ${await made.text()}`)
  await dispatcher.close()
  const pids = await Promise.all(['etcd', 'kube-apiserver'].map(async (n) => Number(await readFile(join(folder, `${n}.pid`), 'utf8'))))
  return { name: 'kube-apiserver', url, certificates: state, token, pids: () => pids, close: async () => { await script('down'); await rm(state, { recursive: true, force: true }) } }
}
