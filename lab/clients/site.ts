/**
 * Plays the site and the garbage collector for clients: what is being deleted loses the site's finalizer at once, and what is labelled
 * `lab.skerry.dev/settle` is said to be ready. It does the same on either server, which runs no controllers; ours collects garbage by itself.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { Cluster, NodePool } from '../../src/api/index.ts'
import type { Kind, Resource } from '../../src/api/meta/index.ts'
import type { Server } from './server.ts'

const finalizer = 'skerry.dev/site'
export const settleLabel = 'lab.skerry.dev/settle'

type Standing = Resource<unknown, { readonly conditions?: readonly { readonly type: string; readonly observedGeneration?: number }[] }>

/** The merge patch that an object needs of the site, and where; undefined: none. */
export const deedFor = (o: Standing, now: string): { readonly subresource?: 'status'; readonly body: object } | undefined => {
  const { finalizers = [], deletionTimestamp, labels, resourceVersion, generation } = o.metadata
  if (deletionTimestamp !== undefined)
    return finalizers.includes(finalizer) ? { body: { metadata: { resourceVersion, finalizers: finalizers.filter((f) => f !== finalizer) } } } : undefined
  if (labels?.[settleLabel] === undefined || o.status?.conditions?.some((c) => c.type === 'Ready' && c.observedGeneration === generation) === true) return undefined
  const ready = { type: 'Ready', status: 'True', reason: 'Ready', message: 'all is as it is wanted', lastTransitionTime: now, observedGeneration: generation }
  return { subresource: 'status', body: { status: { conditions: [ready] } } }
}

export const playSite = (server: Server): { stop(): Promise<void> } => {
  const ending = new AbortController()
  const act = async (kind: Kind<any>, o: Standing): Promise<void> => {
    const deed = deedFor(o, new Date().toISOString().replace(/\.\d+/, ''))
    if (deed === undefined) return
    const { namespace, name } = o.metadata
    // Somebody was faster, or it is gone: the next event says so.
    await server.site.request({
      method: 'PATCH', path: `/apis/skerry.dev/v1alpha1/namespaces/${namespace}/${kind.plural}/${name}${deed.subresource === undefined ? '' : `/${deed.subresource}`}`,
      query: { fieldManager: 'site' }, contentType: 'application/merge-patch+json', body: deed.body,
    }).catch(() => {})
  }
  const follow = async (kind: Kind<any>): Promise<void> => {
    while (!ending.signal.aborted) {
      try {
        const { items, resourceVersion } = await server.site.list(kind)
        await Promise.all(items.map((o) => act(kind, o)))
        for await (const event of server.site.watch(kind, { resourceVersion, signal: ending.signal })) if (event.type === 'ADDED' || event.type === 'MODIFIED') void act(kind, event.object)
      } catch { await sleep(100) }
    }
  }
  const following = [Cluster, NodePool].map(follow)
  return { stop: async () => { ending.abort(); await Promise.all(following) } }
}
