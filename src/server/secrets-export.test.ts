import { armor, Decrypter, generateIdentity, identityToRecipient } from 'age-encryption'
import { expect, test } from 'vitest'
import { apiStatusOf } from '../apiserver/index.ts'
import { newSecretsBundle } from '../drivers/talos/pki/bundle.ts'
import { bundleFromYaml } from '../drivers/talos/pki/bundle-yaml.ts'
import { secretsSubresource } from './secrets-export.ts'

const bundle = await newSecretsBundle({ now: new Date(), serviceAccountKey: 'ecdsa' })
const ask = (writer: 'admin' | 'site' | 'user', recipients: unknown, uid = 'u1') => secretsSubresource({ get: async (u) => (u === 'u1' ? bundle : undefined) })({
  identity: { user: 'ada', groups: [], writer }, object: { metadata: { name: 'shop', uid } } as never, body: { spec: { recipients } }, read: undefined as never,
}) as Promise<{ readonly status: { readonly encrypted: string } }>
const refusal = (p: Promise<unknown>): Promise<string | undefined> => p.then(() => undefined, (e: unknown) => apiStatusOf(e)?.reason)

test('T7 a bundle is exported whole, for the named key only', async () => {
  const [mine, other] = [await generateIdentity(), await generateIdentity()]
  const { status: { encrypted } } = await ask('admin', [await identityToRecipient(mine)])
  const open = (identity: string): Promise<string> => { const d = new Decrypter(); d.addIdentity(identity); return d.decrypt(armor.decode(encrypted), 'text') }
  expect(bundleFromYaml(await open(mine))).toEqual(bundle)
  expect(await open(other).then(() => 'opened', () => 'closed')).toBe('closed')
})

test('T7 only administrators export, only to keys of age, only what is there', async () => {
  const recipient = await identityToRecipient(await generateIdentity())
  expect(await Promise.all([refusal(ask('site', [recipient])), refusal(ask('user', [recipient])), refusal(ask('admin', [])), refusal(ask('admin', ['age1nonsense'])), refusal(ask('admin', [recipient], 'u2'))]))
    .toEqual(['Forbidden', 'Forbidden', 'Invalid', 'Invalid', 'Conflict'])
})
