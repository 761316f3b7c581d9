import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { openMemoryStore } from '../../store/memory/memory.ts'
import type { Sealed } from '../../store/store.ts'
import { newBundle } from '../signer.ts'
import { openSecrets } from './secrets.ts'

const key = Buffer.alloc(32, 7)
const counted = (): { readonly sealed: Sealed; readonly reads: string[] } => {
  const { sealed } = openMemoryStore()
  const reads: string[] = []
  return { reads, sealed: { ...sealed, get: (id) => { reads.push(id); return sealed.get(id) } } }
}

test('T7 a bundle is read once while somebody works with its cluster, and not kept when nobody does', async () => {
  const { sealed, reads } = counted()
  const made = await openSecrets(sealed, key, newBundle).ensure('u1')
  reads.length = 0
  const secrets = openSecrets(sealed, key, newBundle, 400)
  expect(await Promise.all([secrets.get('u1'), secrets.get('u1'), secrets.ensure('u1')])).toEqual([made, made, made])
  for (let i = 0; i < 5; i++) { await sleep(10); await secrets.get('u1') }
  expect(reads).toEqual(['bundle/u1'])
  await expect.poll(async () => { await sleep(1_000); await secrets.get('u1'); return reads.length }, { timeout: 20_000 }).toBeGreaterThan(1)
})

test('T7 that there is no bundle is not remembered: somebody may make one', async () => {
  const { sealed } = counted()
  const [reader, maker] = [openSecrets(sealed, key, newBundle), openSecrets(sealed, key, newBundle)]
  expect(await reader.get('u1')).toBeUndefined()
  const made = await maker.ensure('u1')
  expect(await reader.get('u1')).toEqual(made)
})

test('T7 a project whose credential is replaced is never given the site\'s own instead, not when that fails either', async () => {
  const { sealed } = openMemoryStore()
  const site = openSecrets(sealed, key, newBundle)
  const signIn = (id: string) => ({ applicationCredential: { id, secret: 's' } })
  await site.putCredential('s', '', signIn('platform'))
  await site.putCredential('s', 'p', signIn('tenant'))
  // Another process reads before each statement; then the connection is lost at the first one that writes.
  const seen: unknown[] = []
  let isLost = false
  const looking = new Proxy(sealed, { get: (of, name: keyof Sealed) => async (id: string, bytes: Buffer) => {
    seen.push(await site.credential('s', 'p'))
    if (isLost && name.startsWith('put')) throw new Error('connection lost')
    return of[name](id, bytes)
  } })
  const api = openSecrets(looking, key, newBundle)
  await api.putCredential('s', 'p', signIn('tenant2'))
  isLost = true
  await expect(api.putCredential('s', 'p', signIn('tenant3'))).rejects.toThrow('connection lost')
  expect([...seen, await site.credential('s', 'p')]).toEqual([signIn('tenant'), signIn('tenant2'), signIn('tenant2')])
})
