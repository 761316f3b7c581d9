/** kill -9 of the controllers with many clusters Ready: what a new process does before it is settled. Last line: JSON. */
import { setTimeout as sleep } from 'node:timers/promises'
import { createClusters, flags, openPlatform, readyClusters, round, untilReady } from './platform.ts'

const { clusters, latency, say } = flags(process.argv.slice(2))
const p = await openPlatform({ projects: Math.max(1, Math.ceil(clusters / 50)), latency, port: 20_000 + 10 * (process.pid % 900) })
try {
  await Promise.all([createClusters(p, 0, clusters), untilReady(p, clusters, 1800, say)])
  // Everything that was under way ends first, also what is written of the use of quotas, which is read every half minute.
  let quiet = await p.version()
  for (let still = 0; still < 40; await sleep(1_000)) { const v = await p.version(); still = v === quiet ? still + 1 : 0; quiet = v }
  const before = { version: await p.version(), openstack: await p.openstack(), cpu: 0 }
  const begun = performance.now()
  p.kill('controllers')
  say('controllers killed')
  let settledAt = 0
  let cpu = -1
  // Settled: a new process holds the lease and has used less than a tenth of a core for five seconds.
  for (let idle = 0; idle < 5; await sleep(1_000)) {
    const now = p.usage(['controllers']).cpuSeconds
    const isThere = p.pids()['controllers'] !== undefined && now > 0.5
    idle = isThere && cpu >= 0 && now - cpu < 0.1 ? idle + 1 : 0
    if (idle === 1) settledAt = (performance.now() - begun) / 1000
    cpu = now
    if (performance.now() - begun > 300_000) throw new Error('not settled after 300 s')
  }
  const after = { version: await p.version(), openstack: await p.openstack() }
  process.stdout.write(`${JSON.stringify({
    bench: 'restart', clusters, seconds: round(settledAt), changingCalls: after.openstack.changing - before.openstack.changing, openstackCalls: after.openstack.calls - before.openstack.calls, dbWrites: after.version - before.version,
    stillReady: await readyClusters(p),
  })}\n`)
} finally {
  await p.close()
}
