/** A whole platform on simulators for benches: started fresh, driven over its API, measured from /proc. */
import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { cpus, tmpdir, totalmem } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parse } from 'yaml'
import { Cluster, NodePool, Project, Release, Site } from '../src/api/index.ts'
import { isTrue } from '../src/api/meta/index.ts'
import { httpResources, readKubeconfig, type HttpResources } from '../src/client/index.ts'
import { cpuSeconds, descendants, peakRssMiB, rssMiB } from './processes.ts'

const root = resolve(import.meta.dirname, '..')
const writer = { manager: 'bench' } as const

export interface Usage { readonly cpuSeconds: number; readonly rssMiB: number; readonly peakRssMiB: number }
export interface Platform {
  readonly resources: HttpResources
  readonly projects: readonly string[]
  pids(): Readonly<Record<string, number>>
  /** Of the named processes and what they started. */
  usage(names: readonly string[]): Usage
  openstack(): Promise<{ readonly calls: number; readonly changing: number }>
  /** The store's counter: objects written so far. */
  version(): Promise<number>
  /** Ends `serve` and all its processes at once, as a power cut would; the simulated clouds come back with it. */
  kill(name: string): void
  close(): Promise<void>
}

export const openPlatform = async (o: { readonly projects: number; readonly latency: 'zero' | 'realistic'; readonly port: number }): Promise<Platform> => {
  const state = mkdtempSync(join(tmpdir(), 'skerry-bench-'))
  const serve: ChildProcess = spawn(process.execPath, [join(root, 'src/server/main.ts'), 'serve', '--state', state, '--port', String(o.port), '--simulators', '--latency', o.latency, '--simulated-projects', String(o.projects)], { stdio: 'ignore' })
  const api = join(state, 'api.json')
  for (let i = 0; !existsSync(api); i++) { if (i > 1200 || serve.exitCode !== null) throw new Error(`the platform does not start; its logs are in ${state}/logs`); await sleep(50) }
  const { options } = readKubeconfig(join(state, 'kubeconfig'), (p) => readFileSync(p, 'utf8'))
  const resources = httpResources({ ...options, userAgent: 'bench' })
  const { clouds } = parse(readFileSync(join(state, 'clouds.yaml'), 'utf8')) as { clouds: Record<string, { region_name: string; auth: { auth_url: string; username: string; password: string; project_name: string } }> }
  const entries = Object.entries(clouds).filter(([name]) => name === 'sim' || name.startsWith('sim-demo')).map(([, c]) => c)
  const simulator = new URL(entries[0]!.auth.auth_url).origin
  await resources.apply(Site, { metadata: { name: 'sim' }, spec: { authUrl: entries[0]!.auth.auth_url, region: entries[0]!.region_name, egressCIDRs: ['127.0.0.0/8'], publicDefaults: true, callsPerSecond: 2_000, ...(o.latency === 'realistic' && { clustersAtOnce: 1_000 }) } }, writer)
  await resources.apply(Release, { metadata: { name: 'r1' }, spec: { talosVersion: 'v1.13.9', kubernetesVersion: 'v1.36.3', installerImage: 'installer:v1.13.9' } }, writer)
  const projects = entries.map((_, i) => `p${i}`)
  for (const [i, c] of entries.entries()) {
    await resources.apply(Project, { metadata: { name: projects[i]! }, spec: {} }, writer)
    const password = { username: c.auth.username, password: c.auth.password, projectName: c.auth.project_name }
    if (i === 0) await resources.post(Site, { namespace: '', name: 'sim' }, 'credential', { spec: { password } })
    await resources.post(Site, { namespace: '', name: 'sim' }, 'credential', { spec: { password, project: projects[i] } })
  }
  for (let i = 0; !isTrue((await resources.get(Site, { namespace: '', name: 'sim' }))!, 'Ready'); i++) { if (i > 300) throw new Error('the site does not get ready'); await sleep(100) }
  const pids = (): Readonly<Record<string, number>> => {
    const children = descendants(serve.pid!).slice(1)
    const names: Record<string, number> = { serve: serve.pid! }
    for (const pid of children) {
      let command = ''
      try { command = readFileSync(`/proc/${pid}/cmdline`, 'utf8') } catch { continue }
      const name: string | undefined = /processes\/([a-z]+)\.ts/.exec(command)?.[1] ?? (/bin\/postgres\0-D/.test(command) ? 'postgres' : undefined)
      if (name !== undefined) names[name] = pid
    }
    return names
  }
  return {
    resources, projects, pids,
    usage: (names) => {
      const all = names.flatMap((n) => { const pid = pids()[n]; return pid === undefined ? [] : descendants(pid) })
      return { cpuSeconds: cpuSeconds(all), rssMiB: rssMiB(all), peakRssMiB: peakRssMiB(all) }
    },
    openstack: async () => {
      const { total, byRoute } = (await (await fetch(`${simulator}/skerry-sim/stats`)).json()) as { total: number; byRoute: Record<string, number> }
      const changing = Object.entries(byRoute).filter(([route]) => /POST|PUT|DELETE|PATCH/.test(route) && !/identity|tokens/.test(route)).reduce((sum, [, n]) => sum + n, 0)
      return { calls: total, changing }
    },
    version: async () => Number((await resources.list(Release)).resourceVersion),
    kill: (name) => { const pid = pids()[name]; if (pid !== undefined) process.kill(pid, 'SIGKILL') },
    close: async () => {
      await resources.close()
      serve.kill('SIGTERM')
      await new Promise<void>((done) => { if (serve.exitCode !== null) done(); else serve.once('exit', () => done()) })
      rmSync(state, { recursive: true, force: true })
    },
  }
}

/** `count` clusters of 3+3 nodes, spread over the projects, created `atOnce` at a time. */
export const createClusters = async (p: Platform, from: number, count: number, atOnce = 16): Promise<void> => {
  let next = from
  const worker = async (): Promise<void> => {
    for (let i = next++; i < from + count; i = next++) {
      const namespace = p.projects[i % p.projects.length]!
      const name = `c${i}`
      await p.resources.create(Cluster, { metadata: { name, namespace }, spec: { site: 'sim', release: 'r1', controlPlane: { replicas: 3, machineType: 'b2.c2r4' } } }, writer)
      await p.resources.create(NodePool, { metadata: { name: `${name}-w`, namespace }, spec: { cluster: name, replicas: 3, machineType: 'b2.c2r4' } }, writer)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
}

/** Clusters that are Ready with all their pools' nodes. */
export const readyClusters = async (p: Platform): Promise<number> => {
  const [clusters, pools] = await Promise.all([p.resources.list(Cluster, { resourceVersion: '0' }), p.resources.list(NodePool, { resourceVersion: '0' })])
  const whole = new Set(pools.items.filter((x) => isTrue(x, 'Ready') && x.status?.readyReplicas === x.spec.replicas).map((x) => `${x.metadata.namespace}/${x.spec.cluster}`))
  return clusters.items.filter((c) => isTrue(c, 'Ready') && whole.has(`${c.metadata.namespace}/${c.metadata.name}`)).length
}

export const untilReady = async (p: Platform, count: number, limitSeconds: number, say: (text: string) => void): Promise<void> => {
  const begun = performance.now()
  for (let ready = 0; ; await sleep(2_000)) {
    ready = await readyClusters(p)
    const seconds = (performance.now() - begun) / 1000
    say(`${seconds.toFixed(0).padStart(5)} s  ${ready} of ${count} Ready`)
    if (ready >= count) return
    if (seconds > limitSeconds) throw new Error(`${ready} of ${count} clusters Ready after ${limitSeconds} s`)
  }
}

export const machine = (): string => `${cpus().length} cores, ${Math.round(totalmem() / (1 << 30))} GiB, Node ${process.versions.node}`
export const round = (n: number, digits = 1): number => Math.round(n * 10 ** digits) / 10 ** digits

/** --clusters N --latency … --json */
export const flags = (argv: readonly string[]): { readonly clusters: number; readonly latency: 'zero' | 'realistic'; readonly say: (text: string) => void } => {
  const value = (name: string): string | undefined => { const i = argv.indexOf(name); return i < 0 ? undefined : argv[i + 1] }
  return { clusters: Number(value('--clusters') ?? 1000), latency: value('--latency') === 'realistic' ? 'realistic' : 'zero', say: argv.includes('--json') ? (t) => process.stderr.write(`${t}\n`) : (t) => process.stdout.write(`${t}\n`) }
}
