/** Processes are killed at random moments while clusters are made and deleted. Usage: node e2e/crash/story.ts [--clusters 6] [--kills 6] [--seed N] [--api 1 --controllers 2 --postgres 1] [--json] */
import { setTimeout as sleep } from 'node:timers/promises'
import { complaint, createCluster, deleteCluster, goneWithin, readyWithin, until } from '../clusters.ts'
import { clustersOf, counts, settle, times } from '../inventory.ts'
import { isMain, makeReport, pick, readFlags, seeded } from '../report.ts'
import { startServer, type ProcessName, type Server } from '../server.ts'

export interface CrashOptions { readonly clusters: number; readonly kills: number; readonly seed: number; /** How often each process is meant. */ readonly api: number; readonly controllers: number; readonly postgres: number; readonly json: boolean }

/** A controllers process that was killed leaves a lease of up to 40 s, and its successor waits 30 s more for calls under way; unclear calls are looked for another minute. */
const recoveryMs = 420_000

const changes = async (server: Server): Promise<number> => {
  const { byMethod } = await server.admin<{ readonly byMethod: Readonly<Record<string, number>> }>('GET', 'stats')
  return Object.entries(byMethod).reduce((n, [method, calls]) => n + (/GET|HEAD|identity/.test(method) ? 0 : calls), 0)
}

export const run = async (o: CrashOptions): Promise<{ readonly passed: number; readonly failed: number }> => {
  const report = makeReport(o.json)
  const random = seeded(o.seed)
  report.figure('seed', o.seed)
  const server = await startServer()
  try {
    await createCluster(server, 'scale')
    report.check('a cluster is Ready before anything is killed', (await readyWithin(server, 'scale', 120_000)) !== undefined, await complaint(server, 'scale'))
    const one = await counts(server)
    await deleteCluster(server, 'scale')
    await goneWithin(server, 'scale', 120_000)
    report.check('and leaves nothing', (await settle(server, {}, 30_000)).wrong === '')

    // What etcd and the bootstrap were, as often as they were seen.
    const etcd = new Map<string, Set<string>>()
    let watching = true
    const witness = (async () => {
      while (watching) {
        for (const c of await clustersOf(server).catch(() => [])) for (const said of [c.status?.controlPlane?.etcdClusterId, c.status?.controlPlane?.bootstrap?.serverId])
          if (said !== undefined) { const key = `${c.metadata.name} ${said === c.status?.controlPlane?.etcdClusterId ? 'etcd' : 'bootstrap'}`; etcd.set(key, (etcd.get(key) ?? new Set()).add(said)) }
        await sleep(500)
      }
    })()

    const names = Array.from({ length: o.clusters }, (_, i) => `crash-${i}`)
    const acknowledged = new Set<string>()
    const asked = new Set<string>()
    const writers: Promise<void>[] = []
    const kills: Record<ProcessName, number> = { api: 0, controllers: 0, postgres: 0 }
    const targets = (['api', 'controllers', 'postgres'] as const).flatMap((name) => Array.from({ length: o[name] }, () => name))
    let waited = 0
    let created = 0
    let seen = await changes(server)
    for (let k = 0; k < o.kills; k++) {
      // Each kill meets work: some clusters begin, one of the earlier ones goes.
      for (; created < Math.ceil((o.clusters * (k + 1)) / o.kills); created++) {
        const name = names[created]!
        writers.push(createCluster(server, name).then(() => { acknowledged.add(name) }))
      }
      const candidates = [...acknowledged].filter((n) => !asked.has(n))
      if (candidates.length > 0 && asked.size < o.clusters / 2 && random() < 0.6) { const name = pick(random, candidates); asked.add(name); writers.push(deleteCluster(server, name).then(() => {})) }
      const target = pick(random, targets)
      const begun = performance.now()
      // A process that has done nothing since its start proves nothing when it is killed.
      if (target === 'controllers') await until(120_000, async () => (await changes(server)) > seen, 50)
      else await until(30_000, async () => server.pid(target) !== undefined)
      waited += performance.now() - begun
      await sleep(random() * 2500)
      const pid = server.pid(target)
      if (pid === undefined) { report.say(`kill ${k + 1}: ${target} is being started again`); continue }
      process.kill(pid, 'SIGKILL')
      kills[target]++
      seen = await changes(server)
      report.say(`kill ${k + 1}: ${target} (${pid}) after ${seen} changes in the cloud; ${acknowledged.size} clusters acknowledged, ${asked.size} to go`)
    }
    await Promise.all(writers)
    report.figure('kills', Object.entries(kills).map(([n, c]) => `${n} ${c}`).join(', '))
    report.figure('seconds waited for work between kills', Math.round(waited / 1000))

    const staying = names.filter((n) => !asked.has(n))
    const begun = performance.now()
    const left = (): number => Math.max(1000, recoveryMs - (performance.now() - begun))
    for (const name of staying) if ((await readyWithin(server, name, left())) === undefined) report.check(`${name} becomes Ready`, false, await complaint(server, name))
    for (const name of asked) if ((await goneWithin(server, name, left())) === undefined) report.check(`${name} goes`, false, await complaint(server, name))
    report.figure('seconds to recover after the last kill', Math.round((performance.now() - begun) / 1000))
    const there = new Set((await clustersOf(server)).map((c) => c.metadata.name))
    report.check(`all ${acknowledged.size} acknowledged clusters are there, or gone as asked (${staying.length} stay, ${asked.size} went)`, acknowledged.size === o.clusters && staying.every((n) => there.has(n)) && there.size === staying.length, [...there].join(', '))
    const settled = await settle(server, times(one, staying.length), 120_000)
    report.check('the cloud holds what the living clusters own, and nothing twice', settled.wrong === '', settled.wrong)
    watching = false
    await witness
    const changed = [...etcd].filter(([, ids]) => ids.size > 1)
    report.check(`each cluster has one etcd cluster for its life, bootstrapped once (${[...etcd.keys()].filter((n) => n.endsWith('etcd')).length} seen)`, changed.length === 0, changed.map(([n]) => n).join(', '))
    const ids = [...etcd].filter(([n]) => n.endsWith('etcd')).flatMap(([, s]) => [...s])
    report.check('and no two clusters share one', new Set(ids).size === ids.length)
    await Promise.all(staying.map((name) => deleteCluster(server, name)))
    for (const name of staying) await goneWithin(server, name, recoveryMs)
    const empty = await settle(server, {}, 120_000)
    report.check('after all are deleted the cloud is empty', empty.wrong === '', empty.wrong)
  } catch (error) { report.check('the story ends', false, error instanceof Error ? error.stack : String(error)) } finally { await server.stop() }
  return report.end()
}

if (isMain(import.meta.url)) await run(readFlags({ clusters: 6, kills: 6, api: 1, controllers: 2, postgres: 1, seed: Date.now() % 1_000_000 }))
