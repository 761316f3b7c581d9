/** What the driver makes of a cloud that answers badly, late or not at all; against the simulator. */
import { randomUUID } from 'node:crypto'
import { expect, test as base } from 'vitest'
import { turns } from '../../../testkit/fake-clock.ts'
import { systemClock } from './budget.ts'
import { failureOf, isCredentialRejected, isDenied, isIncomplete, isTransient, isUnclear, openBudget, openCloud, openRejections, view, type CloudOptions, type OpenCloud } from './index.ts'
import { startOpenStackSim, type OpenStackSim } from './sim/index.ts'

interface Bed { readonly sim: OpenStackSim; readonly open: (options?: Partial<CloudOptions>) => Promise<OpenCloud>; readonly cloud: OpenCloud }

const test = (name: string, run: (bed: Bed) => Promise<void>): void => {
  base(name, async () => {
    const sim = await startOpenStackSim({ projects: [{ name: 'demo', user: 'demo', password: 'demo' }, { name: 'other', user: 'other', password: 'other' }] })
    const opened: OpenCloud[] = []
    const open = async (options: Partial<CloudOptions> = {}) => {
      const cloud = await openCloud({
        auth: { authUrl: sim.authUrl, password: { username: 'demo', password: 'demo', projectName: 'demo' } }, rejections: openRejections(), random: () => 0, timeouts: { callMs: 400, listMs: 400 }, lists: { pollMs: 20 }, ...options,
      })
      opened.push(cloud)
      return cloud
    }
    try { await run({ sim, open, cloud: await open() }) } finally {
      await Promise.all(opened.map((c) => c.close()))
      await sim.close()
    }
  })
}

const mark = (role: string) => ({ uid: randomUUID(), site: 'faults', role })
const calls = (sim: OpenStackSim, route: string): number => sim.stats.byRoute.get(route) ?? 0

test('E3 a creating call that was done and not answered is unclear, is not repeated, and is found by its mark', async ({ sim, cloud }) => {
  for (const fault of [{ kind: 'reset', when: 'after' }, { kind: 'silence-after-success' }, { kind: 'reset', when: 'before' }, { kind: 'status', status: 502 }, { kind: 'status', status: 500 }] as const) {
    const added = sim.faults.add({ ...fault, service: 'network', method: 'POST', path: '/networks$' })
    const m = mark('network')
    const error = await cloud.network.networks.create({}, m).catch((e: unknown) => e)
    expect([isUnclear(error), isTransient(error), added.struck], JSON.stringify(fault)).toEqual([true, true, 1])
    added.remove()
    const made = (await cloud.network.networks.list(performance.now())).items.filter((n) => n.mark?.uid === m.uid)
    expect(made.length, JSON.stringify(fault)).toBe(fault.kind === 'silence-after-success' || (fault.kind === 'reset' && fault.when === 'after') ? 1 : 0)
  }
})

test('E3 a creating call that its caller gives up is unclear; one that was never sent is not', async ({ sim, cloud }) => {
  sim.faults.add({ kind: 'silence-after-success', service: 'network', method: 'POST' })
  const limit = new AbortController()
  const sent = cloud.network.networks.create({}, mark('network'), limit.signal).catch((e: unknown) => e)
  while (calls(sim, 'network POST /v2.0/networks') === 0) await turns()
  limit.abort(new Error('the lease ends'))
  expect(isUnclear(await sent)).toBe(true)
  const never = await cloud.network.networks.create({}, mark('network'), AbortSignal.abort(new Error('the lease ended'))).catch((e: unknown) => e)
  expect([isTransient(never), isUnclear(never)]).toEqual([true, false])
})

test('E3 nobody listens: the call is clear and transient', async ({ sim, open }) => {
  const cloud = await open({ endpoints: { network: 'http://127.0.0.1:1' } })
  const error = await cloud.network.networks.create({}, mark('network')).catch((e: unknown) => e)
  expect([isTransient(error), isUnclear(error)]).toEqual([true, false])
  expect(sim.inventory('demo').counts['networks']).toBe(0)
})

test('O3 reads and deletions are repeated, with Retry-After; a time limit is not spent twice', async ({ sim, cloud }) => {
  const group = await cloud.network.securityGroups.create({}, mark('group'))
  for (const fault of [{ kind: 'status', status: 503 }, { kind: 'status', status: 429, retryAfter: 0 }, { kind: 'reset', when: 'before' }] as const) {
    const added = sim.faults.add({ ...fault, service: 'network', path: '/security-groups/', times: 2 })
    expect((await cloud.network.securityGroups.get(group.id))?.id).toBe(group.id)
    expect(added.struck).toBe(2)
    added.remove()
  }
  const lost = sim.faults.add({ kind: 'reset', when: 'after', service: 'network', method: 'DELETE', times: 1 })
  await cloud.network.securityGroups.delete(group.id)
  expect(lost.struck).toBe(1)
  const silent = sim.faults.add({ kind: 'silence-after-success', service: 'network', method: 'GET' })
  expect(isTransient(await cloud.network.securityGroups.get(group.id).catch((e: unknown) => e))).toBe(true)
  expect(silent.struck).toBe(1)
})

test('E2 a marker that is gone between two pages, or an error on the second, throws the list away', async ({ sim, open, cloud }) => {
  for (let i = 0; i < 5; i++) await cloud.network.networks.create({}, mark(`n-${i}`))
  const paged = await open({ lists: { pageSize: 2, pollMs: 20 } })
  const told: string[][] = []
  paged.network.networks.onChange((uids) => told.push([...uids]))
  expect((await paged.network.networks.list()).items.length).toBe(6)
  const marker = sim.faults.add({ kind: 'lost-marker', service: 'network', path: '/networks$' })
  const lost = await paged.network.networks.list(performance.now()).catch((e: unknown) => e)
  expect([lost instanceof Error, failureOf(lost)?.service], String(lost)).toEqual([true, 'network'])
  marker.remove()
  expect((await paged.network.networks.list(performance.now())).items.length).toBe(6)
  expect(told).toEqual([])
  expect(isIncomplete(new Error('x'))).toBe(false)
})

test('E2 an unreachable cell: its servers are UNKNOWN, which is unseen', async ({ sim, cloud }) => {
  const image = sim.seedImage({ name: 'talos' })
  const network = await cloud.network.networks.create({}, mark('network'))
  await cloud.network.subnets.create({ networkId: network.id, cidr: '10.5.0.0/24', dnsServers: [] }, mark('subnet'))
  const servers = []
  for (let i = 0; i < 5; i++) {
    const port = await cloud.network.ports.create({ networkId: network.id, securityGroupIds: [] }, mark('port'))
    servers.push(await cloud.compute.servers.create({ name: `node-${i}`, flavorId: 'l2.c4r8.100', imageId: image.id, portId: port.id, userData: '' }, mark('node')))
  }
  const recorded = servers.map((s) => s.id)
  expect(view(recorded, (await cloud.compute.servers.list(performance.now())).items)).toMatchObject({ unseen: [], viewIncomplete: false })
  const cell = sim.faults.add({ kind: 'unreachable-cell', cell: 'all' })
  const { items } = await cloud.compute.servers.list(performance.now())
  expect([...new Set(items.map((s) => s.status))]).toEqual(['UNKNOWN'])
  expect(view(recorded, items)).toMatchObject({ seen: [], viewIncomplete: true })
  cell.remove()
  // A role that was taken away: 200 and nothing in it.
  sim.faults.add({ kind: 'role-removed' })
  const blind = (await cloud.compute.servers.list(performance.now())).items
  expect([blind, view(recorded, blind).viewIncomplete]).toEqual([[], true])
  expect(isDenied(await cloud.network.networks.create({}, mark('network')).catch((e: unknown) => e))).toBe(true)
})

/** The machine's clock, set forward by a test; timers stay real. */
const shiftedClock = () => {
  let shift = 0
  return { forward: (ms: number) => { shift += ms }, now: () => new Date(Date.now() + shift), monotonic: () => performance.now() + shift, after: (ms: number, call: () => void) => { const t = setTimeout(call, ms); return () => { clearTimeout(t) } } }
}

test('O4 a token that was revoked is renewed once, by one caller, and every call is answered', async ({ sim, open }) => {
  const clock = shiftedClock()
  const cloud = await open({ clock })
  await cloud.compute.flavors()
  clock.forward(60_000)
  sim.stats.reset()
  sim.revokeTokens()
  await Promise.all(Array.from({ length: 20 }, () => cloud.compute.flavors()))
  expect(calls(sim, 'identity POST /v3/auth/tokens')).toBe(1)
})

test('O4 a token is renewed at 80 % of its life, while calls go on with the old one', async ({ sim, open }) => {
  const clock = shiftedClock()
  const cloud = await open({ clock })
  sim.stats.reset()
  clock.forward(3_600_000 * 0.79)
  await Promise.all([cloud.compute.flavors(), cloud.compute.flavors()])
  expect(calls(sim, 'identity POST /v3/auth/tokens')).toBe(0)
  clock.forward(3_600_000 * 0.02)
  const slow = sim.faults.add({ kind: 'slow', ms: 200, service: 'identity' })
  await Promise.all(Array.from({ length: 10 }, () => cloud.compute.flavors()))
  await cloud.identity.describe()
  expect(slow.struck).toBe(1)
})

test('O4 a token that is refused when just issued is CredentialRejected: next log-in after 5 min, doubling to 1 h', async ({ sim, open }) => {
  const clock = shiftedClock()
  const rejections = openRejections()
  const cloud = await open({ clock, rejections })
  await cloud.compute.flavors()
  sim.faults.add({ kind: 'status', status: 401, service: 'compute' })
  const rejected = async (): Promise<number | undefined> => { const e = await cloud.compute.flavors().catch((x: unknown) => x); return isCredentialRejected(e) ? failureOf(e)!.retryAfter : undefined }
  sim.stats.reset()
  const waits: (number | undefined)[] = []
  for (let i = 0; i < 6; i++) {
    const wait = await rejected()
    waits.push(wait)
    // Within the wait nothing is asked, whoever asks, also a client that is opened anew.
    const before = sim.stats.total
    expect(await rejected()).toBeGreaterThan(0)
    expect(isCredentialRejected(await open({ clock, rejections }).catch((e: unknown) => e))).toBe(true)
    expect(sim.stats.total).toBe(before)
    clock.forward((wait ?? 0) * 1000)
  }
  expect(waits).toEqual([300, 600, 1200, 2400, 3600, 3600])
  sim.faults.clear()
  await cloud.compute.flavors()
  expect(rejections.get('x')).toBeUndefined()
})

test('O4 no secret and no token in an error', async ({ sim, open }) => {
  sim.faults.add({ kind: 'status', status: 401, message: 'Invalid password demo-secret for user', service: 'identity' })
  const error = await open({ auth: { authUrl: sim.authUrl, password: { username: 'demo', password: 'demo-secret', projectName: 'demo' } } }).catch((e: unknown) => e)
  expect(isCredentialRejected(error)).toBe(true)
  expect(JSON.stringify([String(error), (error as Error).stack, (error as Error).cause])).not.toContain('demo-secret')
})

test('E4 calls grow with projects, not with servers: many who wait for a list cost one call', async ({ sim, cloud }) => {
  await cloud.network.ports.list()
  sim.stats.reset()
  const after = performance.now()
  await Promise.all(Array.from({ length: 500 }, () => cloud.network.ports.list(after)))
  expect(calls(sim, 'network GET /v2.0/ports')).toBe(1)
})

test('E4 people\'s calls go before the work that waits, over the same lists', async ({ sim, open }) => {
  const cloud = await open({ budget: openBudget({ clock: systemClock, perSecond: 50, burst: 1 }) })
  const people = cloud.as('people')
  await cloud.compute.flavors()
  const went: string[] = []
  const note = (what: string) => (): void => { went.push(what) }
  await Promise.all([...Array.from({ length: 5 }, () => cloud.volume.types().then(note('work'))), people.volume.types().then(note('people'))])
  expect(went.indexOf('people')).toBeLessThanOrEqual(1)
  expect(await people.network.networks.list()).toBe(await cloud.network.networks.list())
  expect(sim.stats.total).toBeGreaterThan(0)
})
