/** The audit as the program keeps it: sealed and signed, remembered outside the database, verified from the command line. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { generateKeyPairSync } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { Registry } from 'prom-client'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { testDatabase, type TestDatabase } from '../../testkit/postgres.ts'
import { Cluster, Site } from '../api/index.ts'
import type { AuditRecord } from '../api/audit/index.ts'
import { startCliBed, type CliBed } from '../cli/testing.ts'
import { silent, type Log } from '../store/log.ts'
import { openPostgresStore, type PostgresStore } from '../store/postgres/postgres.ts'
import { archiveAudit } from './audit-archive.ts'
import { newAuditKey, readAuditKey } from './audit-key.ts'
import { openSecrets, type Secrets } from './ports/secrets.ts'
import { newBundle, signer } from './signer.ts'
import { subresources } from './subresources.ts'
import { openAuditSealer, rememberedCheckpoint, type AuditSealer } from './audit-sealer.ts'

let database: TestDatabase
let store: PostgresStore
let bed: CliBed
let folder: string
let sealer: AuditSealer
let ensureKeys: Secrets['ensure']
let complaints: string[]
let metrics: Registry
const file = () => join(folder, 'audit.checkpoint')
const key = () => readAuditKey(join(folder, 'audit.key'))
const log: Log = { ...silent, error: (fields, message) => complaints.push(`${message}: ${(fields as { problem?: string }).problem ?? ''}`) }

const startSealer = async (): Promise<void> => {
  metrics = new Registry()
  sealer = await openAuditSealer({ audit: store.audit, installation: 'i', key: await key(), file: file(), log, now: () => new Date(), everyMs: 3_600_000, metrics })
}
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'skerry-audit-'))
  await writeFile(join(folder, 'audit.key'), newAuditKey())
  complaints = []
  database = await testDatabase()
  store = await openPostgresStore({ connection: database.connection, log: silent })
  await startSealer()
  const secrets = openSecrets(store.sealed, Buffer.alloc(32, 7), newBundle)
  ensureKeys = secrets.ensure
  bed = await startCliBed({ store, subresources: subresources(secrets, signer, undefined as never, undefined as never), chain: { installation: 'i', keys: [(await key()).publicKey], remembered: () => rememberedCheckpoint(file()) } })
  bed.files.set('audit.pub', (await key()).publicKey)
})
afterEach(async () => {
  await sealer.close()
  await bed.close()
  await database.drop()
  await rm(folder, { recursive: true })
})
const skerry = (...argv: string[]) => bed.run('audit', ...argv)
/** As who owns the server of the database. */
const asOwner = async (sql: string): Promise<void> => {
  const client = new pg.Client(database.connection)
  await client.connect()
  await client.query(`set session_replication_role = replica; ${sql}`)
  await client.end()
}

test('S12 what the platform has is verified from outside, and what was exported without it', async () => {
  const { position } = await sealer.seal(true)
  const live = await skerry('verify', '--key', 'audit.pub')
  expect([live.code, live.err, live.out.split('\n').map((l) => l.replaceAll(/[0-9a-f]{16,}/g, 'H').replaceAll(/\d\d+/g, 'N'))]).toEqual([0, '', [
    expect.stringMatching(/^\d+ records hold, positions 1 to \d+; 1 checkpoints signed with H$/), 'chain ends in H', expect.stringMatching(/^signed up to position \d+, at /),
  ]])
  expect(await skerry('export', '--output', 'a.jsonl')).toMatchObject({ code: 0, out: '', err: expect.stringMatching(/^\d+ records in a\.jsonl; skerry audit verify a\.jsonl checks them$/) })
  const text = bed.files.get('a.jsonl')!
  const change = (from: string | RegExp, to: string): void => { bed.files.set('b.jsonl', text.replace(from, to)) }
  const broken = async (...argv: string[]) => { const { code, err } = await skerry('verify', 'b.jsonl', ...argv); return [code, err] }
  expect((await skerry('verify', 'a.jsonl')).err).toMatch(/came with the records; --key/)
  change('\\"create\\"', '\\"delete\\"')
  expect(await broken()).toEqual([1, expect.stringMatching(/^skerry: broken at position \d: record \d is not what was sealed there/)])
  change(/\{"type":"record","position":2,.*\n/, '')
  expect(await broken()).toEqual([1, 'skerry: broken at position 2: record 2 is missing'])
  change(/\{"type":"end".*\n/, '')
  expect(await broken()).toEqual([1, expect.stringContaining('its last line is missing')])
  change('"type":"start"', '"type":')
  expect(await broken()).toEqual([1, 'skerry: b.jsonl: line 1 is no JSON'])
  bed.files.set('other.pub', generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' }) as string)
  expect((await skerry('verify', 'a.jsonl', '--key', 'other.pub')).err).toMatch(/which is not trusted/)
  // Later, the whole with what went before.
  await bed.run('project', 'create', 'late')
  expect((await skerry('export', '--output', 'c.jsonl', '--after', String(position))).code).toBe(0)
  expect((await skerry('verify', 'c.jsonl', '--against', 'a.jsonl')).code).toBe(0)
})

test('S12 a tail that was cut off is found by the server itself, and from outside', async () => {
  const { position } = await sealer.seal(true)
  await skerry('export', '--output', 'before.jsonl')
  await sealer.close()
  expect([sealer.problem, complaints]).toEqual([undefined, []])
  await asOwner(`delete from audit where seq in (select seq from audit_link where position >= ${position - 1}); delete from audit_checkpoint; delete from audit_link where position >= ${position - 1}`)
  await startSealer()
  const evidence = await readFile(file(), 'utf8')
  expect([sealer.problem, complaints.length, await metrics.getSingleMetricAsString('skerry_audit_broken')]).toEqual([expect.stringMatching(/^the chain ends before position \d+, for which a checkpoint was signed$/), 1, expect.stringMatching(/^skerry_audit_broken 1$/m)])
  expect((await skerry('verify')).err).toMatch(/broken at position \d+: records? .* missing at the end: the checkpoint of .* was signed for them/)
  // It grew again since, with other records in those places.
  for (let i = 0; i < 12; i++) await bed.run('project', 'create', `p${i}`)
  await sealer.seal(true)
  expect((await skerry('verify')).err).toMatch(/the chain was made anew/)
  await rm(file())
  expect((await skerry('verify', '--against', 'before.jsonl')).err).toMatch(/the chain was made anew/)
  await writeFile(file(), evidence)
  await sealer.seal(true)
  expect(await readFile(file(), 'utf8')).toBe(evidence)
})

test('S12 a checkpoint is signed when records or time say so, and not for nothing', async () => {
  await sealer.close()
  let now = Date.parse('2026-11-28T00:00:00Z')
  const checkpoints = async () => (await store.audit.checkpoints(0)).length
  const before = await checkpoints()
  sealer = await openAuditSealer({ audit: store.audit, installation: 'i', key: await key(), file: file(), log, now: () => new Date(now), everyMs: 3_600_000, checkpointRecords: 3 })
  const tell = () => store.commit({ operations: [], audit: '{}' })
  await tell()
  await sealer.seal()
  const first = await checkpoints()
  now += 59_000
  await tell()
  await sealer.seal()
  const tooEarly = await checkpoints()
  now += 1_000
  await sealer.seal()
  const due = await checkpoints()
  now += 3_600_000
  await sealer.seal()
  const nothingNew = await checkpoints()
  for (let i = 0; i < 3; i++) await tell()
  await sealer.seal()
  now += 1
  for (let i = 0; i < 3; i++) await tell()
  await sealer.seal()
  expect([first, tooEarly, due, nothingNew, await checkpoints()].map((n) => n - before)).toEqual([1, 1, 2, 2, 4])
})

test('S12 what is written is linked without being asked for', async () => {
  await sealer.close()
  sealer = await openAuditSealer({ audit: store.audit, installation: 'i', key: await key(), file: file(), log, now: () => new Date(), everyMs: 10 })
  const isLinked = async () => (await store.audit.links(0, 1_000)).some((l) => l.record === '{"auditID":"late"}')
  await store.commit({ operations: [], audit: '{"auditID":"late"}' })
  while (!(await isLinked())) await new Promise((done) => setTimeout(done, 5))
})

test('S12 issued certificates and credentials taken in are told, without what they hold', async () => {
  const canary = 'canary-77aa'
  await bed.run('cluster', 'create', 'shop', '-n', 'demo', '--site', 'sto1', '--machine-type', 'b2', '--no-wait')
  const shop = { namespace: 'demo', name: 'shop' }
  await ensureKeys((await bed.user.get(Cluster, shop))!.metadata.uid)
  await bed.site.applyStatus(Cluster, { metadata: shop, status: { endpoint: { host: '192.0.2.1', addresses: ['192.0.2.1'] } } }, { manager: 'endpoint' })
  const { out, code } = await bed.run('cluster', 'kubeconfig', 'shop', '-n', 'demo')
  expect((await skerry('list', '--resource', 'clusters/kubeconfig')).out).toMatch(/^POSITION.*\n\d+ .* clusters\/kubeconfig demo\/shop +201 +certificate \S+ until \S+$/)
  await bed.user.post(Site, { namespace: '', name: 'sto1' }, 'credential', { spec: { applicationCredential: { id: 'id', secret: canary } } })
  await store.audit.seal(1_000)
  const records = (await store.audit.find({ verb: 'create' }, 1_000, 100)).map((l) => JSON.parse(l.record!) as AuditRecord).filter((r) => r.objectRef?.subresource !== undefined)
  expect([code, records.map((r) => [r.user.username, r.objectRef?.subresource, r.note])]).toEqual([0, [
    ['tess', 'credential', 'a credential for the site is sealed'], ['tess', 'kubeconfig', expect.stringMatching(/^certificate [0-9A-F]{10,} until 20\d\d-/)],
  ]])
  const all = (await store.audit.links(0, 1_000)).map((l) => l.record).join()
  expect([all.includes(canary), all.includes('PRIVATE KEY'), out.includes('PRIVATE KEY') || out.includes('client-key-data')]).toEqual([false, false, true])
})

test('S12 old stretches go into files that the chain continues; what does not verify stays', async () => {
  const archive = async (keepMs: number, most?: number) => archiveAudit({ audit: store.audit, identity: { installation: 'i', keys: [(await key()).publicKey] }, directory: folder, keepMs, now: () => new Date(Date.now() + 1_000), ...(most !== undefined && { most }) })
  await bed.run('project', 'create', 'p1')
  const first = await sealer.seal(true)
  await bed.run('project', 'create', 'p2')
  const second = await sealer.seal(true)
  await bed.run('project', 'create', 'p3')
  await bed.run('audit', 'export', '--output', 'whole')
  expect(await archive(3_600_000)).toBeUndefined()
  const a = await archive(0, first.position)
  expect(a).toEqual({ first: 1, last: first.position, hash: first.hash, file: `audit-000000000001-${String(first.position).padStart(12, '0')}.jsonl` })
  // A changed record in the next stretch: it is not dropped.
  await asOwner(`create table kept as table audit; update audit set record = replace(record, 'p2', 'p9') where seq in (select seq from audit_link where position > ${first.position})`)
  await expect(archive(0)).rejects.toThrow(/not archived: record \d+ is not what was sealed there/)
  await asOwner('delete from audit; insert into audit overriding system value select * from kept')
  const b = await archive(0)
  expect([b?.first, b?.last, (await readdir(folder)).filter((f) => f.endsWith('.jsonl'))]).toEqual([first.position + 1, second.position, [a!.file, b!.file]])
  await bed.run('audit', 'export', '--output', 'live')
  for (const { file } of [a!, b!]) bed.files.set(file, await readFile(join(folder, file), 'utf8'))
  const verify = (...files: string[]) => skerry('verify', ...files, '--key', 'audit.pub')
  expect([(await verify(a!.file, b!.file, 'live')).code, (await verify('live', '--against', 'whole')).code, (await verify(a!.file)).code, (await verify()).code]).toEqual([0, 0, 0, 0])
  expect((await verify(a!.file, 'live')).err).toMatch(new RegExp(`^skerry: broken at position ${b!.first}: .* missing between two files$`))
  expect((await skerry('export', '--after', '1')).err).toContain(`records up to ${b!.last} are archived (${b!.file})`)
  await sealer.close()
  await startSealer()
  expect(sealer.problem).toBeUndefined()
})

test('S12 audit list: filters, times, pages, and words for people', async () => {
  await bed.run('project', 'create', 'p1')
  const { out } = await skerry('list', '--user', 'tess', '--verb', 'patch', '--resource', 'projects', '--limit', '1')
  expect(out.replaceAll(/ {2,}/g, ' ').replace(/\d+ 20\S+/, 'N T')).toBe('POSITION TIME USER VERB WHAT CODE MORE\nN T tess patch projects p1 201')
  const first = await skerry('list', '-n', 'p1', '-o', 'name')
  expect([first.code, (await skerry('list', '--since', '1h', '--until', '2030-01-01', '--limit', '1', '-o', 'name')).err, (await skerry('list', '--denied')).err]).toEqual([0, expect.stringMatching(/^there is more: --continue \d+/), 'no audit records like that'])
  expect(await skerry('list', '--since', 'yesterday')).toMatchObject({ code: 2, err: 'skerry: --since yesterday: 30m, 8h, 7d, 2026-11-28 or 2026-11-28T08:00:00Z' })
  expect(JSON.parse((await skerry('list', '--limit', '2', '-o', 'json')).out)).toMatchObject({ kind: 'AuditRecordList', items: [{ kind: 'AuditRecord', verb: 'list' }, {}] })
})
