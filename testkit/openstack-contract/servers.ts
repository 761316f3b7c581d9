/** Nova and Cinder: a server that boots from a volume, through its whole life. */
import { expect, test } from 'vitest'
import { isConflict, isDenied, isInvalid, isNoValidHostFault, isQuota, isUnclear } from '../../src/drivers/openstack/index.ts'
import { availableVolume, gone, until } from './bed.ts'
import type { Bed } from './bed.ts'

const userData = Buffer.from('#cloud-config\n{}\n').toString('base64')

export const serverRows = (bed: Bed): void => {
  const cloud = () => bed.subject.cloud
  const server = (id: string) => cloud().compute.servers.get(id)
  const active = (id: string) => until(`server ${id} is ACTIVE`, bed.subject.patienceMs, async () => {
    const s = await server(id)
    if (s?.status === 'ERROR') throw new Error(`server in ERROR: ${s.fault?.message ?? ''}`)
    return s?.status === 'ACTIVE' && s.taskState === null && s
  })
  const port = (role: string) => cloud().network.ports.create({ networkId: bed.network.id, securityGroupIds: [] }, bed.marks.mark(role))
  const root = async (role: string) => {
    const made = await cloud().volume.volumes.create({ sizeGiB: bed.subject.rootGiB, imageId: bed.subject.imageId }, bed.marks.mark(role))
    const volume = await availableVolume(cloud(), made.id, bed.subject.patienceMs)
    expect(volume.bootable).toBe(true)
    return volume
  }
  const create = (name: string, of: { readonly portId: string; readonly rootVolumeId?: string; readonly imageId?: string; readonly flavorId?: string }) =>
    cloud().compute.servers.create({ name: `${name}-${bed.marks.uid.slice(0, 5)}`, flavorId: bed.subject.flavorId, userData, ...of }, bed.marks.mark(name))

  test('O1 O2 O7 a server boots from our volume through our port, carries our mark, and leaves both behind', async () => {
    const { patienceMs } = bed.subject
    const [p, v] = await Promise.all([port('life'), root('life')])
    expect(v).toMatchObject({ sizeGiB: bed.subject.rootGiB, bootable: true, attachedTo: [], mark: bed.marks.mark('life'), name: `skerry-${bed.marks.uid}-life` })
    const made = await create('life', { portId: p.id, rootVolumeId: v.id })
    expect(made).toMatchObject({ mark: bed.marks.mark('life'), status: 'BUILD' })
    const up = await active(made.id)
    expect(up).toMatchObject({ id: made.id, name: `life-${bed.marks.uid.slice(0, 5)}`, mark: bed.marks.mark('life'), powerState: 1, volumeIds: [v.id] })
    expect(up.addresses.map((a) => [a.address, a.mac])).toEqual([[p.fixedIps[0]!.address, p.mac]])
    expect(up.hostId).not.toBe('')
    expect(up.fault).toBeUndefined()
    const after = performance.now()
    expect((await cloud().compute.servers.list(after)).items.find((s) => s.id === made.id)).toEqual(up)
    expect(await cloud().network.ports.get(p.id)).toMatchObject({ deviceId: made.id, deviceOwner: expect.stringMatching(/^compute:/) })
    expect(await cloud().volume.volumes.get(v.id)).toMatchObject({ status: 'in-use', attachedTo: [made.id] })

    // O2: its port, and its root volume.
    const other = await root('other')
    const samePort = await create('same-port', { portId: p.id, rootVolumeId: other.id }).catch((e: unknown) => e)
    expect([isConflict(samePort), isQuota(samePort), isUnclear(samePort)], String(samePort)).toEqual([true, false, false])
    const free = await port('free')
    const sameVolume = await create('same-volume', { portId: free.id, rootVolumeId: v.id }).catch((e: unknown) => e)
    expect([isConflict(sameVolume), isInvalid(sameVolume), isUnclear(sameVolume)], String(sameVolume)).toEqual([true, false, false])
    expect(isConflict(await cloud().volume.volumes.delete(v.id).catch((e: unknown) => e))).toBe(true)

    expect(typeof await cloud().compute.servers.console(made.id, 20)).toBe('string')
    await cloud().compute.servers.rebootHard(made.id)
    await active(made.id)

    await cloud().compute.servers.delete(made.id)
    await gone(cloud().compute.servers as never, made.id, patienceMs)
    await cloud().compute.servers.delete(made.id)
    expect((await cloud().compute.servers.list(performance.now())).items.some((s) => s.id === made.id)).toBe(false)
    await until('port is free', patienceMs, async () => (await cloud().network.ports.get(p.id))?.deviceId === '')
    await availableVolume(cloud(), v.id, patienceMs)
    for (const x of [v, other]) { await cloud().volume.volumes.delete(x.id); await gone(cloud().volume.volumes as never, x.id, patienceMs) }
    for (const x of [p, free]) await cloud().network.ports.delete(x.id)
  })

  test('a server that fits no host ends in ERROR and says so', async () => {
    const [p, v] = await Promise.all([port('huge'), root('huge')])
    const made = await create('huge', { portId: p.id, rootVolumeId: v.id, flavorId: bed.subject.hugeFlavorId })
    const failed = await until('server in ERROR', bed.subject.patienceMs, async () => { const s = await server(made.id); return s?.status === 'ERROR' && s })
    expect(isNoValidHostFault(failed.fault), failed.fault?.message).toBe(true)
    await cloud().compute.servers.delete(made.id)
    await gone(cloud().compute.servers as never, made.id, bed.subject.patienceMs)
    await availableVolume(cloud(), v.id, bed.subject.patienceMs)
    await cloud().volume.volumes.delete(v.id)
    await cloud().network.ports.delete(p.id)
  })

  test('O7 a server that is only soft-deleted goes with forceDelete', async ({ skip }) => {
    const softDelete = bed.subject.softDelete ?? skip('the cloud deletes at once')
    const [p, v] = await Promise.all([port('soft'), root('soft')])
    const made = await create('soft', { portId: p.id, rootVolumeId: v.id })
    await active(made.id)
    softDelete(true)
    try {
      await cloud().compute.servers.delete(made.id)
      await until('server is SOFT_DELETED', bed.subject.patienceMs, async () => (await server(made.id))?.status === 'SOFT_DELETED')
    } finally { softDelete(false) }
    await cloud().compute.servers.forceDelete(made.id)
    await gone(cloud().compute.servers as never, made.id, bed.subject.patienceMs)
  })

  test('a server group keeps its policy, and is gone after its deletion', async () => {
    const made = await cloud().compute.serverGroups.create({ policy: 'soft-anti-affinity' }, bed.marks.mark('group'))
    expect(made).toMatchObject({ policy: 'soft-anti-affinity', members: [], mark: bed.marks.mark('group') })
    await cloud().compute.serverGroups.delete(made.id)
    expect(await cloud().compute.serverGroups.get(made.id)).toBeUndefined()
  })

  test('a server needs exactly one root, and user data within the limit, before any call', async () => {
    expect(isInvalid(await create('both', { portId: 'p', rootVolumeId: 'v', imageId: 'i' }).catch((e: unknown) => e))).toBe(true)
    expect(isInvalid(await cloud().compute.servers.create({ name: 'big', flavorId: 'f', portId: 'p', imageId: 'i', userData: 'x'.repeat(65_536) }, bed.marks.mark('big')).catch((e: unknown) => e))).toBe(true)
    expect(isDenied(new Error('other'))).toBe(false)
  })
}
