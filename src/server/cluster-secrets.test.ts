import { armor, Decrypter, generateIdentity, identityToRecipient } from 'age-encryption'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Cluster } from '../api/index.ts'
import { startCliBed, type CliBed } from '../cli/testing.ts'
import { bundleFromYaml, bundleToYaml } from '../drivers/talos/pki/bundle-yaml.ts'
import { newSecretsBundle } from '../drivers/talos/pki/bundle.ts'
import type { SecretsBundle } from '../drivers/talos/talos.ts'
import { secretsSubresource } from './cluster-secrets.ts'

const [bundle, another] = await Promise.all([1, 2].map(() => newSecretsBundle({ now: new Date(), serviceAccountKey: 'ecdsa' }))) as [SecretsBundle, SecretsBundle]
const [mine, other] = [await generateIdentity(), await generateIdentity()]
const recipient = await identityToRecipient(mine)
const shop = { namespace: 'demo', name: 'shop' }

let bed: CliBed
let kept: Map<string, SecretsBundle>
let uid: string
const make = async (name: string): Promise<string> => {
  await bed.run('cluster', 'create', name, '-n', 'demo', '--site', 'sto1', '--machine-type', 'b2', '--no-wait')
  return (await bed.user.get(Cluster, { namespace: 'demo', name }))!.metadata.uid
}
beforeEach(async () => {
  kept = new Map()
  const subresource = secretsSubresource({ get: async (u) => kept.get(u), keep: async (u, b) => { if (!kept.has(u)) kept.set(u, b); return kept.get(u)! } })
  // Whoever asks here is an administrator, unless the test says otherwise.
  bed = await startCliBed({ subresources: { 'clusters/secrets': (r) => subresource({ ...r, identity: { ...r.identity, writer: 'admin' } }) } })
  uid = await make('shop')
  bed.files.set('mine', `# created: today\n# public key: ${recipient}\n${mine}\n`)
  bed.files.set('other', other)
})
afterEach(() => bed.close())

const secrets = (...argv: string[]) => bed.run('cluster', 'secrets', ...argv, '-n', 'demo')
const exported = () => secrets('export', 'shop', '--recipient', recipient, '--output', 's.age')
const imported = (name = 'shop', identity = 'mine') => secrets('import', name, 's.age', '--identity', identity)
const opened = (identity: string): Promise<string> => { const d = new Decrypter(); d.addIdentity(identity); return d.decrypt(armor.decode(bed.files.get('s.age')!), 'text') }
const events = async (): Promise<readonly string[]> =>
  ((await bed.user.request({ method: 'GET', path: '/api/v1/namespaces/demo/events' })) as { readonly items: readonly { readonly reason: string; readonly message: string; readonly involvedObject: { readonly uid: string } }[] }).items.map((e) => `${e.reason} ${String(e.involvedObject.uid === uid)} ${e.message}`)

test('T7 a bundle is exported whole, for the named key only, and an Event tells who asked', async () => {
  kept.set(uid, bundle)
  expect((await exported()).code).toBe(0)
  expect(bundleFromYaml(await opened(mine))).toEqual(bundle)
  expect(await opened(other).then(() => 'opened', () => 'closed')).toBe('closed')
  expect(await events()).toEqual([`SecretsExported true tess exported the cluster's keys, encrypted to ${recipient}`])
})

test('T7 -o wide shows the age of the last export, and never', async () => {
  kept.set(uid, bundle)
  const column = async () => { const { out } = await bed.run('cluster', 'list', '-n', 'demo', '-o', 'wide'); const [head, row] = out.split('\n').map((l) => l.split(/ {3,}/)); return row![head!.indexOf('SECRETS')] }
  expect(await column()).toBe('never')
  await exported()
  expect(await column()).toMatch(/^\d+s$/)
})

test('T7 lost keys come back by import; those that stand are left', async () => {
  kept.set(uid, bundle)
  await exported()
  kept.clear()
  expect((await secrets('export', 'shop', '--recipient', recipient)).code).toBe(4)
  expect((await imported()).err).toMatch(/^the keys of cluster shop are back \(Kubernetes CA SHA-256 [0-9a-f]{16}\)$/)
  expect(kept).toEqual(new Map([[uid, bundle]]))
  expect((await imported()).err).toContain('has these keys already')
  expect((await bed.user.get(Cluster, shop))?.status?.secrets?.importedAt).toBeDefined()
  expect((await events()).filter((e) => e.startsWith('SecretsImported')).length).toBe(2)
})

test('T7 an import is refused where other keys stand, and what stands stays', async () => {
  kept.set(uid, bundle)
  await exported()
  kept.set(uid, another)
  const { code, err } = await imported()
  expect([code, err.includes('never overwritten'), kept.get(uid)]).toEqual([4, true, another])
  // Nothing is told of what was not done.
  expect((await events()).map((e) => e.split(' ')[0])).toEqual(['SecretsExported'])
})

test('T7 an import is refused that is of another cluster, of another CA than was exported, or no bundle', async () => {
  kept.set(uid, bundle)
  await exported()
  kept.clear()
  const foreign = await make('books')
  expect(await imported('books')).toMatchObject({ code: 4, err: expect.stringContaining(`is of the cluster with uid ${uid}; this one's is ${foreign}`) })
  const post = (text: string) => bed.user.post(Cluster, shop, 'secrets', { kind: 'SecretsImportRequest', spec: { bundle: text } }).then(() => 'imported', (e: unknown) => (e as Error).message)
  expect(await post(`# uid: ${uid}\n${bundleToYaml(another)}`)).toContain('the one that was exported last')
  expect(await post(`# uid: ${uid}\ncluster: {}\n`)).toContain('has no cluster.id')
  expect(await post(bundleToYaml(bundle))).toContain('does not say which cluster')
  expect(kept.size).toBe(0)
})

test('T7 what cannot be opened is not sent', async () => {
  kept.set(uid, bundle)
  await exported()
  expect((await imported('shop', 'other')).err).toContain('cannot be opened with other')
  bed.files.set('s.age', bundleToYaml(bundle))
  expect((await imported()).err).toContain('is not encrypted with age')
  bed.files.set('other', 'nothing')
  expect((await imported('shop', 'other')).err).toContain('no secret key of age')
})

test('T7 only administrators export and import, only to keys of age, only what is there', async () => {
  const strict = secretsSubresource({ get: async () => bundle, keep: async (_u, b) => b })
  const object = (await bed.user.get(Cluster, shop))!
  const ask = (writer: 'admin' | 'site' | 'user', body: object) => strict({ identity: { user: 'ada', groups: [], writer }, object, body, read: undefined as never, now: new Date(), decide: async () => object, tell: async () => {}, note: () => {} })
    .then(() => 'done', (e: unknown) => (e as { apiStatus?: { reason?: string } }).apiStatus?.reason)
  const [give, take] = [{ spec: { recipients: [recipient] } }, { kind: 'SecretsImportRequest', spec: { bundle: `# uid: ${uid}\n${bundleToYaml(bundle)}` } }]
  expect(await Promise.all([ask('site', give), ask('user', give), ask('site', take), ask('user', take), ask('admin', { spec: { recipients: [] } }), ask('admin', { spec: { recipients: ['age1nonsense'] } }), ask('admin', give), ask('admin', take)]))
    .toEqual(['Forbidden', 'Forbidden', 'Forbidden', 'Forbidden', 'Invalid', 'Invalid', 'done', 'done'])
})
