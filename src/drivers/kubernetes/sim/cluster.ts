/** One simulated tenant's Kubernetes: its own store, API layer, kubelets and controllers. Calls are answered at once; what they write follows in order. */
import type { Socket } from 'node:net'
import { byClientCertificate } from '../../../apiserver/identity.ts'
import { createApiServer, type ApiServer } from '../../../apiserver/server.ts'
import { openMemoryStore } from '../../../store/memory/memory.ts'
import type { CacheView } from '../../../store/scoped-cache.ts'
import { createDefaults } from './defaults.ts'
import { evictionSubresource } from './eviction.ts'
import { Node, tenantKinds } from './kinds.ts'
import { register, setReady, unregister, type RegisteredNode } from './nodes.ts'
import { openObjects, type Objects } from './objects.ts'
import { authorizeBy } from './rbac.ts'
import { openServing, type Authority, type openHttp, type Serving } from './serving.ts'
import { runWorkloads, type Workloads } from './workloads.ts'
import { resourceName } from '../../../api/meta/index.ts'

export interface Log { info(fields: object, message: string): void; warn(fields: object, message: string): void; error(fields: object, message: string): void }

export interface ClusterOptions { readonly ca: Authority; readonly serviceSans: readonly string[]; readonly version: string }
export interface Surroundings {
  readonly http: ReturnType<typeof openHttp>
  readonly log: Log
  readonly now: () => Date
  readonly after: (ms: number, call: () => void) => () => void
  readonly newUid: () => string
  readonly random: () => number
  readonly podGraceMs: number
}

export interface SimulatedApi {
  accept(socket: Socket): void
  registerNode(node: RegisteredNode): void
  nodeReady(name: string, ready: boolean): boolean
  hasNode(name: string): boolean
  deleteNode(name: string): void
  stop(): void
}
/** What tests may look at besides. */
export interface SimulatedCluster extends SimulatedApi {
  reopen(options: ClusterOptions): void
  /** When everything asked for so far has been done, its pods among it. */
  settled(): Promise<void>
  objects(): Promise<Objects>
  close(): Promise<void>
}

interface Parts { readonly server: ApiServer; readonly objects: Objects; readonly workloads: Workloads }

/** Changes that a watch may be behind; each holds the objects of its time. */
const keep = 50

const versionOf = (gitVersion: string) => { const [major = '1', minor = '0'] = gitVersion.replace(/^v/, '').split('.'); return { major, minor, gitVersion } }
const letters = 'bcdfghjklmnpqrstvwxz2456789'

export const openCluster = (first: ClusterOptions, { http, log, now, after, newUid, random, podGraceMs }: Surroundings): SimulatedCluster => {
  const nodes = new Set<string>()
  let parts: Parts | undefined
  let isClosed = false
  const suffix = (): string => Array.from({ length: 5 }, () => letters[Math.floor(random() * letters.length)]).join('')

  const start = async (): Promise<Parts> => {
    const store = openMemoryStore({ now: () => now().getTime(), keep })
    let objects: Objects | undefined
    let workloads: Workloads | undefined
    const server = await createApiServer({
      store, kinds: tenantKinds, authenticate: byClientCertificate(() => 'admin'), authorize: authorizeBy(() => objects!),
      subresources: { 'pods/eviction': evictionSubresource(() => objects!, (pod) => workloads!.terminate(pod)) },
      version: versionOf(first.version), log, now, newUid, random, collectGarbage: false, bookmarkMs: 60_000, pollMs: 0, ring: keep,
    })
    const cache: CacheView = server.api.cache
    objects = openObjects(store, cache, now, newUid)
    cache.watch(resourceName(Node), undefined, cache.version, (changes) => { for (const c of changes) if (c.after === undefined) nodes.delete(c.key.name) })
    await createDefaults(objects)
    workloads = runWorkloads({ objects, cache, now, suffix, graceMs: podGraceMs, after, onError: (error) => { if (!isClosed) log.error({ error: String(error) }, 'a simulated controller failed') } })
    parts = { server, objects, workloads }
    return parts
  }
  const started = start()
  // In order of the calls.
  let work: Promise<unknown> = started
  const later = (what: (o: Objects) => Promise<void>): void => {
    work = work.then(async () => { if (!isClosed) await what((await started).objects) }).catch((error: unknown) => { log.error({ error: String(error) }, 'a simulated kubelet failed') })
  }

  let serving: Serving
  let ca = first.ca
  const serve = (o: ClusterOptions): void => {
    ca = o.ca
    serving = openServing(o.ca, http, (request, response) => {
      if (parts !== undefined) { parts.server.handle(request, response); return }
      started.then(({ server }) => { server.handle(request, response) }, () => { response.destroy() })
    }, now)
    serving.addSans(o.serviceSans)
  }
  serve(first)

  return {
    accept: (socket) => { serving.accept(socket) },
    registerNode: (node) => { nodes.add(node.name); later((o) => register(o, node, now())) },
    nodeReady: (name, ready) => {
      if (!nodes.has(name)) return false
      later((o) => setReady(o, name, ready, now()))
      return true
    },
    hasNode: (name) => nodes.has(name),
    deleteNode: (name) => { nodes.delete(name); later((o) => unregister(o, name)) },
    stop: () => { serving.stop() },
    reopen: (o) => { if (o.ca.crt === ca.crt) serving.addSans(o.serviceSans); else { serving.stop(); serve(o) } },
    settled: async () => {
      const { workloads } = await started
      let seen: unknown
      do { seen = work; await work; await workloads.settled() } while (seen !== work)
    },
    objects: async () => (await started).objects,
    close: async () => {
      isClosed = true
      serving.stop()
      const { server, workloads } = await started
      workloads.stop()
      await server.close()
    },
  }
}
