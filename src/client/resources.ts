/** The port Resources over HTTP, with what else a client needs: subresources, Tables, any other request. */
import { apiVersionOf, keyOf, type Key, type Kind, type Resource } from '../api/meta/index.ts'
import { failureError, failureOf, isNotFound, type Failure } from '../engine/errors.ts'
import type { Applied, DeleteOptions, List, ListOptions, Resources, WatchEvent, WriteOptions } from '../engine/resources.ts'
import { collectionPath, objectPath } from './paths.ts'
import { createTransport, type HttpOptions, type Query, type Request } from './transport.ts'

/** `meta.k8s.io/v1` Table, as servers print it. */
export interface Table {
  readonly columnDefinitions: readonly { readonly name: string; readonly type: string; readonly format?: string; readonly description?: string; readonly priority: number }[]
  readonly rows: readonly { readonly cells: readonly unknown[]; readonly object?: Partial<Resource> }[]
  readonly metadata?: { readonly resourceVersion?: string }
}

export interface HttpResources extends Resources {
  /** Any request; the parsed answer. */
  request(request: Request): Promise<unknown>
  /** The lines of an answer, parsed. */
  stream(request: Request): AsyncIterable<unknown>
  /** What a GET of a collection or of one object prints. */
  table(kind: Kind<any>, options?: ListOptions & { readonly name?: string }): Promise<Table>
  /** A named subresource: `post(Cluster, key, 'kubeconfig', body)`. */
  post(kind: Kind<any>, key: Key, subresource: string, body: unknown): Promise<unknown>
  close(): Promise<void>
}

/** The object is not there; a path that is not served is something else. */
const isGone = (error: unknown): boolean => isNotFound(error) && failureOf(error)?.details?.name !== undefined

const tableType = 'application/json;as=Table;v=v1;g=meta.k8s.io'

/** Watches end by themselves after 5 to 10 minutes, so that they spread over the servers that are there. */
const watchSeconds = (random: () => number): number => 300 + Math.floor(random() * 300)

const listQuery = (o: ListOptions | undefined): Query => ({ labelSelector: o?.labelSelector, fieldSelector: o?.fieldSelector, resourceVersion: o?.resourceVersion })
const writeQuery = (o: { readonly manager?: string; readonly dryRun?: boolean }): Query => ({ fieldManager: o.manager, fieldValidation: 'Strict', ...(o.dryRun === true && { dryRun: 'All' }) })
const fenceHeader = (o: Pick<WriteOptions, 'fence'>): Request['headers'] => (o.fence === undefined ? undefined : { 'skerry-fence': `${o.fence.slot}/${o.fence.epoch}` })
const bodyOf = (kind: Kind<any>, object: Applied | Resource): unknown => ({ ...object, apiVersion: apiVersionOf(kind), kind: kind.kind })

export const httpResources = (options: HttpOptions & { readonly random?: () => number }): HttpResources => {
  const transport = createTransport(options)
  const { random = Math.random } = options
  const send = async <R>(request: Request): Promise<R> => (await transport.send(request)) as R

  const apply = <R extends Resource>(kind: Kind<R>, object: Applied, o: WriteOptions, subresource?: string): Promise<R> => send<R>({
    method: 'PATCH', path: objectPath(kind, keyOf(object), subresource), query: { ...writeQuery(o), force: true },
    // JSON is YAML.
    contentType: 'application/apply-patch+yaml', body: bodyOf(kind, object), headers: fenceHeader(o),
  })

  async function* watch<R extends Resource>(kind: Kind<R>, o: ListOptions & { readonly resourceVersion: string; readonly signal: AbortSignal }): AsyncGenerator<WatchEvent<R>> {
    const lines = transport.stream({
      method: 'GET', path: collectionPath(kind, o.namespace), signal: o.signal,
      query: { ...listQuery(o), watch: 1, allowWatchBookmarks: true, timeoutSeconds: watchSeconds(random) },
    })
    try {
      for await (const line of lines) {
        const event = line as { readonly type: string; readonly object: R & Partial<Failure> }
        if (event.type === 'ERROR') throw failureError({ code: event.object.code ?? 500, reason: event.object.reason ?? 'Unknown', message: event.object.message ?? 'the watch failed' })
        if (event.type === 'BOOKMARK') yield { type: 'BOOKMARK', resourceVersion: event.object.metadata.resourceVersion }
        else yield { type: event.type as 'ADDED' | 'MODIFIED' | 'DELETED', object: event.object }
      }
    } catch (error) {
      if (!o.signal.aborted) throw error
    }
  }

  return {
    async get(kind, key) {
      try {
        return await send({ method: 'GET', path: objectPath(kind, key) })
      } catch (error) {
        if (isGone(error)) return undefined
        throw error
      }
    },
    async list<R extends Resource>(kind: Kind<R>, o?: ListOptions): Promise<List<R>> {
      const items: R[] = []
      let token: string | undefined
      let version = ''
      do {
        const page = await send<{ readonly items: readonly R[]; readonly metadata: { readonly resourceVersion: string; readonly continue?: string } }>(
          { method: 'GET', path: collectionPath(kind, o?.namespace), query: token === undefined ? listQuery(o) : { ...listQuery(o), resourceVersion: undefined, continue: token } })
        for (const item of page.items) items.push(item)
        version = page.metadata.resourceVersion
        token = page.metadata.continue === '' ? undefined : page.metadata.continue
      } while (token !== undefined)
      return { items, resourceVersion: version }
    },
    watch,
    create: (kind, object, o) => send({ method: 'POST', path: collectionPath(kind, object.metadata.namespace), query: writeQuery(o), body: bodyOf(kind, object), headers: fenceHeader(o) }),
    apply: (kind, object, o) => apply(kind, object, o),
    applyStatus: (kind, object, o) => apply(kind, object, o, 'status'),
    update: (kind, object, o) => send({ method: 'PUT', path: objectPath(kind, keyOf(object)), query: writeQuery(o), body: bodyOf(kind, object), headers: fenceHeader(o) }),
    async delete<R extends Resource>(kind: Kind<R>, key: Key, o: DeleteOptions): Promise<R | undefined> {
      const preconditions = { ...(o.uid !== undefined && { uid: o.uid }), ...(o.resourceVersion !== undefined && { resourceVersion: o.resourceVersion }) }
      try {
        const answer = await send<R | { readonly kind: 'Status' }>({
          method: 'DELETE', path: objectPath(kind, key), headers: fenceHeader(o), query: { ...(o.dryRun === true && { dryRun: 'All' }) },
          body: { kind: 'DeleteOptions', apiVersion: 'v1', propagationPolicy: o.propagation ?? 'Background', ...(Object.keys(preconditions).length > 0 && { preconditions }) },
        })
        return answer.kind === 'Status' ? undefined : (answer as R)
      } catch (error) {
        if (isGone(error)) return undefined
        throw error
      }
    },
    request: (request) => transport.send(request),
    stream: (request) => transport.stream(request),
    table: (kind, o) => send({
      method: 'GET', accept: tableType, query: listQuery(o),
      path: o?.name === undefined ? collectionPath(kind, o?.namespace) : objectPath(kind, { namespace: o.namespace ?? '', name: o.name }),
    }),
    post: (kind, key, subresource, body) => transport.send({ method: 'POST', path: objectPath(kind, key, subresource), body }),
    close: () => transport.close(),
  }
}
