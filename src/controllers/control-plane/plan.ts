/** Grows a control plane without ever endangering etcd: one bootstrap in its life (T1), one member in motion (T2). Pure. */
import type { Machine } from '../../api/index.ts'
import { settled, waiting, type Outcome } from '../../engine/outcome.ts'
import type { Finish, Plan } from '../../engine/shapes.ts'
import { hasContact } from '../reads.ts'
import type { Etcd, Observed, Seen } from './observe.ts'

export type Step =
  | { readonly kind: 'issue'; readonly upTo: number }
  | { readonly kind: 'create-machine'; readonly slot: number; readonly ordinal: number }
  | { readonly kind: 'delete-machine'; readonly machine: Machine }
  | { readonly kind: 'request-bootstrap'; readonly machine: string; readonly serverId: string; readonly address: string }
  | { readonly kind: 'record-bootstrap'; readonly machine: string; readonly serverId: string }
  /** From now on this machine may go, and no other. */
  | { readonly kind: 'let-go'; readonly machine: string }
  | { readonly kind: 'remove-member'; readonly memberId: string; readonly via: string; readonly of: Machine }
  | { readonly kind: 'record-out'; readonly machine: string }

/** Whole: n members, all voters, all healthy, one cluster id. */
export const isWhole = (etcd: Etcd | undefined, replicas: number): boolean =>
  etcd !== undefined && etcd.members.length === replicas && etcd.statuses.length === replicas && etcd.clusterIds.length === 1
  && etcd.members.every((m) => !m.isLearner) && etcd.statuses.every((s) => s.errors.length === 0)

/**
 * Whether etcd can spare a machine (rule T2): of three members or more, and all the others are healthy voters of one cluster. What is no
 * member takes nothing along.
 */
export const canSpare = (etcd: Etcd, replicas: number, machine: string): boolean => {
  const others = etcd.members.filter((m) => m.hostname !== machine)
  if (etcd.clusterIds.length !== 1) return false
  if (others.length === etcd.members.length) return true
  return etcd.members.length >= Math.max(3, replicas) && others.every((m) => !m.isLearner && etcd.statuses.some((x) => x.machine === m.hostname && x.errors.length === 0))
}

const starting = (machine: string): Outcome => waiting('WaitingForEtcd', `etcd is bootstrapped on ${machine} and starts`, 2)
const voters = (afterSeconds: number): Outcome => waiting('WaitingForEtcd', 'waits until all etcd members are healthy voters', afterSeconds)

/** What a person, or time, has to mend is looked at again: nothing that we hold changes with it. */
const personEverySeconds = 60
/** After this long an etcd that was bootstrapped and does not answer is no longer called starting. */
const etcdStartMs = 600_000

const planBootstrap = (s: Seen, now: Date): Plan<Step> => {
  const bootstrap = s.cluster.status?.controlPlane?.bootstrap
  // An etcd that answers was bootstrapped, whatever our records say (a restored database).
  if (s.etcd !== undefined) {
    const by = bootstrap ?? { machine: s.etcd.statuses[0]!.machine, serverId: s.machines.find((m) => m.metadata.name === s.etcd!.statuses[0]!.machine)?.status?.serverId ?? '' }
    return { steps: [{ kind: 'record-bootstrap', machine: by.machine, serverId: by.serverId }], outcome: voters(1) }
  }
  const silent = s.answers.filter((a) => a.data === 'silent' || a.data === 'booting')
  const holders = s.answers.filter((a) => a.data === 'yes')
  // A server that the cloud does not show with its mark holds the port of its slot, so that slot's machine cannot answer.
  const unasked = s.machines.filter((m) => !s.answers.some((a) => a.machine === m.metadata.name))
  if (s.answers.length === 0 || silent.length > 0) return { steps: [], outcome: waiting('WaitingForBoot', 'waits until every control-plane server of this cluster answers whether it holds etcd data', silent.every((a) => a.data === 'booting') ? 30 : 2) }
  if (holders.length > 0) {
    // Others hold data once they have joined it, which they may before its start was recorded.
    const isOurs = bootstrap !== undefined && holders.some((h) => h.serverId === bootstrap.serverId)
    const isStarting = isOurs && now.getTime() - Date.parse(bootstrap.requestedAt) < etcdStartMs
    if (isStarting) return { steps: [], outcome: starting(bootstrap.machine) }
    return isOurs ? { steps: [], outcome: waiting('EtcdUnhealthy', `etcd was bootstrapped on ${bootstrap.machine}, its data is there, and it does not answer; bring members that were lost back, or restore a backup`, 30) }
      : { steps: [], outcome: waiting('EtcdDataLost', `${holders.map((h) => h.machine ?? h.serverId).join(', ')} holds etcd data of a cluster that does not answer; bootstrapping again would lose it. Bring the servers that held it back, or restore a backup`, personEverySeconds) }
  }
  if (s.cluster.status?.controlPlane?.established === true)
    return { steps: [], outcome: waiting('EtcdDataLost', 'this cluster had an etcd and no server holds its data any more; restore a backup into a new cluster', personEverySeconds) }
  if (unasked.length > 0) return { steps: [], outcome: waiting('WaitingForBoot', `waits until ${namesOf(unasked)} has a server that says it holds no etcd data`, 10) }
  const unknown = s.answers.find((a) => a.machine === undefined)
  if (unknown !== undefined) return { steps: [], outcome: waiting('UnknownObjects', `server ${unknown.serverId} carries the mark of this control plane and has no Machine; a person must decide: skerry site reconcile ${s.cluster.spec.site}`, personEverySeconds) }
  // Who does not say who it is has said nothing that could be compared.
  const mute = s.answers.find((a) => a.instanceId === undefined || a.hostname === undefined)
  if (mute !== undefined) return { steps: [], outcome: waiting('WaitingForBoot', `the node at ${mute.address ?? '?'} does not say who it is`, 2) }
  const names = s.answers.map((a) => a.hostname)
  if (new Set(names).size !== names.length) return { steps: [], outcome: waiting('EtcdUnhealthy', `two control-plane nodes call themselves ${names.join(', ')}; etcd would evict one`, personEverySeconds) }
  const mismatch = s.answers.find((a) => a.instanceId !== a.serverId)
  if (mismatch !== undefined) return { steps: [], outcome: waiting('WaitingForBoot', `the node at ${mismatch.address ?? '?'} says that it is ${mismatch.instanceId} and not server ${mismatch.serverId}`, 5) }
  if (bootstrap !== undefined && !s.isBootstrapServerGone && !s.answers.some((a) => a.serverId === bootstrap.serverId))
    return { steps: [], outcome: waiting('WaitingForBoot', `server ${bootstrap.serverId} was asked to bootstrap and is not listed; it is not known to be gone`, 10) }
  // Requested before and unanswered: only that server, as long as it is there.
  const chosen = (bootstrap !== undefined ? s.answers.find((a) => a.serverId === bootstrap.serverId) : undefined) ?? s.answers.toSorted((a, b) => slotOf(s, a.machine) - slotOf(s, b.machine))[0]!
  return { steps: [{ kind: 'request-bootstrap', machine: chosen.machine!, serverId: chosen.serverId, address: chosen.address! }], outcome: starting(chosen.machine!) }
}
/** Every slot has a server, and each says that it holds nothing. */
const isDataLost = (s: Seen): boolean => s.machines.length > 0 && s.machines.every((m) => s.answers.some((a) => a.machine === m.metadata.name && a.data === 'no'))
const slotOf = (s: Seen, name: string | undefined): number => s.machines.find((m) => m.metadata.name === name)?.spec.slot ?? 99

const isGoing = (m: Machine): boolean => m.metadata.deletionTimestamp !== undefined

/** Of a machine that was let go: its pods leave, then etcd lets go of it, then the machine goes itself (rule O7). */
const planLeaving = (s: Seen, leaving: Machine): Plan<Step> => {
  const { name: machine } = leaving.metadata
  const state = s.cluster.status?.controlPlane
  const goes = waiting('WaitingForMachines', `${machine} is going`, 60)
  if (state?.leaving?.isOut === true) return { steps: [], outcome: goes }
  if (leaving.status?.drainedAt === undefined) return { steps: [], outcome: waiting('Draining', `${machine} goes: its pods leave first`, 60) }
  if (s.etcd === undefined) return { steps: [], outcome: waiting('EtcdUnhealthy', `${machine} is to go; etcd does not answer, so nothing is taken from it`, 30) }
  const member = s.etcd.members.find((m) => m.hostname === machine)
  if (member === undefined) return { steps: [{ kind: 'record-out', machine }], outcome: goes }
  const via = s.etcd.statuses.find((x) => x.machine !== machine && !x.isLearner)
  if (via === undefined || !canSpare(s.etcd, s.cluster.spec.controlPlane.replicas, machine)) return { steps: [], outcome: waiting('EtcdUnhealthy', `${machine} is to go, and etcd cannot spare it now: all others have to be healthy voters`, 10) }
  return { steps: [{ kind: 'remove-member', memberId: member.id, via: via.machine, of: leaving }], outcome: waiting('WaitingForEtcd', `${machine} leaves etcd`, 1) }
}
const namesOf = (machines: readonly Machine[]): string => machines.map((m) => m.metadata.name).join(', ')

const planDeletion = (s: Seen): Plan<Step | Finish> => {
  if (s.workers > 0) return { steps: [], outcome: waiting('Deleting', 'the workers go first', 60) }
  if (s.machines.length > 0) return { steps: s.machines.filter((m) => !isGoing(m)).map((machine) => ({ kind: 'delete-machine', machine })), outcome: waiting('Deleting', 'the control plane\'s machines are going', 60) }
  return { steps: [{ kind: 'finish' }], outcome: settled() }
}

export const plan = (s: Observed, now: Date): Plan<Step | Finish> => {
  if (s.kind === 'blocked') return s.deleting ? { steps: [{ kind: 'finish' }], outcome: settled() } : { steps: [], outcome: waiting(s.reason, s.message, 60) }
  if (s.deleting) return planDeletion(s)
  if (!s.hasSecrets) return { steps: [], outcome: waiting('WaitingForNetwork', 'waits for the secrets bundle', 10) }
  const { replicas } = s.cluster.spec.controlPlane
  const state = s.cluster.status?.controlPlane
  // One at a time, and another only when the last one was replaced (rule T2).
  const going = state?.bootstrap?.doneAt === undefined ? [] : s.machines.filter((m) => isGoing(m) && hasContact(m))
  const leaving = going.find((m) => m.metadata.name === state?.leaving?.machine)
  if (leaving !== undefined) return planLeaving(s, leaving)
  const next = s.etcd === undefined ? undefined : going.find((m) => canSpare(s.etcd!, replicas, m.metadata.name))
  if (next !== undefined) return { steps: [{ kind: 'let-go', machine: next.metadata.name }], outcome: waiting('Draining', `${next.metadata.name} goes: its pods leave first`, 60) }
  const taken = new Set(s.machines.map((m) => m.spec.slot))
  const free = Array.from({ length: replicas }, (_, i) => i).filter((i) => !taken.has(i))
  const isQuiet = isWhole(s.etcd, s.machines.length) && s.machines.every((m) => s.readyNodes.has(m.metadata.name))
  // The first members come together (etcd admits one learner at a time); later ones one after another (rule T2).
  const slots = state?.established === true ? (isQuiet ? free.slice(0, 1) : []) : state?.bootstrap?.doneAt !== undefined && s.machines.length > 0 ? free.slice(0, 1) : free
  const issued = state?.issued ?? 0
  const create: Step[] = slots.length === 0 ? [] : [{ kind: 'issue', upTo: issued + slots.length }, ...slots.map((slot, i): Step => ({ kind: 'create-machine', slot, ordinal: issued + i }))]
  if (state?.bootstrap?.doneAt === undefined && create.length === 0) return planBootstrap(s, now)
  if (create.length > 0) return { steps: create, outcome: waiting('WaitingForMachines', 'control-plane machines are being made', 30) }
  if (going.length > 0) return { steps: [], outcome: waiting('EtcdUnhealthy', `${namesOf(going)} is to go, and etcd cannot spare it: of three members or more all others have to be healthy voters`, 30) }
  // The first answer of the API wakes us, and it answers when etcd does: until then etcd is asked seldom.
  if (s.etcd === undefined && isDataLost(s)) return { steps: [], outcome: waiting('EtcdDataLost', 'this cluster had an etcd and no server holds its data any more; restore a backup into a new cluster', personEverySeconds) }
  if (s.etcd === undefined) return { steps: [], outcome: state?.established === true ? waiting('WaitingForEtcd', 'etcd does not answer', 5) : voters(s.apiReady ? 5 : 15) }
  if (s.etcd.clusterIds.length > 1) return { steps: [], outcome: waiting('EtcdUnhealthy', `members of two different etcd clusters answer: ${s.etcd.clusterIds.join(', ')}`, personEverySeconds) }
  if (!isWhole(s.etcd, replicas)) return { steps: [], outcome: voters(s.apiReady ? 3 : 15) }
  if (!s.apiReady) return { steps: [], outcome: waiting('WaitingForApi', 'waits until the API server answers', state?.established === true ? 3 : 15) }
  const notReady = s.machines.filter((m) => !s.readyNodes.has(m.metadata.name)).map((m) => m.metadata.name)
  if (notReady.length > 0) return { steps: [], outcome: waiting('WaitingForNode', `waits until ${notReady.join(', ')} is Ready`, 10) }
  return { steps: [], outcome: settled() }
}
