/** A server that clients are run against: ours as `skerry serve` runs it, or a kube-apiserver as `./dev lab kube-apiserver up` has it. Both have the same kinds, and the same two callers: people, and the site. */
import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { existsSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import pg from 'pg'
import { parse } from 'yaml'
import { httpResources, readKubeconfig, type HttpResources } from '../../src/client/index.ts'
import { childrenOf, commandOf, ended, freePorts } from '../../e2e/processes.ts'
import { readDatabase } from '../../src/server/database.ts'
import { readPeer } from '../../testkit/differential/subject.ts'

const root = resolve(import.meta.dirname, '../..')
const waitMs = 60_000

export interface Server {
  readonly name: string
  /** A kubeconfig with the contexts `people` and `site`. */
  readonly kubeconfig: string
  readonly url: string
  /** What its clients' programs are told besides. RESUMES: watches go on after a restart where they were. */
  readonly env: Readonly<Record<string, string>>
  readonly people: HttpResources
  readonly site: HttpResources
  /** Kills what answers requests, without warning, and comes back when it answers again. */
  restart(): Promise<void>
  close(): Promise<void>
}

/** As much of a kubeconfig as is needed here. */
interface Kubeconfig { readonly clusters: readonly { readonly cluster: object }[]; readonly users: readonly { readonly user: object }[] }

const kubeconfigOf = (cluster: object, people: object, site: object): string => JSON.stringify({
  apiVersion: 'v1', kind: 'Config', clusters: [{ name: 'server', cluster }],
  users: [{ name: 'people', user: people }, { name: 'site', user: site }],
  contexts: ['people', 'site'].map((user) => ({ name: user, context: { cluster: 'server', user, namespace: 'default' } })), 'current-context': 'people',
})

const as = (kubeconfig: string, context: string): HttpResources => httpResources({ ...readKubeconfig(kubeconfig, (path) => readFileSync(path, 'utf8'), context).options, userAgent: 'skerry-lab' })

const untilAnswers = async (resources: HttpResources, why: () => string): Promise<void> => {
  const end = performance.now() + waitMs
  for (;;) {
    try { await resources.request({ method: 'GET', path: '/apis/skerry.dev/v1alpha1' }); return } catch (error) {
      if (performance.now() > end) throw new Error(`the server does not answer: ${why()}`, { cause: error })
    }
    await sleep(50)
  }
}

const databaseForHelm = async (state: string): Promise<string> => {
  const connection = await readDatabase(state)
  const client = new pg.Client({ ...connection })
  await client.connect()
  await client.query('create database helm')
  await client.end()
  return Object.entries({ host: connection.host, port: connection.port, user: connection.user, password: connection.password, dbname: 'helm', sslmode: 'disable' })
    .flatMap(([k, v]) => (v === undefined ? [] : [`${k}='${v}'`])).join(' ')
}

/** The whole program, on an embedded PostgreSQL; its controllers look on, so that what clients write stays as they wrote it. */
export const openOurs = async (): Promise<Server> => {
  const state = await mkdtemp(join(tmpdir(), 'skerry-clients-'))
  const logs = join(state, 'logs')
  mkdirSync(logs, { recursive: true, mode: 0o700 })
  const log = join(logs, 'serve.log')
  const out = openSync(log, 'a', 0o600)
  const port = await freePorts()
  const child = spawn(process.execPath, [join(root, 'src/server/main.ts'), 'serve', '--state', state, '--port', String(port), '--read-only'], { stdio: ['ignore', out, out] })
  const orphan = (): void => { child.kill('SIGTERM') }
  process.once('exit', orphan)
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM')
    await ended(child)
    process.off('exit', orphan)
    await rm(state, { recursive: true, force: true })
  }
  const why = (): string => readFileSync(log, 'utf8').slice(-2_000)
  try {
    const end = performance.now() + waitMs
    while (!existsSync(join(state, 'api.json'))) {
      if (child.exitCode !== null || performance.now() > end) throw new Error(`the server did not start: ${why()}`)
      await sleep(50)
    }
    const [people, site] = await Promise.all(['kubeconfig', 'pki/site.kubeconfig'].map(async (file) => parse(await readFile(join(state, file), 'utf8')) as Kubeconfig))
    const kubeconfig = join(state, 'clients.kubeconfig')
    await writeFile(kubeconfig, kubeconfigOf(people!.clusters[0]!.cluster, people!.users[0]!.user, site!.users[0]!.user), { mode: 0o600 })
    const resources = { people: as(kubeconfig, 'people'), site: as(kubeconfig, 'site') }
    return {
      name: 'Skerry', kubeconfig, url: `https://127.0.0.1:${port}`, ...resources,
      // helm keeps its releases in Secrets, which we do not serve, or in a database.
      env: { RESUMES: 'yes', HELM_DRIVER: 'sql', HELM_DRIVER_SQL_CONNECTION_STRING: await databaseForHelm(state) },
      async restart() {
        const pid = childrenOf(child.pid!).find((one) => commandOf(one).includes('processes/api.ts'))
        if (pid === undefined) throw new Error('the process api does not run')
        process.kill(pid, 'SIGKILL')
        await untilAnswers(resources.people, why)
      },
      close: async () => { await Promise.all([resources.people.close(), resources.site.close()]); await stop() },
    }
  } catch (error) { await stop(); throw error }
}

/** Collects garbage and empties namespaces, as ours does by itself; `lab/talos/build.sh` makes it with the kube-apiserver. */
const startCollector = (kubeconfig: string, folder: string): ChildProcess => {
  const out = openSync(join(folder, 'kube-controller-manager.log'), 'a', 0o600)
  return spawn(join(process.env['SKERRY_PEER_BIN'] ?? join(homedir(), '.cache/skerry-lab/talos/bin'), 'kube-controller-manager'), [
    '--kubeconfig', kubeconfig, '--controllers', 'garbage-collector-controller,namespace-controller', '--leader-elect=false', '--secure-port', '0', '--kube-api-qps', '1000', '--kube-api-burst', '2000',
  ], { stdio: ['ignore', out, out] })
}

/** A peer of its own: others compare with the one of `./dev lab kube-apiserver up` meanwhile. It has one caller, who may do everything. */
export const openPeer = async (): Promise<Server> => {
  const folder = await mkdtemp(join(tmpdir(), 'skerry-peer-'))
  const state = join(folder, 'kube-apiserver')
  const port = await freePorts()
  const env = { ...process.env, SKERRY_PEER_DIR: state, SKERRY_PEER_PORT: String(port), SKERRY_PEER_ETCD_PORT: String(port + 1) }
  const peer = (verb: string) => promisify(execFile)(join(import.meta.dirname, 'kube-apiserver.sh'), [verb], { env })
  await peer('up')
  const { url, token, ca } = await readPeer(join(state, 'peer.json'))
  const kubeconfig = join(folder, 'kubeconfig')
  await writeFile(kubeconfig, kubeconfigOf({ server: url, 'certificate-authority-data': Buffer.from(ca).toString('base64') }, { token }, { token }), { mode: 0o600 })
  const resources = { people: as(kubeconfig, 'people'), site: as(kubeconfig, 'site') }
  let collector = startCollector(kubeconfig, folder)
  const orphan = (): void => { collector.kill('SIGTERM') }
  process.once('exit', orphan)
  return {
    name: 'kube-apiserver', env: {}, kubeconfig, url, ...resources,
    async restart() {
      // It would wait longer for its watches after each restart.
      collector.kill('SIGTERM')
      await ended(collector)
      await peer('restart')
      await untilAnswers(resources.people, () => `its log is in ${state}`)
      collector = startCollector(kubeconfig, folder)
    },
    close: async () => {
      await Promise.all([resources.people.close(), resources.site.close()])
      collector.kill('SIGTERM')
      await ended(collector)
      process.off('exit', orphan)
      await peer('down')
      await rm(folder, { recursive: true, force: true })
    },
  }
}
