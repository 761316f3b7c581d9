/** Keeps a cluster's nodes known: list, watch from there with bookmarks, again from the last version when it ends, list again when that is too old. */
import { object, parseAnswer, text, type Json } from './answer.ts'
import type { Clock, Connection } from './connection.ts'
import { isExpired, kubernetesError } from './errors.ts'
import type { KubeNode } from './kubernetes.ts'
import { isSameNode, toNode } from './node.ts'

export interface Log { info(fields: object, message: string): void; warn(fields: object, message: string): void }

/** Runs `work` when there is room. */
export type Gate = <T>(work: () => Promise<T>) => Promise<T>
export const openGate = (room: number): Gate => {
  const waiting: (() => void)[] = []
  let free = room
  return async (work) => {
    if (free > 0) free--
    else await new Promise<void>((go) => { waiting.push(go) })
    try { return await work() } finally {
      const next = waiting.shift()
      if (next === undefined) free++; else next()
    }
  }
}

export interface NodeWatch {
  readonly cluster: string
  /** The one of now: a renewed certificate makes another. */
  readonly connection: () => Connection
  readonly list: () => Promise<{ readonly items: readonly Json[]; readonly version: string }>
  /** So many watches begin at once: a thousand handshakes together would time each other out. Servers that do not answer wait for each other only. */
  readonly gates: { readonly first: Gate; readonly broken: Gate }
  readonly changed: (nodes: readonly KubeNode[]) => void
  readonly clock: Clock
  readonly random: () => number
  readonly log: Log
  readonly signal: AbortSignal
}

const maxNodes = 10_000
/** An API that never answered is being made: somebody waits for it. */
const backOffMs = { first: 500, mostNew: 4_000, most: 30_000 }
/** Bookmarks come about once a minute; without any the connection is taken for dead. */
const silenceMs = 150_000

const pause = (clock: Clock, ms: number, signal: AbortSignal): Promise<void> => new Promise((resolve) => {
  if (signal.aborted) { resolve(); return }
  const end = () => { cancel(); signal.removeEventListener('abort', end); resolve() }
  const cancel = clock.after(ms, end)
  signal.addEventListener('abort', end)
})

/** Ends when the signal fires, never otherwise; what goes wrong is tried again. */
export const watchNodes = async ({ cluster, connection, list, gates, changed, clock, random, log, signal }: NodeWatch): Promise<void> => {
  const nodes = new Map<string, KubeNode>()
  let version = ''
  let backOff: number = backOffMs.first
  let isBroken = false
  let wasSeen = false
  const tell = (): void => { if (!signal.aborted) changed([...nodes.values()]) }

  const relist = async (): Promise<void> => {
    const all = await list()
    if (all.items.length > maxNodes) throw kubernetesError('answer', `nodes of ${cluster}: more than ${maxNodes}`)
    nodes.clear()
    for (const n of all.items.map(toNode)) nodes.set(n.name, n)
    version = all.version
    wasSeen = true
    tell()
  }
  const event = (line: string): void => {
    const { type, object: about } = parseAnswer(`watch of ${cluster}`, line)
    const item = object(about)
    if (type === 'ERROR') {
      version = ''
      throw kubernetesError(item['code'] === 410 ? 'expired' : 'interrupted', `watch of ${cluster}: ${text(item['message'], 200)}`)
    }
    const at = text(object(item['metadata'])['resourceVersion'], 64)
    if (at === '') throw kubernetesError('answer', `watch of ${cluster}: an event without a version`)
    version = at
    backOff = backOffMs.first
    if (isBroken) log.info({ cluster }, 'node watch works again')
    isBroken = false
    if (type === 'BOOKMARK') return
    const node = toNode(item)
    const before = nodes.get(node.name)
    if (type === 'DELETED') { if (nodes.delete(node.name)) tell(); return }
    if (before === undefined && nodes.size >= maxNodes) throw kubernetesError('answer', `nodes of ${cluster}: more than ${maxNodes}`)
    if (before !== undefined && isSameNode(before, node)) return
    nodes.set(node.name, node)
    tell()
  }

  /** List where needed, and open the stream; over when the server has answered, well or not. */
  const begin = async (): Promise<{ readonly ends: Promise<void> } | undefined> => {
    if (version === '' && !signal.aborted) await relist()
    if (signal.aborted) return undefined
    // Ends of many watches are spread.
    const seconds = 240 + Math.floor(random() * 240)
    const query = new URLSearchParams({ watch: '1', allowWatchBookmarks: 'true', resourceVersion: version, timeoutSeconds: String(seconds) })
    const opened = Promise.withResolvers<void>()
    const ends = connection().lines({ what: 'watch nodes', path: `/api/v1/nodes?${query.toString()}` }, silenceMs, signal, { open: opened.resolve, line: event })
    ends.catch(() => {}).finally(opened.resolve)
    await opened.promise
    return { ends }
  }

  while (!signal.aborted) {
    try {
      const stream = await (isBroken ? gates.broken : gates.first)(begin)
      if (stream === undefined) return
      await stream.ends
      // An end by time is no fault; one that comes at once, again and again, is.
      await pause(clock, Math.min(backOff, 1_000) * random(), signal)
    } catch (error) {
      if (signal.aborted) return
      if (isExpired(error)) version = ''
      if (!isBroken && !isExpired(error)) log.warn({ cluster, error: (error as Error).message }, 'node watch broke; tried again')
      isBroken = !isExpired(error)
      await pause(clock, backOff * (0.5 + random() / 2), signal)
      backOff = Math.min(2 * backOff, wasSeen ? backOffMs.most : backOffMs.mostNew)
    }
  }
}
