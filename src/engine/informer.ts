/** Keeps one kind's cache: a consistent list, then a watch that is resumed from the last version, and a list again on 410. */
import type { Kind } from '../api/meta/index.ts'
import { resourceName } from '../api/meta/index.ts'
import type { KindCache } from './cache.ts'
import { pause, type Clock } from './clock.ts'
import { describe, isExpired } from './errors.ts'
import type { Resources } from './resources.ts'
import type { Log } from './shapes.ts'
import { createSharing } from './shared-fields.ts'

export interface InformerOptions {
  readonly kind: Kind<any>
  readonly cache: KindCache
  readonly resources: Resources
  readonly clock: Clock
  readonly random: () => number
  readonly log: Log
  readonly signal: AbortSignal
  /** Called after each list but the first, and after each watch that broke. */
  readonly onRestart?: (why: 'expired' | 'failed') => void
}

const firstBackOffMs = 250
const maxBackOffMs = 30_000

/** Runs until the signal fires. `listed` is called after the first list. */
export const inform = async ({ kind, cache, resources, clock, random, log, signal, onRestart }: InformerOptions, listed: () => void): Promise<void> => {
  const share = createSharing()
  let failures = 0
  let version: string | undefined
  const backOff = (): Promise<void> => pause(clock, Math.min(maxBackOffMs, firstBackOffMs * 2 ** Math.min(failures++, 10)) * (0.5 + random()), signal)
  while (!signal.aborted) {
    try {
      if (version === undefined) {
        // Without resourceVersion: everything committed before the call (rule S5).
        const list = await resources.list(kind)
        if (signal.aborted) return
        if (Number(list.resourceVersion) < cache.version) log.error({ resource: resourceName(kind), listed: Number(list.resourceVersion), seen: cache.version }, 'versions went back: the database was restored without a new epoch; run skerry admin new-epoch')
        cache.replace(list.items.map(share), Number(list.resourceVersion))
        version = list.resourceVersion
        listed()
      }
      for await (const event of resources.watch(kind, { resourceVersion: version, signal })) {
        failures = 0
        if (event.type === 'BOOKMARK') {
          version = event.resourceVersion
          cache.pass(Number(version))
          continue
        }
        version = event.object.metadata.resourceVersion
        if (event.type === 'DELETED') cache.remove(event.object); else cache.put(share(event.object))
      }
      // The server ends watches from time to time; one that ends at once is not asked again at once.
      if (!signal.aborted) await backOff()
    } catch (error) {
      if (signal.aborted) return
      if (isExpired(error)) {
        version = undefined
        onRestart?.('expired')
        continue
      }
      onRestart?.('failed')
      log.warn({ resource: resourceName(kind), error: describe(error) }, 'list or watch failed')
      await backOff()
    }
  }
}
