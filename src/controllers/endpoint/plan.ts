/** Addresses first (rule O5): floating IP, chosen VIP and slot ports side by side, then what is below the balancer. Pure. */
import type { LoadBalancer, Pool, Provisioned } from '../../drivers/openstack/cloud.ts'
import { refused, settled, waiting, type Outcome } from '../../engine/outcome.ts'
import type { Finish, Plan } from '../../engine/shapes.ts'
import { isPending, lookEverySeconds, objectOf, type Sight } from '../outside.ts'
import type { ApiPort, Observed, Seen } from './observe.ts'

export type Step =
  | { readonly kind: 'intend'; readonly roles: readonly string[] }
  /** All of one level, side by side (rule O5). */
  | { readonly kind: 'create'; readonly objects: readonly Creation[] }
  /** The list was changed: nobody reaches the API who is no longer on it. */
  | { readonly kind: 'admit'; readonly listenerId: string; readonly allowed: readonly string[] | null }
  | { readonly kind: 'add-monitor'; readonly pool: Pool }
  | { readonly kind: 'add-members'; readonly pool: Pool; readonly port: ApiPort; readonly members: readonly { readonly slot: number; readonly address: string }[] }
  | { readonly kind: 'bind'; readonly floatingIpId: string; readonly portId: string }
  | Deletion
/** `isDouble`: a second one with one mark (rule E3). */
interface Deletion { readonly kind: 'delete-load-balancer' | 'delete-floating-ip' | 'delete-port'; readonly id: string; readonly isDouble?: true }

export type Creation =
  | { readonly kind: 'create-port'; readonly slot: number }
  | { readonly kind: 'create-floating-ip' }
  /** With its listeners, pools and monitors, in one call and one lock; the two below make what somebody took away since. */
  | { readonly kind: 'create-load-balancer'; readonly listeners: readonly { readonly port: ApiPort; readonly allowed: readonly string[] | null }[] }
  | { readonly kind: 'create-listener'; readonly port: ApiPort; readonly loadBalancerId: string; readonly allowed: readonly string[] | null; /** Its pool, which outlived it. */ readonly poolId?: string }
  | { readonly kind: 'create-pool'; readonly port: ApiPort; readonly listenerId: string }

/** The name of its intent (rule E3). */
export const roleOf = (c: Creation): string => {
  switch (c.kind) {
    case 'create-port': return `cp-${c.slot}`
    case 'create-floating-ip': return 'floating-ip'
    case 'create-load-balancer': return 'load-balancer'
    case 'create-listener': return `listener-${c.port}`
    case 'create-pool': return `pool-${c.port}`
  }
}

const named = (s: Seen) => [
  ...s.slots.map((x, i) => [`cp-${i}`, x] as const), ['floating-ip', s.floatingIp] as const, ['load-balancer', s.loadBalancer] as const,
  ...s.ways.flatMap((w) => [[`listener-${w.port}`, w.listener] as const, [`pool-${w.port}`, w.pool] as const]),
]
export const seenRoles = (s: Seen): ReadonlySet<string> => new Set(named(s).filter(([, x]) => x.kind === 'seen').map(([r]) => r))

const doublesOf = <T extends { readonly id: string }>(kind: Deletion['kind'], x: Sight<T>, isFree: (d: T) => boolean): Step[] =>
  (x.kind === 'seen' ? x.doubles.filter(isFree).map((d): Step => ({ kind, id: d.id, isDouble: true })) : [])
const planDoubles = (s: Seen, now: Date): Step[] => [
  ...doublesOf('delete-load-balancer', s.loadBalancer, (d) => mayDelete(d, now)), ...doublesOf('delete-floating-ip', s.floatingIp, () => true),
  ...s.slots.flatMap((x) => doublesOf('delete-port', x, (d) => d.deviceId === '')),
]

/** Not while an answer is out: its balancer may still come. */
const freeVip = (s: Seen, now: Date): Step[] => (isPending(s.intents, 'load-balancer', now) ? [] : s.strandedVips.map((id) => ({ kind: 'delete-port', id })))

const stuckMs = 15 * 60_000
const askAgainMs = 60_000
/** How long it has had its status. Octavia writes no time of an object that is as it was made. */
const standsMs = (o: Provisioned, now: Date): number => now.getTime() - Date.parse(o.updatedAt ?? o.createdAt ?? now.toISOString())
const isPendingStatus = (o: Provisioned): boolean => o.provisioningStatus.startsWith('PENDING')
/** What is being changed takes no call. What ended in ERROR, perhaps as it was deleted, is left alone for a minute. */
const mayDelete = (lb: LoadBalancer, now: Date): boolean => !isPendingStatus(lb) && (lb.provisioningStatus !== 'ERROR' || standsMs(lb, now) >= askAgainMs)

/** `part`: the balancer, or what is below it. */
const stuck = (lb: LoadBalancer, part: Provisioned, now: Date): Outcome | undefined => (isPendingStatus(part) && standsMs(part, now) > stuckMs
  ? waiting('LoadBalancerStuck', `load balancer ${lb.id} is ${part.provisioningStatus}${part === lb ? '' : ` in part (${part.name})`} since more than 15 minutes; the cloud's operator can end that: openstack loadbalancer status set ${lb.id} --provisioning-status ERROR`, 60)
  : undefined)

/** Why a balancer that goes is still there, when that is not for us to do. */
const heldUp = (lb: LoadBalancer | undefined, now: Date): Outcome | undefined => (lb?.provisioningStatus === 'ERROR'
  ? waiting('LoadBalancerError', `Octavia ended in ERROR with load balancer ${lb.id}; its deletion is asked for again each minute, and when that does not help the cloud's operator finds the cause in octavia-worker's log`, 10)
  : lb && stuck(lb, lb, now))

const planDeletion = (s: Seen, now: Date): Plan<Step | Finish> => {
  if (s.machines.length > 0) return { steps: [], outcome: waiting('Deleting', 'the machines go before their addresses', 60) }
  const loadBalancer = objectOf(s.loadBalancer)
  const steps: Step[] = [
    ...(loadBalancer !== undefined && mayDelete(loadBalancer, now) ? [{ kind: 'delete-load-balancer', id: loadBalancer.id } as const] : []), ...planDoubles(s, now),
    ...(s.floatingIp.kind === 'seen' ? [{ kind: 'delete-floating-ip', id: s.floatingIp.object.id } as const] : []),
    ...s.slots.flatMap((x): Step[] => (x.kind === 'seen' && x.object.deviceId === '' ? [{ kind: 'delete-port', id: x.object.id }] : [])), ...freeVip(s, now),
  ]
  const late = Object.keys(s.intents ?? {}).filter((r) => isPending(s.intents, r, now) && !seenRoles(s).has(r))
  const left = seenRoles(s).size > 0
  if (steps.length > 0 || left) return { steps, outcome: heldUp(loadBalancer, now) ?? waiting('Deleting', 'waits until load balancer, floating IP and ports are gone', 1) }
  if (late.length > 0) return { steps: [], outcome: waiting('Looking', `the creation of ${late.join(', ')} was not answered; its result is looked for before the cluster goes`, lookEverySeconds) }
  return { steps: [{ kind: 'finish' }], outcome: settled() }
}

/** The balancer and what is below it. */
const parts = (s: Seen) => [s.loadBalancer, ...s.ways.flatMap((w) => [w.listener, w.pool])].flatMap((x): readonly Provisioned[] => (x.kind === 'seen' ? [x.object] : []))
const changing = (s: Seen) => parts(s).find(isPendingStatus)
/**
 * Nothing is at work on any of it. The OVN provider calls a new balancer ACTIVE before it has made the pools that came with it,
 * and writes them from a copy that is older than a member added in between.
 */
const isQuiet = (s: Seen): boolean => objectOf(s.loadBalancer)?.provisioningStatus === 'ACTIVE' && changing(s) === undefined
/** Ended in ERROR; a part of it counts while nobody was served through it, so that nothing is lost. */
const isBroken = (s: Seen): boolean => parts(s).some((p) => p.provisioningStatus === 'ERROR' && (!s.isBuilt || p.id === objectOf(s.loadBalancer)?.id))

/** What is missing at this level and may be made now; with what is being looked for. */
const missing = (s: Seen, now: Date) => {
  const lb = objectOf(s.loadBalancer)
  const want: Creation[] = []
  if (s.networkId !== undefined && s.groupIds.length > 0 && (s.subnetId !== undefined || !s.tenant)) s.slots.forEach((x, slot) => { if (x.kind === 'absent') want.push({ kind: 'create-port', slot }) })
  if (s.tenant && s.floatingIp.kind === 'absent') want.push({ kind: 'create-floating-ip' })
  if (s.endpoint === 'octavia' && s.subnetId !== undefined && lb === undefined) want.push({ kind: 'create-load-balancer', listeners: s.ways.map(({ port, allowed }) => ({ port, allowed })) })
  if (lb !== undefined && isQuiet(s)) for (const w of s.ways) {
    const listener = objectOf(w.listener)
    if (listener === undefined) want.push({ kind: 'create-listener', port: w.port, loadBalancerId: lb.id, allowed: w.allowed, ...(w.pool.kind === 'seen' && { poolId: w.pool.object.id }) })
    else if (w.pool.kind === 'absent') want.push({ kind: 'create-pool', port: w.port, listenerId: listener.id })
  }
  const { true: looking = [], false: create = [] } = Object.groupBy(want, (c) => `${isPending(s.intents, roleOf(c), now)}`)
  return { looking: looking.map(roleOf), create }
}

const isSameList = (a: readonly string[] | null, b: readonly string[] | null): boolean => JSON.stringify((a ?? []).toSorted()) === JSON.stringify((b ?? []).toSorted())

/** What hangs on objects that are there; adding it twice is refused by the cloud (rule O2), so it needs no intent. */
const attach = (s: Seen): Step[] => {
  const lb = objectOf(s.loadBalancer)
  const fip = objectOf(s.floatingIp)
  const steps: Step[] = []
  if (isQuiet(s)) for (const w of s.ways) {
    const listener = objectOf(w.listener)
    if (listener !== undefined && !isSameList(listener.allowedCidrs, w.allowed)) steps.push({ kind: 'admit', listenerId: listener.id, allowed: w.allowed })
    const pool = objectOf(w.pool)
    if (pool === undefined) continue
    // Who has an address now: waiting for a port that does not come would keep the others out.
    const members = s.slots.flatMap((x, slot) => {
      const address = x.kind === 'seen' ? x.object.fixedIps[0]?.address : undefined
      return address === undefined || w.members.some((m) => m.address === address) ? [] : [{ slot, address }]
    })
    if (members.length > 0) steps.push({ kind: 'add-members', pool, port: w.port, members })
    if (!w.hasMonitor) steps.push({ kind: 'add-monitor', pool })
  }
  const target = s.endpoint === 'octavia' ? lb?.vipPortId : objectOf(s.slots[s.entry] ?? { kind: 'absent' as const })?.id
  if (fip !== undefined && target !== undefined && target !== '' && fip.portId !== target) steps.push({ kind: 'bind', floatingIpId: fip.id, portId: target })
  return steps
}

export const plan = (s: Observed, now: Date): Plan<Step | Finish> => {
  if (s.kind === 'blocked') {
    const isWaiting = s.reason === 'WaitingForNetwork' || s.reason === 'SiteMissing'
    return { steps: s.deleting && s.holdsNothing ? [{ kind: 'finish' }] : [], outcome: isWaiting ? waiting(s.reason, s.message, 60) : refused(s.reason, s.message) }
  }
  if (s.deleting) return planDeletion(s, now)
  if (s.tenant && (s.subnetId === undefined || s.groupIds.length === 0) || !s.tenant && s.groupIds.length === 0) return { steps: [], outcome: waiting('WaitingForNetwork', 'waits for the cluster\'s network and groups', 60) }
  if (s.networkId === undefined) return { steps: [], outcome: refused('NetworkMissing', 'the site has no provider network to attach machines to') }
  const lb = objectOf(s.loadBalancer)
  if (lb !== undefined && isBroken(s) && !isPendingStatus(lb))
    return { steps: mayDelete(lb, now) ? [{ kind: 'delete-load-balancer', id: lb.id }] : [], outcome: waiting('LoadBalancerError', `Octavia ended in ERROR with load balancer ${lb.id}; a minute later it is deleted and made again with the same addresses`, 10) }
  const { looking, create } = missing(s, now)
  const steps: Step[] = [...planDoubles(s, now), ...freeVip(s, now), ...(create.length > 0 ? [{ kind: 'intend', roles: create.map(roleOf) } as const, { kind: 'create', objects: create } as const] : []), ...attach(s)]
  if (looking.length > 0) return { steps, outcome: waiting('Looking', `the creation of ${looking.join(', ')} was not answered; its result is looked for before it is tried again`, lookEverySeconds) }
  const busy = changing(s)
  if (lb !== undefined && busy !== undefined) return { steps, outcome: stuck(lb, busy, now) ?? waiting('WaitingForLoadBalancer', `load balancer ${lb.id} is being changed by Octavia`, 10) }
  return steps.length > 0 ? { steps, outcome: waiting('Creating', 'makes addresses and the way to the API', 0.2) } : { steps, outcome: settled() }
}
