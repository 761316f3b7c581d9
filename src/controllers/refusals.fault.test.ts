/** What a cloud refuses: quota, credentials, configurations that are too large. People are told in a condition; nothing is left behind. */
import { randomBytes } from 'node:crypto'
import { afterEach, expect, test } from 'vitest'
import { Machine, Site } from '../api/index.ts'
import { condition } from '../api/meta/index.ts'
import { openWorld, passwordOf, type World, type WorldOptions } from '../../testkit/world.ts'

let world: World | undefined
afterEach(async () => { await world?.close(); world = undefined })
const begin = async (options: WorldOptions = {}): Promise<World> => {
  world = await openWorld(options)
  await world.start()
  return world
}

/** The reasons of all that is not as wanted, of a cluster and its machines. */
const complaints = async (w: World): Promise<ReadonlySet<string>> =>
  new Set([(await w.cluster())!, ...(await w.machines())].flatMap((o) => (o.status?.conditions ?? []).filter((c) => c.status !== 'True').map((c) => c.reason)))

const quotas: readonly { readonly name: string; readonly quota: NonNullable<WorldOptions['quota']> }[] = [
  { name: 'of Nova, 403', quota: { instances: 1 } }, { name: 'of Neutron, 409', quota: { port: 3 } }, { name: 'of Cinder, 413', quota: { volumes: 1 } }, { name: 'of Octavia, 403', quota: { load_balancer: 0 } },
]
test.each(quotas)('O3 O9 a quota $name, lost half-way: QuotaExceeded, not asked more than once a minute, and what was made goes with the cluster', async ({ quota }) => {
  const w = await begin()
  await w.makeCluster()
  w.cloud.setQuota('demo', quota)
  await w.until(async () => (await complaints(w)).has('QuotaExceeded'), 'QuotaExceeded')
  await w.pass(60_000)
  w.forgetCalls()
  await w.pass(600_000)
  for (const [route, n] of Object.entries(w.changes())) expect({ route, n }).toEqual({ route, n: expect.toSatisfy((x: number) => x <= 11) })
  expect(await complaints(w)).toContain('QuotaExceeded')
  await w.deleteCluster()
  await w.waitGone()
  expect(w.left()).toEqual({})
}, 120_000)

test('T5 a configuration over 65,535 bytes: ConfigurationTooLarge, no server is made, and all goes with the cluster', async () => {
  const root = `-----BEGIN CERTIFICATE-----\n${randomBytes(90_000).toString('base64').replaceAll(/.{64}/g, '$&\n')}\n-----END CERTIFICATE-----\n`
  const w = await begin({ site: { services: { ntp: [], dns: [], registryMirrors: {}, trustedRoots: [root] } } })
  await w.makeCluster({ workers: 0 })
  await w.until(async () => (await complaints(w)).has('ConfigurationTooLarge'), 'ConfigurationTooLarge')
  expect(w.left()['servers']).toBeUndefined()
  await w.deleteCluster()
  await w.waitGone()
  expect(w.left()).toEqual({})
}, 120_000)

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
