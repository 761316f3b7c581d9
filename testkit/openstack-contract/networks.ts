/** Neutron and Glance: marks, what refuses a second one, what is in use, what is gone. */
import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import type { Collection, Marked } from '../../src/drivers/openstack/cloud.ts'
import { isConflict, isInvalid, isNotFound, isQuota, isUnclear } from '../../src/drivers/openstack/index.ts'
import { availableVolume, gone, until } from './bed.ts'
import type { Bed } from './bed.ts'

export const networkRows = (bed: Bed): void => {
  const net = () => bed.subject.cloud.network

  test('O1 network and subnet come back with their mark, by id and in the list, and as they were asked for', async () => {
    const { marks, network, subnet } = bed
    expect(await net().networks.get(network.id)).toMatchObject({ id: network.id, name: `skerry-${marks.uid}-network`, mark: marks.mark('network'), external: false, shared: false, subnetIds: [subnet.id] })
    expect(subnet).toMatchObject({ networkId: network.id, cidr: '10.77.0.0/24', gateway: '10.77.0.1', dnsServers: ['10.77.0.3'], allocationPools: [{ start: '10.77.0.20', end: '10.77.0.250' }], mark: marks.mark('subnet') })
    const listed = (await net().networks.list(performance.now())).items.filter((n) => n.mark?.site === marks.site)
    expect(listed.map((n) => n.id)).toEqual([network.id])
    expect(Date.parse(listed[0]!.createdAt!)).toBeLessThan(Date.now() + 60_000)
    const outside = (await net().networks.list()).items.find((n) => n.id === bed.subject.externalNetworkId)
    expect(outside).toMatchObject({ external: true })
    expect(outside?.mark).toBeUndefined()
  })

  test('O2 network, router, groups, floating IP, volume: nothing refuses a second one with the same mark, and both are seen', async () => {
    const { cloud, externalNetworkId } = bed.subject
    const mark = bed.marks.mark('twice')
    const pairs: readonly (readonly [Collection<Marked, never>, object])[] = [
      [net().networks, {}], [net().routers, { externalNetworkId }], [net().securityGroups, {}], [net().floatingIps, { externalNetworkId }],
      [cloud.compute.serverGroups, { policy: 'soft-anti-affinity' }], [cloud.volume.volumes, { sizeGiB: 1 }],
    ] as never
    for (const [collection, spec] of pairs) {
      const made = [await collection.create(spec as never, mark), await collection.create(spec as never, mark)].map((o) => o.id).toSorted()
      const listed = (await collection.list(performance.now())).items.filter((o) => o.mark?.role === 'twice' && o.mark.uid === mark.uid && o.mark.site === mark.site).map((o) => o.id)
      expect(listed.toSorted()).toEqual(made)
      expect((await collection.get(made[0]!))?.mark).toEqual(mark)
      if (collection === (cloud.volume.volumes as never)) for (const id of made) await availableVolume(cloud, id, bed.subject.patienceMs)
      for (const id of made) await collection.delete(id)
      for (const id of made) await gone(collection, id, bed.subject.patienceMs)
    }
  })

  test('O2 port: our chosen address on our subnet refuses a second one', async () => {
    const spec = { networkId: bed.network.id, fixedIps: [{ subnetId: bed.subnet.id, address: '10.77.0.11' }], securityGroupIds: [] }
    const port = await net().ports.create(spec, bed.marks.mark('address'))
    expect(port).toMatchObject({ fixedIps: [{ subnetId: bed.subnet.id, address: '10.77.0.11' }], deviceId: '', mark: bed.marks.mark('address'), networkId: bed.network.id })
    const second = await net().ports.create(spec, bed.marks.mark('address')).catch((e: unknown) => e)
    expect([isConflict(second), isQuota(second), isUnclear(second)]).toEqual([true, false, false])
    await net().ports.delete(port.id)
    await gone(net().ports as never, port.id, bed.subject.patienceMs)
  })

  test('a port admits other addresses and has its groups', async () => {
    const group = await net().securityGroups.create({}, bed.marks.mark('pair'))
    const port = await net().ports.create({ networkId: bed.network.id, securityGroupIds: [group.id], allowedAddressPairs: ['10.244.0.0/16'] }, bed.marks.mark('pair'))
    expect(port.securityGroupIds).toEqual([group.id])
    expect(await net().securityGroups.delete(group.id).catch((e: unknown) => isConflict(e))).toBe(true)
    await net().ports.delete(port.id)
    await net().securityGroups.delete(group.id)
    expect(await net().securityGroups.get(group.id)).toBeUndefined()
  })

  test('O2 security-group rule: the same refuses a second one, and addRule then succeeds', async () => {
    const group = await net().securityGroups.create({}, bed.marks.mark('rules'))
    const rule = { direction: 'ingress', etherType: 'IPv4', protocol: 'tcp', portMin: 6443, portMax: 6443, remoteCidr: '192.0.2.0/24', remoteGroupId: null } as const
    const fromGroup = { ...rule, portMin: null, portMax: null, protocol: null, remoteCidr: null, remoteGroupId: group.id }
    for (const r of [rule, fromGroup, rule, fromGroup]) await net().securityGroups.addRule(group.id, r, bed.marks.mark('rules'))
    const rules = (await net().securityGroups.get(group.id))!.rules.filter((r) => r.direction === 'ingress')
    expect(rules.toSorted((a, b) => (a.protocol ?? '').localeCompare(b.protocol ?? ''))).toEqual([fromGroup, rule].map((r) => ({ ...r, id: expect.any(String) })))
    for (const r of rules) await net().securityGroups.removeRule(r.id)
    await net().securityGroups.removeRule(rules[0]!.id)
    expect((await net().securityGroups.get(group.id))!.rules.filter((r) => r.direction === 'ingress')).toEqual([])
    await net().securityGroups.delete(group.id)
  })

  test('O2 router interface: the same subnet refuses a second one, and addInterface then succeeds', async () => {
    const { externalNetworkId, patienceMs } = bed.subject
    const router = await net().routers.create({ externalNetworkId }, bed.marks.mark('router'))
    expect(router).toMatchObject({ externalNetworkId, mark: bed.marks.mark('router') })
    await net().routers.addInterface(router.id, bed.subnet.id)
    await net().routers.addInterface(router.id, bed.subnet.id)
    const attached = (await net().ports.list(performance.now())).items.filter((p) => p.deviceId === router.id && p.deviceOwner.startsWith('network:router_interface'))
    expect(attached.map((p) => p.fixedIps)).toEqual([[{ subnetId: bed.subnet.id, address: '10.77.0.1' }]])
    const other = await net().routers.create({ externalNetworkId }, bed.marks.mark('other-router'))
    expect(await net().routers.addInterface(other.id, bed.subnet.id).catch((e: unknown) => isConflict(e) || isInvalid(e))).toBe(true)
    expect(await net().routers.delete(router.id).catch((e: unknown) => isConflict(e))).toBe(true)
    expect(await net().routers.get(router.id), 'a refused deletion takes nothing away').toMatchObject({ externalNetworkId })
    expect(await net().subnets.delete(bed.subnet.id).catch((e: unknown) => isConflict(e))).toBe(true)
    const fip = await net().floatingIps.create({ externalNetworkId }, bed.marks.mark('bound'))
    const port = await net().ports.create({ networkId: bed.network.id, securityGroupIds: [] }, bed.marks.mark('bound'))
    await net().floatingIps.bind(fip.id, port.id)
    expect(await net().floatingIps.get(fip.id)).toMatchObject({ portId: port.id, networkId: externalNetworkId, mark: bed.marks.mark('bound') })
    expect(await net().routers.removeInterface(router.id, bed.subnet.id).catch((e: unknown) => isConflict(e))).toBe(true)
    await net().floatingIps.bind(fip.id, null)
    expect((await net().floatingIps.get(fip.id))!.portId).toBeNull()
    await net().floatingIps.delete(fip.id)
    await net().ports.delete(port.id)
    await net().routers.removeInterface(router.id, bed.subnet.id)
    await net().routers.removeInterface(router.id, bed.subnet.id)
    for (const r of [router, other]) {
      await net().routers.delete(r.id)
      await gone(net().routers as never, r.id, patienceMs)
    }
  })

  test('O3 what is unknown is not found: get answers undefined, delete succeeds; what cannot be is invalid', async () => {
    const { cloud } = bed.subject
    const nobody = randomUUID()
    const all: readonly Pick<Collection<Marked, never>, 'get' | 'delete'>[] = [
      cloud.compute.servers, cloud.compute.serverGroups, net().networks, net().subnets, net().routers, net().ports, net().securityGroups, net().floatingIps, cloud.volume.volumes,
      ...(cloud.loadBalancer === undefined ? [] : [cloud.loadBalancer.loadBalancers, cloud.loadBalancer.listeners, cloud.loadBalancer.pools]),
    ] as never
    for (const c of all) {
      expect(await c.get(nobody)).toBeUndefined()
      await c.delete(nobody)
    }
    expect(await cloud.image.get(nobody)).toBeUndefined()
    await cloud.image.delete(nobody)
    await cloud.compute.servers.forceDelete(nobody)
    expect(isNotFound(await net().ports.create({ networkId: nobody, securityGroupIds: [] }, bed.marks.mark('nobody')).catch((e: unknown) => e))).toBe(true)
    expect(isInvalid(await net().subnets.create({ networkId: bed.network.id, cidr: '10.78.0.0/99', dnsServers: [] }, bed.marks.mark('bad')).catch((e: unknown) => e))).toBe(true)
    expect(isInvalid(await net().subnets.create({ networkId: bed.network.id, cidr: '10.77.0.128/25', dnsServers: [] }, bed.marks.mark('overlap')).catch((e: unknown) => e))).toBe(true)
  })

  test('O2 image: the id is ours and refuses a second one, which is adopted; its content is what was sent', async () => {
    const { image } = bed.subject.cloud
    const imageId = randomUUID()
    const properties = { os_distro: 'talos', os_version: 'v1.0.0-contract' }
    await image.create(imageId, { name: `skerry-${bed.marks.uid}`, minDiskGiB: 1, properties })
    await image.create(imageId, { name: `skerry-${bed.marks.uid}`, minDiskGiB: 1, properties })
    expect(await image.get(imageId)).toMatchObject({ id: imageId, status: 'queued' })
    const data = new Uint8Array(1 << 20).fill(7)
    await image.upload(imageId, new ReadableStream({ start(c) { c.enqueue(data); c.enqueue(data); c.close() } }))
    const kept = await until('image is active', bed.subject.patienceMs, async () => { const i = await image.get(imageId); return i?.status === 'active' && i })
    expect(kept).toMatchObject({ sizeBytes: 2 << 20, minDiskGiB: 1, checksum: expect.stringMatching(/^[0-9a-f]{32}$/), properties: expect.objectContaining(properties) })
    expect((await image.list()).some((i) => i.id === imageId)).toBe(true)
    await image.delete(imageId)
    expect(await image.get(imageId)).toBeUndefined()
  })
}
