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
