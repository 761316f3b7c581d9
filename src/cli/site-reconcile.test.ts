/** skerry site reconcile: what is shown, what is decided, what is refused (rule H3). */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Cluster, Site } from '../api/index.ts'
import type { UnknownObject } from '../api/site/index.ts'
import { startCliBed, type CliBed } from './testing.ts'

let bed: CliBed
const begin = async (yes = false): Promise<void> => {
  bed = await startCliBed({ yes })
  await tell([server, volume])
}
beforeEach(() => begin())
afterEach(() => bed.close())

const lost = '6a1e0000-0000-4000-8000-000000000000'
const server: UnknownObject = { id: 'aaaa', kind: 'server', name: 'old-cp-x1', project: 'p1', owner: lost, role: 'controlplane', createdAt: '2026-11-24T22:00:00Z' }
const volume: UnknownObject = { id: 'bbbb', kind: 'volume', name: 'skerry-root', project: 'p1', owner: lost, role: 'root' }
const tell = (items: readonly UnknownObject[], count = items.length) => bed.site.applyStatus(Site, { metadata: { name: 'sto1' }, status: { unknownObjects: { count, items } } }, { manager: 'site' })
const decisions = async () => (await bed.user.get(Site, { namespace: '', name: 'sto1' }))!.spec.unknownObjects
const reconcile = (...argv: string[]) => bed.run('site', 'reconcile', 'sto1', ...argv)

test('H3 without a decision it shows what there is, its age, what deleting would mean, and what can be decided', async () => {
  const { code, out, err } = await reconcile()
  expect([code, out.split('\n').map((l) => l.split(/ {3,}/))]).toEqual([0, [
    ['KIND', 'ID', 'NAME', 'PROJECT', 'OWNER', 'AGE', 'DECIDED', 'IF DELETED'],
    ['server', 'aaaa', 'old-cp-x1', 'p1', lost, '2h', '<no>', 'it is stopped and goes; its volume stays until that is decided'],
    ['volume', 'bbbb', 'skerry-root', 'p1', lost, '<unknown>', '<no>', 'its data are lost'],
  ]])
  expect(err).toContain('--adopt ID')
  await tell([server], 7)
  expect((await reconcile()).err).toContain('1 of 7')
  await bed.site.applyStatus(Site, { metadata: { name: 'sto1' }, status: {} }, { manager: 'site' })
  expect(await reconcile()).toEqual({ code: 0, out: '', err: 'site sto1: the owner of all that carries our mark is known' })
})

test('H3 decisions are written to the spec by id; an owner\'s id stands for all that it owns; adding the site again keeps them', async () => {
  expect((await reconcile('--leave', 'aaaa')).code).toBe(0)
  expect(await decisions()).toEqual({ aaaa: 'leave' })
  expect((await reconcile('--delete', lost, '--yes')).code).toBe(0)
  expect(await decisions()).toEqual({ aaaa: 'delete', bbbb: 'delete' })
  await bed.user.apply(Site, { metadata: { name: 'sto1' }, spec: { authUrl: 'https://keystone.example.org/v3' } }, { manager: 'skerry-cli' })
  expect(await decisions()).toEqual({ aaaa: 'delete', bbbb: 'delete' })
  await tell([volume])
  expect((await reconcile('--leave', 'bbbb')).code).toBe(0)
  expect(await decisions()).toEqual({ bbbb: 'leave' })
})

test('H3 nothing is decided in a dry run, without consent to a deletion, for what is not there, or twice', async () => {
  expect(await reconcile('--delete', 'bbbb', '--dry-run')).toEqual({ code: 0, out: '', err: 'volume bbbb: is deleted: its data are lost\nnothing was decided (--dry-run)' })
  expect((await reconcile('--delete', 'bbbb')).code).toBe(1)
  expect((await reconcile('--leave', 'cccc')).code).toBe(3)
  expect((await reconcile('--leave', 'aaaa', '--delete', 'aaaa')).code).toBe(2)
  expect((await bed.run('site', 'reconcile', 'nowhere')).code).toBe(3)
  expect(await decisions()).toBeUndefined()
})

test('H3 adopt is refused while nobody has the owner\'s uid, and says what to do; else the owner takes it and nothing is written', async () => {
  const refusal = await reconcile('--adopt', 'aaaa', '--leave', 'bbbb')
  expect([refusal.code, refusal.err]).toEqual([4, expect.stringContaining('Restore the database in which it is')])
  const cluster = await bed.user.create(Cluster, { metadata: { name: 'old', namespace: 'demo' }, spec: { site: 'sto1', release: '2026.4.1', controlPlane: { replicas: 1, machineType: 'b2' } } }, { manager: 'test' })
  await tell([{ ...server, owner: cluster.metadata.uid }])
  expect(await reconcile('--adopt', 'aaaa')).toEqual({ code: 0, out: '', err: 'server aaaa: taken by cluster old' })
  expect(await decisions()).toBeUndefined()
})

test('H2 H3 only people decide, only the site tells', async () => {
  const patch = (as: CliBed['user'], path: string, body: object) => as.request({ method: 'PATCH', path: `/apis/skerry.dev/v1alpha1/sites/sto1${path}`, contentType: 'application/merge-patch+json', body })
  await expect(patch(bed.site, '', { spec: { unknownObjects: { aaaa: 'leave' } } })).rejects.toThrow('written by the user only')
  await expect(patch(bed.user, '/status', { status: { unknownObjects: null } })).rejects.toThrow('written by the site only')
  await expect(patch(bed.user, '', { spec: { unknownObjects: { aaaa: 'adopt' } } })).rejects.toThrow()
})
