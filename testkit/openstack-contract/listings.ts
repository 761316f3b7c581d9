/** Lists: whole, in pages, shared, and with the moment at which they began (rules E1, E2, E4). */
import { expect, test } from 'vitest'
import type { Collection, Marked } from '../../src/drivers/openstack/cloud.ts'
import { isIncomplete, view, confirmGone } from '../../src/drivers/openstack/index.ts'
import { availableVolume, gone } from './bed.ts'
import type { Bed } from './bed.ts'

export const listingRows = (bed: Bed): void => {
  test('E2 a list in pages of two is the whole list, each object once', async () => {
    const { cloud } = bed.subject
    const paged = await bed.subject.again({ lists: { pageSize: 2 } })
    try {
      const pairs: readonly (readonly [string, Collection<Marked, never>, Collection<Marked, never>, object])[] = [
        ['security groups', cloud.network.securityGroups, paged.network.securityGroups, {}], ['networks', cloud.network.networks, paged.network.networks, {}],
        ['server groups', cloud.compute.serverGroups, paged.compute.serverGroups, { policy: 'anti-affinity' }], ['volumes', cloud.volume.volumes, paged.volume.volumes, { sizeGiB: 1 }],
      ] as never
      for (const [what, collection, inPages, spec] of pairs) {
        const made = await Promise.all([0, 1, 2, 3, 4].map((n) => collection.create(spec as never, bed.marks.mark(`page-${n}`))))
        const ids = (await inPages.list(performance.now())).items.map((o) => o.id)
        expect(ids.length, what).toBe(new Set(ids).size)
        expect(made.filter((o) => !ids.includes(o.id)), what).toEqual([])
        if (what === 'volumes') for (const o of made) await availableVolume(cloud, o.id, bed.subject.patienceMs)
        await Promise.all(made.map(async (o) => { await collection.delete(o.id); await gone(collection, o.id, bed.subject.patienceMs) }))
      }
      expect((await paged.compute.flavors()).map((f) => f.id).toSorted()).toEqual((await cloud.compute.flavors()).map((f) => f.id).toSorted())
      expect((await paged.image.list()).some((i) => i.id === bed.subject.imageId)).toBe(true)
    } finally { await paged.close() }
  })

  test('E1 a listing says when its request began; one asked for after an effect shows the effect', async () => {
    const { securityGroups } = bed.subject.cloud.network
    const group = await securityGroups.create({}, bed.marks.mark('e1'))
    const effect = performance.now()
    const listing = await securityGroups.list(effect)
    expect(listing.begunAt).toBeGreaterThan(effect)
    expect(listing.items.find((g) => g.id === group.id)).toMatchObject({ mark: bed.marks.mark('e1') })
    // Young enough and begun after: no second request.
    expect(await securityGroups.list(effect)).toBe(listing)
    await securityGroups.delete(group.id)
    const deleted = performance.now()
    expect((await securityGroups.list(deleted)).items.some((g) => g.id === group.id)).toBe(false)
  })

  test('E4 who asks at the same time shares one listing, and changes are told by uid', async () => {
    const { networks } = bed.subject.cloud.network
    const after = performance.now()
    const [a, b] = await Promise.all([networks.list(after), networks.list(after)])
    expect(a).toBe(b)
    const told = Promise.withResolvers<ReadonlySet<string>>()
    const stop = networks.onChange((uids) => { if (uids.has(bed.marks.uid)) told.resolve(uids) })
    const made = await networks.create({}, bed.marks.mark('e4'))
    expect([...(await told.promise)]).toContain(bed.marks.uid)
    stop()
    await networks.delete(made.id)
  })

  test('E2 gone is what GET by id answers 404 for, with a token of the recorded project', async () => {
    const { cloud } = bed.subject
    const { projectId } = await cloud.identity.describe()
    const group = await cloud.compute.serverGroups.create({ policy: 'anti-affinity' }, bed.marks.mark('e2'))
    const get = (id: string) => cloud.compute.serverGroups.get(id)
    expect(await confirmGone(get, group.id, projectId, projectId)).toBe(false)
    await cloud.compute.serverGroups.delete(group.id)
    expect(await confirmGone(get, group.id, projectId, projectId)).toBe(true)
    // Another project sees nothing of ours: that proves nothing.
    const other = (await bed.subject.poor.identity.describe()).projectId
    expect(other).not.toBe(projectId)
    expect(await bed.subject.poor.network.networks.get(bed.network.id)).toBeUndefined()
    expect(await confirmGone((id) => bed.subject.poor.network.networks.get(id), bed.network.id, projectId, other)).toBe(false)
    expect(view([bed.network.id], (await bed.subject.poor.network.networks.list()).items)).toMatchObject({ seen: [], unseen: [bed.network.id] })
    expect(isIncomplete(new Error('other'))).toBe(false)
  })
}
