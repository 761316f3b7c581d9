/** What people get wrong, and what the command line answers: an exit code, and a message that names the field. Usage: node e2e/bad-input/story.ts [--within 1] [--json] */
import { contextOf, noClouds } from '../../src/cli/testing.ts'
import { buildProgram, runProgram } from '../../src/cli/program.ts'
import { isMain, makeReport, readFlags, type Report } from '../report.ts'
import { counts, difference } from '../inventory.ts'
import { halfWay } from './half-way.ts'
import { project, release, runSkerry, startServer, type Ran, type Server } from '../server.ts'

export interface Mistake {
  readonly what: string
  readonly args: readonly string[]
  readonly code: number
  /** All of them stand in the message. */
  readonly says: readonly RegExp[]
}

const create = (name: string, more: Readonly<Record<string, string>> = {}): readonly string[] => {
  const flags = { site: 'sim', release, 'machine-type': 'b2.c2r4', 'control-plane': '1', ...more }
  return ['cluster', 'create', name, '-n', project, '--no-wait', ...Object.entries(flags).filter(([, v]) => v !== '').flatMap(([k, v]) => [`--${k}`, v])]
}

export const mistakes: readonly Mistake[] = [
  { what: 'a machine type that the site does not have', args: create('x', { 'machine-type': 'b9.c99' }), code: 4, says: [/spec\.controlPlane\.machineType/, /b9\.c99/, /b2\.c2r4/] },
  { what: 'workers of a machine type that the site does not have', args: create('workers', { workers: '1', 'worker-type': 'b9.c99' }), code: 4, says: [/spec\.machineType/, /b9\.c99/] },
  { what: 'two control-plane nodes', args: create('x', { 'control-plane': '2' }), code: 4, says: [/spec\.controlPlane\.replicas/, /1, 3 or 5/] },
  { what: 'a number that is none', args: create('x', { 'control-plane': 'many' }), code: 2, says: [/control-plane/] },
  { what: 'pods in the services\' network', args: create('x', { pods: '10.96.0.0/16' }), code: 4, says: [/spec\.network\.services/, /overlaps/, /spec\.network\.pods\[0\]/] },
  { what: 'a network with host bits', args: create('x', { nodes: '10.250.0.1/24' }), code: 4, says: [/spec\.network\.nodes/, /10\.250\.0\.1\/24/] },
  { what: 'no network at all', args: create('x', { pods: 'ten-dot' }), code: 4, says: [/spec\.network\.pods/] },
  { what: 'an allow-list that is none', args: create('x', { allow: '192.0.2.0/33' }), code: 4, says: [/spec\.endpoint\.allowedCIDRs/, /192\.0\.2\.0\/33/] },
  { what: 'a release whose image the site does not have', args: create('x', { release: '2026.9.9' }), code: 4, says: [/spec\.release/, /no image of Talos v1\.99\.0/, /skerry site image add/] },
  { what: 'a site that is not there', args: create('x', { site: 'nowhere' }), code: 4, says: [/spec\.site/, /nowhere/, /sim/] },
  { what: 'no site', args: create('x', { site: '' }), code: 2, says: [/--site/] },
  { what: 'a release that is not there', args: create('x', { release: '1999.1.1' }), code: 4, says: [/spec\.release/, /1999\.1\.1/] },
  { what: 'a name with capitals', args: create('Shop'), code: 4, says: [/metadata\.name/] },
  { what: 'a name that is too long', args: create('a'.repeat(31)), code: 4, says: [/metadata\.name/, /30/] },
  { what: 'a pod network that nobody knows', args: create('x', { cni: 'calico' }), code: 4, says: [/spec\.network\.cni/] },
  { what: 'a pod network that the release does not bring', args: create('x', { cni: 'release' }), code: 4, says: [/spec\.network\.cni/] },
  { what: 'an endpoint that nobody knows', args: create('x', { endpoint: 'anycast' }), code: 4, says: [/spec\.endpoint\.kind/] },
  { what: 'a volume type that the site does not have', args: create('x', { 'volume-type': 'holographic' }), code: 4, says: [/spec\.controlPlane\.rootVolume\.type/, /holographic/] },
  { what: 'a root volume that is too small', args: create('x', { 'volume-size': '1' }), code: 4, says: [/spec\.controlPlane\.rootVolume\.sizeGiB/] },
  { what: 'a project that is not there', args: ['cluster', 'create', 'x', '-n', 'nobody', '--site', 'sim', '--machine-type', 'b2.c2r4', '--no-wait'], code: 3, says: [/nobody/] },
  { what: 'no project', args: ['cluster', 'list'], code: 2, says: [/project/] },
  { what: 'a flag that nobody knows', args: [...create('x'), '--turbo'], code: 2, says: [/--turbo/] },
  { what: 'a cluster that is not there', args: ['cluster', 'delete', 'ghost', '-n', project, '--yes'], code: 3, says: [/ghost/] },
  { what: 'a deletion that nobody confirms', args: ['cluster', 'delete', 'held', '-n', project], code: 1, says: [/--yes/] },
  { what: 'a name twice', args: create('held'), code: 4, says: [/held/, /exists/] },
  { what: 'a pool of a cluster that is not there', args: ['pool', 'create', 'p', '-n', project, '--cluster', 'ghost', '--machine-type', 'b2.c2r4'], code: 4, says: [/spec\.cluster/, /ghost/] },
  { what: 'a project that still holds a cluster', args: ['project', 'delete', project], code: 4, says: [/held/] },
  { what: 'a site that still holds a cluster', args: ['site', 'remove', 'sim'], code: 4, says: [/held/] },
  { what: 'a command that nobody knows', args: ['cluster', 'explode'], code: 2, says: [/explode/] },
]

const judge = (report: Report, mistake: Mistake, ran: Ran): void => {
  const text = `${ran.err}${ran.out}`
  const silent = mistake.says.filter((s) => !s.test(text))
  report.check(mistake.what, ran.code === mistake.code && silent.length === 0, `exit ${ran.code}${ran.code === mistake.code ? '' : ` instead of ${mistake.code}`}${silent.length === 0 ? '' : `, without ${silent.join(' ')}`}: ${text.trim()}`)
}

/** The command line within this process: what is printed and answered is the same, and no process is started for it. */
const within = async (server: Server, args: readonly string[]): Promise<Ran> => {
  const out: string[] = []
  const err: string[] = []
  const context = contextOf({ resources: () => server.resources, clouds: noClouds, argv: args, out, err })
  const code = await runProgram(buildProgram(context), args, context)
  return { code, out: out.join('\n'), err: err.join('\n') }
}

export const run = async (o: { readonly json: boolean; readonly within: number }, given?: Server): Promise<{ readonly passed: number; readonly failed: number }> => {
  const report = makeReport(o.json)
  let server = given
  try {
    server ??= await startServer()
    const s = server
    const skerry = (...args: readonly string[]): Promise<Ran> => (o.within === 1 ? within(s, args) : s.skerry(...args))
    await skerry('release', 'add', '2026.9.9', '--talos', 'v1.99.0', '--kubernetes', 'v1.36.3')
    const made = await skerry(...create('held'))
    report.check('a cluster without a mistake is accepted', made.code === 0, made.err)
    // Two at a time: each may be a process of its own.
    const rest = mistakes.entries()
    await Promise.all([0, 1].map(async () => { for (const [, m] of rest) judge(report, m, await skerry(...m.args)) }))
    judge(report, { what: 'a platform that does not answer', args: [], code: 5, says: [/kubeconfig/] }, await runSkerry('--kubeconfig', `${s.state}/nothing`, 'cluster', 'list', '-A'))
    const { items } = await s.resources.request({ method: 'GET', path: `/apis/skerry.dev/v1alpha1/namespaces/${project}/clusters` }) as { items: readonly { metadata: { name: string } }[] }
    // A cluster may stand whose pool was refused; nothing else was made.
    report.check('no mistake made a cluster', items.every((c) => ['held', 'workers'].includes(c.metadata.name)), items.map((c) => c.metadata.name).join(', '))
    // What is counted from here on is the stories' own.
    for (const c of items) await skerry('cluster', 'watch', c.metadata.name, '-n', project, '--timeout', '90')
    await halfWay(report, s, skerry, create, o.within === 1)
    const deleted = await Promise.all(items.map((c) => skerry('cluster', 'delete', c.metadata.name, '-n', project, '--yes', '--timeout', '60')))
    report.check('what stands can be deleted', deleted.every((d) => d.code === 0), deleted.map((d) => d.err).join('\n'))
    const left = difference(await counts(s), {})
    report.check('and the cloud is empty', left === '', left)
  } catch (error) { report.check('the story ends', false, error instanceof Error ? error.stack : String(error)) } finally { if (given === undefined) await server?.stop() }
  return report.end()
}

if (isMain(import.meta.url)) await run(readFlags({ within: 0 }))
