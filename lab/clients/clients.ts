/**
 * `./dev lab clients [up|test] [NAME…] [--peer] [--write]`: installs unmodified clients and runs their programs against our API, one line each; the last line counts.
 * --peer runs them against the real kube-apiserver instead, so that a red line is known to be ours; --write writes docs/reference/clients.md.
 */
import { execFile } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs, promisify } from 'node:util'
import { catalogue, never, type Client } from './catalogue.ts'
import { runProgram } from './program.ts'
import { isProven, lines, page, summary, type Outcome, type Report } from './report.ts'
import { seed, seedNamespace } from './seed.ts'
import { openOurs, openPeer, type Server } from './server.ts'
import { playSite } from './site.ts'

const root = resolve(import.meta.dirname, '../..')
const folder = process.env['SKERRY_CLIENTS_DIR'] ?? join(homedir(), '.cache/skerry-lab/clients')
const say = (line: string): void => { process.stdout.write(`${line}\n`) }
const run = promisify(execFile)

const { values, positionals } = parseArgs({ options: { peer: { type: 'boolean', default: false }, write: { type: 'boolean', default: false } }, allowPositionals: true })
const [first] = positionals
const isUp = first === 'up'
const wanted = first === 'up' || first === 'test' ? positionals.slice(1) : positionals
const all = catalogue(folder)
const unknown = wanted.filter((name) => !all.some((c) => c.name === name))
if (unknown.length > 0) {
  process.stderr.write(`clients: there is no ${unknown.join(', ')}; there are ${all.map((c) => c.name).join(', ')}\n`)
  process.exit(2)
}
if (values.write && (values.peer || wanted.length > 0)) {
  process.stderr.write('clients: --write is for all clients against our API\n')
  process.exit(2)
}
mkdirSync(join(folder, 'log'), { recursive: true })

/** Why it cannot be had; undefined: it is there. What it waits for is on standard error while it waits. */
const install = async (client: Client): Promise<string | undefined> => {
  const installing = run(join(import.meta.dirname, 'install.sh'), [client.install], { maxBuffer: 2 ** 24 })
  installing.child.stderr?.on('data', (text: Buffer) => process.stderr.write(text))
  return installing.then(() => undefined, (error: { readonly stderr?: string }) => (error.stderr ?? String(error)).trim().split('\n').at(-1)!.replace(/^clients: /, ''))
}
const versionOf = async (client: Client): Promise<string> => {
  const [command, ...args] = client.version
  const { stdout } = await run(command!, args, { cwd: folder })
  return stdout.trim().split('\n')[0]!
}

const prove = async (client: Client, server: Server): Promise<Outcome> => {
  const namespace = `${client.name}-${Math.floor(Date.now() / 1000).toString(36)}`
  const home = await mkdtemp(join(folder, 'home-'))
  try {
    await seedNamespace(server, namespace)
    const [command, ...args] = client.run
    return await runProgram({
      command: command!, args, cwd: client.cwd ?? home, atMostMs: 300_000, log: join(folder, 'log', `run-${client.name}-${server.name}.log`),
      env: { ...client.env, ...server.env, HOME: home, KUBECONFIG: server.kubeconfig, NAMESPACE: namespace, SERVER: server.url, CLIENTS: folder },
    }, server)
  } finally { await rm(home, { recursive: true, force: true }) }
}

const reports: Report[] = []
const add = (report: Report): void => { reports.push(report); for (const line of lines(report)) say(line) }
const installed: { readonly client: Client; readonly version: string }[] = []
for (const client of all.filter((c) => wanted.length === 0 || wanted.includes(c.name))) {
  const why = await install(client)
  if (why === undefined) installed.push({ client, version: await versionOf(client) })
  else add({ ...client, version: '', outcome: { kind: 'not proven', why } })
}
if (isUp) {
  for (const { client, version } of installed) say(`there: ${client.name} ${version}`)
  process.exit(reports.length === 0 ? 0 : 1)
}
const server = values.peer ? await openPeer() : await openOurs()
say(`against ${server.name}`)
await seed(server)
const site = playSite(server)
try {
  for (const { client, version } of installed) add({ ...client, version, outcome: await prove(client, server) })
} finally {
  await site.stop()
  await server.close()
}
if (values.write) {
  await writeFile(join(root, 'docs/reference/clients.md'), page(reports, never))
  say('wrote docs/reference/clients.md')
}
say(summary(reports))
process.exitCode = reports.every((r) => isProven(r) || r.outcome.kind === 'not proven') ? 0 : 1
