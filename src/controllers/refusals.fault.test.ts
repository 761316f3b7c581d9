/** What goes wrong when half is made: quotas, images, credentials, sites, configurations, lists. People are told in a condition whose move it is and what to do; nothing is left behind. */
import { createHash, randomBytes } from 'node:crypto'
import { afterEach, expect, test } from 'vitest'
import { Machine, Site } from '../api/index.ts'
import { condition } from '../api/meta/index.ts'
import type { Fault } from '../drivers/openstack/sim/index.ts'
import { openWorld, passwordOf, type World, type WorldOptions } from '../../testkit/world.ts'

let world: World | undefined
afterEach(async () => { await world?.close(); world = undefined })
const begin = async (options: WorldOptions = {}): Promise<World> => {
  world = await openWorld(options)
  await world.start()
  return world
}

interface Row {
  readonly what: string
  readonly options?: WorldOptions
  /** Calls that fail until `break` is done, so that it comes when half is made. */
  readonly held?: Fault
  /** Answers what undoes it, for deletion to go on. */
  readonly break?: (w: World) => Promise<() => void | Promise<void>>
  readonly reason: string
  readonly fault: 'User' | 'Platform' | 'Cloud'
  /** The object, and what to do. */
  readonly says: readonly RegExp[]
  /** The call that is refused: already in the first minute it is not made more than once by each of two objects. */
  readonly refused?: RegExp
  /** How long nobody is hammered, as it is watched here. Default 4 minutes. */
  readonly watchedMs?: number
  /** Ports of VIPs that Octavia left behind when it refused; the next try frees them, and so does deletion. */
  readonly refusedVips?: number
  /** What stands half-made. */
  readonly stands: readonly string[]
}

const nothing = (): void => {}
const shared = ['networks', 'subnets', 'routers', 'securityGroups', 'floatingIps', 'loadBalancers', 'ports']
const noServer: Fault = { kind: 'status', status: 503, service: 'compute', method: 'POST', path: '/servers$' }
const noNetwork: Fault = { kind: 'status', status: 503, service: 'network', method: 'POST', path: '/networks$' }
const lostQuota = (quota: NonNullable<WorldOptions['quota']>) => async (w: World) => { w.cloud.setQuota('demo', quota); return nothing }
const quotaSays = [/raise the quota or free something/]
/** Fits into what Nova takes by itself, and not with a machine's configuration around it. */
const longRoot = (bytes = 47_000): string => `-----BEGIN CERTIFICATE-----\n${randomBytes(bytes).toString('base64').replaceAll(/.{64}/g, '$&\n')}\n-----END CERTIFICATE-----\n`

/** An application credential of ten minutes becomes the site's. */
const useShortCredential = async (w: World): Promise<void> => {
  const user = createHash('md5').update('user/demo').digest('hex')
  const made = await w.asOther('POST', 'identity', `/v3/users/${user}/application_credentials`, { application_credential: { name: 'short', expires_at: new Date(w.clock.now().getTime() + 600_000).toISOString() } })
  await w.useCredential({ applicationCredential: { id: made.body.application_credential.id, secret: made.body.application_credential.secret } } as never)
  await w.start()
}

const rows: readonly Row[] = [
  { what: 'a quota of Nova, 403, lost half-way', held: noServer, break: lostQuota({ instances: 1 }), refused: /POST .*\/servers$/, reason: 'QuotaExceeded', fault: 'User', says: quotaSays, stands: [...shared, 'volumes', 'servers'] },
  { what: 'a quota of Neutron, 409, lost half-way', held: noNetwork, break: lostQuota({ port: 4 }), refused: /POST .*\/ports$/, reason: 'QuotaExceeded', fault: 'User', says: quotaSays, stands: [...shared, 'volumes', 'servers'] },
  { what: 'a quota of Cinder, 413, lost half-way', held: noNetwork, break: lostQuota({ volumes: 1 }), refused: /POST .*\/volumes$/, reason: 'QuotaExceeded', fault: 'User', says: quotaSays, stands: [...shared, 'volumes', 'servers'] },
  { what: 'a quota of Octavia, 403, lost half-way', held: noNetwork, break: lostQuota({ load_balancer: 0 }), refused: /POST .*\/loadbalancers$/, reason: 'QuotaExceeded', fault: 'User', says: quotaSays, stands: [...shared.filter((s) => s !== 'loadBalancers'), 'volumes', 'servers'] },
  { what: 'a quota of Octavia for pools, 403 after the VIP has its port', held: noNetwork, break: lostQuota({ pool: 1 }), refused: /POST .*\/loadbalancers$/, reason: 'QuotaExceeded', fault: 'User', says: [...quotaSays, /Pool/], refusedVips: 1, stands: [...shared.filter((s) => s !== 'loadBalancers'), 'volumes', 'servers'] },
  { what: 'an image that went', held: noNetwork, break: async (w) => {
    const hole = w.cloud.faults.add({ kind: 'role-removed', service: 'image' })
    await w.wakeAll()
    await w.until(async () => !(await w.isSiteReady()), 'the site misses its image')
    return () => { hole.remove() }
  }, reason: 'ImageMissing', fault: 'Platform', says: [/Talos v1\.13\.9/, /skerry site image add/], stands: shared },
  { what: 'a credential that ended', held: noServer, break: async (w) => {
    await useShortCredential(w)
    await w.pass(700_000)
    return async () => { await w.useCredential(passwordOf('demo')); await w.start() }
  }, reason: 'CredentialRejected', fault: 'Platform', says: [/Keystone refuses the credential/, /give the site a new one/], stands: [...shared, 'volumes'] },
  { what: 'a site that cannot be reached', options: { pollMs: 30_000 }, watchedMs: 20_000, held: noServer, break: async (w) => { const fault = w.cloud.faults.add({ kind: 'reset', when: 'before' }); return () => { fault.remove() } },
    reason: 'CloudUnreachable', fault: 'Cloud', says: [/it is tried again by itself/], stands: [...shared, 'volumes'] },
  { what: 'a configuration over 65,535 bytes', options: { site: { services: { ntp: [], dns: [], registryMirrors: {}, trustedRoots: [longRoot()] } } },
    reason: 'ConfigurationTooLarge', fault: 'User', says: [/Nova takes 65535/, /Shorten trusted roots, registry mirrors or labels/], stands: [...shared, 'volumes'] },
  { what: 'an allow-list that cannot be enforced any more', options: { octaviaProviders: ['amphora', 'vendor'] }, held: noNetwork, break: async (w) => {
    await w.people.request({ method: 'PATCH', path: '/apis/skerry.dev/v1alpha1/sites/sim', contentType: 'application/merge-patch+json', body: { spec: { loadBalancerProvider: 'vendor' } } })
    await w.until(async () => (await w.people.get(Site, { namespace: '', name: 'sim' }))?.status?.found?.loadBalancer?.provider === 'vendor', 'the site prefers a provider that enforces nothing')
    return nothing
  }, reason: 'AllowListNotEnforceable', fault: 'Platform', says: [/provider vendor of site sim/, /use spec\.endpoint\.kind: nodes/], stands: ['networks', 'subnets', 'routers', 'securityGroups'] },
]

/** Conditions with this reason, of the cluster and its machines. */
const saying = async (w: World, reason: string) => [(await w.cluster())!, ...(await w.machines())].flatMap((o) => (o.status?.conditions ?? []).filter((c) => c.reason === reason))

/** What is in the cloud and in no status. A balancer's port is its own, also that of one that was refused. */
const unlisted = async (w: World, refusedVips: number): Promise<readonly string[]> => {
  const listed = JSON.stringify([(await w.cluster())!.status, ...(await w.machines()).map((m) => m.status)])
  const { ids, counts } = w.inventory()
  return [...shared, 'volumes', 'servers'].flatMap((type) => (ids[type] ?? []).filter((id) => !listed.includes(id)).slice(type === 'ports' ? (counts['loadBalancers'] ?? 0) + refusedVips : 0).map((id) => `${type} ${id}`))
}

test.each(rows)('O3 O4 O6 O9 T5 $what: $reason with whose move it is and what to do; half-made things are listed, nobody is asked more than once a minute, and all goes with the cluster', async (row) => {
  const w = await begin(row.options)
  const held = row.held === undefined ? undefined : w.cloud.faults.add(row.held)
  await w.makeCluster()
  if (held !== undefined) await w.until(() => held.struck > 0, 'half made')
  await w.pass(row.held === noServer ? 30_000 : 0)
  const undo = (await row.break?.(w)) ?? nothing
  held?.remove()
  await w.until(async () => (await saying(w, row.reason)).length > 0, row.reason)
  const watchedMs = row.watchedMs ?? 240_000
  w.forgetCalls()
  await w.pass(Math.min(watchedMs, 55_000))
  for (const [route, n] of Object.entries(w.changes())) if (row.refused?.test(route) === true) expect(n).toBeLessThanOrEqual(2)
  w.forgetCalls()
  await w.pass(watchedMs)
  for (const [route, n] of Object.entries(w.changes())) expect({ route, n }).toEqual({ route, n: expect.toSatisfy((x: number) => x <= watchedMs / 60_000 + 1) })
  const said = await saying(w, row.reason)
  expect(said.length).toBeGreaterThan(0)
  for (const c of said.filter((x) => x.type !== 'Progressing')) {
    expect(c).toMatchObject({ status: 'False', fault: row.fault })
    for (const text of row.says) expect(c.message).toMatch(text)
  }
  expect(Object.keys(w.left()).filter((t) => [...shared, 'volumes', 'servers'].includes(t)).toSorted()).toEqual(row.stands.toSorted())
  expect(await unlisted(w, row.refusedVips ?? 0)).toEqual([])
  await undo()
  await w.deleteCluster()
  await w.waitGone()
  expect(w.left()).toEqual({})
}, 120_000)

test('T5 services of a site that cannot fit into user data are refused at the field', async () => {
  const w = await begin()
  const set = (root: string) => w.people.request({ method: 'PATCH', path: '/apis/skerry.dev/v1alpha1/sites/sim', contentType: 'application/merge-patch+json', body: { spec: { services: { trustedRoots: [root] } } } })
  await expect(set(longRoot(60_000))).rejects.toMatchObject({ status: { details: { causes: [{ field: 'spec.services', message: expect.stringMatching(/bytes packed; Nova takes 65535.*Shorten trusted roots/) as string }] } } })
  await set(longRoot())
}, 60_000)

test('O4 E2 a refused credential: CredentialRejected at site, cluster and machines, nothing is changed, and Ready again with a good one', async () => {
  const w = await begin()
  await w.makeCluster()
  await w.waitReady()
  const before = w.inventory()
  await w.useCredential({ password: { ...passwordOf('demo').password!, password: 'wrong' } } as never)
  w.cloud.revokeTokens()
  w.forgetCalls()
  await w.start()
  await w.wakeAll()
  await w.pass(30_000)
  expect(await w.condition(Site, { namespace: '', name: 'sim' }, 'Ready')).toMatchObject({ status: 'False', reason: 'CredentialRejected', fault: 'Platform' })
  expect(condition((await w.cluster())!, 'InfrastructureReady')).toMatchObject({ status: 'False', reason: 'CredentialRejected' })
  for (const m of await w.machines()) expect(await w.condition(Machine, { namespace: 'demo', name: m.metadata.name }, 'Ready')).toMatchObject({ reason: 'CredentialRejected' })
  expect(JSON.stringify((await w.cluster())!)).not.toContain('wrong')
  expect(w.changes()).toEqual({})
  await w.useCredential(passwordOf('demo'))
  await w.start()
  await w.until(() => w.isReady(), 'Ready again')
  expect(w.inventory()).toEqual(before)
}, 120_000)
