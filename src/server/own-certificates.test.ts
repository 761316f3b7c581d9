import { X509Certificate } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { readKubeconfig } from '../client/index.ts'
import { ClientCertificate } from '../api/index.ts'
import { certifiedBy } from '../api/client-certificate/index.ts'
import { resourceName } from '../api/meta/index.ts'
import { openMemoryStore } from '../store/memory/memory.ts'
import type { Store } from '../store/store.ts'
import { layout } from './files.ts'
import { renewOwnCertificates, type OwnCertificates } from './own-certificates.ts'
import { platformPki } from './platform-pki.ts'

const hour = 3_600_000
let state: string
let store: Store
let own: OwnCertificates
let at: number
let opened: number

beforeEach(async () => {
  state = await mkdtemp(join(tmpdir(), 'skerry-own-'))
  store = openMemoryStore()
  at = Date.parse('2026-11-25T00:00:00Z')
  opened = 0
  own = { state, url: 'https://127.0.0.1:7443', authority: (await platformPki(state, '127.0.0.1', new Date(at))).authority, now: () => new Date(at), openStore: async () => { opened++; return { ...store, close: async () => {} } } }
})
afterEach(async () => {
  await store.close()
  await rm(state, { recursive: true })
})

const certificate = async (file: 'kubeconfig' | 'siteKubeconfig'): Promise<X509Certificate> => {
  const text = await readFile(layout(state)[file], 'utf8')
  return new X509Certificate(readKubeconfig('/k', () => text).options.tls!.cert!)
}
const hoursOf = async (file: 'kubeconfig' | 'siteKubeconfig'): Promise<number> => (Date.parse((await certificate(file)).validTo) - at) / hour

test('A4 this machine\'s kubeconfigs hold certificates of a day and of 90, renewed in the middle of their life', async () => {
  expect(await renewOwnCertificates(own, true)).toEqual(['admin', 'site'])
  expect([await hoursOf('kubeconfig'), await hoursOf('siteKubeconfig'), (await certificate('siteKubeconfig')).subject]).toEqual([24, 90 * 24, 'CN=skerry:site\nO=skerry:sites'])
  at += 12 * hour
  expect(await renewOwnCertificates(own, false)).toEqual([])
  expect(opened).toBe(1)
  at += 1000
  expect(await renewOwnCertificates(own, false)).toEqual(['admin'])
  expect(await hoursOf('kubeconfig')).toBe(24)
  at += 45 * 24 * hour
  expect(await renewOwnCertificates(own, false)).toEqual(['admin', 'site'])
})

test('A4 one that was revoked is not valid again: the next is signed for another object', async () => {
  await renewOwnCertificates(own, true)
  const before = certifiedBy((await certificate('kubeconfig')).subjectAltName)!
  const key = { resource: resourceName(ClientCertificate), namespace: '', name: before.name }
  const { rows } = await store.snapshot()
  await store.commit({ operations: [{ key, expect: rows.find((r) => r.name === before.name)!.version, row: undefined }] })
  expect(await renewOwnCertificates(own, true)).toEqual(['admin'])
  const after = certifiedBy((await certificate('kubeconfig')).subjectAltName)!
  expect([after.name, after.uid === before.uid]).toEqual([before.name, false])
  expect((await store.snapshot()).rows.find((r) => r.name === before.name)?.uid).toBe(after.uid)
})

test('A4 the object behind them is made anew before it ends', async () => {
  await renewOwnCertificates(own, true)
  const before = certifiedBy((await certificate('siteKubeconfig')).subjectAltName)!
  at += 270 * 24 * hour
  expect(await renewOwnCertificates(own, true)).toEqual(['admin', 'site'])
  expect(certifiedBy((await certificate('siteKubeconfig')).subjectAltName)!.uid).not.toBe(before.uid)
})
