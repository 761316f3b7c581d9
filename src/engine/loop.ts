/** Runs one controller while a lease is held: wakes keys, takes them from its queue, and heeds what each pass ended with. */
import { keyFrom, keyOf, keyText, resourceName, type Key, type Kind, type Resource } from '../api/meta/index.ts'
import { isSame } from './applied.ts'
import { asPlanned } from './as-planned.ts'
import { versionOf, type Change } from './cache.ts'
import type { Clock } from './clock.ts'
import { cachedView, readableKinds, type Caches } from './declared.ts'
import { createEffects, type Interpose } from './effects.ts'
import { describe, isConflict, isUnavailable } from './errors.ts'
import type { EventSink } from './events.ts'
import type { Held } from './leases.ts'
import { lookAgainMs } from './look-again.ts'
import type { Metrics } from './metrics.ts'
import { createOwnWrites } from './own-writes.ts'
import { runPass, type PassEnd } from './pass.ts'
import { createQueue, lanes, type BackOff, type Lane } from './queue.ts'
import type { Resources } from './resources.ts'
import type { Controller, Log, Read } from './shapes.ts'
import { hashOf, observedHash, printOf } from './status-part.ts'

/** What the loops of one term share. */
export interface LoopOptions {
  readonly caches: Caches
  readonly resources: Resources
  /** undefined: read only. */
  readonly held: Held | undefined
  readonly clock: Clock
  readonly random: () => number
  readonly log: Log
  readonly metrics: Metrics
  readonly events: EventSink | undefined
  readonly interpose: Interpose | undefined
  readonly longestCallMs: number
  readonly startSpreadMs: number
  readonly backOff: BackOff
  /** No new pass begins. */
  readonly stopping: AbortSignal
  /** Passes and calls end as they are. */
  readonly signal: AbortSignal
  /** A write was answered. */
  wrote(kind: Kind<any>, answer: Resource | undefined): void
  /** A pass ended. */
  checkIdle(): void
}

export interface Loop {
  readonly isIdle: boolean
  readonly delayed: number
  /** Ends when no pass runs any more. */
  stop(): Promise<void>
}

const defaultConcurrency = 8

const withFields = (log: Log, fields: object): Log => ({
  debug: (f, m) => { log.debug({ ...fields, ...f }, m) },
  info: (f, m) => { log.info({ ...fields, ...f }, m) },
  warn: (f, m) => { log.warn({ ...fields, ...f }, m) },
  error: (f, m) => { log.error({ ...fields, ...f }, m) },
})

const isSpecChange = ({ before, after }: Change): boolean =>
  after !== undefined && (before === undefined || before.metadata.generation !== after.metadata.generation || before.metadata.deletionTimestamp !== after.metadata.deletionTimestamp)
const mayRelateElsewhere = ({ before, after }: Change): boolean =>
  before !== undefined && (after === undefined || before.metadata.generation !== after.metadata.generation || !isSame(before.metadata.labels, after.metadata.labels) || !isSame(before.metadata.ownerReferences, after.metadata.ownerReferences))

export const startLoop = (declared: Controller, term: LoopOptions): Loop => {
  const controller = asPlanned(declared)
  const { name } = controller
  const { caches, clock, metrics, signal, stopping, held } = term
  const cached = cachedView(name, caches, readableKinds(declared))
  const ours = caches.get(resourceName(controller.for))!
  const own = createOwnWrites(caches)
  const lastEffect = new Map<string, number>()
  /** Versions that a key's own writes of its status part returned: their events tell us nothing new. */
  const ownStatus = new Map<string, Set<number>>()
  /** Keys that were refused, and the monotonic time before which they are not tried again unless their spec changes (rule O3). */
  const refused = new Map<string, { readonly until: number; readonly wish: string }>()
  /** The print of the inputs that a key's last pass began with: what leaves them as they are does not wake. */
  const looked = new Map<string, string>()
  /** Versions of ours that arrived while their key was being worked on. */
  const arrived = new Map<string, { readonly version: number; readonly lane: Lane }[]>()
  /** After an unclear write of the status the next answer may be a no-op with somebody else's version. */
  const unclear = new Set<string>()
  const concurrency = controller.concurrency ?? defaultConcurrency
  let running = 0
  let parked = 0
  let isPumping = false
  let stopped: (() => void) | undefined

  const queue = createQueue({ clock, random: term.random, backOff: term.backOff, onReady: () => { pump() } })

  const workOn = async (text: string, lane: Lane): Promise<void> => {
    const behind = own.behind(text)
    if (behind !== undefined) {
      parked++
      behind.cache.whenPassed(behind.version, () => { parked--; queue.add(text, lane) })
      return
    }
    const key = keyFrom(text)
    const object = ours.get(key)
    if (object === undefined) { forget(text); return }
    const waitMs = patienceLeft(text, object)
    if (waitMs > 0) { queue.addAfter(text, waitMs, 'events'); return }
    const log = withFields(term.log, { controller: name, kind: controller.for.kind, namespace: key.namespace, name: key.name, generation: object.metadata.generation })
    const started = clock.monotonic()
    let end: PassEnd
    try {
      const inputs = controller.inputs?.(object, cached)
      if (controller.inputs !== undefined) looked.set(text, printOf(object, inputs))
      end = await runPass({
        controller, object, inputs: hashOf(object, inputs), cached, resources: term.resources, events: term.events, metrics, log, now: () => clock.now(), signal,
        lastEffectAt: lastEffect.get(text) ?? -Infinity, isRoutine: lane === 'background',
        acting: held === undefined ? undefined : {
          write: { manager: name, fence: held.fence }, heldBackMs: held.effectsFrom - clock.monotonic(),
          effects: createEffects({
            controller: name, key, held, signal, clock, metrics, interpose: term.interpose, longestCallMs: term.longestCallMs,
            wrote: (kind: Kind<any>, answer: Resource | undefined) => { own.note(text, kind, answer); term.wrote(kind, answer) },
            unclear: () => { unclear.add(text) },
            recorded: (answer) => { noteOwnStatus(text, versionOf(answer)) },
            answered: (at) => { lastEffect.set(text, at) },
          }),
        },
      })
    } catch (error) {
      // A pass catches what its controller throws; this is a fault of inputs() or of ours.
      end = { kind: 'failed', error }
    }
    const tookMs = clock.monotonic() - started
    metrics.passSeconds.observe({ controller: name }, tookMs / 1000)
    if (!signal.aborted) heed(text, object, end, tookMs, log)
  }

  const noteOwnStatus = (text: string, version: number): void => {
    if (unclear.delete(text)) return
    const versions = ownStatus.get(text)
    if (versions === undefined) ownStatus.set(text, new Set([version])); else versions.add(version)
  }
  /** Whether the event of this version is of our own writing; asked once for each. */
  const isOwnStatus = (text: string, version: number): boolean => {
    const versions = ownStatus.get(text)
    if (versions === undefined) return false
    const isOurs = versions.delete(version)
    // Events come in order: an older version of ours will not come any more.
    for (const v of versions) if (v < version) versions.delete(v)
    if (versions.size === 0) ownStatus.delete(text)
    return isOurs
  }

  /** What people want of an object; a refusal is of that. */
  const wishOf = (o: Resource): string => `${o.metadata.uid} ${o.metadata.generation} ${o.metadata.deletionTimestamp ?? ''}`
  /** Milliseconds that a refused key must still wait. */
  const patienceLeft = (text: string, object: Resource): number => {
    const was = refused.get(text)
    const left = was === undefined || was.wish !== wishOf(object) ? 0 : was.until - clock.monotonic()
    if (left <= 0) refused.delete(text)
    return Math.max(0, left)
  }

  const heed = (text: string, object: Resource, end: PassEnd, tookMs: number, log: Log): void => {
    if ('statusVersion' in end && end.statusVersion !== undefined) noteOwnStatus(text, end.statusVersion)
    if (end.kind === 'failed') {
      metrics.passes.inc({ controller: name, result: 'error' })
      metrics.retries.inc({ controller: name })
      const patienceMs = (controller.patience?.(end.error) ?? 0) * 1000
      if (patienceMs > 0) refused.set(text, { until: clock.monotonic() + patienceMs, wish: wishOf(object) })
      const retryMs = Math.round(Math.max(queue.addFailed(text, 'events'), patienceMs))
      const quiet = isConflict(end.error) || isUnavailable(end.error)
      log[quiet ? 'info' : 'warn']({ error: describe(end.error), ...(!quiet && { stack: (end.error as Error).stack }), step: end.step, retryMs }, 'pass failed')
      return
    }
    queue.forget(text)
    if (end.kind === 'look-anew') {
      metrics.passes.inc({ controller: name, result: 'look-anew' })
      queue.add(text, 'events')
      return
    }
    if (end.kind === 'held-back') {
      metrics.passes.inc({ controller: name, result: 'held-back' })
      queue.addAfter(text, end.ms + term.random() * 1000, 'events')
      return
    }
    metrics.passes.inc({ controller: name, result: end.outcome.kind })
    // Waiting is a deadline only: what it waits for should wake us sooner. Refused: not before an input changes.
    if (end.outcome.kind === 'waiting') queue.addAfter(text, lookAgainMs(end.outcome.afterSeconds * 1000, tookMs, queue.delayedIn('events')), 'events')
  }

  /** What an input cannot be computed from is looked at at once; the pass will meet the same error and say so. */
  const differs = (object: Resource, from: string | undefined, as: (object: Resource, inputs: unknown) => string): boolean => {
    try { return from === undefined || as(object, controller.inputs?.(object, cached)) !== from } catch { return true }
  }
  /** Whether a change of a cached object is anything that the key's last pass did not begin with. */
  const isNews = (text: string, object: Resource): boolean => controller.inputs === undefined || differs(object, looked.get(text), printOf)

  /** What arrived during the pass, except the pass's own status. */
  const replay = (text: string): void => {
    const list = arrived.get(text)
    if (list === undefined) return
    arrived.delete(text)
    const object = ours.get(keyFrom(text))
    for (const { version, lane } of list) if (!isOwnStatus(text, version) && (object === undefined || isNews(text, object))) queue.add(text, lane)
  }

  const forget = (text: string): void => {
    queue.forget(text)
    own.forget(text)
    lastEffect.delete(text)
    ownStatus.delete(text)
    looked.delete(text)
    refused.delete(text)
    unclear.delete(text)
  }

  const pumpNow = (): void => {
    isPumping = false
    while (running < concurrency && !stopping.aborted) {
      const next = queue.take()
      if (next === undefined) break
      running++
      metrics.queueSeconds.observe({ controller: name, lane: next.lane }, next.waitedMs / 1000)
      void workOn(next.key, next.lane).finally(() => {
        running--
        queue.done(next.key)
        replay(next.key)
        pump()
        if (running === 0) stopped?.()
        term.checkIdle()
      })
    }
    for (const lane of lanes) metrics.queueDepth.set({ controller: name, lane }, queue.depth(lane))
  }
  /** Not within the call that wakes: a cache may be in the middle of a change, and other work wants its turn. */
  const pump = (): void => {
    if (isPumping || stopping.aborted) return
    isPumping = true
    setImmediate(pumpNow)
  }

  const wake = (key: Key, lane: Lane): void => {
    if (ours.get(key) !== undefined) queue.add(keyText(key), lane)
  }
  /** A relation that throws must not stop the watch that feeds everybody. */
  const wakeRelated = (read: Read<any>, object: Resource): void => {
    try {
      for (const key of read.wakes(object, cached)) {
        const ourObject = ours.get(key)
        if (ourObject !== undefined && isNews(keyText(key), ourObject)) queue.add(keyText(key), 'events')
      }
    } catch (error) {
      term.log.error({ controller: name, relation: read.relation, kind: read.kind.kind, error: describe(error), stack: (error as Error).stack }, 'a relation failed')
    }
  }
  const onOurs = (change: Change): void => {
    const { after } = change
    if (after === undefined) { forget(keyText(keyOf(change.before!))); return }
    const text = keyText(keyOf(after))
    const lane: Lane = isSpecChange(change) && controller.for.writers.spec === 'user' ? 'people' : 'events'
    const version = versionOf(after)
    if (queue.isProcessing(text)) {
      const list = arrived.get(text)
      if (list === undefined) arrived.set(text, [{ version, lane }]); else list.push({ version, lane })
    } else if (!isOwnStatus(text, version) && isNews(text, after)) queue.add(text, lane)
  }

  const unsubscribe: (() => void)[] = [ours.onChange(onOurs)]
  for (const read of controller.reads) {
    // Ours wake themselves already; another relation among them wakes others.
    if (read.relation === 'itself') continue
    unsubscribe.push(caches.get(resourceName(read.kind))!.onChange((change) => {
      if (change.after !== undefined) wakeRelated(read, change.after)
      if (mayRelateElsewhere(change)) wakeRelated(read, change.before!)
    }))
  }
  if (controller.wakers !== undefined) unsubscribe.push(controller.wakers((key) => { wake(key, 'events') }, cached))

  // At start a key runs at once only when its inputs differ from those it settled on; the rest are spread (rule E4).
  for (const object of ours.list()) {
    const text = keyText(keyOf(object))
    if (differs(object, observedHash(object, name), hashOf)) queue.add(text, 'events')
    else queue.addAfter(text, term.random() * term.startSpreadMs, 'background')
  }

  return {
    get isIdle() { return running === 0 && parked === 0 && queue.waiting === 0 && queue.processing === 0 },
    get delayed() { return queue.delayed },
    async stop() {
      for (const end of unsubscribe) end()
      queue.close()
      if (running > 0) await new Promise<void>((resolve) => { stopped = resolve })
    },
  }
}
