/** Actions on a server and its volume attachments. */
import type { Call, Handle, Json } from '../core/call.ts'
import { isAdmin, mayWrite, ok } from '../core/call.ts'
import type { ServerRow } from '../core/rows.ts'
import type { World } from '../core/world.ts'
import type { Guests } from '../guests.ts'
import type { VolumeSide } from '../volume/index.ts'
import { invalidState, policy, refuse } from './errors.ts'
import type { Life } from './life.ts'
import type { Servers } from './servers.ts'

export const actions = (world: World, servers: Servers, life: Life, guests: Guests, volume: VolumeSide): Readonly<Record<string, Handle>> => {
  const { volumes } = world.tables
  const table = world.tables.servers
  const need = (s: ServerRow, action: string, states: readonly ServerRow['vmState'][]): void => {
    if (!states.includes(s.vmState)) throw invalidState(action, s.id, 'vm_state', s.vmState === 'soft-delete' ? 'soft-delete' : s.vmState)
    if (s.taskState !== null) throw invalidState(action, s.id, 'task_state', s.taskState)
  }
  const act: Handle = (call) => {
    const s = servers.own(call)
    if (!mayWrite(call)) throw policy('os_compute_api:servers:action')
    const names = Object.keys((call.body ?? {}) as object)
    if (names.length !== 1) throw refuse(400, 'Only one action may be requested')
    const [name, given] = [names[0]!, (call.body as Record<string, Json>)[names[0]!]]
    switch (name) {
      case 'reboot':
        if (given?.type !== 'HARD' && given?.type !== 'SOFT') throw refuse(400, `Invalid input for field/attribute type. Value: ${given?.type}. '${given?.type}' is not one of ['HARD', 'Hard', 'hard', 'SOFT', 'Soft', 'soft']`)
        need(s, 'reboot', given.type === 'HARD' ? ['active', 'stopped', 'error'] : ['active'])
        life.reboot(s, given.type === 'HARD')
        return { status: 202 }
      case 'os-stop':
        need(s, 'stop', ['active', 'error'])
        life.stop(s)
        return { status: 202 }
      case 'os-start':
        need(s, 'start', ['stopped'])
        life.start(s)
        return { status: 202 }
      case 'forceDelete':
        servers.remove(call, s)
        return { status: 202 }
      case 'restore':
        need(s, 'restore', ['soft-delete'])
        life.restore(s)
        return { status: 202 }
      case 'os-getConsoleOutput': {
        if (s.vmState === 'building') throw refuse(409, `Instance ${s.id} is not ready`)
        const lines = guests.console(s)
        const wanted = given?.length === undefined || given?.length === null || Number(given.length) < 0 ? lines.length : Number(given.length)
        return ok({ output: wanted === 0 ? '' : lines.slice(-wanted).map((l) => `${l}\n`).join('') })
      }
      case 'lock':
      case 'unlock':
        s.locked = name === 'lock'
        table.touch(s)
        return { status: 202 }
      case 'os-resetState':
        if (!isAdmin(call)) throw policy('os_compute_api:os-admin-actions:reset_state')
        s.vmState = given?.state === 'active' ? 'active' : 'error'
        s.taskState = null
        table.touch(s)
        return { status: 202 }
      default:
        throw refuse(400, `There is no such action: ${name}`)
    }
  }

  const attachmentView = (call: Call, s: ServerRow, a: ServerRow['volumes'][number]): Json => ({
    ...(call.version >= 2089 ? { attachment_id: a.attachmentId, bdm_uuid: a.attachmentId } : { id: a.id }), volumeId: a.id, serverId: s.id, device: a.device, ...(call.version >= 2070 ? { tag: a.tag } : {}), ...(call.version >= 2079 ? { delete_on_termination: a.deleteOnTermination } : {}),
  })
  const attach: Handle = (call) => {
    const s = servers.own(call)
    if (!mayWrite(call)) throw policy('os_compute_api:os-volumes-attachments:create')
    const given = call.body?.volumeAttachment
    const v = volumes.get(String(given?.volumeId))
    if (v === undefined || v.project !== s.project) throw refuse(404, `Volume ${given?.volumeId} could not be found.`)
    need(s, 'attach_volume', ['active', 'stopped'])
    if (v.status !== 'available') throw refuse(400, `Invalid input received: Invalid volume: Volume ${v.id} status must be available or downloading to reserve, but the current status is ${v.status}. (HTTP 400) (Request-ID: ${call.requestId})`)
    const taken = new Set(s.volumes.map((a) => a.device))
    let device = ''
    for (let i = 1; device === '' || taken.has(device); i++) device = `/dev/vd${String.fromCharCode(97 + i)}`
    const a = { id: v.id, device, deleteOnTermination: call.version >= 2079 && given.delete_on_termination === true, bootIndex: -1, attachmentId: world.id(), tag: given.tag ?? null }
    s.volumes.push(a)
    table.touch(s)
    volume.reserve(v, s.id, device, a.attachmentId)
    world.later(volumes, v, 'attached', world.settings.latency.volumeAttach)
    return ok({ volumeAttachment: attachmentView(call, s, a) })
  }
  world.step(volumes, 'attached', (v) => { volume.attach(v, v.attachments.at(-1)?.serverId ?? '') })
  world.step(volumes, 'detached', (v) => {
    const { attachments } = v // detach puts another list in its place
    for (const a of attachments) {
      const s = table.get(a.serverId)
      if (s !== undefined) {
        s.volumes = s.volumes.filter((x) => x.id !== v.id)
        table.touch(s)
      }
      volume.detach(v, a.serverId)
    }
  })
  const one = (call: Call, s: ServerRow): ServerRow['volumes'][number] => {
    const a = s.volumes.find((x) => x.id === call.params['volume'])
    if (a === undefined) throw refuse(404, `volume_id not found: ${call.params['volume']}`)
    return a
  }
  return {
    'POST /v2.1/servers/:id/action': act,
    'GET /v2.1/servers/:id/os-volume_attachments': (call) => {
      const s = servers.own(call)
      return ok({ volumeAttachments: s.volumes.map((a) => attachmentView(call, s, a)) })
    },
    'POST /v2.1/servers/:id/os-volume_attachments': attach,
    'GET /v2.1/servers/:id/os-volume_attachments/:volume': (call) => {
      const s = servers.own(call)
      return ok({ volumeAttachment: attachmentView(call, s, one(call, s)) })
    },
    'DELETE /v2.1/servers/:id/os-volume_attachments/:volume': (call) => {
      const s = servers.own(call)
      const a = one(call, s)
      if (a.bootIndex === 0) throw refuse(403, "Can't detach root device volume")
      const v = volumes.get(a.id)!
      v.status = 'detaching'
      world.later(volumes, v, 'detached', world.settings.latency.volumeAttach)
      return { status: 202 }
    },
  }
}
