/** From nothing to all Ready: clusters of 3+3 nodes on simulators. Last line: JSON. */
import { createClusters, flags, machine, openPlatform, round, untilReady } from './platform.ts'

const { clusters, latency, say } = flags(process.argv.slice(2))
const p = await openPlatform({ projects: Math.max(1, Math.ceil(clusters / 50)), latency, port: 20_000 + 10 * (process.pid % 900) })
try {
  const before = { version: await p.version(), openstack: await p.openstack() }
  const begun = performance.now()
  const creating = createClusters(p, 0, clusters)
  await Promise.all([creating, untilReady(p, clusters, 1800, say)])
  const seconds = (performance.now() - begun) / 1000
  const product = p.usage(['api', 'controllers', 'postgres'])
  const after = { version: await p.version(), openstack: await p.openstack() }
  const calls = after.openstack.calls - before.openstack.calls
  say(`${machine()}; peak RSS is of api + controllers, CPU of api + controllers + PostgreSQL`)
  process.stdout.write(`${JSON.stringify({
    bench: 'create', latency, clusters, nodes: clusters * 6, seconds: round(seconds), cpuSeconds: round(product.cpuSeconds), peakRssMiB: round(p.usage(['api', 'controllers']).peakRssMiB, 0),
    openstackCalls: calls, openstackCallsPerServer: round(calls / (clusters * 6), 2), dbWrites: after.version - before.version,
  })}\n`)
} finally {
  await p.close()
}
