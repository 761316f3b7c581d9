/** What happens to a server after the answer: placing, plugging ports, volumes, starting the guest, reboot, stop, delete. */
import type { ServerRow } from '../core/rows.ts'
import { Refusal } from '../core/call.ts'
import type { World } from '../core/world.ts'
import type { Guests } from '../guests.ts'
import type { NetworkSide } from '../network/index.ts'
import type { VolumeSide } from '../volume/index.ts'
import type { Usage } from './usage.ts'
import { dropUserData } from './user-data.ts'

/** What becomes of a server whose deletion was accepted; ordered by a fault where it is not the first. */
export type Ending = 'deleted' | 'deletion-failed' | 'deleted-attached'

export interface Life {
  build(server: ServerRow): void
  destroy(server: ServerRow, ending?: Ending): void
  /** Off, and kept until it is forced, restored or reclaimed. */
  softDelete(server: ServerRow): void
  restore(server: ServerRow): void
  reboot(server: ServerRow, hard: boolean): void
  stop(server: ServerRow): void
  start(server: ServerRow): void
}

const messageOf = (error: unknown): string => {
  if (!(error instanceof Refusal)) return String(error)
  const body = error.reply.body as { NeutronError?: { message: string } } | Record<string, { message: string }>
  return Object.values(body)[0]?.message ?? 'unknown'
}

export const life = (world: World, network: NetworkSide, volume: VolumeSide, usage: Usage, guests: Guests): Life => {
  const { servers, volumes, images, ports, networks } = world.tables
  const { latency } = world.settings

  const fail = (s: ServerRow, code: number, message: string, powerState = 0): void => {
    s.vmState = 'error'
    s.taskState = null
    s.powerState = powerState
    s.fault = { code, created: `${world.now().slice(0, 19)}Z`, message }
  }
  const unplug = (s: ServerRow): void => {
    for (const id of s.portIds) {
      const port = ports.get(id)
      if (port === undefined || port.deviceId !== s.id) continue
      if (s.ownPortIds.includes(id)) network.ports.drop(port)
      else network.ports.plug(port, '', '', '', false)
    }
    s.portIds = []
    s.ownPortIds = []
  }
  const releaseVolumes = (s: ServerRow): void => {
    for (const a of s.volumes) {
      const v = volumes.get(a.id)
      if (v === undefined) continue
      volume.detach(v, s.id)
      if (a.deleteOnTermination) {
        v.status = 'deleting'
        world.later(volumes, v, 'deleted', latency.volumeDelete)
      }
    }
    s.volumes = []
  }

  world.step(servers, 'schedule', (s) => {
    if (s.fault !== null) return fail(s, s.fault.code, s.fault.message) // ordered by a fault
    if (usage.place(s) === undefined) return fail(s, 500, 'No valid host was found. There are not enough hosts available.')
    s.taskState = 'networking'
    try {
      for (const w of s.wanted) {
        if (w.port !== undefined) {
          const port = ports.get(w.port)
          if (port === undefined) throw new Error(`Port id ${w.port} could not be found.`)
          // Two servers may both have been accepted with this port; the second loses here.
          if (port.deviceId !== '' && port.deviceId !== s.id) throw new Error(`Port ${w.port} is still in use.`)
          network.ports.plug(port, s.id, `compute:${s.availabilityZone}`, s.host!, false)
          s.portIds.push(port.id)
        } else {
          const port = network.ports.make({ project: s.project, networkId: w.network!, deviceId: s.id, deviceOwner: `compute:${s.availabilityZone}`, securityGroups: s.securityGroups, ...(w.fixedIp === undefined ? {} : { fixedIps: [{ address: w.fixedIp }] }) })
          network.ports.plug(port, s.id, port.deviceOwner, s.host!, false)
          s.portIds.push(port.id)
          s.ownPortIds.push(port.id)
        }
      }
    } catch (error) {
      usage.release(s)
      unplug(s)
      return fail(s, 500, `Build of instance ${s.id} aborted: ${error instanceof Refusal ? messageOf(error) : (error as Error).message}`)
    }
    s.taskState = 'block_device_mapping'
    try {
      for (const wanted of s.volumesFromImage) {
        const image = images.get(wanted.imageId)!
        const v = volume.create({ project: s.project, userId: s.userId, size: wanted.size, name: '', type: wanted.type, image })
        const attachmentId = world.id()
        s.volumes.push({ id: v.id, device: '/dev/vda', deleteOnTermination: wanted.deleteOnTermination, bootIndex: wanted.bootIndex, attachmentId, tag: null })
      }
    } catch (error) {
      usage.release(s)
      unplug(s)
      return fail(s, 500, `Build of instance ${s.id} aborted: ${messageOf(error)}`)
    }
    const fromImage = s.volumesFromImage.length > 0 ? latency.volumeCreate / 2 + latency.volumeFromImage : 0
    world.later(servers, s, 'spawn', latency.serverBuild + fromImage)
  })
  world.step(servers, 'spawn', (s) => {
    for (const a of s.volumes) {
      const v = volumes.get(a.id)
      if (v === undefined) continue
      if (!v.attachments.some((x) => x.serverId === s.id)) {
        // A volume from an image that nova asked for: ready by now unless it failed.
        if (v.status === 'creating' || v.status === 'downloading') return world.later(servers, s, 'spawn', Math.max(1, latency.volumeCreate / 4))
        if (v.status === 'error') return fail(s, 500, `Build of instance ${s.id} aborted: Volume ${v.id} did not finish being created even after we waited 3 seconds or 2 attempts. And its status is error.`)
        volume.reserve(v, s.id, a.device, a.attachmentId)
      }
      volume.attach(v, s.id)
    }
    for (const id of s.portIds) {
      const port = ports.get(id)
      if (port !== undefined) network.ports.plug(port, s.id, `compute:${s.availabilityZone}`, s.host!, true)
    }
    s.vmState = 'active'
    s.taskState = null
    s.powerState = 1
    s.launchedAt = `${world.now().slice(0, 19)}.000000`
    guests.start(s)
  })
  const end = (s: ServerRow): void => {
    guests.stop(s)
    usage.release(s)
    usage.remove(s)
    servers.remove(s)
    dropUserData(world, s.id)
    world.values.delete(`disk/${s.id}`)
    world.journal.noteValue('value', `disk/${s.id}`, null)
  }
  world.step(servers, 'deleted', (s) => {
    unplug(s)
    releaseVolumes(s)
    end(s)
  })
  world.step(servers, 'deleted-attached', end)
  // Nova's terminate_instance: whatever goes wrong on the host, the guest may run on.
  world.step(servers, 'deletion-failed', (s) => { fail(s, 500, 'Failed to power off instance: the host does not do it', s.powerState) })
  world.step(servers, 'soft-deleted', (s) => {
    guests.stop(s)
    s.vmState = 'soft-delete'
    s.taskState = null
    s.powerState = 4
  })
  world.step(servers, 'rebooted', (s) => {
    s.vmState = 'active'
    s.taskState = null
    s.powerState = 1
    s.hangs = false
    guests.reboot(s)
  })
  world.step(servers, 'stopped', (s) => {
    guests.stop(s)
    s.vmState = 'stopped'
    s.taskState = null
    s.powerState = 4
  })
  world.step(servers, 'started', (s) => {
    s.vmState = 'active'
    s.taskState = null
    s.powerState = 1
    guests.start(s)
  })
  void networks

  return {
    build(s) { world.later(servers, s, 'schedule', 0) },
    destroy(s, ending = 'deleted') {
      s.taskState = 'deleting'
      // A server that never got a host is gone at once.
      if (s.host === null) world.later(servers, s, 'deleted', 0)
      else world.later(servers, s, ending, latency.serverDelete)
    },
    softDelete(s) {
      s.taskState = 'soft-deleting'
      world.later(servers, s, 'soft-deleted', latency.serverStop)
    },
    restore(s) {
      s.taskState = 'restoring'
      world.later(servers, s, 'started', latency.serverReboot)
    },
    reboot(s, hard) {
      s.taskState = hard ? 'rebooting_hard' : 'rebooting'
      world.later(servers, s, 'rebooted', latency.serverReboot)
    },
    stop(s) {
      s.taskState = 'powering-off'
      world.later(servers, s, 'stopped', latency.serverStop)
    },
    start(s) {
      s.taskState = 'powering-on'
      world.later(servers, s, 'started', latency.serverReboot)
    },
  }
}
