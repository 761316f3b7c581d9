/** An API server over a memory store on loopback, with identities by token, for tests. */
import { Project } from '../../api/project/index.ts'
import type { Kind } from '../../api/meta/index.ts'
import { silent } from '../../store/log.ts'
import { openMemoryStore } from '../../store/memory/memory.ts'
import type { Store } from '../../store/store.ts'
import { byToken, createApiServer, type ApiOptions, type ApiServer, type Identity } from '../index.ts'
import { listen, type Listening, type ListenOptions } from '../listen.ts'
import { LabCluster, LabConfigMap, LabMachine, LabNode } from './lab-kind.ts'

export const identities: Readonly<Record<string, Identity>> = {
  admin: { user: 'ada', groups: ['skerry:admins', 'system:authenticated'], writer: 'admin' },
  site: { user: 'site-sto1', groups: ['skerry:sites', 'system:authenticated'], writer: 'site' },
  user: { user: 'tess', groups: ['system:authenticated'], writer: 'user' },
  nobody: { user: 'nemo', groups: ['system:authenticated'], writer: 'user' },
}

export interface LabServer {
  readonly server: ApiServer
  readonly store: Store
  readonly listening: Listening
  close(): Promise<void>
}

export const labKinds: readonly Kind<any>[] = [Project, LabCluster, LabMachine, LabConfigMap, LabNode]

export const startLab = async (options: Partial<ApiOptions> & { readonly tls?: ListenOptions['tls']; readonly limits?: ListenOptions['limits'] } = {}): Promise<LabServer> => {
  const { tls, limits, ...rest } = options
  const store = options.store ?? openMemoryStore()
  const server = await createApiServer({
    store, kinds: labKinds, namespaceKind: Project, builtins: ['events', 'leases'],
    authenticate: byToken((token) => identities[token]), authorize: (identity, a) => identity.user !== 'nemo' || a.resource === '',
    version: { major: '1', minor: '36', gitVersion: 'v1.36.0-skerry.lab' }, log: silent, ...rest,
  })
  const listening = await listen(server.handle, { host: '127.0.0.1', port: 0, ...(tls !== undefined && { tls }), ...(limits !== undefined && { limits }) })
  return {
    server, store, listening,
    async close() {
      await server.close()
      await listening.close(200)
      await store.close()
    },
  }
}

export interface Answer { readonly code: number; readonly body: any; readonly headers: Headers; readonly text: string }
export interface Ask { readonly as?: string; readonly type?: string; readonly accept?: string; readonly headers?: Readonly<Record<string, string>> }

/** `call('POST', '/apis/…', object)`: the answer, parsed. */
export const caller = (lab: LabServer) => async (method: string, path: string, body?: unknown, ask: Ask = {}): Promise<Answer> => {
  const response = await fetch(`${lab.listening.url}${path}`, {
    method, headers: { authorization: `Bearer ${ask.as ?? 'admin'}`, 'user-agent': 'test/1', ...(ask.accept !== undefined && { accept: ask.accept }), ...(body !== undefined && { 'content-type': ask.type ?? (method === 'PATCH' ? 'application/merge-patch+json' : 'application/json') }), ...ask.headers },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
  const text = await response.text()
  let parsed: unknown
  try { parsed = JSON.parse(text) } catch { parsed = undefined }
  return { code: response.status, body: parsed, headers: response.headers, text }
}


export interface WatchEvent { readonly type: string; readonly object: any }
/** A watch whose events are awaited one by one; `undefined`: it ended. */
export interface Watching {
  readonly code: number
  next(): Promise<WatchEvent | undefined>
  /** The next `count` events that are no bookmarks. */
  take(count: number): Promise<readonly WatchEvent[]>
  stop(): void
}

export const watching = async (lab: LabServer, path: string, ask: Ask = {}): Promise<Watching> => {
  const controller = new AbortController()
  const response = await fetch(`${lab.listening.url}${path}`, { signal: controller.signal, headers: { authorization: `Bearer ${ask.as ?? 'admin'}`, ...(ask.accept !== undefined && { accept: ask.accept }) } })
  const lines = linesOf(response.body!)
  const next = async (): Promise<WatchEvent | undefined> => {
    const { value, done } = await lines.next()
    return done === true ? undefined : (JSON.parse(value) as WatchEvent)
  }
  return {
    code: response.status, next,
    async take(count) {
      const events: WatchEvent[] = []
      while (events.length < count) {
        const e = await next()
        if (e === undefined) break
        if (e.type !== 'BOOKMARK') events.push(e)
      }
      return events
    },
    stop: () => controller.abort(),
  }
}
async function* linesOf(body: ReadableStream<Uint8Array>): AsyncGenerator<string, undefined> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of body) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = parts.pop()!
    for (const part of parts) if (part !== '') yield part
  }
  return undefined
}

/** Asks until it holds; a test's own time limit ends it. */
export const until = async <T>(ask: () => Promise<T>, holds: (v: T) => boolean): Promise<T> => {
  for (;;) {
    const v = await ask()
    if (holds(v)) return v
    await new Promise((done) => setImmediate(done))
  }
}
