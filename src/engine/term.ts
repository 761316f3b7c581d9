/** What lives as long as one lease is held: fresh caches, and the loops of all controllers over them. */
import { resourceName, type Kind, type Resource } from '../api/meta/index.ts'
import { createCache, versionOf, type KindCache } from './cache.ts'
import type { Clock } from './clock.ts'
import { readableKinds, type Caches } from './declared.ts'
import type { Interpose } from './effects.ts'
import type { EventSink } from './events.ts'
import { inform } from './informer.ts'
import type { Held } from './leases.ts'
import { startLoop, type Loop } from './loop.ts'
import type { Metrics } from './metrics.ts'
import type { BackOff } from './queue.ts'
import type { Resources } from './resources.ts'
import type { Controller, Log } from './shapes.ts'

export interface TermOptions {
  readonly controllers: readonly Controller[]
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
}

export interface Term extends Omit<TermOptions, 'controllers'> {
  readonly caches: Caches
  wrote(kind: Kind<any>, answer: Resource | undefined): void
  checkIdle(): void
}

export interface RunningTerm {
  /** Nothing waits, nothing runs, and all caches have seen all that was written. Deadlines and back-offs may be pending. */
  readonly isIdle: boolean
  readonly delayed: number
}

const fired = (signal: AbortSignal): Promise<void> => new Promise((resolve) => {
  if (signal.aborted) resolve(); else signal.addEventListener('abort', () => { resolve() }, { once: true })
})

/** Runs until `stopping` fires and the last pass has ended. `started` is called when the controllers run. */
export const runTerm = async (o: TermOptions, started: (term: RunningTerm) => void, onIdle: () => void): Promise<void> => {
  const kinds = new Map<string, Kind<any>>()
  for (const c of o.controllers) for (const k of readableKinds(c)) kinds.set(resourceName(k), k)
  const caches = new Map<string, KindCache>([...kinds.keys()].map((resource) => [resource, createCache()]))

  // Lists that begin now are newer than the lease (rule E1).
  const stopInformers = new AbortController()
  const informers: Promise<void>[] = []
  const listed = [...kinds].map(([resource, kind]) => new Promise<void>((resolve) => {
    informers.push(inform({
      kind, cache: caches.get(resource)!, resources: o.resources, clock: o.clock, random: o.random, log: o.log, signal: AbortSignal.any([o.signal, stopInformers.signal]),
      onRestart: (why) => { o.metrics.relists.inc({ resource, why }) },
    }, resolve).finally(resolve))
  }))
  await Promise.race([Promise.all(listed), fired(o.stopping)])

  const written = new Map<string, number>()
  let loops: readonly Loop[] = []
  const isIdle = (): boolean => loops.every((l) => l.isIdle) && [...written].every(([resource, version]) => caches.get(resource)!.version >= version)
  const checkIdle = (): void => { if (!o.stopping.aborted && isIdle()) onIdle() }
  const term: Term = {
    ...o, caches, checkIdle,
    wrote(kind, answer) {
      if (answer === undefined) return
      const resource = resourceName(kind)
      const version = versionOf(answer)
      written.set(resource, Math.max(written.get(resource) ?? 0, version))
      caches.get(resource)?.whenPassed(version, checkIdle)
    },
  }
  if (!o.stopping.aborted) {
    loops = o.controllers.map((c) => startLoop(c, term))
    started({ get isIdle() { return isIdle() }, get delayed() { return loops.reduce((n, l) => n + l.delayed, 0) } })
    checkIdle()
    await fired(o.stopping)
  }
  await Promise.all(loops.map((l) => l.stop()))
  stopInformers.abort(new Error('the term ended'))
  await Promise.all(informers)
}
