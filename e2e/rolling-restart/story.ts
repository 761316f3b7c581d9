/** Two API processes on one port are replaced again and again under load, and no client notices. Usage: node e2e/rolling-restart/story.ts [--restarts 5] [--writers 6] [--informers 8] [--json] */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Release } from '../../src/api/index.ts'
import { readKubeconfig } from '../../src/client/index.ts'
import { isMain, makeReport, readFlags } from '../report.ts'
import { startServer } from '../server.ts'
import { startInformer, startWriter, type Tally } from './clients.ts'

export const run = async (o: { readonly restarts: number; readonly writers: number; readonly informers: number; readonly json: boolean }): Promise<{ readonly passed: number; readonly failed: number }> => {
  const report = makeReport(o.json)
  const server = await startServer([], ['--api-processes', '2'])
  try {
    const { options } = readKubeconfig(join(server.state, 'kubeconfig'), (path) => readFileSync(path, 'utf8'))
    const pidsOf = (): readonly number[] => Object.entries((JSON.parse(readFileSync(join(server.state, 'api.json'), 'utf8')) as { pids: Record<string, number> }).pids).flatMap(([name, pid]) => (name.startsWith('api') ? [pid] : []))
    const tally: Tally = { requests: 0, retries: 0, failed: [], stale: [] }
    const informers = await Promise.all(Array.from({ length: o.informers }, () => startInformer(options)))
    const writers = Array.from({ length: o.writers }, (_, i) => startWriter(options, String(i), tally))
    await sleep(1_000)
    const seen = new Set(pidsOf())
    report.check('two processes serve', seen.size === 2)
    for (let i = 0; i < o.restarts; i++) {
      await server.restartApi()
      const pids = pidsOf()
      report.check(`restart ${i + 1}: both are new`, pids.length === 2 && pids.every((pid) => !seen.has(pid)))
      for (const pid of pids) seen.add(pid)
      await sleep(1_000)
    }
    await Promise.all(writers.map((w) => w.stop()))
    const list = await server.resources.list(Release)
    const truth = Object.fromEntries(list.items.map((r) => [r.metadata.name, r.metadata.resourceVersion]).sort())
    const wanted = JSON.stringify(truth)
    for (const until = performance.now() + 10_000; performance.now() < until && informers.some((i) => JSON.stringify(i.state()) !== wanted); ) await sleep(50)
    report.figure('requests', tally.requests)
    report.figure('of these tried again', tally.retries)
    report.check('no request failed', tally.failed.length === 0, tally.failed.slice(0, 5).join('; '))
    report.check('every read saw the write before it', tally.stale.length === 0, tally.stale.slice(0, 5).join('; '))
    report.check('no informer listed again', informers.every((i) => i.lists === 1), informers.map((i) => i.lists).join(' '))
    report.check('every informer holds what is there', informers.every((i) => JSON.stringify(i.state()) === wanted))
    await Promise.all(informers.map((i) => i.stop()))
  } catch (error) {
    report.check('the story runs to its end', false, error instanceof Error ? (error.stack ?? error.message) : String(error))
  } finally { await server.stop() }
  return report.end()
}

if (isMain(import.meta.url)) await run(readFlags({ restarts: 5, writers: 6, informers: 8 }))
