/** What is refused because something else needs it, through the command line and as the API says it. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Cluster, Machine, Release } from '../api/index.ts'
import { startCliBed, type CliBed } from '../cli/testing.ts'
import { refuseDeletion } from './admission.ts'

let bed: CliBed
beforeEach(async () => { bed = await startCliBed({ admission: { refuseDeletion: (kind, object, read) => refuseDeletion(kind.kind, object, read) } }) })
afterEach(() => bed.close())

const remove = (name = '2026.4.1') => bed.run('release', 'remove', name)

test('a release is removed when nothing uses it', async () => {
  expect(await remove()).toEqual({ code: 0, out: '', err: 'release 2026.4.1 removed' })
  expect((await bed.user.list(Release)).items).toEqual([])
  expect(await remove()).toEqual({ code: 3, out: '', err: 'skerry: there is no release 2026.4.1' })
})

test('a release stays while a cluster uses it, or a machine is still of it', async () => {
  await bed.run('cluster', 'create', 'shop', '-n', 'demo', '--site', 'sto1', '--machine-type', 'b2', '--no-wait')
  expect(await remove()).toMatchObject({ code: 4, err: expect.stringContaining('release 2026.4.1 is used by cluster shop') })
  await bed.user.apply(Release, { metadata: { name: '2026.4.2' }, spec: { talosVersion: 'v1.13.9', kubernetesVersion: 'v1.36.3', installerImage: 'x' } }, { manager: 'test' })
  await bed.user.apply(Cluster, { metadata: { name: 'shop', namespace: 'demo' }, spec: { release: '2026.4.2' } }, { manager: 'test' })
  await bed.site.create(Machine, { metadata: { name: 'shop-cp-0', namespace: 'demo' }, spec: { cluster: 'shop', role: 'controlplane', machineType: 'b2', rootVolume: {}, release: '2026.4.1' } }, { manager: 'test' })
  expect((await remove()).err).toContain('release 2026.4.1 is used by machine shop-cp-0')
  const going = (await bed.site.delete(Machine, { namespace: 'demo', name: 'shop-cp-0' }, {}))!
  await bed.site.update(Machine, { ...going, metadata: { ...going.metadata, finalizers: [] } }, { manager: 'test' })
  expect((await remove()).code).toBe(0)
})
