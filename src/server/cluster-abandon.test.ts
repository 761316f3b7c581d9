import { afterEach, beforeEach, expect, test } from 'vitest'
import { Cluster, Machine } from '../api/index.ts'
import { startCliBed, type CliBed } from '../cli/testing.ts'
import { silent } from '../store/log.ts'
import { openPostgresStore, type PostgresStore } from '../store/postgres/postgres.ts'
import { testDatabase, type TestDatabase } from '../../testkit/postgres.ts'
import { abandonSubresource } from './cluster-abandon.ts'

const shop = { namespace: 'demo', name: 'shop' }
let bed: CliBed
let database: TestDatabase | undefined
let store: PostgresStore
const begin = async (o: { readonly writer?: 'admin' | 'user'; readonly yes?: boolean } = {}): Promise<void> => {
  database = await testDatabase()
  store = await openPostgresStore({ connection: database.connection, log: silent })
  bed = await startCliBed({
    store, yes: o.yes === true,
    subresources: { 'clusters/abandon': (r) => abandonSubresource({ ...r, identity: { ...r.identity, writer: o.writer ?? 'admin' } }) },
  })
  await bed.run('cluster', 'create', 'shop', '-n', 'demo', '--site', 'sto1', '--machine-type', 'b2', '--no-wait')
  await bed.site.applyStatus(Cluster, { metadata: shop, status: { infrastructure: { projectId: 'p', networkId: 'n1' } } }, { manager: 'cluster' })
}
beforeEach(() => begin())
const end = async (): Promise<void> => {
  await bed.close()
  await database?.drop()
}
afterEach(end)
const abandon = (...argv: string[]) => bed.run('cluster', 'delete', 'shop', '-n', 'demo', '--abandon', '--reason', 'moved away', '--no-wait', ...argv)
const cluster = () => bed.user.get(Cluster, shop)
const list = 'left behind in project p of site sto1:\n  network n1'

test('O9 what would be left behind is printed, and a dry run does nothing', async () => {
  const before = await cluster()
  expect(await abandon('--dry-run')).toEqual({ code: 0, out: list, err: '' })
  expect(await cluster()).toEqual(before)
})

test('O9 abandoning asks first; --yes or an answer goes on', async () => {
  expect(await abandon()).toEqual({ code: 1, out: list, err: 'skerry: not abandoned; say --yes where nobody can be asked' })
  expect((await cluster())?.metadata.deletionTimestamp).toBeUndefined()
  expect(await abandon('--yes')).toEqual({ code: 0, out: list, err: 'cluster shop is abandoned' })
  expect(await cluster()).toMatchObject({ metadata: { deletionTimestamp: expect.any(String), finalizers: ['skerry.dev/site'] }, status: { abandoned: { by: 'tess', reason: 'moved away' }, infrastructure: { networkId: 'n1' } } })
  await end()
  await begin({ yes: true })
  expect((await abandon()).code).toBe(0)
})

test('O9 the audit record names who, why and every id', async () => {
  await abandon('--yes')
  await store.audit.seal(100)
  const records = (await store.audit.find({ name: 'shop', verb: 'create' }, 1_000, 10)).map((r) => JSON.parse(r.record!) as { readonly note?: string; readonly objectRef: { readonly subresource?: string } })
  // Asked what would be left behind, then told to.
  expect(records.filter((r) => r.objectRef.subresource === 'abandon')).toMatchObject([
    { user: { username: 'tess' }, note: 'tess abandoned the cluster: moved away; left behind in project p of site sto1: network n1' }, { user: { username: 'tess' }, responseStatus: { code: 201 } },
  ])
})

test('O9 many ids are told in several Events, none of them cut', async () => {
  const ids = Array.from({ length: 60 }, (_, i) => `00000000-0000-4000-8000-${String(i).padStart(12, '0')}`)
  for (const [i, serverId] of ids.entries()) {
    const name = `shop-cp-${i}`
    await bed.site.create(Machine, { metadata: { name, namespace: 'demo' }, spec: { cluster: 'shop', role: 'controlplane', machineType: 'b2', rootVolume: {}, release: '2026.4.1' } }, { manager: 'control-plane' })
    await bed.site.applyStatus(Machine, { metadata: { name, namespace: 'demo' }, status: { serverId } }, { manager: 'machine' })
  }
  await abandon('--yes')
  const { items } = (await bed.user.request({ method: 'GET', path: '/api/v1/namespaces/demo/events' })) as { readonly items: readonly { readonly message: string }[] }
  expect(items.every((e) => e.message.length <= 1024)).toBe(true)
  expect(ids.filter((id) => !items.some((e) => e.message.includes(`server ${id} (`)))).toEqual([])
})

test('O9 refused: to who is no administrator, by the API; while the cluster is protected; without a reason; for another cluster of that name', async () => {
  await end()
  await begin({ writer: 'user', yes: true })
  expect(await abandon()).toMatchObject({ code: 4, err: expect.stringContaining('by administrators of the platform only') })
  await end()
  await begin()
  const post = (spec: object) => bed.user.post(Cluster, shop, 'abandon', { spec }).then(() => 'done', (e: unknown) => (e as Error).message)
  expect(await post({ reason: ' ' })).toContain('spec.reason')
  expect(await post({ reason: 'moved away', uid: 'another' })).toContain('another one has its name')
  await bed.user.apply(Cluster, { metadata: shop, spec: { deletionProtection: true } }, { manager: 'protect' })
  expect(await post({ reason: 'moved away' })).toContain('protected from deletion')
  expect((await cluster())?.metadata.deletionTimestamp).toBeUndefined()
  expect(await bed.run('cluster', 'delete', 'shop', '-n', 'demo', '--abandon')).toMatchObject({ code: 2, err: expect.stringContaining('--reason') })
  expect((await bed.run('cluster', 'delete', 'shop', '-n', 'demo', '--dry-run')).code).toBe(2)
})
