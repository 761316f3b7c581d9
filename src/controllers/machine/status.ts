/** The whole status of a Machine. */
import type { Machine } from '../../api/index.ts'
import type { MachinePhase, MachineStatus } from '../../api/machine/index.ts'
import type { Pass, StatusPart } from '../../engine/shapes.ts'
import { fromPass } from '../conditions.ts'
import { objectOf, openIntents } from '../outside.ts'
import type { Ports } from '../ports.ts'
import type { Observed, Seen } from './observe.ts'
import { hasContact, maxFailures, seenRoles } from './plan.ts'

const phaseOf = (s: Seen): MachinePhase => {
  if (s.deleting) return 'Deleting'
  if ((s.machine.status?.failures ?? 0) >= maxFailures && s.server.kind === 'absent') return 'Failed'
  const server = objectOf(s.server)
  if (server === undefined) return s.port.kind === 'seen' || s.volume.kind === 'seen' ? 'Provisioning' : 'Pending'
  if (server.status !== 'ACTIVE') return 'Provisioning'
  if (s.node?.ready === true) return 'Running'
  return hasContact(s) ? 'Joining' : 'Booting'
}

export const status = (ports: Ports) => (machine: Machine, s: Observed | undefined, pass: Pass): StatusPart => {
  const { conditions: _, intents: __, observed: ___, ...recorded } = { ...machine.status, ...pass.recorded } as MachineStatus & { observed?: unknown }
  const conditions = [fromPass('Ready', pass, ports, { reason: 'Ready', message: 'its Node is Ready' })]
  if (s?.kind !== 'seen') return { ...recorded, ...(machine.status?.intents !== undefined && { intents: machine.status.intents }), conditions }
  const server = objectOf(s.server)
  const port = objectOf(s.port)
  const volume = objectOf(s.volume)
  const intents = openIntents(machine.status?.intents, pass, seenRoles(s), ports)
  const isNewServer = server !== undefined && server.id !== machine.status?.serverId
  const { serverId: _a, portId: _b, volumeId: _c, activeAt, contactAt, nodeReady, gaveUp, ...rest } = recorded
  const active = server?.status === 'ACTIVE' ? (isNewServer ? undefined : activeAt) ?? pass.now.toISOString() : isNewServer || server === undefined ? undefined : activeAt
  const contact = isNewServer ? undefined : contactAt
  return {
    ...rest,
    phase: phaseOf(s),
    ...(port !== undefined && { portId: port.id, ...(port.fixedIps[0] !== undefined && { address: port.fixedIps[0].address }) }),
    // One that failed is about to go: nobody expects to see it.
    ...(volume !== undefined && (s.deleting || volume.status !== 'error') && { volumeId: volume.id }),
    ...(server !== undefined && { serverId: server.id, serverName: server.name, ...(server.hostId !== '' && { hostId: server.hostId }) }),
    ...(server !== undefined && gaveUp?.serverId === server.id && { gaveUp }),
    ...(active !== undefined && { activeAt: active }),
    ...(contact !== undefined ? { contactAt: contact } : server !== undefined && (s.contact !== undefined || s.node !== undefined) ? { contactAt: pass.now.toISOString() } : {}),
    ...(s.contact !== undefined && { talosVersion: s.contact.talosVersion }),
    // That it joins is told by contactAt; what becomes of its Node, from when it was Ready first.
    ...(s.node !== undefined ? (s.node.ready || nodeReady !== undefined) && { nodeReady: s.node.ready, kubeletVersion: s.node.kubeletVersion }
      // While the API is silent it is as it was: its pods still have to leave before it goes.
      : !s.isApiSeen && nodeReady !== undefined && { nodeReady }),
    ...(intents !== undefined && { intents }),
    conditions,
  }
}
