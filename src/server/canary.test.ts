/** Secrets are in no answer, log, event, audit record or row: canaries go in wherever a secret may, rightly and wrongly, also while the database fails. */
import pg from 'pg'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openTarget, project, type Target } from '../../testkit/api-target.ts'
import { asAdmin, testDatabase, type TestDatabase } from '../../testkit/postgres.ts'
import type { Log } from '../store/log.ts'
import { openPostgresStore, type PostgresStore } from '../store/postgres/postgres.ts'

let database: TestDatabase
let store: PostgresStore
let target: Target
const logged: string[] = []
const keep = (fields: object, message: string): void => { logged.push(message, JSON.stringify(fields, (_, v: unknown) => (v instanceof Error ? { ...v, message: v.message, stack: v.stack, cause: v.cause } : v))) }
const log: Log & { debug: Log['info'] } = { debug: keep, info: keep, warn: keep, error: keep }
/** What libraries print by themselves ends in the log too. */
const printed = (warning: Error): void => { logged.push(warning.message) }
beforeEach(async () => {
  process.on('warning', printed)
  logged.length = 0
  database = await testDatabase()
  store = await openPostgresStore({ connection: database.connection, log })
  target = await openTarget(store, log)
  await target.fill()
})
afterEach(async () => {
  process.off('warning', printed)
  await target.close()
  await store.close()
  await database.drop()
})

const answers: string[] = []
const canary = 'cAnArY9d41f'
const ours = '/apis/skerry.dev/v1alpha1'
const send = async (method: string, path: string, body: string, more: Readonly<Record<string, string>> = {}): Promise<number> => {
  const response = await fetch(`${target.url}${path}`, { method, body, headers: { authorization: 'Bearer admin', 'content-type': 'application/json', ...more } })
  answers.push(await response.text(), JSON.stringify(Object.fromEntries(response.headers)))
  return response.status
}
/** Every row of every table, as text; bytes as the letters they may be. */
const rows = async (): Promise<string> => {
  const client = new pg.Client(database.connection)
  await client.connect()
  try {
    const tables = await client.query<{ name: string }>("select tablename as name from pg_tables where schemaname = 'public'")
    const all: string[] = []
    for (const { name } of tables.rows) for (const row of (await client.query<Record<string, unknown>>(`select * from "${name}"`)).rows)
      all.push(Object.values(row).map((v) => (Buffer.isBuffer(v) ? v.toString('latin1') : JSON.stringify(v))).join(' '))
    expect(all.length).toBeGreaterThan(10)
    return all.join('\n')
  } finally { await client.end() }
}

const credential = `${ours}/sites/a/credential`
const cluster = `${ours}/namespaces/${project}/clusters/a`
const json = (spec: unknown): string => JSON.stringify({ spec })
/** Path, body, type: right ones, wrong ones, and such as are none. */
const secrets: readonly (readonly [string, string, string?])[] = [
  [credential, json({ applicationCredential: { id: 'i', secret: canary } })], [credential, json({ password: { username: 'u', password: canary } })],
  [credential, json({ password: { username: 'u', password: { value: canary } } })], [credential, json({ password: canary })], [credential, json({ applicationCredential: [canary], password: canary })], [credential, json({ applicationCredential: { id: 'i', secret: canary }, password: { username: 'u', password: canary } })],
  [credential, json({ secret: canary })], [credential, json(canary)], [credential, JSON.stringify(canary)], [credential, JSON.stringify([canary])], [credential, `{"spec":{"password":{"password":"${canary}"`], [credential, canary], [credential, `"${canary}`], [credential, `{"spec":${canary}}`], [credential, `{"a":"\u0001${canary}"}`],
  [credential, `{"spec":{"${canary}":1,"${canary.slice(0, 3)}":2}}`], [credential, json({ applicationCredential: { id: 'i', secret: `${canary}\ud800` } })], [credential, json({ project: 'none', password: { username: 'u', password: canary } })],
  [credential, `spec: {password: {username: u, password: ${canary}}}`, 'application/yaml'], [credential, `spec:\n  password: ${canary}: x\n ${canary}`, 'application/yaml'], [credential, `spec: !${canary} x`, 'application/yaml'], [credential, `spec: *${canary}`, 'application/yaml'], [credential, `spec: "${canary}`, 'application/yaml'],
  [credential, `k8s\0${canary}`, 'application/vnd.kubernetes.protobuf'], [credential, `k8s\0\n\u000c\n\u000a${canary.slice(0, 10)}`, 'application/vnd.kubernetes.protobuf'], [credential, canary, 'text/plain'], [credential, `{"spec":{"secret":"${canary}"}}`.padEnd(4 << 20)],
  [`${ours}/sites/gone/credential`, json({ password: { username: 'u', password: canary } })],
  [`${cluster}/kubeconfig`, json({ csr: `-----BEGIN CERTIFICATE REQUEST-----\n${canary}\n-----END CERTIFICATE REQUEST-----` })], [`${cluster}/kubeconfig`, json({ csr: `-----BEGIN PRIVATE KEY-----\n${canary}\n-----END PRIVATE KEY-----` })], [`${cluster}/kubeconfig`, json({ csr: { key: canary } })],
  [`${cluster}/talosconfig`, json({ csr: canary, role: 'os:reader' })],
  [`${cluster}/secrets`, JSON.stringify({ kind: 'SecretsImportRequest', spec: { bundle: canary } })], [`${cluster}/secrets`, json({ recipients: [canary] })], [`${cluster}/secrets`, JSON.stringify({ kind: 'SecretsImportRequest', spec: { bundle: { key: canary } } })],
]
const bundles = (uid: string): readonly string[] => [`cluster: {secret: ${canary}}`, `certs: {os: {crt: ${canary}, key: ${canary}}}`, `a: ${canary}: b`, `secrets: "${canary}`, `x: !${canary} y`, `*${canary}`, `${canary}: 1\n${canary}: 2`].map((text) => JSON.stringify({ kind: 'SecretsImportRequest', spec: { bundle: `# uid: ${uid}\n${text}\n` } }))

const sendAll = async (): Promise<void> => {
  const live = await fetch(`${target.url}${cluster}`, { headers: { authorization: 'Bearer admin' } })
  const uid = live.ok ? ((await live.json()) as { metadata: { uid: string } }).metadata.uid : 'u'
  for (const [path, body, type] of [...secrets, ...bundles(uid).map((b) => [`${cluster}/secrets`, b] as const)]) await send('POST', path, body, type === undefined ? {} : { 'content-type': type }).catch(() => {})
  for (const authorization of [`Bearer ${canary}`, `Basic ${Buffer.from(`u:${canary}`).toString('base64')}`, `Bearer admin${canary}`, canary]) await send('POST', credential, '{}', { authorization })
  for (const query of [`token=${canary}`, `fieldManager=x&access_token=${canary}`]) await send('POST', `${ours}/sites?${query}`, '{}')
}
const isFound = (text: string): readonly string[] => text.split('\n').filter((line) => line.includes(canary) || line.includes(Buffer.from(canary).toString('base64').slice(0, 14)) || line.includes(Buffer.from(canary).toString('hex')))

test('T7 what is secret is in no answer, log or row, whatever is wrong with the request', async () => {
  answers.length = 0
  await sendAll()
  expect(answers.filter((a) => a.includes('"sealed":true')).length).toBeGreaterThanOrEqual(3)
  expect(isFound(answers.join('\n'))).toEqual([])
  expect(isFound(logged.join('\n'))).toEqual([])
  expect(isFound(await rows())).toEqual([])
})

test('T7 nor when the database fails: a table that is gone, a check that fails and quotes its row, a session that is cut off', async () => {
  answers.length = 0
  const { connection } = database
  await asAdmin(connection, "create function quote_it() returns trigger language plpgsql as $$ begin raise exception 'refused: %', convert_from(new.bytes, 'LATIN1') using detail = encode(new.bytes, 'escape'); end $$; create trigger quote_it before insert on sealed for each row execute function quote_it()").catch(async () => {
    await asAdmin(connection, "alter table sealed add constraint never check (false) not valid")
  })
  await sendAll()
  await asAdmin(connection, 'alter table sealed rename to sealed_elsewhere')
  await sendAll()
  await asAdmin(connection, 'alter table sealed_elsewhere rename to sealed')
  const cutting = setInterval(() => { void asAdmin({ ...connection, database: 'postgres' }, `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${connection.database!}'`).catch(() => {}) }, 30)
  await sendAll().finally(() => clearInterval(cutting))
  expect(answers.some((a) => /"code":50[0-9]/.test(a))).toBe(true)
  expect(logged.length).toBeGreaterThan(0)
  expect(isFound(answers.join('\n'))).toEqual([])
  expect(isFound(logged.join('\n'))).toEqual([])
}, 60_000)
