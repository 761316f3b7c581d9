/** `./dev up|down|status|logs|nodes`: the whole program on simulators, in the background, with a first cluster. */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, openSync, readFileSync, rmSync, statSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { httpResources, readKubeconfig } from '../client/index.ts'
import { layout } from './files.ts'

const root = resolve(import.meta.dirname, '../..')
const state = resolve(process.env['SKERRY_STATE'] ?? join(root, '.skerry'))
const paths = layout(state)
const say = (text: string): void => { process.stdout.write(`${text}\n`) }

const runningPid = (): number | undefined => {
  try {
    const pid = Number(readFileSync(paths.pid, 'utf8'))
    process.kill(pid, 0)
    // A recycled pid is not ours: the command line says so where there is /proc.
    return !existsSync(`/proc/${pid}/cmdline`) || readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('src/server/main.ts') ? pid : undefined
  } catch {
    return undefined
  }
}

const skerry = (...args: string[]): number => spawnSync(process.execPath, [join(root, 'src/server/skerry.ts'), '--kubeconfig', paths.kubeconfig, ...args], { stdio: 'inherit' }).status ?? 1
const must = (...args: string[]): void => { if (skerry(...args) !== 0) throw new Error(`skerry ${args.slice(0, 3).join(' ')} failed; ./dev logs shows why`) }

const waitForReady = async (pid: number, log: string): Promise<void> => {
  const deadline = performance.now() + 60_000
  while (!existsSync(paths.api)) {
    try { process.kill(pid, 0) } catch { throw new Error(`the server ended while starting:\n${readFileSync(log, 'utf8').split('\n').slice(-15).join('\n')}`) }
    if (performance.now() > deadline) throw new Error(`the server did not start within 60 s; its log is ${log}`)
    await sleep(50)
  }
}

const up = async (args: readonly string[]): Promise<void> => {
  const { values } = parseArgs({ args: [...args], options: { 'no-simulators': { type: 'boolean' }, 'no-cluster': { type: 'boolean' }, latency: { type: 'string' }, port: { type: 'string' } } })
  const simulators = values['no-simulators'] !== true
  if (runningPid() !== undefined) { say('already up; ./dev status says what runs'); return }
  const begun = performance.now()
  const seconds = () => `${((performance.now() - begun) / 1000).toFixed(1)} s`
  mkdirSync(paths.logs, { recursive: true, mode: 0o700 })
  rmSync(paths.api, { force: true })
  const log = join(paths.logs, 'serve.log')
  const out = openSync(log, 'a', 0o600)
  const child = spawn(process.execPath, [join(root, 'src/server/main.ts'), 'serve', '--state', state, ...(simulators ? ['--simulators'] : []),
    ...(values.latency === undefined ? [] : ['--latency', values.latency]), ...(values.port === undefined ? [] : ['--port', values.port])], { detached: true, stdio: ['ignore', out, out] })
  child.unref()
  await waitForReady(child.pid!, log)
  const { url } = JSON.parse(await readFile(paths.api, 'utf8')) as { url: string }
  say(`the API answers at ${url} (${seconds()})`)
  if (simulators && values['no-cluster'] !== true) await firstCluster()
  say(`\nAPI         ${url}`)
  say(`kubeconfig  ${relative(paths.kubeconfig)}  (platform, administrator; its certificate of a day is kept fresh while the platform runs)`)
  if (!simulators) {
    say('\nNext, on the cloud you have (docs/guides/your-own-openstack.md):')
    say('  ./skerry site add NAME --os-cloud CLOUD')
    return
  }
  if (values['no-cluster'] === true) return
  say(`kubeconfig  ${relative(join(paths.clusters, 'first.kubeconfig'))}  (the tenant's cluster)`)
  say(`\nSimulated: the clouds, Talos and Kubernetes behind this are simulators. All of it took ${seconds()}. Next:`)
  say(`  kubectl --kubeconfig ${relative(join(paths.clusters, 'first.kubeconfig'))} get nodes`)
  say('  ./skerry cluster create second -n demo --site sim-routed --release 2026.4.1 --machine-type b2.c2r4')
  say('  ./dev logs')
}
const relative = (path: string): string => (path.startsWith(`${process.cwd()}/`) ? path.slice(process.cwd().length + 1) : path)

const firstCluster = async (): Promise<void> => {
  // The simulated clouds' names and credentials were written by the simulators when they started.
  for (const [site, cloud] of [['sim', 'sim'], ['sim-routed', 'sim-routed']] as const)
    must('site', 'add', site, '--os-cloud', cloud, '--clouds-file', paths.clouds, '--egress', '127.0.0.0/8', '--public-defaults', '--yes', '--quiet')
  must('release', 'add', '2026.4.1', '--talos', 'v1.13.9', '--kubernetes', 'v1.36.3')
  must('project', 'create', 'demo')
  must('cluster', 'create', 'first', '-n', 'demo', '--site', 'sim', '--release', '2026.4.1', '--machine-type', 'b2.c4r8', '--control-plane', '3', '--workers', '3', '--wait')
  mkdirSync(paths.clusters, { recursive: true, mode: 0o700 })
  must('cluster', 'kubeconfig', 'first', '-n', 'demo', '--output', join(paths.clusters, 'first.kubeconfig'))
}

const down = async (args: readonly string[]): Promise<void> => {
  const { values } = parseArgs({ args: [...args], options: { purge: { type: 'boolean' } } })
  const pid = runningPid()
  if (pid !== undefined) {
    process.kill(pid, 'SIGTERM')
    const deadline = performance.now() + 40_000
    while (runningPid() !== undefined) {
      if (performance.now() > deadline) throw new Error(`process ${pid} does not end; look at ${join(paths.logs, 'serve.log')}`)
      await sleep(100)
    }
  }
  if (values.purge === true) rmSync(state, { recursive: true, force: true })
  say(`down${values.purge === true ? ', and forgotten' : '; its state is kept, ./dev down --purge forgets it'}`)
}

const status = (): void => {
  const pid = runningPid()
  if (pid === undefined) { say('not running; ./dev up starts it'); process.exitCode = 3; return }
  say(`running, pid ${pid}, state in ${relative(state)}`)
  if (existsSync(paths.api)) say(`API ${(JSON.parse(readFileSync(paths.api, 'utf8')) as { url: string }).url}`)
  process.exitCode = skerry('cluster', 'list', '--all-namespaces')
}

/** The tenant's nodes, for who has no kubectl: name and whether it is Ready, one a line. */
const nodes = async (): Promise<void> => {
  const { options } = readKubeconfig(join(paths.clusters, 'first.kubeconfig'), (p) => readFileSync(p, 'utf8'))
  const resources = httpResources(options)
  const { items } = (await resources.request({ method: 'GET', path: '/api/v1/nodes' })) as { items: { metadata: { name: string }; status: { conditions: { type: string; status: string }[] } }[] }
  for (const n of items) say(`${n.metadata.name}   ${n.status.conditions.some((c) => c.type === 'Ready' && c.status === 'True') ? 'Ready' : 'NotReady'}`)
  await resources.close()
}

const logs = (args: readonly string[]): void => {
  const names = args.length > 0 ? args : ['serve', 'api', 'controllers', 'simulators', 'postgres']
  const files = names.map((n) => join(paths.logs, `${n}.log`)).filter((f) => existsSync(f) && statSync(f).isFile())
  if (files.length === 0) throw new Error(`no log of ${names.join(', ')} in ${relative(paths.logs)}`)
  const tail = spawn('tail', ['-n', '20', '-F', ...files], { stdio: 'inherit' })
  process.once('SIGINT', () => tail.kill())
}

const commands: Readonly<Record<string, (args: readonly string[]) => void | Promise<void>>> = { up, down, status, logs, nodes }
const [name = '', ...rest] = process.argv.slice(2)
const command = commands[name]
try {
  if (command === undefined) throw new Error(`no command ${name}: ${Object.keys(commands).join(', ')}`)
  await command(rest)
} catch (error) {
  process.stderr.write(`./dev ${name}: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
