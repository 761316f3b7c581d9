/** What a request leaves in the audit, over a real database: its record, how much of it, and how it is read. */
import { Agent, get } from 'node:http'
import pg from 'pg'
import { z } from 'zod'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { testDatabase, type TestDatabase } from '../../../testkit/postgres.ts'
import type { AuditRecord } from '../../api/audit/index.ts'
import { defineKind } from '../../api/meta/index.ts'
import { chainVerifier, type ChainLine } from '../../rules/audit-chain.ts'
import { silent } from '../../store/log.ts'
import { openPostgresStore, type PostgresStore } from '../../store/postgres/postgres.ts'
import type { ApiOptions } from '../index.ts'
import { unavailable } from '../status.ts'
import { caller, labKinds, startLab, type LabServer } from '../testing/lab-server.ts'

const canary = 'canary-3f9c'
const Vault = defineKind({
  group: 'lab.skerry.test', version: 'v1', kind: 'Vault', plural: 'vaults', singular: 'vault', shortNames: [], categories: [], namespaced: true, home: 'hub', writers: { spec: 'user', status: 'site' },
  description: 'Holds secrets.', secretFields: ['spec.token', 'spec.users.*.password', 'spec.by.*.key'], columns: [], status: z.object({ phase: z.string().optional(), replicas: z.int().optional() }),
  spec: z.object({ token: z.string().optional(), note: z.string().optional(), users: z.array(z.object({ name: z.string(), password: z.string() })).optional(), by: z.record(z.string(), z.object({ key: z.string() })).optional() }),
})

let database: TestDatabase
let store: PostgresStore
let lab: LabServer
let call: ReturnType<typeof caller>
const clusters = '/apis/lab.skerry.test/v1/namespaces/shop/clusters'
const vaults = '/apis/lab.skerry.test/v1/namespaces/shop/vaults'
const records = '/apis/audit.skerry.dev/v1alpha1/auditrecords'

const begin = async (o: Partial<ApiOptions> = {}): Promise<void> => {
  lab = await startLab({
    store, kinds: [...labKinds, Vault], repeatsMs: 3_600_000, chain: { installation: 'lab', keys: [], remembered: async () => undefined },
    subresources: {
      'clusters/kubeconfig': async ({ body, note }) => { note('a certificate until tomorrow'); return { kind: 'Answer', status: { given: JSON.stringify(body) } } },
      'clusters/seal': async ({ decide }) => decide({ change: (live) => ({ ...live, status: { phase: canary } }), events: [], note: 'sealed' }),
      'clusters/credential': async ({ tell, body }) => { await tell('replaces the credential'); if ((body as { fail?: boolean }).fail === true) throw unavailable(canary); return { kind: 'Done' } },
    }, ...o,
  })
  call = caller(lab)
}
beforeEach(async () => {
  database = await testDatabase()
  store = await openPostgresStore({ connection: database.connection, log: silent })
  await begin()
  await call('POST', '/api/v1/namespaces', { metadata: { name: 'shop' } })
})
const clients: pg.Client[] = []
const foreign = async (): Promise<pg.Client> => {
  const client = new pg.Client(database.connection)
  clients.push(client)
  await client.connect()
  return client
}
afterEach(async () => {
  await Promise.all(clients.splice(0).map((c) => c.end()))
  await lab.close()
  await database.drop()
})
/** All that was written, log-ins and the making of the namespace aside. */
const told = async (from = 0): Promise<readonly (AuditRecord & { readonly version: number })[]> => {
  await store.audit.seal(1_000)
  return (await store.audit.links(from, 1_000)).map((l) => ({ ...(JSON.parse(l.record!) as AuditRecord), version: l.version })).filter((r) => r.verb !== 'login' && r.objectRef?.name !== 'shop')
}
const inShort = (all: readonly AuditRecord[]) => all.map((r) => `${r.user.username} ${r.verb} ${r.objectRef?.resource ?? r.requestURI ?? ''}${r.objectRef?.subresource === undefined ? '' : `/${r.objectRef.subresource}`} ${r.objectRef?.name ?? '-'} ${r.responseStatus.code} ${r.level}`)

test('S12 a record names the certificate by which somebody was known, so that what one certificate did can be told apart', async () => {
  await lab.close()
  store = await openPostgresStore({ connection: database.connection, log: silent })
  await begin({ authenticate: () => ({ user: 'tess', groups: [], writer: 'admin', certificate: { subjectAltName: undefined, notAfter: Infinity, credentialId: 'X509SHA256=ab' } }) })
  await call('POST', clusters, { metadata: { name: 'a' }, spec: { site: 's' } })
  await call('POST', `${clusters}/a/kubeconfig`, {})
  expect((await told()).slice(-2).map((r) => [r.objectRef?.subresource, r.user.extra])).toEqual([undefined, 'kubeconfig'].map((part) => [part, { 'authentication.kubernetes.io/credential-id': ['X509SHA256=ab'] }]))
})

test('S12 the record of a write: who, from where, what, which object, what changed, what came of it', async () => {
  const made = await call('POST', clusters, { metadata: { name: 'a', labels: { tier: 'x' } }, spec: { site: 's', tags: ['one'] } }, { as: 'user' })
  const changed = await call('PATCH', `${clusters}/a`, { spec: { replicas: 5, tags: ['one', 'two'] }, metadata: { labels: { tier: null } } }, { as: 'user' })
  const gone = await call('DELETE', `${clusters}/a`, undefined, { as: 'user' })
  const { uid } = made.body.metadata
  const common = { level: 'Change', user: { username: 'tess', groups: ['system:authenticated'] }, sourceIPs: ['127.0.0.1'], userAgent: 'test/1', decision: 'allow', time: expect.stringMatching(/^\d{4}-.*Z$/) }
  const objectRef = { apiGroup: 'lab.skerry.test', apiVersion: 'v1', resource: 'clusters', namespace: 'shop', name: 'a', uid }
  const metadata = { name: 'a', namespace: 'shop', uid, creationTimestamp: expect.any(String) }
  expect(await told()).toEqual([
    { ...common, auditID: made.headers.get('audit-id'), verb: 'create', objectRef, responseStatus: { code: 201 }, version: Number(made.body.metadata.resourceVersion),
      change: { after: { apiVersion: 'lab.skerry.test/v1', kind: 'Cluster', metadata: { ...metadata, labels: { tier: 'x' } }, spec: { site: 's', replicas: 3, tags: ['one'] } } } },
    { ...common, auditID: changed.headers.get('audit-id'), verb: 'patch', objectRef, responseStatus: { code: 200 }, version: Number(changed.body.metadata.resourceVersion),
      change: { before: { metadata: { labels: { tier: 'x' } }, spec: { replicas: 3, tags: ['one'] } }, after: { metadata: {}, spec: { replicas: 5, tags: ['one', 'two'] } } } },
    { ...common, auditID: gone.headers.get('audit-id'), verb: 'delete', objectRef, responseStatus: { code: 200 }, version: Number(changed.body.metadata.resourceVersion) + 1,
      change: { before: { apiVersion: 'lab.skerry.test/v1', kind: 'Cluster', metadata, spec: { site: 's', replicas: 5, tags: ['one', 'two'] } } } },
  ])
})

test('S12 a write that is not made has no record of one; every write that is has', async () => {
  await call('POST', clusters, { metadata: { name: 'a' }, spec: { site: 's' } })
  const all = await Promise.all(Array.from({ length: 24 }, (_, i) => call(i % 3 === 0 ? 'PUT' : 'PATCH', `${clusters}/a`, i % 3 === 0 ? { metadata: { name: 'a', resourceVersion: '1' }, spec: { site: 'never' } } : { metadata: { labels: { [`l${i}`]: 'x' } } })))
  await call('PATCH', `${clusters}/a`, { spec: { site: 's' } })
  await call('PATCH', `${clusters}/a?dryRun=All`, { spec: { site: 'never' } })
  const { rows } = await (await foreign()).query<{ version: number }>(`select version::int from log where resource = 'clusters.lab.skerry.test' order by version`)
  const written = (await told()).filter((r) => r.version > 0)
  expect([all.filter((r) => r.code === 409).length, written.map((r) => r.version)]).toEqual([8, rows.map((r) => r.version)])
  expect(JSON.stringify(written)).not.toContain('never')
})

test('S12 levels: reports of controllers without what changed, Events not at all, kinds without a schema without their fields', async () => {
  await call('POST', vaults, { metadata: { name: 'v' }, spec: { note: 'n' } })
  await call('PATCH', `${vaults}/v/status`, { status: { phase: 'x' } }, { as: 'site' })
  await call('POST', '/api/v1/namespaces/shop/events', { metadata: { name: 'e' }, involvedObject: { kind: 'Vault', name: 'v' }, reason: 'R', message: 'm' }, { as: 'site' })
  await call('POST', '/api/v1/namespaces/shop/configmaps', { metadata: { name: 'c' }, data: { password: canary } })
  expect(await call('PUT', `${vaults}/v`, { metadata: { name: 'v', resourceVersion: '1' }, spec: {} }, { as: 'site' })).toMatchObject({ code: 409 })
  const all = await told()
  expect([inShort(all), all.map((r) => r.change === undefined)]).toEqual([['ada create vaults v 201 Change', 'site-sto1 patch vaults/status v 200 Metadata', 'ada create configmaps c 201 Metadata'], [false, true, true]])
  expect(JSON.stringify(all)).not.toContain(canary)
})

test('S12 no secret gets in: not from declared fields, not from what is behind a sealed subresource, not from refusals', async () => {
  const secret = { token: canary, users: [{ name: 'u', password: canary }], by: { x: { key: canary } } }
  await call('POST', vaults, { metadata: { name: 'v', annotations: { 'kubectl.kubernetes.io/last-applied-configuration': JSON.stringify(secret), other: 'kept' } }, spec: { ...secret, note: 'plain' } })
  await call('PATCH', `${vaults}/v`, { spec: { token: `${canary}-2`, users: [{ name: 'u', password: 'new' }, { name: 'w', password: canary }] } })
  await call('PATCH', `${vaults}/v`, { spec: { token: { is: canary } } })
  await call('POST', clusters, { metadata: { name: 'a' }, spec: { site: 's' } })
  await call('POST', `${clusters}/a/kubeconfig`, { spec: { csr: canary } })
  await call('POST', `${clusters}/a/seal`, {})
  await call('POST', `${clusters}/a/credential`, { spec: { password: canary }, fail: true })
  await call('GET', `${vaults}/v`, undefined, { as: canary })
  await call('DELETE', `${vaults}/v`)
  const all = await told()
  expect(JSON.stringify(all)).not.toContain(canary)
  expect(inShort(all)).toEqual([
    'ada create vaults v 201 Change', 'ada patch vaults v 200 Change', 'ada patch vaults v 422 Metadata', 'ada create clusters a 201 Change', 'ada create clusters/kubeconfig a 201 Metadata',
    'ada create clusters/seal a 201 Metadata', 'ada create clusters/credential a 201 Metadata', 'ada create clusters/credential a 503 Metadata', ' get vaults v 401 Metadata', 'ada delete vaults v 200 Change',
  ])
  expect([all[0]!.change, all[1]!.change]).toMatchObject([
    { after: { metadata: { annotations: { other: 'kept' } }, spec: { note: 'plain', token: '(redacted)', users: [{ name: 'u', password: '(redacted)' }], by: { x: { key: '(redacted)' } } } } },
    { before: { spec: { token: '(redacted)', users: [{ password: '(redacted)' }] } }, after: { spec: { token: '(redacted)', users: [{ password: '(redacted)' }, { name: 'w', password: '(redacted)' }] } } },
  ])
  expect(all.filter((r) => r.note !== undefined).map((r) => r.note)).toEqual(['a certificate until tomorrow', 'sealed', 'replaces the credential'])
})

test('S12 what is too large to be kept names its fields', async () => {
  await call('POST', vaults, { metadata: { name: 'v' }, spec: { note: 'n' } })
  await call('PATCH', `${vaults}/v`, { spec: { note: 'x'.repeat(20_000) }, metadata: { labels: { a: 'b' } } })
  expect((await told()).at(-1)?.change).toEqual({ fields: ['spec.note', 'metadata.labels.a'] })
})

test('S12 who is denied in a loop leaves few records, and the count of the rest', async () => {
  for (let i = 0; i < 60; i++) expect((await call('POST', clusters, { metadata: { name: 'a' } }, { as: 'nobody' })).code).toBe(403)
  expect(await told()).toMatchObject([{ user: { username: 'nemo' }, verb: 'create', decision: 'deny', responseStatus: { code: 403, reason: 'Forbidden', message: expect.stringContaining('User "nemo" cannot create resource "clusters"') } }])
  // Never the same twice, and from somebody whom nobody knows.
  for (let i = 0; i < 60; i++) await call('GET', `${clusters}/c${i}`, undefined, { as: 'nobody' })
  for (let i = 0; i < 60; i++) await call('GET', `${clusters}/c${i}`, undefined, { as: 'unknown' })
  const first = await told()
  const [denied, unknown] = [first.filter((r) => r.responseStatus.code === 403), first.filter((r) => r.responseStatus.code === 401)]
  expect([denied.length, denied.at(-1)?.note, unknown.length, unknown.at(-1)?.objectRef]).toEqual([21, 'and others like it', 21, undefined])
  // What has a record of its own goes on being counted there.
  await call('POST', clusters, { metadata: { name: 'a' } }, { as: 'nobody' })
  await lab.server.close()
  const counted = (await told()).slice(first.length)
  expect(counted.map((r) => [r.user.username, r.responseStatus.code, r.count])).toEqual([['nemo', 403, 60], ['nemo', 403, 40], ['', 401, 39]])
  expect(counted.every((r) => typeof r.until === 'string')).toBe(true)
})

test('S12 a log-in is told once for many connections of one user and place', async () => {
  const logins = async () => { await store.audit.seal(1_000); return (await store.audit.find({ verb: 'login' }, 1_000, 100)).map((l) => { const r = JSON.parse(l.record!) as AuditRecord; return `${r.user.username} ${r.sourceIPs.join()} ${r.count ?? ''}` }).toReversed() }
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const again = (as: string) => new Promise<void>((done, failed) => get(`${lab.listening.url}/version`, { agent, headers: { authorization: `Bearer ${as}` } }, (r) => { r.resume().on('end', done) }).on('error', failed))
  const connect = (as: string) => fetch(`${lab.listening.url}/version`, { headers: { authorization: `Bearer ${as}`, connection: 'close' } }).then((r) => r.text())
  for (const as of ['site', 'site', 'user', 'site']) await connect(as)
  // One connection.
  for (let i = 0; i < 5; i++) await again('site')
  expect(await logins()).toEqual(['ada 127.0.0.1 ', 'site-sto1 127.0.0.1 ', 'tess 127.0.0.1 '])
  await lab.server.close()
  expect((await logins()).slice(3)).toEqual(['site-sto1 127.0.0.1 3'])
  agent.destroy()
})

test('S12 what cannot be recorded is not answered, but a no stays a no', async () => {
  await call('POST', clusters, { metadata: { name: 'a' }, spec: { site: 's' } })
  await lab.close()
  store = await openPostgresStore({ connection: database.connection, log: silent })
  const { commit } = store
  let isFailing = false
  await begin({ store: { ...store, commit: (t) => (isFailing ? Promise.reject(new Error('no')) : commit(t)) } })
  await call('GET', '/version')
  isFailing = true
  expect([
    (await call('POST', `${clusters}/a/kubeconfig`, {})).code, (await call('GET', records)).code, (await call('POST', `${clusters}/a/kubeconfig`, {}, { as: 'unknown' })).code, (await call('GET', clusters)).code,
  ]).toEqual([500, 500, 401, 200])
})

test('S12 the audit is a list: filters, pages, a Table; reading it is in it; it is never written', async () => {
  await call('POST', clusters, { metadata: { name: 'a' }, spec: { site: 's' } }, { as: 'user' })
  await call('PATCH', `${clusters}/a`, { spec: { replicas: 1 } })
  await call('GET', clusters, undefined, { as: 'nobody' })
  const list = async (query: string) => (await call('GET', `${records}?${query}`)).body
  const items = async (query: string) => inShort((await list(query)).items)
  expect(await items('fieldSelector=user.username=tess,verb=create')).toEqual(['tess create clusters a 201 Change'])
  expect(await items('fieldSelector=decision=deny')).toEqual(['nemo list clusters - 403 Metadata'])
  expect(await items('fieldSelector=objectRef.name=a&limit=1')).toEqual(['ada patch clusters a 200 Change'])
  const page = await list('fieldSelector=objectRef.name=a&limit=1')
  expect(await items(`fieldSelector=objectRef.name=a&limit=1&continue=${page.metadata.continue}`)).toEqual(['tess create clusters a 201 Change'])
  // Further pages leave one record and a count.
  for (let i = 0; i < 5; i++) await items('limit=1&continue=3')
  expect((await told()).filter((r) => r.note === 'a further page').length).toBe(1)
  expect((await items('fieldSelector=objectRef.resource=auditrecords')).every((line) => line === 'ada list auditrecords - 200 Metadata')).toBe(true)
  expect(await items(`since=${new Date(Date.now() + 3_600_000).toISOString()}`)).toEqual([])
  const table = (await call('GET', records, undefined, { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' })).body
  expect([table.kind, table.columnDefinitions.slice(1, 4).map((c: { name: string }) => c.name), table.rows[0].cells.slice(2, 5)]).toEqual(['Table', ['Time', 'User', 'Verb'], ['ada', 'list', 'auditrecords']])
  const refused = await Promise.all(['since=yesterday', 'fieldSelector=spec.x=y', 'fieldSelector=verb!=get', 'labelSelector=a', 'limit=x', 'continue=x', 'nonsense=1'].map((q) => call('GET', `${records}?${q}`)))
  expect(refused.map((r) => r.code)).toEqual(Array(7).fill(400))
  expect([(await call('GET', `${records}/1`)).code, (await call('POST', records, {})).code, (await call('DELETE', records)).code, (await call('GET', records, undefined, { as: 'nobody' })).code]).toEqual([405, 405, 405, 403])
  const found = (await call('GET', '/apis/audit.skerry.dev/v1alpha1')).body.resources
  expect(found).toMatchObject([{ name: 'auditrecords', kind: 'AuditRecord', verbs: ['list'] }])
})

test('S12 what is exported holds, is told, and shows what somebody with the database did', async () => {
  for (let i = 0; i < 5; i++) await call('POST', clusters, { metadata: { name: `c${i}` }, spec: { site: 's' } })
  const verify = async (): Promise<string | undefined> => {
    const verifier = chainVerifier([])
    for (const line of (await call('GET', '/audit/export')).text.trim().split('\n')) { const fault = verifier.add(JSON.parse(line) as ChainLine); if (fault !== undefined) return fault.problem }
    return verifier.end()?.problem
  }
  expect(await verify()).toBeUndefined()
  expect(inShort(await told()).at(-1)).toBe('ada get /audit/export - 200 Metadata')
  const client = await foreign()
  // As nobody can but who owns the server.
  const tamper = async (sql: string): Promise<string | undefined> => {
    await client.query('create table kept_audit as table audit; create table kept_link as table audit_link; set session_replication_role = replica')
    await client.query(sql)
    const found = await verify()
    await client.query('delete from audit; insert into audit overriding system value select * from kept_audit; delete from audit_link; insert into audit_link select * from kept_link; drop table kept_audit, kept_link; set session_replication_role = origin')
    return found
  }
  const seq = '(select seq from audit_link where position = 4)'
  expect([
    await tamper(`update audit set record = replace(record, 'ada', 'bob') where seq = ${seq}`),
    await tamper(`update audit set version = 1 where seq = ${seq}`),
    await tamper(`delete from audit where seq = ${seq}`),
    await tamper('delete from audit_link where position = 4'),
    await tamper('update audit_link set position = -4 where position = 4; update audit_link set position = 4 where position = 5; update audit_link set position = 5 where position = -4'),
    await tamper(`delete from audit where seq = ${seq}; insert into audit (seq, record) overriding system value select seq, '{}' from audit_link where position = 4`),
  ].map((problem) => problem?.replace(/:.*/, ''))).toEqual([
    'record 4 is not what was sealed there', 'record 4 is not what was sealed there', 'record 4 is missing; its link stands', 'record 4 is missing', 'record 4 is not what was sealed there', 'record 4 is not what was sealed there',
  ])
  expect(await verify()).toBeUndefined()
})
