/** Makes a machine from port and volume to Node, watches its first boot (T3), and takes it apart in order (O7). Pure. */
import { refused, settled, waiting, type Outcome } from '../../engine/outcome.ts'
import type { Finish, Plan } from '../../engine/shapes.ts'
import type { Marked, Port, Server, Volume } from '../../drivers/openstack/cloud.ts'
import { milliseconds } from '../../rules/durations.ts'
import { isPending, lookEverySeconds, objectOf } from '../outside.ts'
import { requestOf } from './asked.ts'
import type { Observed, Seen } from './observe.ts'

export type Step =
  | { readonly kind: 'intend'; readonly roles: readonly string[] }
  | { readonly kind: 'create-port' }
  | { readonly kind: 'create-volume' }
  | { readonly kind: 'create-server' }
  | { readonly kind: 'hard-reboot'; readonly serverId: string; readonly count: number }
  /** Never answered: given up, made again (rule T3, O7). */
  | { readonly kind: 'give-up'; readonly serverId: string; readonly why: string }
  | { readonly kind: 'name-node'; readonly node: string; readonly providerId: string }
  | { readonly kind: 'start-drain' }
  | { readonly kind: 'drain' }
  /** Its pods are gone, or nobody waits for them any more: etcd may let go of it. */
  | { readonly kind: 'end-drain' }
  | { readonly kind: 'delete-server'; readonly id: string; readonly force: boolean; /** A second one with one mark (rule E3). */ readonly isDouble?: true }
  | { readonly kind: 'delete-node'; readonly node: string }
  | { readonly kind: 'delete-port'; readonly id: string; readonly isDouble?: true }
  | { readonly kind: 'delete-volume'; readonly id: string; readonly isDouble?: true }

export const maxHardReboots = 2
export const maxFailures = 3
const stuckMs = 15 * 60_000

export const seenRoles = (s: Seen): ReadonlySet<string> => new Set([...(s.port.kind === 'seen' ? ['port'] : []), ...(s.volume.kind === 'seen' ? ['volume'] : []), ...(s.server.kind === 'seen' ? ['server'] : [])])
const isWorker = (s: Seen): boolean => s.machine.spec.role === 'worker'
export const hasContact = (s: Seen): boolean => s.machine.status?.contactAt !== undefined || s.contact !== undefined || s.node !== undefined

/** Seconds. For a minute after something was made its lists are kept young and tell of each change; later they are as old as nobody asks. */
const untilTold = (o: Marked, now: Date): number => (o.createdAt !== undefined && now.getTime() - Date.parse(o.createdAt) < 45_000 ? 30 : 3)

/** When the boot watchdog's clock started: for workers not before the API answers. */
const bootingSince = (s: Seen): number | undefined => {
  const active = s.machine.status?.activeAt
  return active === undefined || (isWorker(s) && !s.isApiSeen) ? undefined : Date.parse(active)
}

/** Nova is at it. */
const isGoing = (o: Server): boolean => o.taskState === 'deleting' || o.taskState === 'soft-deleting' || o.status === 'DELETED'
const isAsked = (s: Seen, o: Server): boolean => isGoing(o) || s.isAsked(requestOf(o.id, o.status === 'SOFT_DELETED'))

/** Nothing is asked to go that is going, in use, or was asked a moment ago. */
const deleteServer = (s: Seen, o: Server): Step[] => (isAsked(s, o) ? [] : [{ kind: 'delete-server', id: o.id, force: o.status === 'SOFT_DELETED' }])
const deleteVolume = (s: Seen, o: Volume): Step[] => (o.attachedTo.length > 0 || o.status === 'deleting' || s.isAsked(requestOf(o.id)) ? [] : [{ kind: 'delete-volume', id: o.id }])
const deletePort = (o: Port): Step[] => (o.deviceId === '' ? [{ kind: 'delete-port', id: o.id }] : [])
const planDoubles = (s: Seen): Step[] => [
  ...(s.server.kind === 'seen' ? s.server.doubles.flatMap((d) => deleteServer(s, d)) : []),
  ...(s.port.kind === 'seen' && isWorker(s) ? s.port.doubles.flatMap(deletePort) : []),
  ...(s.volume.kind === 'seen' ? s.volume.doubles.flatMap((d) => deleteVolume(s, d)) : []),
].map((step) => ({ ...step, isDouble: true }) as Step)

/** Seconds between two looks at what the cloud does not do. */
const stuckEverySeconds = 60
const isOver = (since: string | number, now: Date): boolean => now.getTime() - new Date(since).getTime() > stuckMs
const serverGoes = (server: Server, since: string | number, otherwise: Outcome, now: Date): Outcome => (!isOver(since, now) ? otherwise
  : waiting('ServerStuckDeleting', `server ${server.id} still stands 15 minutes after its deletion${server.fault === undefined ? '' : `; Nova says: ${server.fault.message}`}; the cloud's operator can look at it: openstack server show ${server.id}`, stuckEverySeconds))

/** Since when nothing of ours holds up the deletion: pods had their time. */
const leavingSince = ({ machine: { status, spec, metadata } }: Seen, now: Date): string | number =>
  status?.drainedAt ?? (status?.drainStartedAt !== undefined ? Date.parse(status.drainStartedAt) + milliseconds(spec.drainTimeout) : metadata.deletionTimestamp ?? now.getTime())

/** Nova frees both before a server is gone. What names one then may still be written to by a guest that nobody sees (rule O8), so it is left to the operator. */
const portAndVolumeGo = (s: Seen, port: Port | undefined, volume: Volume | undefined, now: Date): Outcome => {
  if (!isOver(leavingSince(s, now), now)) return gone('port and volume')
  const names = (kind: string, id: string, servers: readonly string[]): string => `${kind} ${id}${servers.length === 0 ? '' : `, which names server ${servers.join(', ')} that is gone`}`
  const left = [...(port === undefined ? [] : [names('port', port.id, port.deviceId === '' ? [] : [port.deviceId])]), ...(volume === undefined ? [] : [names('volume', volume.id, volume.attachedTo)])]
  return waiting('PortOrVolumeStuck', `still there after 15 minutes: ${left.join('; ')}; the cloud's operator can free or delete it`, stuckEverySeconds)
}

/**
 * Its Node holds nothing up: without it pods would wait for the node's return, so the API is given a while to answer; but
 * an API that went with this machine does not come before another is made. A Node that is left is NotReady, and a person may delete it.
 */
const mayHaveNode = (s: Seen): boolean => !s.isClusterGoing && (s.node !== undefined || (!s.isApiSeen && s.machine.status?.nodeReady !== undefined))

/** Of a machine that may be a member of etcd: nothing of it goes before the control plane has let go of it (rules O7, T2). */
const mayBeMember = (s: Seen): boolean => !s.isClusterGoing && !isWorker(s) && s.machine.status?.contactAt !== undefined && s.cluster.status?.controlPlane?.bootstrap?.doneAt !== undefined

const planDeletion = (s: Seen, now: Date): Plan<Step | Finish> => {
  const server = objectOf(s.server)
  const volume = objectOf(s.volume)
  const port = isWorker(s) ? objectOf(s.port) : undefined
  const started = s.machine.status?.drainStartedAt
  const leaving = s.cluster.status?.controlPlane?.leaving
  if (mayBeMember(s) && leaving?.machine !== s.machine.metadata.name) return { steps: [], outcome: waiting('WaitingForControlPlane', 'waits until etcd can spare it, which goes on with all others healthy; the cluster\'s condition ControlPlaneReady says what is missing', 60) }
  if (server !== undefined && mayHaveNode(s) && server.status !== 'SOFT_DELETED' && !isAsked(s, server)) {
    const hasHadTime = started !== undefined && now.getTime() - Date.parse(started) > milliseconds(s.machine.spec.drainTimeout)
    if (started === undefined) return { steps: [{ kind: 'start-drain' }, { kind: 'drain' }], outcome: waiting('Draining', 'its pods are leaving', 2) }
    if (!hasHadTime && s.machine.status?.drainedAt === undefined) return { steps: [{ kind: 'drain' }], outcome: waiting('Draining', 'its pods are leaving', 5) }
  }
  if (mayBeMember(s) && leaving?.isOut !== true) return { steps: s.machine.status?.drainedAt === undefined ? [{ kind: 'end-drain' }] : [], outcome: waiting('WaitingForEtcd', 'waits until it is no member of etcd any more', 60) }
  if (server !== undefined) return { steps: [...planDoubles(s), ...deleteServer(s, server)], outcome: serverGoes(server, leavingSince(s, now), gone('server'), now) }
  const objects: Step[] = [...planDoubles(s), ...(port === undefined ? [] : deletePort(port)), ...(volume === undefined ? [] : deleteVolume(s, volume))]
  const node: Step[] = mayHaveNode(s) ? [{ kind: 'delete-node', node: s.machine.metadata.name }] : []
  if (objects.length > 0 || port !== undefined || volume !== undefined) return { steps: [...node, ...objects], outcome: portAndVolumeGo(s, port, volume, now) }
  if (node.length > 0 && !isOver(leavingSince(s, now), now)) return { steps: node, outcome: waiting('WaitingForApi', `all else is gone; its Node ${s.machine.metadata.name} is deleted when the cluster's API answers, and left after 15 minutes`, 10) }
  const late = Object.keys(s.intents ?? {}).filter((r) => isPending(s.intents, r, now) && !seenRoles(s).has(r) && (r !== 'port' || isWorker(s)))
  if (late.length > 0) return { steps: [], outcome: waiting('Looking', `the creation of ${late.join(', ')} was not answered; its result is looked for before the machine goes`, lookEverySeconds) }
  return { steps: [...node, { kind: 'finish' }], outcome: settled() }
}
const gone = (what: string): Outcome => waiting('Deleting', `waits until the cloud answers 404 for its ${what}`, 2)

/** Seconds. A worker is heard by its Node, which the nodes' watch tells; of a control plane one machine listens for all until the way is open. */
const askAgainAfter = (s: Seen): number => (isWorker(s) ? (s.isApiSeen ? 60 : 180) : s.machine.spec.slot === 0 || s.isOneHeard ? 2 : 15)

const planBoot = (s: Seen, now: Date, serverId: string): Plan<Step> => {
  const since = bootingSince(s)
  const reboots = s.machine.status?.hardReboots ?? 0
  const limit = milliseconds(s.site.spec.bootTimeout) * (reboots + 1)
  if (since !== undefined && now.getTime() - since > limit) {
    if (reboots < maxHardReboots) return { steps: [{ kind: 'hard-reboot', serverId, count: reboots + 1 }], outcome: waiting('BootTimeout', 'it did not answer in time and was rebooted', 10) }
    return { steps: [{ kind: 'give-up', serverId, why: 'it never answered after two hard reboots' }], outcome: waiting('BootTimeout', 'it never answered; it is deleted and made again', 5) }
  }
  return { steps: [], outcome: waiting('WaitingForBoot', 'waits for first contact', askAgainAfter(s)) }
}

export const plan = (s: Observed, now: Date): Plan<Step | Finish> => {
  if (s.kind === 'blocked') return s.deleting && s.holdsNothing ? { steps: [{ kind: 'finish' }], outcome: settled() } : { steps: [], outcome: waiting(s.reason, s.message, 60) }
  if (s.deleting) return planDeletion(s, now)
  const server = objectOf(s.server)
  const volume = objectOf(s.volume)
  if (server === undefined) {
    // What a server is made from; one that stands needs none of it any more.
    if (s.type === undefined) return { steps: [], outcome: waiting('MachineTypeMissing', `site ${s.cluster.spec.site} has no flavor ${s.machine.spec.machineType} any more`, 60) }
    if (s.release === undefined) return { steps: [], outcome: waiting('ReleaseMissing', `there is no release ${s.machine.spec.release}`, 60) }
    const needsVolume = s.type.spec.diskGiB === 0
    if (s.image === undefined) return { steps: [], outcome: waiting('ImageMissing', `site ${s.cluster.spec.site} has no image of Talos ${s.release.spec.talosVersion}; upload one: skerry site image add`, 60) }
    if ((s.machine.status?.failures ?? 0) >= maxFailures) return { steps: [], outcome: refused('ServerError', `${s.machine.status?.fault ?? 'its server failed'}; tried ${maxFailures} times. Delete the machine to try again`) }
    const missing = [...(s.port.kind === 'absent' && isWorker(s) ? ['port'] : []), ...(needsVolume && volume === undefined ? ['volume'] : [])]
    const looking = missing.filter((r) => isPending(s.intents, r, now))
    const create = missing.filter((r) => !looking.includes(r))
    if (looking.length > 0) return { steps: [], outcome: waiting('Looking', `the creation of ${looking.join(', ')} was not answered; its result is looked for before it is tried again`, lookEverySeconds) }
    if (create.length > 0) return { steps: [{ kind: 'intend', roles: create }, ...create.map((r): Step => ({ kind: r === 'port' ? 'create-port' : 'create-volume' }))], outcome: waiting('Creating', 'makes port and root volume', 1) }
    if (s.port.kind === 'absent') return { steps: [], outcome: waiting('WaitingForEndpoint', 'waits for the port of its slot', 5) }
    if (s.port.object.deviceId !== '') return { steps: [], outcome: waiting('WaitingForServer', `its port ${s.port.object.id} still belongs to server ${s.port.object.deviceId}`, 3) }
    if (volume?.status.startsWith('error') === true) return { steps: deleteVolume(s, volume), outcome: waiting('ServerError', `Cinder could not make the root volume: ${volume.id} is in status ${volume.status}; it is deleted and made again`, 30) }
    if (needsVolume && volume !== undefined && (volume.status !== 'available' || !volume.bootable)) return { steps: [], outcome: waiting('WaitingForVolume', 'its root volume is being made', untilTold(volume, now)) }
    if (isPending(s.intents, 'server', now)) return { steps: [], outcome: waiting('Looking', 'the creation of server was not answered; its result is looked for before it is tried again', lookEverySeconds) }
    return { steps: [...planDoubles(s), { kind: 'intend', roles: ['server'] }, { kind: 'create-server' }], outcome: waiting('WaitingForServer', 'Nova is building its server', 1) }
  }
  const doubles = planDoubles(s)
  const { gaveUp, fault: why } = s.machine.status ?? {}
  if (gaveUp?.serverId === server.id) return { steps: [...doubles, ...deleteServer(s, server)], outcome: serverGoes(server, gaveUp.at, waiting('ServerError', `${why ?? 'it never answered'}; server ${server.id} is deleted, then it is tried again`, 5), now) }
  if (isGoing(server)) return { steps: doubles, outcome: waiting('WaitingForServer', `somebody deletes its server ${server.id}`, 30) }
  if (server.status === 'ERROR' && !hasContact(s)) {
    const fault = server.fault?.message ?? 'Nova gave no reason'
    return { steps: [...doubles, { kind: 'give-up', serverId: server.id, why: fault }], outcome: waiting('ServerError', `${fault}; it is deleted and tried again`, 30) }
  }
  if (server.status !== 'ACTIVE') return { steps: doubles, outcome: waiting('WaitingForServer', `Nova says its server is ${server.status}`, server.status === 'BUILD' ? untilTold(server, now) : 30) }
  if (s.node === undefined) {
    if (!hasContact(s)) { const boot = planBoot(s, now, server.id); return { steps: [...doubles, ...boot.steps], outcome: boot.outcome } }
    return { steps: doubles, outcome: waiting('WaitingForNode', 'waits until its Node is Ready', 120) }
  }
  const steps: Step[] = [...doubles, ...(s.node.providerId === '' ? [{ kind: 'name-node', node: s.node.name, providerId: `openstack:///${server.id}` } as const] : [])]
  return s.node.ready ? { steps, outcome: settled() } : { steps, outcome: waiting('WaitingForNode', s.machine.status?.nodeReady === undefined ? 'waits until its Node is Ready' : 'its Node is not Ready', 120) }
}
