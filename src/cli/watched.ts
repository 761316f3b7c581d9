/** What is known of one cluster while it is followed: listed once, then watched; resumed after a disconnect, listed again when the version was compacted. */
import { Cluster, Machine, NodePool } from '../api/index.ts'
import type { Kind } from '../api/meta/index.ts'
import { createCache } from '../engine/cache.ts'
import { pause, systemClock } from '../engine/clock.ts'
import { inform } from '../engine/informer.ts'
import type { Resources } from '../engine/resources.ts'
import type { Context } from './context.ts'

export interface View { readonly cluster: Cluster | undefined; readonly pools: readonly NodePool[]; readonly machines: readonly Machine[] }

export interface Watched {
  readonly view: View
  /** Resolves at the next change, or after `ms`. */
  changed(ms: number): Promise<void>
}

/** Changes of one moment are shown together. */
const settleMs = 50

/** The same resources, of one namespace and one field only. */
const narrowed = (r: Resources, namespace: string, fieldSelector: string): Resources => ({
  ...r, list: (kind) => r.list(kind, { namespace, fieldSelector }), watch: (kind, o) => r.watch(kind, { ...o, namespace, fieldSelector }),
})

/** Ends its watches when `use` ends. */
export const watching = async <T>(context: Context, namespace: string, name: string, use: (watched: Watched) => Promise<T>): Promise<T> => {
  const { terminal } = context
  const resources = context.resources()
  // Who is not let in, or finds nobody, hears it at once: a watch would try again.
  await resources.get(Cluster, { namespace, name })
  const ending = new AbortController()
  let isNew = false
  let wake = (): void => {}
  const trouble = ({ resource, error }: { readonly resource?: string; readonly error?: string }): void => { if (!terminal.isTty) terminal.err(`watch of ${resource ?? ''}: ${error ?? ''}; it is tried again`) }
  const log = { debug: () => {}, info: () => {}, warn: trouble, error: trouble }
  const keep = (kind: Kind<any>, field: string) => {
    const cache = createCache()
    cache.onChange(() => { isNew = true; wake() })
    const listed = new Promise<void>((resolve) => {
      running.push(inform({ kind, cache, resources: narrowed(resources, namespace, `${field}=${name}`), clock: systemClock, random: Math.random, log, signal: ending.signal }, resolve))
    })
    return { cache, listed }
  }
  const running: Promise<void>[] = []
  const [cluster, pools, machines] = [keep(Cluster, 'metadata.name'), keep(NodePool, 'spec.cluster'), keep(Machine, 'spec.cluster')]
  try {
    await Promise.all([cluster.listed, pools.listed, machines.listed])
    return await use({
      get view() { return { cluster: cluster.cache.get({ namespace, name }) as Cluster | undefined, pools: pools.cache.list() as readonly NodePool[], machines: machines.cache.list() as readonly Machine[] } },
      async changed(ms) {
        const over = new AbortController()
        wake = () => { over.abort() }
        if (!isNew) await pause(systemClock, ms, over.signal)
        if (isNew) await pause(systemClock, settleMs, ending.signal)
        isNew = false
      },
    })
  } finally {
    ending.abort()
    await Promise.all(running)
  }
}
