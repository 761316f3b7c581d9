/** Processes are killed at random moments while clusters are made and deleted in two clouds. Usage: node e2e/crash/story.ts [--clusters 6] [--kills 6] [--seed N] [--api 1 --controllers 2 --postgres 1] [--json] */
import { setTimeout as sleep } from 'node:timers/promises'
import { complaint, createCluster, deleteCluster, goneWithin, readyWithin, until, type Wish } from '../clusters.ts'
import { clustersOf, counts, etcdsEver, settle, sum, type Counts } from '../inventory.ts'
import { isMain, makeReport, pick, readFlags, seeded } from '../report.ts'
import { startServer, type ProcessName, type Server } from '../server.ts'

export interface CrashOptions { readonly clusters: number; readonly kills: number; readonly seed: number; /** How often each process is meant. */ readonly api: number; readonly controllers: number; readonly postgres: number; readonly json: boolean }

/** A successor waits 20 s for calls under way; unclear calls are looked for a minute. */
const recoveryMs = 300_000

/** The shapes that take turns: both kinds of cloud, one control-plane node or three. */
const sites = ['sim', 'sim-routed']
const wishes: readonly Required<Pick<Wish, 'site' | 'controlPlane'>>[] = [{ site: 'sim', controlPlane: 1 }, { site: 'sim-routed', controlPlane: 1 }, { site: 'sim', controlPlane: 3 }, { site: 'sim', controlPlane: 1 }, { site: 'sim-routed', controlPlane: 3 }]
const shapeOf = ({ site, controlPlane }: Wish): string => `${site} ${controlPlane}`

const changes = async (server: Server): Promise<number> => {
  const stats = await Promise.all(server.sites.map((site) => server.admin<{ readonly byMethod: Readonly<Record<string, number>> }>('GET', 'stats', undefined, site)))
  return stats.flatMap(({ byMethod }) => Object.entries(byMethod)).reduce((n, [method, calls]) => n + (/GET|HEAD|identity/.test(method) ? 0 : calls), 0)
}

export const run = async (o: CrashOptions): Promise<{ readonly passed: number; readonly failed: number }> => {
  const report = makeReport(o.json)
  const random = seeded(o.seed)
  report.figure('seed', o.seed)
  const server = await startServer(sites)
  try {
    const scale = new Map<string, Counts>()
    for (const controlPlane of [1, 3]) {
      for (const site of sites) await createCluster(server, `scale-${site}`, { site, controlPlane })
      for (const site of sites) if ((await readyWithin(server, `scale-${site}`, 240_000)) === undefined) report.check(`a cluster of ${controlPlane} + 1 on ${site} is Ready before anything is killed`, false, await complaint(server, `scale-${site}`))
      const all = Object.entries(await counts(server))
      for (const site of sites) scale.set(shapeOf({ site, controlPlane }), Object.fromEntries(all.filter(([kind]) => kind.startsWith(`${site} `))))
      for (const site of sites) await deleteCluster(server, `scale-${site}`)
      for (const site of sites) await goneWithin(server, `scale-${site}`, 240_000)
    }
    report.check('a cluster of each shape comes, and leaves nothing', (await settle(server, {}, 30_000)).wrong === '')

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
    const takeovers: Promise<number | undefined>[] = []
    let waited = 0
    let created = 0
    let seen = await changes(server)
    for (let k = 0; k < o.kills; k++) {
      // Each kill meets work: some clusters begin, one of the earlier ones goes.
      for (; created < Math.ceil((o.clusters * (k + 1)) / o.kills); created++) {
        const name = names[created]!
        writers.push(createCluster(server, name, wishes[created % wishes.length]).then(() => { acknowledged.add(name) }))
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
      const before = seen
      if (target === 'controllers') takeovers.push(until(120_000, async () => (await changes(server)) > before, 100))
      report.say(`kill ${k + 1}: ${target} (${pid}) after ${seen} changes in the cloud; ${acknowledged.size} clusters acknowledged, ${asked.size} to go`)
    }
    await Promise.all(writers)
    report.figure('kills', Object.entries(kills).map(([n, c]) => `${n} ${c}`).join(', '))
    report.figure('seconds waited for work between kills', Math.round(waited / 1000))
    report.figure('seconds from the end of controllers to the next change in a cloud', (await Promise.all(takeovers)).map((s) => s?.toFixed(0) ?? '-').join(' '))

    const staying = names.filter((n) => !asked.has(n))
    const begun = performance.now()
    const left = (): number => Math.max(1000, recoveryMs - (performance.now() - begun))
    for (const name of staying) if ((await readyWithin(server, name, left())) === undefined) report.check(`${name} becomes Ready`, false, await complaint(server, name))
    for (const name of asked) if ((await goneWithin(server, name, left())) === undefined) report.check(`${name} goes`, false, await complaint(server, name))
    report.figure('seconds to recover after the last kill', Math.round((performance.now() - begun) / 1000))
    const there = new Set((await clustersOf(server)).map((c) => c.metadata.name))
    report.check(`all ${acknowledged.size} acknowledged clusters are there, or gone as asked (${staying.length} stay, ${asked.size} went)`, acknowledged.size === o.clusters && staying.every((n) => there.has(n)) && there.size === staying.length, [...there].join(', '))
    const settled = await settle(server, sum(staying.map((n) => scale.get(shapeOf(wishes[names.indexOf(n) % wishes.length]!))!)), 120_000)
    report.check('the cloud holds what the living clusters own, and nothing twice', settled.wrong === '', settled.wrong)
    watching = false
    await witness
    const changed = [...etcd].filter(([, ids]) => ids.size > 1)
    report.check(`each cluster has one etcd cluster for its life, bootstrapped once (${[...etcd.keys()].filter((n) => n.endsWith('etcd')).length} seen)`, changed.length === 0, changed.map(([n]) => n).join(', '))
    const ids = [...etcd].filter(([n]) => n.endsWith('etcd')).flatMap(([, s]) => [...s])
    report.check('and no two clusters share one', new Set(ids).size === ids.length)
    const ever = await etcdsEver(server)
    report.check(`the machines know one etcd for each of ${ever.length} clusters that were bootstrapped`, ever.every((e) => e.length === 1) && new Set(ever.flat()).size === ever.length && ids.every((id) => ever.flat().includes(id)), JSON.stringify(ever.filter((e) => e.length > 1)))
    await Promise.all(staying.map((name) => deleteCluster(server, name)))
    for (const name of staying) await goneWithin(server, name, recoveryMs)
    const empty = await settle(server, {}, 120_000)
    report.check('after all are deleted the cloud is empty', empty.wrong === '', empty.wrong)
  } catch (error) { report.check('the story ends', false, error instanceof Error ? error.stack : String(error)) } finally { await server.stop() }
  return report.end()
}

if (isMain(import.meta.url)) await run(readFlags({ clusters: 6, kills: 6, api: 1, controllers: 2, postgres: 1, seed: Date.now() % 1_000_000 }))
