/** What is compared: a server that answers requests. Ours runs in this process over a memory store, with nothing but its API layer; the peer is a kube-apiserver. */
import { readFile } from 'node:fs/promises'
import { Agent, fetch, type Dispatcher } from 'undici'
import type { Kind } from '../../src/api/meta/index.ts'
import { byToken, createApiServer } from '../../src/apiserver/index.ts'
import { listen } from '../../src/apiserver/listen.ts'
import { silent } from '../../src/store/log.ts'
import { openMemoryStore } from '../../src/store/memory/memory.ts'

export interface Request {
  readonly method: string
  /** With its query. */
  readonly path: string
  /** Content type of the body. */
  readonly type?: string | undefined
  readonly accept?: string | undefined
  /** A string is sent as it is, anything else as JSON. */
  readonly body?: unknown
}
export interface Answer {
  readonly code: number
  /** undefined: it was no JSON. Of a watch that ended: its `events`. */
  readonly body: any
  readonly warnings: readonly string[]
}
export interface Subject {
  readonly name: string
  ask(request: Request): Promise<Answer>
  close(): Promise<void>
}

const warningsIn = (header: string | null): readonly string[] => [...(header ?? '').matchAll(/299 - "((?:[^"\\]|\\.)*)"/g)].map(([, text]) => text!.replaceAll(/\\(.)/g, '$1'))
const parsed = (text: string): unknown => { try { return JSON.parse(text) } catch { return undefined } }

const overHttp = (name: string, url: string, token: string, dispatcher: Dispatcher | undefined, close: () => Promise<void>): Subject => ({
  name, close,
  async ask({ method, path, type = 'application/json', accept, body }) {
    const response = await fetch(`${url}${path}`, {
      method, ...(dispatcher !== undefined && { dispatcher }), headers: { authorization: `Bearer ${token}`, 'user-agent': 'differential/1', ...(accept !== undefined && { accept }), ...(body !== undefined && { 'content-type': type }) },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    const text = await response.text()
    const isWatch = response.ok && /[?&]watch=/.test(path)
    return { code: response.status, body: isWatch ? { events: text.split('\n').filter((line) => line !== '').map(parsed) } : parsed(text), warnings: warningsIn(response.headers.get('warning')) }
  },
})

/** The kind without what a CustomResourceDefinition cannot have: checks in code, finalizers of the server's, writers of parts. */
const layerOnly = (kind: Kind<any>): Kind<any> => {
  const { validate: _, finalizers: __, ...rest } = kind
  return { ...rest, writers: { spec: 'user', status: 'user' } }
}

/** Collects garbage only where the peer does, for which that is a controller's. */
export const openOurs = async (kinds: readonly Kind<any>[], collectGarbage = false): Promise<Subject> => {
  const store = openMemoryStore()
  const server = await createApiServer({
    store, kinds: kinds.map(layerOnly), builtins: ['namespaces'], collectGarbage, pollMs: 0, log: silent,
    authenticate: byToken(() => ({ user: 'admin', groups: ['system:masters'], writer: 'admin' })), authorize: () => true, version: { major: '1', minor: '36', gitVersion: 'v1.36.0-skerry' },
  })
  const listening = await listen(server.handle, { host: '127.0.0.1', port: 0 })
  return overHttp('ours', listening.url, 'any', undefined, async () => {
    await server.close()
    await listening.close(200)
    await store.close()
  })
}

/** How a peer is reached. */
export interface PeerAddress { readonly url: string; readonly token: string; /** PEM */ readonly ca: string }

export const openPeer = ({ url, token, ca }: PeerAddress): Subject => {
  const agent = new Agent({ connect: { ca } })
  return overHttp('kube-apiserver', url, token, agent, () => agent.close())
}
export const readPeer = async (file: string): Promise<PeerAddress> => JSON.parse(await readFile(file, 'utf8')) as PeerAddress
