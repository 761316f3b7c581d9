import { expect, test, vi } from 'vitest'
import type { Site } from '../../api/index.ts'
import { openClouds, type OpenCloud } from './clouds.ts'
import type { Secrets } from './secrets.ts'

const site = { metadata: { name: 'sto1', uid: 'u' }, spec: { authUrl: 'https://keystone.test/v3' } } as Site

/** Clients that were opened, in order; the catalogue has Octavia or not. */
const bed = () => {
  const opened: { readonly id: number; isClosed: boolean }[] = []
  const cloudHas = { octavia: false, isAway: false }
  let secret = 'a'
  const open: OpenCloud = async () => {
    const mine = { id: opened.length, isClosed: false }
    const { octavia } = cloudHas
    opened.push(mine)
    return {
      identity: { project: async () => ({ id: 'p', name: 'p' }) }, ...(octavia && { loadBalancer: {} }),
      isCurrent: async () => { if (cloudHas.isAway) throw new Error('away'); return cloudHas.octavia === octavia }, close: async () => { mine.isClosed = true },
    } as never
  }
  const clouds = openClouds({ credential: async () => ({ applicationCredential: { id: 'i', secret } }) } as unknown as Secrets, open)
  return { clouds, opened, cloudHas, setSecret: (s: string) => { secret = s }, hasBalancer: async (project: string) => (await clouds.open(site, project)).cloud.loadBalancer !== undefined }
}
const later = (): void => { vi.setSystemTime(Date.now()); vi.advanceTimersByTime(31_000) }

test('O4 projects share the client of one credential, and a changed one opens another', async () => {
  vi.useFakeTimers()
  const { clouds, opened, setSecret } = bed()
  await Promise.all([clouds.open(site, ''), clouds.open(site, 'a')])
  await clouds.open(site, 'b')
  expect(opened).toHaveLength(1)
  later()
  setSecret('b')
  await clouds.open(site, '')
  expect(opened.map((o) => o.isClosed)).toEqual([false, false])
  for (const project of ['a', 'b']) await clouds.open(site, project)
  expect(opened.map((o) => o.isClosed)).toEqual([true, false])
  vi.useRealTimers()
})

test('O4 E2 a catalogue that gains or loses Octavia opens the cloud anew, for all who share it; one that cannot be read does not', async () => {
  vi.useFakeTimers()
  const { opened, cloudHas, hasBalancer } = bed()
  expect([await hasBalancer(''), await hasBalancer('a')]).toEqual([false, false])
  cloudHas.octavia = true
  later()
  expect([await hasBalancer(''), await hasBalancer('a')]).toEqual([true, true])
  expect(opened.map((o) => o.isClosed)).toEqual([true, false])
  cloudHas.isAway = true
  later()
  expect(await hasBalancer('')).toBe(true)
  expect(opened).toHaveLength(2)
  vi.useRealTimers()
})
