/** The controllers stop in the middle of creating calls for longer than their lease, another takes over, then they go on. Usage: node e2e/stopped-holder/story.ts [--clusters 3] [--json] */
import { spawn } from 'node:child_process'
import { openSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { readSettings } from '../../src/server/settings.ts'
import { complaint, createCluster, deleteCluster, goneWithin, readyWithin, until } from '../clusters.ts'
import { counts, judge, settle, times } from '../inventory.ts'
import { isMain, makeReport, readFlags } from '../report.ts'
import { startServer, type Fault } from '../server.ts'

/** Calls whose effect comes 20 s after they were made, when whoever made them is stopped: the oldest way to a second server. */
const late = ['/networks$', '/ports$', '/volumes$', '/servers$', '/loadbalancers$', '/floatingips$'].map((path) => ({ method: 'POST', path, kind: 'late-effect', afterMs: 20_000, times: 2 }))
/** The lease is 40 s; a successor holds back 30 s more; the stopped one wakes while the successor acts. */
const takeOverMs = 150_000

export const run = async (o: { readonly clusters: number; readonly json: boolean }): Promise<{ readonly passed: number; readonly failed: number }> => {
  const report = makeReport(o.json)
  const server = await startServer()
  let stopped: number | undefined
  let second: ReturnType<typeof spawn> | undefined
  try {
    await createCluster(server, 'scale')
    report.check('a cluster is Ready before anything is stopped', (await readyWithin(server, 'scale', 120_000)) !== undefined, await complaint(server, 'scale'))
    const one = await counts(server)
    await deleteCluster(server, 'scale')
    await goneWithin(server, 'scale', 120_000)
    report.check('and leaves nothing', (await settle(server, {}, 30_000)).wrong === '')

    for (const fault of late) await server.admin('POST', 'faults', fault)
    const names = Array.from({ length: o.clusters }, (_, i) => `stopped-${i}`)
    await Promise.all(names.map((name) => createCluster(server, name)))
    const struck = async (): Promise<number> => (await server.admin<readonly Fault[]>('GET', 'faults')).reduce((n, f) => n + f.struck, 0)
    const call = await until(60_000, async () => (await struck()) > 0, 20)
    stopped = server.pid('controllers')!
    process.kill(stopped, 'SIGSTOP')
    report.check(`the controllers (${stopped}) stop within creating calls (${await struck()} under way)`, call !== undefined)

    const log = openSync(join(server.state, 'logs', 'second.log'), 'a', 0o600)
    const settings = readSettings(['--state', server.state, '--simulators', '--port', String(server.port)], {})
    second = spawn(process.execPath, [resolve(import.meta.dirname, '../../src/server/processes/controllers.ts'), JSON.stringify(settings)], { stdio: ['ignore', log, log] })
    const holds = (): boolean => readFileSync(join(server.state, 'logs', 'second.log'), 'utf8').includes('lease held')
    const took = await until(takeOverMs, () => Promise.resolve(holds()))
    report.check(`a second process takes the lease after ${took?.toFixed(0) ?? '-'} s`, took !== undefined)
    const before = await server.admin<{ readonly total: number }>('GET', 'stats')
    const acts = await until(takeOverMs, async () => (await counts(server))['servers']! > 0, 100)
    report.check(`and acts ${acts?.toFixed(0) ?? '-'} s later (${(await server.admin<{ readonly total: number }>('GET', 'stats')).total - before.total} calls)`, acts !== undefined)
    process.kill(stopped, 'SIGCONT')
    stopped = undefined
    report.say('the first goes on')
    await sleep(2000)
    const during = await judge(server)
    report.figure('doubles 2 s after the first goes on', during.doubles.length)
    for (const name of names) { const s = await readyWithin(server, name, 300_000); report.check(`${name} becomes Ready`, s !== undefined, s === undefined ? await complaint(server, name) : '') }
    const settled = await settle(server, times(one, names.length), 120_000)
    report.check('the cloud holds what the clusters own, and nothing twice', settled.wrong === '', settled.wrong)
    const known = readFileSync(join(server.state, 'logs', 'controllers.log'), 'utf8')
    report.check('the first knows that it lost the lease', known.includes('lease lost'))
    second.kill('SIGTERM')
    report.check('the second ends in order', (await until(30_000, () => Promise.resolve(second?.exitCode === 0))) !== undefined)
    await Promise.all(names.map((name) => deleteCluster(server, name)))
    for (const name of names) await goneWithin(server, name, 300_000)
    const empty = await settle(server, {}, 120_000)
    report.check('the first takes over again, and after all are deleted the cloud is empty', empty.wrong === '', empty.wrong)
  } catch (error) { report.check('the story ends', false, error instanceof Error ? error.stack : String(error)) } finally {
    if (stopped !== undefined) process.kill(stopped, 'SIGCONT')
    if (second?.exitCode === null) second.kill('SIGTERM')
    await server.stop()
  }
  return report.end()
}

if (isMain(import.meta.url)) await run(readFlags({ clusters: 3 }))
