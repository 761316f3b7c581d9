/** Posts events as core/v1 Events, merged by object, reason and source with a count and the last message (rule S12). In the background, and never an error of its caller; what the server does not take (429) is counted with the next one that it does. */
import { hash } from 'node:crypto'
import type { EventSink, NewEvent } from '../engine/events.ts'
import { describe, isAlreadyExists, isNotFound } from '../engine/errors.ts'
import type { Log } from '../engine/shapes.ts'
import type { HttpResources } from './resources.ts'

export interface HttpEvents extends EventSink {
  /** Resolves when all that was emitted was posted or given up. */
  flush(): Promise<void>
}

interface Known { count: number }

/** So many different events are remembered for their counts, and so many may wait to be posted; more are dropped. */
const knownAtMost = 10_000
const waitingAtMost = 1_000
const messageAtMost = 1024

/** Events of cluster-scoped objects are kept where kubectl looks for them. */
const namespaceOf = (e: NewEvent): string => e.about.metadata.namespace ?? 'default'

/** The same event has the same name, also from another process. */
const nameOf = (e: NewEvent): string =>
  `${e.about.metadata.name}.${hash('sha256', [e.about.metadata.uid, e.controller, e.type, e.reason].join('\0'), 'hex').slice(0, 16)}`

export const httpEvents = ({ resources, now, log }: { readonly resources: Pick<HttpResources, 'request'>; readonly now: () => Date; readonly log: Log }): HttpEvents => {
  const known = new Map<string, Known>()
  let tail = Promise.resolve()
  let waiting = 0

  const post = async (e: NewEvent): Promise<void> => {
    const namespace = namespaceOf(e)
    const name = nameOf(e)
    const path = `/api/v1/namespaces/${namespace}/events`
    const time = `${now().toISOString().slice(0, 19)}Z`
    const had = known.get(name)
    const count = (had?.count ?? 0) + 1
    const message = e.message.slice(0, messageAtMost)
    const repeat = (n: number): Promise<unknown> => resources.request({ method: 'PATCH', path: `${path}/${name}`, contentType: 'application/merge-patch+json', query: { fieldManager: e.controller }, body: { count: n, lastTimestamp: time, message } })
    if (known.size >= knownAtMost) known.clear()
    if (had !== undefined) {
      had.count = count
      try {
        await repeat(count)
        return
      } catch (error) {
        // It aged away on the server: it is a first one again.
        if (!isNotFound(error)) throw error
        known.delete(name)
      }
    }
    const { apiVersion, kind, metadata } = e.about
    try {
      await resources.request({
        method: 'POST', path, query: { fieldManager: e.controller },
        body: {
          apiVersion: 'v1', kind: 'Event', metadata: { name, namespace },
          involvedObject: { apiVersion, kind, name: metadata.name, namespace: metadata.namespace, uid: metadata.uid, resourceVersion: metadata.resourceVersion },
          type: e.type, reason: e.reason, message, count: 1, firstTimestamp: time, lastTimestamp: time,
          source: { component: e.controller }, reportingComponent: e.controller, reportingInstance: '',
        },
      })
      known.set(name, { count: 1 })
    } catch (error) {
      if (!isAlreadyExists(error)) throw error
      const existing = (await resources.request({ method: 'GET', path: `${path}/${name}` })) as { readonly count?: number }
      const next = (existing.count ?? 1) + 1
      await repeat(next)
      known.set(name, { count: next })
    }
  }

  return {
    emit(event) {
      if (waiting >= waitingAtMost) return
      waiting++
      tail = tail.then(() => post(event)).catch((error: unknown) => { log.debug({ error: describe(error), reason: event.reason }, 'event not posted') }).finally(() => { waiting-- })
    },
    flush: () => tail,
  }
}
