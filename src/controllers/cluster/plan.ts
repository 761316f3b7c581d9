/** What all machines share is made in two levels and goes in reverse (rule O9). Pure. */
import { settled, waiting, type Outcome } from '../../engine/outcome.ts'
import type { Finish, Plan } from '../../engine/shapes.ts'
import type { SecurityGroupRuleSpec } from '../../drivers/openstack/cloud.ts'
import { isPending, lookEverySeconds, objectOf, type Sight } from '../outside.ts'
import type { Observed, Role, Seen } from './observe.ts'

export type Step =
  /** Commits the secrets bundle before the first outside call (rule T7). */
  | { readonly kind: 'keep-secrets' }
  /** Records the project (rule E2) and what is about to be created (rule E3). */
  | { readonly kind: 'intend'; readonly roles: readonly Role[] }
  /** All of one level, side by side. */
  | { readonly kind: 'create'; readonly roles: readonly Role[] }
  | { readonly kind: 'attach-router'; readonly routerId: string; readonly subnetId: string }
  | { readonly kind: 'admit'; readonly groupId: string; readonly role: Role; readonly rules: readonly SecurityGroupRuleSpec[] }
  | { readonly kind: 'refuse'; readonly ruleIds: readonly string[] }
  | { readonly kind: 'detach-router'; readonly routerId: string; readonly subnetId: string }
  | { readonly kind: 'delete'; readonly role: Role; readonly id: string; /** A second one with one mark (rule E3). */ readonly isDouble?: true }
  | { readonly kind: 'drop-port'; readonly id: string }
  /** Closes what is open to the cluster's own APIs. */
  | { readonly kind: 'forget' }

const sights = (s: Seen): readonly (readonly [Role, Sight<{ readonly id: string }>])[] => [
  ['network', s.network], ['router', s.router], ['nodes', s.nodeGroup], ['control-plane', s.controlPlaneGroup], ['anti-affinity', s.serverGroup], ['subnet', s.subnet],
]
export const seenRoles = (s: Seen): ReadonlySet<string> => new Set(sights(s).filter(([, x]) => x.kind === 'seen').map(([r]) => r))

/** Which roles the cluster's shape has, and what each needs first. */
const wanted = (s: Seen, replicas: number): readonly Role[] => [
  ...(s.shape === 'tenant' ? (['network', 'router'] as const) : []), 'nodes', 'control-plane',
  ...(replicas > 1 ? (['anti-affinity'] as const) : []),
  ...(s.shape === 'tenant' && s.network.kind === 'seen' ? (['subnet'] as const) : []),
]

const planDoubles = (s: Seen): Step[] => sights(s).flatMap(([role, x]) => (x.kind === 'seen' ? x.doubles.map((d): Step => ({ kind: 'delete', role, id: d.id, isDouble: true })) : []))

const first = (before: readonly string[]): Outcome => waiting('Deleting', `waits until ${before.slice(0, 5).join(', ')}${before.length > 5 ? ' and others' : ''} are gone`, 60)
const end: readonly (Step | Finish)[] = [{ kind: 'forget' }, { kind: 'finish' }]

const planDeletion = (s: Seen): Plan<Step | Finish> => {
  if (s.before.length > 0) return { steps: [], outcome: first(s.before) }
  const network = objectOf(s.network)
  const subnet = objectOf(s.subnet)
  const router = objectOf(s.router)
  const late = Object.keys(s.intents ?? {})
  if (s.strangers.length > 0) return { steps: [], outcome: waiting('BlockedBy', `what is not ours uses the cluster's network or security groups and is not touched: ${s.strangers.join(', ')}; remove it, then the rest goes`, 60) }
  if (s.leftovers.length > 0) return { steps: s.leftovers.map((id): Step => ({ kind: 'drop-port', id })), outcome: gone() }
  if (router !== undefined && subnet !== undefined && s.isAttached) return { steps: [{ kind: 'detach-router', routerId: router.id, subnetId: subnet.id }], outcome: gone() }
  const all = sights(s).filter(([role]) => role !== 'network')
  const steps = [...planDoubles(s), ...all.flatMap(([role, x]): Step[] => (x.kind === 'seen' ? [{ kind: 'delete', role, id: x.object.id }] : []))]
  if (steps.length > 0) return { steps, outcome: gone() }
  if (network !== undefined) return { steps: [{ kind: 'delete', role: 'network', id: network.id }], outcome: gone() }
  if (late.length > 0) return { steps: [], outcome: waiting('Looking', `the creation of ${late.join(', ')} was not answered; its result is looked for before the cluster goes`, lookEverySeconds) }
  return { steps: end, outcome: settled() }
}
const gone = (): Outcome => waiting('Deleting', 'waits until the cloud answers 404 for what was deleted', 1)

/** Of many that wait somebody asks all the time; of few one may wait this long. */
const turnEverySeconds = 10

export const plan = (replicas: number) => (s: Observed, now: Date): Plan<Step | Finish> => {
  if (s.kind === 'abandoned') return s.before.length > 0 ? { steps: [], outcome: first(s.before) } : { steps: end, outcome: settled() }
  if (s.kind === 'blocked') return { steps: [], outcome: waiting(s.reason, s.message, s.reason === 'WaitingForTurn' ? turnEverySeconds : 60) }
  if (s.deleting) return planDeletion({ ...s, intents: Object.fromEntries(Object.keys(s.intents ?? {}).filter((r) => isPending(s.intents, r, now) && !seenRoles(s).has(r)).map((r) => [r, ''])) })
  const seen = seenRoles(s)
  const missing = wanted(s, replicas).filter((r) => !seen.has(r))
  const looking = missing.filter((r) => isPending(s.intents, r, now))
  const create = missing.filter((r) => !looking.includes(r))
  const nodeGroup = objectOf(s.nodeGroup)
  const controlPlaneGroup = objectOf(s.controlPlaneGroup)
  const router = objectOf(s.router)
  const subnet = objectOf(s.subnet)
  const extra = [...s.nodeRules.extra, ...s.controlPlaneRules.extra]
  const steps: Step[] = [
    ...planDoubles(s),
    ...(create.length > 0 ? [{ kind: 'keep-secrets' } as const, { kind: 'intend', roles: create } as const] : []),
    ...(create.length > 0 ? [{ kind: 'create', roles: create } as const] : []),
    ...(router !== undefined && subnet !== undefined && !s.isAttached ? [{ kind: 'attach-router', routerId: router.id, subnetId: subnet.id } as const] : []),
    ...(nodeGroup !== undefined && s.nodeRules.missing.length > 0 ? [{ kind: 'admit', groupId: nodeGroup.id, role: 'nodes', rules: s.nodeRules.missing } as const] : []),
    ...(controlPlaneGroup !== undefined && s.controlPlaneRules.missing.length > 0 ? [{ kind: 'admit', groupId: controlPlaneGroup.id, role: 'control-plane', rules: s.controlPlaneRules.missing } as const] : []),
    ...(extra.length > 0 ? [{ kind: 'refuse', ruleIds: extra } as const] : []),
  ]
  if (looking.length > 0) return { steps, outcome: waiting('Looking', `the creation of ${looking.join(', ')} was not answered; its result is looked for before it is tried again`, lookEverySeconds) }
  if (steps.length > 0 || missing.length > 0) return { steps, outcome: waiting('Creating', `makes ${s.shape === 'tenant' ? 'network, router and ' : ''}security groups`, 0.2) }
  return { steps, outcome: settled() }
}
