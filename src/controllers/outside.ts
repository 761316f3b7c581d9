/** Finding our own objects in a cloud: adopt before create, doubles, intents (rules E1, E2, E3). Not: whether a 404 is to be believed (`view.ts`). */
import type { ObserveContext, Pass } from '../engine/shapes.ts'
import type { Collection, Listing, Mark, Marked, Port } from '../drivers/openstack/cloud.ts'
import type { Ports, SiteCloud } from './ports.ts'
import { demandSightOf, demandWholeView } from './view.ts'

/** One object of ours, as it was found. */
export type Sight<T> =
  | { readonly kind: 'seen'; readonly object: T; readonly doubles: readonly T[] }
  /** Never made, or gone for sure: GET answered 404 with a token of the recorded project. */
  | { readonly kind: 'absent' }

export const objectOf = <T>(s: Sight<T>): T | undefined => (s.kind === 'seen' ? s.object : undefined)

/** A listing by id and by the uid on its marks, made when it is first asked. */
interface Index<T> { readonly byId: ReadonlyMap<string, T>; readonly byUid: ReadonlyMap<string, readonly T[]> }
const indexes = new WeakMap<object, Index<never>>()
const indexOf = <T extends Marked>({ items }: Listing<T>): Index<T> => {
  const kept = indexes.get(items)
  if (kept !== undefined) return kept
  const made: Index<T> = { byId: new Map(items.map((o) => [o.id, o])), byUid: Map.groupBy(items.filter((o) => o.mark !== undefined), (o) => o.mark!.uid) }
  indexes.set(items, made as Index<never>)
  return made
}
const isMarked = (mark: Mark) => (o: Marked): boolean => o.mark?.uid === mark.uid && o.mark.role === mark.role && o.mark.site === mark.site

/** The recorded object, else the oldest that carries the mark. What is recorded and not listed is asked for by id. */
export const look = async <T extends Marked>(collection: Collection<T, never>, listing: Listing<T>, mark: Mark, recorded: string | undefined): Promise<Sight<T>> => {
  const { byId, byUid } = indexOf(listing)
  const marked = (byUid.get(mark.uid) ?? []).filter(isMarked(mark)).toSorted((a, b) => (a.createdAt ?? '').localeCompare(b.createdAt ?? '') || a.id.localeCompare(b.id))
  const known = recorded === undefined ? undefined : byId.get(recorded) ?? (await collection.get(recorded))
  const object = known ?? marked[0]
  return object === undefined ? { kind: 'absent' } : { kind: 'seen', object, doubles: marked.filter((o) => o.id !== object.id) }
}

/** The OVN provider gives each subnet with a health monitor a port, and keeps it when the balancer goes by cascade. */
export const isLeftBehind = (p: Port, subnetId: string): boolean => p.mark === undefined && p.deviceOwner === 'ovn-lb-hm:distributed' && p.name === `ovn-lb-hm-${subnetId}`

export type Intents = Readonly<Record<string, string>>

/** How long an unclear creation is looked for before it is made again, and how often (rule E3). */
export const lookForMs = 60_000
export const lookEverySeconds = 5

/** Whether a creation that was begun may still come to light. */
export const isPending = (intents: Intents | undefined, role: string, now: Date): boolean => {
  const begun = intents?.[role]
  return begun !== undefined && now.getTime() - Date.parse(begun) < lookForMs
}

/** Creations that failed, by role. The first is the cause. */
export class CreationsFailed extends Error {
  readonly failures: ReadonlyMap<string, unknown>
  constructor(failures: ReadonlyMap<string, unknown>) {
    const [first] = failures.values()
    super((first as Error).message, { cause: first })
    this.failures = failures
  }
}

/** Makes objects side by side; all calls have ended before it is said which failed. `without`: what was intended together with these, and is not begun when one of them fails. */
export const makeEach = async (calls: readonly (readonly [role: string, call: () => Promise<unknown>])[], without: readonly string[] = []): Promise<void> => {
  const ends = await Promise.allSettled(calls.map(async ([, call]) => call()))
  const failures = new Map(ends.flatMap((e, i) => (e.status === 'rejected' ? [[calls[i]![0], e.reason as unknown] as const] : [])))
  const [first] = failures.values()
  if (first !== undefined) throw new CreationsFailed(new Map([...failures, ...without.map((role) => [role, first] as const)]))
}

/**
 * The intents that are still open after a pass: not those now seen, nor one that was recorded in this pass and whose own call clearly
 * failed. A second try that was refused says nothing of the first.
 */
export const openIntents = (existing: Intents | undefined, pass: Pass, seenRoles: ReadonlySet<string>, ports: Ports): Intents | undefined => {
  const failures = pass.error?.error instanceof CreationsFailed ? pass.error.error.failures : undefined
  const isRefused = (role: string): boolean => failures?.has(role) === true && !ports.errors.isUnclear(failures.get(role))
  const begun = Object.entries((pass.recorded['intents'] as Intents | undefined) ?? {}).filter(([role]) => !isRefused(role))
  const open = Object.entries({ ...existing, ...Object.fromEntries(begun) }).filter(([role]) => !seenRoles.has(role))
  return open.length === 0 ? undefined : Object.fromEntries(open)
}

/** A server whose cell does not answer is unseen (rule E2). */
const isListed = (o: Marked | undefined): boolean => o !== undefined && (o as { status?: string }).status !== 'UNKNOWN'

/**
 * `look`, with the check of E2 when one is missing that is recorded, or is known by its mark alone: `isIntended`, because its creation
 * was not answered, or `isExpected`, because it was there though its id is not recorded. `isLetGo`: the cloud has just accepted its
 * deletion, so that its 404 needs no further proof.
 */
export const sighted = async <T extends Marked>({ cached, lastEffectAt, isRoutine }: ObserveContext, site: SiteCloud, collection: Collection<T, never>, mark: Mark, recorded: string | undefined, { isExpected = false, isIntended = false, isLetGo = false } = {}): Promise<Sight<T>> => {
  const listing = await collection.list(lastEffectAt, isRoutine)
  const { byId, byUid } = indexOf(listing)
  const isMarkSeen = byUid.get(mark.uid)?.some(isMarked(mark)) === true
  if (isExpected && !isMarkSeen) await demandWholeView(cached, site)
  if (recorded === undefined ? isMarkSeen || !isIntended : isListed(byId.get(recorded))) return look(collection, listing, mark, recorded)
  await demandWholeView(cached, site)
  const sight = await look(collection, listing, mark, recorded)
  if (sight.kind === 'seen') return sight
  if (isLetGo) return sight
  // Asked once more after it was proven that we see: the hole may have closed in between.
  await demandSightOf(site, collection, recorded)
  return look(collection, await collection.list(Infinity), mark, recorded)
}

/** Side by side; all have ended before the first failure is thrown. */
export const together = async (calls: readonly Promise<unknown>[]): Promise<void> => {
  const failed = (await Promise.allSettled(calls)).find((r) => r.status === 'rejected')
  if (failed !== undefined) throw failed.reason
}
