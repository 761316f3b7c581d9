/** The process `simulators`: two OpenStack clouds (one of each shape), Talos and tenants' Kubernetes behind their real protocols. */
import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { createKubernetesSim } from '../../drivers/kubernetes/sim/index.ts'
import { startOpenStackSim } from '../../drivers/openstack/sim/index.ts'
import { createTalosGuests } from '../../drivers/talos/sim/index.ts'
import { layout, readOrMake, writePrivate } from '../files.ts'
import { begin, serveUntilEnd } from './process.ts'

const { settings, log } = begin('simulators')
const paths = layout(settings.state)
await mkdir(paths.simulatorState, { recursive: true, mode: 0o700 })

const clock = { now: () => new Date(), monotonic: () => performance.now(), after: (ms: number, call: () => void) => { const t = setTimeout(call, ms); return () => clearTimeout(t) } }
const latencies = settings.simulatorLatency
const kubernetes = createKubernetesSim({ log })
const guests = createTalosGuests({ kubernetes, clock, latencies })

/** Ports stay the same over restarts: sites know them. */
interface Cloud { readonly name: string; readonly shape: 'tenant' | 'routed'; readonly port: number; readonly password: string; readonly projects: readonly string[]; readonly publicCidr: string; readonly providerCidr: string }
const { simulatedProjects } = settings
const projects = Array.from({ length: simulatedProjects }, (_, i) => (i === 0 ? 'demo' : `demo-${i}`))
const firstPort = settings.port + 1
/** Two of these on one machine do not answer at each other's addresses: they follow from the port. Each has room for 16,000. */
const cidr = (block: number): string => `127.${2 + (settings.port % 78)}.${block * 64}.0/18`
const clouds = JSON.parse((await readOrMake(paths.simulators, () => JSON.stringify([
  { name: 'sim', shape: 'tenant', port: firstPort, password: randomBytes(12).toString('hex'), projects, publicCidr: cidr(0), providerCidr: cidr(1) },
  { name: 'sim-routed', shape: 'routed', port: firstPort + 1, password: randomBytes(12).toString('hex'), projects, publicCidr: cidr(2), providerCidr: cidr(3) },
] satisfies Cloud[]))).toString()) as readonly Cloud[]

const unlimited = { instances: -1, cores: -1, ram: -1, server_groups: -1, network: -1, subnet: -1, router: -1, port: -1, security_group: -1, security_group_rule: -1, floatingip: -1, volumes: -1, gigabytes: -1, load_balancer: -1 }
const running = await Promise.all(clouds.map(async (c) => {
  const stateFile = join(paths.simulatorState, `${c.name}.journal`)
  const isNew = !existsSync(stateFile)
  const sim = await startOpenStackSim({
    host: '127.0.0.1', port: c.port, region: 'RegionOne', shape: c.shape, latencies, guests, clock, publicCidr: c.publicCidr, providerCidr: c.providerCidr, stateFile,
    addressTaken: (address, cause) => { log.error({ cloud: c.name, address, error: String(cause) }, 'a simulated address is in use by another program: give this server another --port') },
    octaviaProviders: ['amphora', 'ovn'], projects: c.projects.map((name) => ({ name, user: name, password: c.password, roles: ['member', 'reader', 'load-balancer_member'], quota: unlimited })),
  })
  if (isNew) sim.seedImage({ name: 'talos-v1.13.9', properties: { os_distro: 'talos', os_version: 'v1.13.9' } })
  return { ...c, sim }
}))
const entry = (c: (typeof running)[number], project: string) => ({
  auth_type: 'password', region_name: 'RegionOne', auth: { auth_url: c.sim.authUrl, username: project, password: c.password, user_domain_name: 'Default', project_name: project, project_domain_name: 'Default' },
})
const all = running.flatMap((c) => c.projects.map((p, i) => [i === 0 ? c.name : `${c.name}-${p}`, entry(c, p)] as const))
await writePrivate(paths.clouds, stringify({ clouds: Object.fromEntries(all) }))
log.info({ clouds: running.map((c) => c.sim.authUrl) }, 'simulated clouds answer')

serveUntilEnd(log, async () => {
  guests.close()
  await Promise.all([...running.map((c) => c.sim.close()), kubernetes.close()])
})
