/** The controllers stop within every kind of creating call for longer than their lease, another process takes over, then they go on. Usage: node e2e/stopped-holder/story.ts [--clusters 12] [--json] */
import { spawn, type ChildProcess } from 'node:child_process'
import { openSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { readSettings } from '../../src/server/settings.ts'
import { makingCalls, type MakingCall } from '../../testkit/making-calls.ts'
import { complaint, createCluster, deleteCluster, goneWithin, readyWithin, until } from '../clusters.ts'
import { clustersOf, counts, etcdsEver, judge, settle, sum, type Counts } from '../inventory.ts'
import { isMain, makeReport, readFlags, type Report } from '../report.ts'
import { startServer, type Fault, type Server } from '../server.ts'

/** A call's time limit is 20 s: what was caught later than this after the first may be stopped when the first has been given up. */
const catchMs = 15_000
/** The lease is 30 s; a successor holds back 20 s more; it looks a minute for what was not answered. */
const takeOverMs = 120_000

const holders = new Set<ChildProcess>()

/** Stops the controllers now, lets a second process take over until `names` are Ready, then lets the first go on. */
const takeOver = async (report: Report, server: Server, names: readonly string[], letGo: () => Promise<unknown>, want: Counts): Promise<void> => {
  const first = server.pid('controllers')!
  const firstLog = join(server.state, 'logs', 'controllers.log')
  const lostBefore = readFileSync(firstLog, 'utf8').split('lease lost').length
  process.kill(first, 'SIGSTOP')
  try {
    const file = join(server.state, 'logs', `second-${holders.size}.log`)
    const log = openSync(file, 'a', 0o600)
    const settings = readSettings(['--state', server.state, '--simulators', '--port', String(server.port)], {})
    const second = spawn(process.execPath, [resolve(import.meta.dirname, '../../src/server/processes/controllers.ts'), JSON.stringify(settings)], { stdio: ['ignore', log, log] })
    holders.add(second)
    const took = await until(takeOverMs, () => Promise.resolve(readFileSync(file, 'utf8').includes('lease held')))
    report.check(`a second process takes the lease after ${took?.toFixed(0) ?? '-'} s`, took !== undefined)
    const begun = performance.now()
    for (const name of names) { const s = await readyWithin(server, name, 240_000); if (s === undefined) report.check(`${name} becomes Ready`, false, await complaint(server, name)) }
    report.check(`it makes all ${names.length} clusters Ready in ${((performance.now() - begun) / 1000).toFixed(0)} s, while the first is stopped`, (await clustersOf(server)).filter((c) => names.includes(c.metadata.name)).length === names.length)
    await letGo()
    process.kill(first, 'SIGCONT')
    report.say(`the first (${first}) goes on`)
    await sleep(500)
    report.figure('doubles 0.5 s after the first goes on', (await judge(server)).doubles.length)
    const settled = await settle(server, want, 240_000)
    report.check(`${settled.seconds.toFixed(0)} s later the cloud holds what the clusters own, and nothing twice`, settled.wrong === '', settled.wrong)
    report.check('the first knows that it lost the lease', readFileSync(firstLog, 'utf8').split('lease lost').length > lostBefore)
    const still: string[] = []
    for (const name of names) if ((await readyWithin(server, name, 60_000)) === undefined) still.push(`${name}: ${await complaint(server, name)}`)
    report.check('and all are Ready still', still.length === 0, still.join('; '))
    second.kill('SIGTERM')
    report.check('the second ends in order', (await until(30_000, () => Promise.resolve(second.exitCode === 0))) !== undefined)
  } finally { process.kill(first, 'SIGCONT') }
}

export const run = async (o: { readonly clusters: number; readonly json: boolean }): Promise<{ readonly passed: number; readonly failed: number }> => {
  const report = makeReport(o.json)
  // The supervisor would take the stopped process for one that hangs.
  const server = await startServer(['sim'], ['--watchdog', '0'])
  try {
    const scale: Counts[] = []
    for (const controlPlane of [1, 3]) {
      await createCluster(server, 'scale', { controlPlane })
      report.check(`a cluster of ${controlPlane} + 1 is Ready before anything is stopped`, (await readyWithin(server, 'scale', 120_000)) !== undefined, await complaint(server, 'scale'))
      scale.push(await counts(server))
      await deleteCluster(server, 'scale')
      await goneWithin(server, 'scale', 120_000)
    }
    report.check('and leaves nothing', (await settle(server, {}, 30_000)).wrong === '')

    const owned: Counts[] = []
    const all: string[] = []
    /** The first of a round has three control-plane nodes, so that there is a server group. */
    const begin = async (n: number): Promise<readonly string[]> => {
      const names = Array.from({ length: n }, (_, i) => `stopped-${all.length + i}`)
      all.push(...names)
      owned.push(...names.map((_, i) => scale[i === 0 ? 1 : 0]!))
      await Promise.all(names.map((name, i) => createCluster(server, name, { controlPlane: i === 0 ? 3 : 1 })))
      return names
    }

    let missing: readonly MakingCall[] = makingCalls
    for (let round = 1; missing.length > 0 && round <= 3; round++) {
      const held = await Promise.all(missing.map(async (call) => ({ call, ...(await server.admin<{ readonly id: string }>('POST', 'faults', { ...call, kind: 'held', times: 1 })) })))
      const names = await begin(o.clusters)
      const struck = async (): Promise<ReadonlySet<string>> => new Set((await server.admin<readonly Fault[]>('GET', 'faults')).filter((f) => f.struck > 0).map((f) => f.id))
      await until(60_000, async () => (await struck()).size > 0, 20)
      await until(catchMs, async () => (await struck()).size === held.length, 20)
      process.kill(server.pid('controllers')!, 'SIGSTOP')
      const caught = await struck()
      for (const h of held) if (!caught.has(h.id)) await server.admin('DELETE', `faults/${h.id}`)
      report.say(`round ${round}: stopped within ${held.filter((h) => caught.has(h.id)).map((h) => `${h.call.method} ${h.call.path}`).join(', ')}`)
      await takeOver(report, server, names, () => Promise.all([...caught].map((id) => server.admin('DELETE', `faults/${id}`))), sum(owned))
      missing = held.filter((h) => !caught.has(h.id)).map((h) => h.call)
    }
    report.check(`the first was stopped within each of ${makingCalls.length} kinds of calls`, missing.length === 0, missing.map((m) => m.path).join(', '))

    const names = await begin(3)
    const isAsked = async (): Promise<boolean> => (await clustersOf(server)).some((c) => c.status?.controlPlane?.bootstrap !== undefined && c.status.controlPlane.bootstrap.doneAt === undefined)
    report.check('a bootstrap was asked for and is not recorded as done', (await until(60_000, isAsked, 5)) !== undefined)
    await takeOver(report, server, names, async () => {}, sum(owned))
    const ever = await etcdsEver(server)
    report.check(`the machines know one etcd for each of ${ever.length} clusters`, ever.length === all.length + scale.length && ever.every((e) => e.length === 1) && new Set(ever.flat()).size === ever.length, JSON.stringify(ever))

    await Promise.all(all.map((name) => deleteCluster(server, name)))
    for (const name of all) await goneWithin(server, name, 300_000)
    const empty = await settle(server, {}, 120_000)
    report.check('the first takes over again, and after all are deleted the cloud is empty', empty.wrong === '', empty.wrong)
  } catch (error) { report.check('the story ends', false, error instanceof Error ? error.stack : String(error)) } finally {
    for (const h of holders) if (h.exitCode === null) h.kill('SIGTERM')
    await server.stop()
  }
  return report.end()
}

if (isMain(import.meta.url)) await run(readFlags({ clusters: 12 }))
