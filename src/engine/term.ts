/** What lives as long as one lease is held: fresh caches, and the loops of all controllers over them. */
import { setMaxListeners } from 'node:events'
import { resourceName, type Kind } from '../api/meta/index.ts'
import { createCache, versionOf, type KindCache } from './cache.ts'
import { readableKinds } from './declared.ts'
import { inform } from './informer.ts'
import { startLoop, type Loop, type LoopOptions } from './loop.ts'
import type { Controller } from './shapes.ts'

export type TermOptions = Omit<LoopOptions, 'caches' | 'wrote' | 'checkIdle'> & { readonly controllers: readonly Controller[] }

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
  const informersEnd = AbortSignal.any([o.signal, stopInformers.signal])
  setMaxListeners(0, informersEnd)
  const informers: Promise<void>[] = []
  const listed = [...kinds].map(([resource, kind]) => new Promise<void>((resolve) => {
    informers.push(inform({
      kind, cache: caches.get(resource)!, resources: o.resources, clock: o.clock, random: o.random, log: o.log, signal: informersEnd,
      onRestart: (why) => { o.metrics.relists.inc({ resource, why }) },
    }, resolve).finally(resolve))
  }))
  await Promise.race([Promise.all(listed), fired(o.stopping)])

  const written = new Map<string, number>()
  let loops: readonly Loop[] = []
  const isIdle = (): boolean => loops.every((l) => l.isIdle) && [...written].every(([resource, version]) => caches.get(resource)!.version >= version)
  const checkIdle = (): void => { if (!o.stopping.aborted && isIdle()) onIdle() }
  const shared: LoopOptions = {
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
    loops = o.controllers.map((c) => startLoop(c, shared))
    started({ get isIdle() { return isIdle() }, get delayed() { return loops.reduce((n, l) => n + l.delayed, 0) } })
    checkIdle()
    await fired(o.stopping)
  }
  await Promise.all(loops.map((l) => l.stop()))
  stopInformers.abort(new Error('the term ended'))
  await Promise.all(informers)
}
