/** What a platform costs when nothing happens: CPU, memory for each cluster, calls and writes a minute. Last line: JSON. */
import { setTimeout as sleep } from 'node:timers/promises'
import { createClusters, flags, openPlatform, round, untilReady } from './platform.ts'

const { clusters, latency, say } = flags(process.argv.slice(2))
const minutes = 2
/** After three minutes a cluster holds no connection any more, and half a minute later its memory is given back. */
const restMs = 300_000
const p = await openPlatform({ projects: Math.max(1, Math.ceil(clusters / 50)), latency, port: 20_000 + 10 * (process.pid % 900) })
const rss = async (): Promise<number> => { await sleep(restMs); return p.usage(['api', 'controllers']).rssMiB }
try {
  const half = Math.floor(clusters / 2)
  await Promise.all([createClusters(p, 0, half), untilReady(p, half, 1800, say)])
  const atHalf = await rss()
  await Promise.all([createClusters(p, half, clusters - half), untilReady(p, clusters, 1800, say)])
  const atAll = await rss()
  const before = { version: await p.version(), openstack: await p.openstack(), cpu: p.usage(['api', 'controllers', 'postgres']).cpuSeconds, at: performance.now() }
  say(`measuring ${minutes} minutes of nothing`)
  await sleep(minutes * 60_000)
  const seconds = (performance.now() - before.at) / 1000
  const after = { cpu: p.usage(['api', 'controllers', 'postgres']).cpuSeconds, version: await p.version(), openstack: await p.openstack() }
  process.stdout.write(`${JSON.stringify({
    bench: 'idle', clusters, kibPerCluster: round(((atAll - atHalf) * 1024) / (clusters - half), 0), cpuPercent: round(((after.cpu - before.cpu) / seconds) * 100, 2),
    openstackCallsPerMinute: round(((after.openstack.calls - before.openstack.calls) / seconds) * 60, 0), dbWritesPerMinute: round(((after.version - before.version) / seconds) * 60, 1),
  })}\n`)
} finally {
  await p.close()
}
