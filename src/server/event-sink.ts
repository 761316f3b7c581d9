/** Posts events about objects as core/v1 Events; repeats of one object and reason are merged and counted. */
import type { HttpResources } from '../client/index.ts'
import type { EventSink, NewEvent } from '../engine/index.ts'
import type { Log } from '../store/log.ts'
import { createHash } from 'node:crypto'

const rememberMost = 4_000
/** At most this often for one object and reason. */
const quietMs = 30_000

export const eventSink = (resources: HttpResources, log: Log, now: () => Date): EventSink => {
  const seen = new Map<string, { count: number; first: string; at: number }>()
  const post = async (e: NewEvent, id: string): Promise<void> => {
    const { metadata, kind, apiVersion } = e.about
    const namespace = metadata.namespace ?? ''
    if (namespace === '') return
    const time = `${now().toISOString().slice(0, 19)}Z`
    const before = seen.get(id)
    const entry = { count: (before?.count ?? 0) + 1, first: before?.first ?? time, at: performance.now() }
    seen.delete(id)
    seen.set(id, entry)
    if (seen.size > rememberMost) seen.delete(seen.keys().next().value!)
    if (before !== undefined && entry.at - before.at < quietMs && entry.count > 5) return
    const name = `${metadata.name.slice(0, 200)}.${id.slice(0, 16)}`
    await resources.request({
      method: 'PATCH', path: `/api/v1/namespaces/${namespace}/events/${name}`, query: { fieldManager: e.controller, force: true }, contentType: 'application/apply-patch+yaml',
      body: {
        apiVersion: 'v1', kind: 'Event', metadata: { name, namespace }, type: e.type, reason: e.reason, message: e.message.slice(0, 1024), count: entry.count, firstTimestamp: entry.first, lastTimestamp: time,
        involvedObject: { apiVersion, kind, name: metadata.name, namespace, uid: metadata.uid }, source: { component: e.controller }, reportingComponent: e.controller, reportingInstance: '',
      },
    })
  }
  return {
    emit(e) {
      const id = createHash('sha256').update(`${e.about.metadata.uid}/${e.reason}/${e.message}/${e.controller}`).digest('hex')
      post(e, id).catch((error: unknown) => log.warn({ error: String(error), reason: e.reason }, 'event not posted'))
    },
  }
}
