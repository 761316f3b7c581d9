/** Skerry as a story meets it: its own processes on free ports with a state folder of its own, simulated clouds behind it, nothing left afterwards. */
import { execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, openSync, readFileSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { httpResources, readKubeconfig, type HttpResources } from '../src/client/index.ts'
import { childrenOf, commandOf, ended, freePorts } from './processes.ts'

const root = resolve(import.meta.dirname, '..')
const main = join(root, 'src/server/main.ts')
export const release = '2026.4.1'
export const project = 'demo'

export interface Ran { readonly code: number; readonly out: string; readonly err: string }
export interface Fault { readonly id: string; readonly fault: { readonly kind: string }; readonly struck: number }
export type ProcessName = 'api' | 'controllers' | 'postgres'

export interface Server {
  readonly state: string
  readonly port: number
  /** As the platform's administrator. */
  readonly resources: HttpResources
  skerry(...args: readonly string[]): Promise<Ran>
  /** The process that runs under this name now; undefined while it is being started again. */
  pid(name: ProcessName): number | undefined
  readonly sites: readonly string[]
  /** A simulated cloud's own door, which OpenStack does not have. */
  admin<T>(method: string, path: string, body?: unknown, site?: string): Promise<T>
  /** Each API process is replaced by a new one; resolves when the last is. */
  restartApi(): Promise<void>
  stop(): Promise<void>
}

export const runSkerry = (...args: readonly string[]): Promise<Ran> => new Promise((done) => {
  execFile(process.execPath, [join(root, 'src/server/skerry.ts'), ...args], { env: { PATH: process.env['PATH'], HOME: process.env['HOME'] } }, (error, out, err) => {
    done({ code: error === null ? 0 : typeof error.code === 'number' ? error.code : 1, out, err })
  })
})

/** Loopback networks for a simulated cloud's outside addresses that no other server on this machine uses: they follow from the port. */
const cloudsFor = (port: number) => {
  const n = Math.floor((port - 20_000) / 3)
  const cidr = (block: number): string => `127.${100 + block * 16 + (n >> 8)}.${n & 255}.0/24`
  const password = (): string => randomBytes(12).toString('hex')
  return [
    { name: 'sim', shape: 'tenant', port: port + 1, password: password(), projects: [project], publicCidr: cidr(0), providerCidr: cidr(1) },
    { name: 'sim-routed', shape: 'routed', port: port + 2, password: password(), projects: [project], publicCidr: cidr(2), providerCidr: cidr(3) },
  ]
}

const clouds = ['sim', 'sim-routed']

/** Starts everything and gives it sites, a release and a project. */
export const startServer = async (sites: readonly string[] = ['sim'], flags: readonly string[] = []): Promise<Server> => {
  const state = await mkdtemp(join(tmpdir(), 'skerry-e2e-'))
  const port = await freePorts()
  const logs = join(state, 'logs')
  await mkdir(logs, { recursive: true, mode: 0o700 })
  await writeFile(join(state, 'simulators.json'), JSON.stringify(cloudsFor(port)), { mode: 0o600 })
  const log = openSync(join(logs, 'serve.log'), 'a', 0o600)
  const child = spawn(process.execPath, [main, 'serve', '--state', state, '--simulators', '--port', String(port), ...flags], { stdio: ['ignore', log, log] })
  const orphan = (): void => { child.kill('SIGTERM') }
  process.once('exit', orphan)
  const end = (): void => { void stop().finally(() => process.exit(130)) }
  process.once('SIGINT', end)
  process.once('SIGTERM', end)
  const stop = async (): Promise<void> => {
    process.off('exit', orphan)
    process.off('SIGINT', end)
    process.off('SIGTERM', end)
    child.kill('SIGTERM')
    await ended(child)
    if (process.env['SKERRY_E2E_KEEP'] === undefined) await rm(state, { recursive: true, force: true })
    else process.stderr.write(`kept: ${state}\n`)
  }
  try {
    const deadline = performance.now() + 90_000
    while (!existsSync(join(state, 'api.json'))) {
      if (child.exitCode !== null || performance.now() > deadline) throw new Error(`the server did not start:\n${readFileSync(join(logs, 'serve.log'), 'utf8').slice(-2000)}`)
      await sleep(50)
    }
    const kubeconfig = join(state, 'kubeconfig')
    const { options } = readKubeconfig(kubeconfig, (path) => readFileSync(path, 'utf8'))
    const resources = httpResources({ ...options, userAgent: 'skerry-e2e' })
    const skerry = (...args: readonly string[]): Promise<Ran> => runSkerry('--kubeconfig', kubeconfig, ...args)
    const must = async (...args: readonly string[]): Promise<void> => {
      const ran = await skerry(...args)
      if (ran.code !== 0) throw new Error(`skerry ${args.join(' ')}: ${ran.err}`)
    }
    for (const site of sites) await must('site', 'add', site, '--os-cloud', site, '--clouds-file', join(state, 'clouds.yaml'), '--egress', '127.0.0.0/8', '--public-defaults', '--yes', '--quiet')
    await must('release', 'add', release, '--talos', 'v1.13.9', '--kubernetes', 'v1.36.3')
    await must('project', 'create', project)
    return {
      state, port, resources, skerry, sites,
      pid(name) {
        if (name !== 'postgres') return childrenOf(child.pid!).find((pid) => commandOf(pid).includes(`processes/${name}.ts`))
        const pid = Number(readFileSync(join(state, 'postgres/data/postmaster.pid'), 'utf8').split('\n')[0])
        return commandOf(pid).includes(state) ? pid : undefined
      },
      async restartApi() {
        const text = (): string => readFileSync(join(state, 'api.json'), 'utf8')
        const before = text()
        child.kill('SIGUSR2')
        for (const until = performance.now() + 120_000; text() === before; await sleep(50)) if (performance.now() > until) throw new Error('the API processes were not replaced')
      },
      async admin<T>(method: string, path: string, body?: unknown, site = 'sim'): Promise<T> {
        const answer = await fetch(`http://127.0.0.1:${port + 1 + clouds.indexOf(site)}/skerry-sim/${path}`, { method, ...(body !== undefined && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }) })
        const text = await answer.text()
        if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`)
        return (text === '' ? undefined : JSON.parse(text)) as T
      },
      stop: async () => { await resources.close().catch(() => {}); await stop() },
    }
  } catch (error) { await stop(); throw error }
}
