/** What becomes of a server that is deleted: at once, softly, not at all, or not quite (rule O7). */
import { afterEach, expect, it } from 'vitest'
import { fakeClock } from '../../../../testkit/fake-clock.ts'
import { type OpenStackSim, type SimOptions, startOpenStackSim } from './index.ts'
import { type Client, clientOf, place, port, server, settled } from './testing.ts'

let sim: OpenStackSim
afterEach(() => sim.close())
const start = async (options: SimOptions = {}): Promise<Client> => {
  sim = await startOpenStackSim({ publicCidr: '127.87.0.0/16', ...options })
  return clientOf(sim)
}

it('O7 soft delete keeps the server SOFT_DELETED until forceDelete', async () => {
  const c = await start()
  const p = await place(sim, c)
  const id = await server(c, p, (await port(c, p.network)).id)
  await settled(c, id)
  sim.faults.add({ kind: 'soft-delete' })
  const isSoft = () => c.until(path, (a) => a.body.server.status === 'SOFT_DELETED')
  const path = `/compute/v2.1/servers/${id}`
  for (const before of ['ACTIVE', 'SOFT_DELETED'] as const) {
    expect([before, (await c.call('DELETE', path)).status]).toEqual([before, 204])
    await isSoft()
  }
  expect((await c.call('GET', '/compute/v2.1/servers/detail')).body.servers).toEqual([])
  expect((await c.call('POST', `${path}/action`, { restore: null })).status).toBe(202)
  await c.until(path, (a) => a.body.server.status === 'ACTIVE')
  await c.call('POST', `${path}/action`, { 'os-stop': null })
  await c.until(path, (a) => a.body.server.status === 'SHUTOFF')
  await c.call('DELETE', path)
  await isSoft()
  expect((await c.call('POST', `/compute/v2.1/servers/${id}/action`, { forceDelete: null })).status).toBe(202)
  await c.until(`/compute/v2.1/servers/${id}`, (a) => a.status === 404)
})

it('O7 soft delete takes a server in ERROR too, tells that it is at work, and cannot keep one that never ran', async () => {
  const clock = fakeClock()
  const c = await start({ clock, latencies: { serverStop: 5_000 } })
  const p = await place(sim, c)
  sim.faults.add({ kind: 'soft-delete' })
  sim.faults.add({ kind: 'server-error', times: 1 })
  const never = await server(c, p, (await port(c, p.network)).id)
  await settled(c, never)
  await c.call('DELETE', `/compute/v2.1/servers/${never}`)
  await c.until(`/compute/v2.1/servers/${never}`, (a) => a.status === 404)

  const id = await server(c, p, (await port(c, p.network)).id)
  const path = `/compute/v2.1/servers/${id}`
  await settled(c, id)
  sim.faults.add({ kind: 'delete-fails', times: 1 })
  await c.call('POST', `${path}/action`, { forceDelete: null })
  await c.until(path, (a) => a.body.server.status === 'ERROR')
  await c.call('DELETE', path)
  expect((await c.call('GET', path)).body.server).toMatchObject({ 'status': 'ERROR', 'OS-EXT-STS:task_state': 'soft-deleting' })
  await clock.advance(5_000)
  expect((await c.call('GET', path)).body.server).toMatchObject({ 'status': 'SOFT_DELETED', 'OS-EXT-STS:task_state': null })
})

it('O7 a delete that fails ends in ERROR, and everything is as it was', async () => {
  const c = await start()
  const p = await place(sim, c)
  const one = await port(c, p.network)
  const id = await server(c, p, one.id)
  const path = `/compute/v2.1/servers/${id}`
  await settled(c, id)
  sim.faults.add({ kind: 'delete-fails', times: 1 })
  expect((await c.call('DELETE', path)).status).toBe(204)
  const failed = await c.until(path, (a) => a.body.server.status === 'ERROR')
  expect(failed.body.server).toMatchObject({ 'OS-EXT-STS:task_state': null, 'OS-EXT-STS:power_state': 1, 'fault': { code: 500 } })
  expect((await c.call('GET', `/network/v2.0/ports/${one.id}`)).body.port.device_id).toBe(id)
  await c.call('DELETE', path)
  await c.until(path, (a) => a.status === 404)
})

it('O7 a delete that leaves: port and volume name a server that is gone', async () => {
  const c = await start()
  const p = await place(sim, c)
  const one = await port(c, p.network)
  const root = (await c.call('POST', '/volume/v3/volumes', { volume: { size: 1, imageRef: p.image } })).body.volume.id as string
  await c.until(`/volume/v3/volumes/${root}`, (a) => a.body.volume.status === 'available')
  const id = await server(c, p, one.id, { imageRef: undefined, block_device_mapping_v2: [{ boot_index: 0, uuid: root, source_type: 'volume', destination_type: 'volume' }] })
  await settled(c, id)
  sim.faults.add({ kind: 'delete-leaves' })
  await c.call('DELETE', `/compute/v2.1/servers/${id}`)
  await c.until(`/compute/v2.1/servers/${id}`, (a) => a.status === 404)
  expect((await c.call('GET', `/network/v2.0/ports/${one.id}`)).body.port.device_id).toBe(id)
  expect((await c.call('GET', `/volume/v3/volumes/${root}`)).body.volume).toMatchObject({ status: 'in-use', attachments: [{ server_id: id }] })
})

it('O7 a delete that sticks stays in task_state deleting', async () => {
  const c = await start()
  const p = await place(sim, c)
  const id = await server(c, p, (await port(c, p.network)).id)
  await settled(c, id)
  sim.faults.add({ kind: 'delete-sticks' })
  await c.call('DELETE', `/compute/v2.1/servers/${id}`)
  expect((await c.call('GET', `/compute/v2.1/servers/${id}`)).body.server).toMatchObject({ 'status': 'ACTIVE', 'OS-EXT-STS:task_state': 'deleting' })
})
