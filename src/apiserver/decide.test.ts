/** What a subresource decides is stored whole, with what is told of it, or not at all. */
import { afterEach, expect, test } from 'vitest'
import { testDatabase, type TestDatabase } from '../../testkit/postgres.ts'
import { silent } from '../store/log.ts'
import { openPostgresStore } from '../store/postgres/postgres.ts'
import type { Store, Transaction } from '../store/store.ts'
import { conflict, type Decision } from './index.ts'
import { LabCluster } from './testing/lab-kind.ts'
import { caller, startLab, type LabServer } from './testing/lab-server.ts'

const clusters = '/apis/lab.skerry.test/v1/namespaces/shop/clusters'
let lab: LabServer
let database: TestDatabase
const transactions: Transaction[] = []
const begin = async (decision: Decision): Promise<ReturnType<typeof caller>> => {
  database = await testDatabase()
  const kept = await openPostgresStore({ connection: database.connection, log: silent })
  const store: Store = { ...kept, commit: (t) => { if (t.operations.length > 0) transactions.push(t); return kept.commit(t) } }
  lab = await startLab({ store, subresources: { 'clusters/seal': async ({ decide }) => ({ kind: 'Sealed', version: (await decide(decision)).metadata.resourceVersion }) } })
  const call = caller(lab)
  await call('POST', '/apis/skerry.dev/v1alpha1/projects', { metadata: { name: 'shop' }, spec: {} })
  await call('POST', clusters, { metadata: { name: 'a' }, spec: { site: 'sto1', nodes: 3 } })
  transactions.length = 0
  return call
}
afterEach(async () => {
  await lab.close()
  await database.drop()
})

const marked: Decision = {
  change: (live) => ({ ...live, status: { ...(live.status as object | undefined), phase: 'Sealed' } }),
  events: [{ type: 'Warning', reason: 'Sealed', message: 'by hand' }], note: 'because of a leak',
}

test('S2 object, Event and audit record are one transaction, though the caller may not write that part', async () => {
  const call = await begin(marked)
  const { code, body } = await call('POST', `${clusters}/a/seal`, {}, { as: 'user' })
  expect([code, transactions.length, transactions[0]!.operations.map((o) => o.key.resource), JSON.parse(transactions[0]!.audit!)]).toEqual([
    201, 1, ['clusters.lab.skerry.test', 'events'], expect.objectContaining({ user: { username: 'tess', groups: ['system:authenticated'] }, verb: 'create', objectRef: expect.objectContaining({ name: 'a', subresource: 'seal' }), note: 'because of a leak' }),
  ])
  const after = (await call('GET', `${clusters}/a`)).body
  expect([after.status.phase, after.metadata.resourceVersion]).toEqual(['Sealed', body.version])
  expect(after.metadata.managedFields.find((e: { manager: string }) => e.manager === 'skerry-api')).toMatchObject({ subresource: 'status', fieldsV1: { 'f:status': { 'f:phase': {} } } })
  const { items } = (await call('GET', '/api/v1/namespaces/shop/events?fieldSelector=involvedObject.name=a')).body
  expect(items).toMatchObject([{ type: 'Warning', reason: 'Sealed', message: 'by hand', involvedObject: { kind: LabCluster.kind, uid: after.metadata.uid } }])
})

test('S2 a decision that is refused leaves nothing', async () => {
  const call = await begin({ ...marked, change: (live) => { throw conflict(LabCluster, live.metadata.name, 'not now') } })
  expect([(await call('POST', `${clusters}/a/seal`, {})).code, transactions]).toEqual([409, []])
})
