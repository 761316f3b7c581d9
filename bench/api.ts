/**
 * The API server under load: writes, reads, watches. `--peer kube-apiserver` does the same to a kube-apiserver with our kinds as custom
 * resources and answers ratios: 1 is equal, more is better for us. `--growth` repeats the phases with ten times as many objects. Last line: JSON.
 */
import { execFile, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { machine, round } from './platform.ts'
import { cpuSeconds, pssMiB } from './processes.ts'
import { openOurs, openPeer, type Subject } from './subjects.ts'

const argv = process.argv.slice(2)
const value = (name: string, otherwise: string): string => { const i = argv.indexOf(name); return i < 0 ? otherwise : (argv[i + 1] ?? otherwise) }
const objects = Number(value('--objects', '10000'))
const watchers = Number(value('--watchers', '1000'))
const peerName = value('--peer', '')
if (peerName !== '' && peerName !== 'kube-apiserver') { process.stderr.write('usage: ./dev bench api [--objects N] [--watchers N] [--peer kube-apiserver] [--growth] [--json]\n'); process.exit(2) }
const say = (text: string): void => { (argv.includes('--json') ? process.stderr : process.stdout).write(`${text}\n`) }

const folder = mkdtempSync(join(tmpdir(), 'skerry-load-'))
const load = join(folder, 'load')

/** One object of 2 KiB. What a phase changes is an annotation; the rest stands still. */
const object = (version: boolean): string => {
  const o = (padding: string) => JSON.stringify({
    apiVersion: 'skerry.dev/v1alpha1', kind: 'Cluster',
    metadata: { name: '%NAME%', namespace: 'bench', ...(version && { resourceVersion: '%VERSION%' }), labels: { tier: 'load' }, annotations: { load: '%MARK%', padding } },
    spec: { site: 'sim', release: 'r1', controlPlane: { replicas: 3, machineType: 'b2.c2r4' }, network: { pods: ['10.244.0.0/16'], services: ['10.96.0.0/12'] }, endpoint: { kind: 'auto', allowedCIDRs: ['192.0.2.0/24'] } },
  })
  return o('x'.repeat(2048 - o('').length))
}
const templates = { 'warm-up': object(false), create: object(false), apply: object(false), update: object(true), watch: JSON.stringify({ metadata: { annotations: { load: '%MARK%' } } }) }
for (const [name, text] of Object.entries(templates)) writeFileSync(join(folder, `${name}.json`), text)

interface Phase {
  readonly operations: number
  readonly seconds: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly errors: number
  readonly firstError?: string
  readonly bytes?: number
  readonly delivered?: number
  readonly expected?: number
  /** Of the load itself, for one operation; of watches it is not measured. */
  readonly clientCpuMs: number
  /** Of server and database, for one operation (of a watch: for one delivered event). */
  readonly cpuMs: number
  /** Of server and database, while the load was still connected. */
  readonly memoryMiB: number
}

const phase = async (s: Subject, name: string, options: Readonly<Record<string, number>>): Promise<Phase> => {
  const template = name in templates ? ['-template', join(folder, `${name}.json`)] : []
  const child = spawn(load, ['-phase', name, '-server', s.url, '-cert', s.certificates, '-path', '/apis/skerry.dev/v1alpha1/namespaces/bench/clusters', ...template, ...Object.entries(options).flatMap(([k, v]) => [`-${k}`, String(v)])],
    { env: { ...process.env, LOAD_TOKEN: s.token ?? '' }, stdio: ['pipe', 'pipe', 'inherit'] })
  const ended = new Promise<number | null>((done) => child.once('close', done))
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const next = async (): Promise<string> => {
    const line = await lines.next()
    if (line.done === true) throw new Error(`the load of phase ${name} ended with ${await ended}`)
    return line.value
  }
  await next()
  const before = cpuSeconds(s.pids())
  child.stdin.write('\n')
  const measured = JSON.parse(await next()) as Omit<Phase, 'cpuMs' | 'memoryMiB'>
  const cpu = cpuSeconds(s.pids()) - before
  const memoryMiB = round(pssMiB(s.pids()))
  child.stdin.end('\n')
  await ended
  const result = { ...measured, clientCpuMs: round(measured.clientCpuMs, 4), cpuMs: round((cpu * 1000) / (measured.delivered ?? measured.operations), 4), memoryMiB }
  const of = measured.delivered === undefined ? '' : ` ${measured.delivered} of ${measured.expected} delivered`
  say(`${s.name.padEnd(15)} ${name.padEnd(7)} ${round(result.operations / result.seconds).toString().padStart(8)}/s  p50 ${result.p50Ms} p99 ${result.p99Ms} ms  CPU ${result.cpuMs} ms (load ${result.clientCpuMs})  ${memoryMiB} MiB${of}${result.errors > 0 ? `  ${result.errors} FAILED: ${result.firstError ?? ''}` : ''}`)
  if (result.errors > 0) throw new Error(`${result.errors} operations of phase ${name} failed at ${s.name}`)
  return result
}

const names = ['create', 'update', 'apply', 'get', 'list', 'table', 'pages', 'watch'] as const
type Phases = Readonly<Record<(typeof names)[number], Phase>>

const measure = async (open: () => Promise<Subject>, n: number): Promise<Phases> => {
  const s = await open()
  try {
    // Neither is measured cold: compilers and caches have seen some thousand writes, of which nothing stays.
    await phase(s, 'warm-up', { n: 5_000, c: 16 })
    const out: Partial<Record<(typeof names)[number], Phase>> = {}
    for (const name of names) out[name] = await phase(s, name, name === 'watch' ? { n, w: watchers, e: 200, r: 10 } : { n, c: 16, times: 10 })
    return out as Phases
  } finally {
    await s.close()
  }
}

const rate = (p: Phase): number => p.operations / p.seconds
const ratios = (a: Phases, b: Phases): Readonly<Record<string, number>> => {
  const r = (x: number): number => round(x, 2)
  return {
    createRate: r(rate(a.create) / rate(b.create)), createCpu: r(b.create.cpuMs / a.create.cpuMs), updateRate: r(rate(a.update) / rate(b.update)), updateCpu: r(b.update.cpuMs / a.update.cpuMs), applyRate: r(rate(a.apply) / rate(b.apply)),
    getRate: r(rate(a.get) / rate(b.get)), listRate: r(rate(a.list) / rate(b.list)), listCpu: r(b.list.cpuMs / a.list.cpuMs), tableRate: r(rate(a.table) / rate(b.table)), tableCpu: r(b.table.cpuMs / a.table.cpuMs),
    pagesRate: r(rate(a.pages) / rate(b.pages)), fanoutP99: r(b.watch.p99Ms / a.watch.p99Ms), fanoutCpu: r(b.watch.cpuMs / a.watch.cpuMs), memory: r(b.watch.memoryMiB / a.watch.memoryMiB),
  }
}

try {
  await promisify(execFile)('go', ['build', '-o', load, '.'], { cwd: resolve(import.meta.dirname, 'load') })
  say(`${machine()}; ${objects} objects of 2 KiB, 16 connections, ${watchers} watchers; CPU and memory are of server + database`)
  if (argv.includes('--growth')) {
    const growth: Record<string, Phases> = {}
    for (const n of [objects / 10, objects, objects * 10]) growth[n] = await measure(openOurs, n)
    process.stdout.write(`${JSON.stringify({ bench: 'api', growth })}\n`)
  } else {
    const ours = await measure(openOurs, objects)
    const peer = peerName === '' ? undefined : await measure(openPeer, objects)
    process.stdout.write(`${JSON.stringify({ bench: 'api', ours, ...(peer !== undefined && { peer, ratios: ratios(ours, peer) }) })}\n`)
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
