/**
 * Keeps a cluster's nodes known. While anything goes on: list, watch from there with bookmarks, again from the last version when it
 * ends, list again when that is too old. A cluster that rests holds no connection: its nodes are listed now and then, and what is
 * not as it was, or does not answer, is watched again.
 */
import { object, parseAnswer, text, type Json } from './answer.ts'
import type { Clock, Connection } from './connection.ts'
import { isExpired, kubernetesError } from './errors.ts'
import type { KubeNode, NodeWatch } from './kubernetes.ts'
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

export interface NodeWatchOptions {
  readonly cluster: string
  /** With the certificate of now, for one stream or list; whoever asked closes it. */
  readonly connect: () => Promise<Connection>
  readonly list: (connection: Connection) => Promise<{ readonly items: readonly Json[]; readonly version: string }>
  /** So many watches begin at once: a thousand handshakes together would time each other out. Servers that do not answer wait for each other only, and clusters at rest keep nobody waiting. */
  readonly gates: { readonly first: Gate; readonly broken: Gate; readonly resting: Gate }
  readonly changed: (nodes: readonly KubeNode[]) => void
  readonly clock: Clock
  readonly random: () => number
  readonly log: Log
}

const maxNodes = 10_000
/** An API that never answered is being made: somebody waits for it. */
const backOffMs = { first: 500, mostNew: 4_000, most: 30_000 }
/** Bookmarks come about once a minute; without any the connection is taken for dead. */
const silenceMs = 150_000
/** All nodes Ready, none changed, and nobody asked for so long: the cluster rests. */
const restAfterMs = 180_000
/** The longest between two lists of a cluster that rests; so much sooner one may come, that not all clusters stay together, and the first at any time. */
const listEveryMs = 180_000
const spreadMs = 20_000
/** Lists are begun together, in rounds: one by itself takes twice the CPU of one among ten, because all that it runs through is cold. */
const roundMs = 10_000

const pause = (clock: Clock, ms: number, signal: AbortSignal): Promise<void> => new Promise((resolve) => {
  if (signal.aborted) { resolve(); return }
  const end = () => { cancel(); signal.removeEventListener('abort', end); resolve() }
  const cancel = clock.after(ms, end)
  signal.addEventListener('abort', end)
})

/** What goes wrong is tried again until it is stopped. */
export const watchNodes = ({ cluster, connect, list, gates, changed, clock, random, log }: NodeWatchOptions): NodeWatch => {
  let nodes = new Map<string, KubeNode>()
  let version = ''
  let backOff: number = backOffMs.first
  let isBroken = false
  let wasSeen = false
  let isResting = false
  let wasListed = false
  let isStopped = false
  /** Of what the loop does now: a stream, or the pause before a list. */
  let turn = new AbortController()
  let cancelRest = (): void => {}

  const interrupt = (why: string): void => { turn.abort(kubernetesError('interrupted', why)) }
  const isSettled = (): boolean => wasSeen && !isBroken && nodes.size > 0 && [...nodes.values()].every((n) => n.ready)
  const stayAwake = (): void => {
    cancelRest()
    cancelRest = clock.after(restAfterMs, () => {
      if (!isSettled()) { stayAwake(); return }
      isResting = true
      wasListed = false
      interrupt('the cluster rests')
    })
  }
  const tell = (): void => { if (isStopped) return; stayAwake(); changed([...nodes.values()]) }

  /** Whether the nodes are as they were. */
  const look = async (connection: Connection): Promise<boolean> => {
    const all = await list(connection)
    if (all.items.length > maxNodes) throw kubernetesError('answer', `nodes of ${cluster}: more than ${maxNodes}`)
    const before = nodes
    nodes = new Map(all.items.map(toNode).map((n) => { const was = before.get(n.name); return [n.name, was !== undefined && isSameNode(was, n) ? was : n] }))
    version = all.version
    wasSeen = true
    return nodes.size === before.size && [...nodes].every(([name, n]) => before.get(name) === n)
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
  const begin = async (signal: AbortSignal): Promise<{ readonly ends: Promise<void> } | undefined> => {
    if (signal.aborted) return undefined
    const connection = await connect()
    try {
      if (version === '') { await look(connection); tell() }
    } catch (error) { connection.close(); throw error }
    // Ends of many watches are spread.
    const seconds = 240 + Math.floor(random() * 240)
    const query = new URLSearchParams({ watch: '1', allowWatchBookmarks: 'true', resourceVersion: version, timeoutSeconds: String(seconds) })
    const opened = Promise.withResolvers<void>()
    const ends = connection.lines({ what: 'watch nodes', path: `/api/v1/nodes?${query.toString()}` }, silenceMs, signal, { open: opened.resolve, line: event })
    ends.catch(() => {}).finally(() => { opened.resolve(); connection.close() })
    await opened.promise
    return { ends }
  }
  const rest = async (signal: AbortSignal): Promise<void> => {
    const now = clock.monotonic()
    const latest = now + listEveryMs - random() * (wasListed ? spreadMs : listEveryMs)
    await pause(clock, Math.max(0, Math.floor(latest / roundMs) * roundMs - now), signal)
    if (signal.aborted) return
    wasListed = true
    await gates.resting(async () => {
      const connection = await connect()
      try {
        // Who asked meanwhile waits to be told.
        if ((await look(connection)) && !signal.aborted) return
        isResting = false
        tell()
      } finally { connection.close() }
    })
  }
  const watch = async (signal: AbortSignal): Promise<void> => {
    const stream = await (isBroken ? gates.broken : gates.first)(() => begin(signal))
    if (stream === undefined) return
    await stream.ends
    // An end by time is no fault; one that comes at once, again and again, is.
    await pause(clock, Math.min(backOff, 1_000) * random(), signal)
  }

  const run = async (): Promise<void> => {
    while (!isStopped) {
      const { signal } = turn = new AbortController()
      try { await (isResting ? rest(signal) : watch(signal)) } catch (error) {
        if (signal.aborted) continue
        isResting = false
        if (isExpired(error)) version = ''
        if (!isBroken && !isExpired(error)) log.warn({ cluster, error: (error as Error).message }, 'node watch broke; tried again')
        isBroken = !isExpired(error)
        await pause(clock, backOff * (0.5 + random() / 2), signal)
        backOff = Math.min(2 * backOff, wasSeen ? backOffMs.most : backOffMs.mostNew)
      }
    }
  }

  stayAwake()
  void run()
  return {
    stir: () => {
      stayAwake()
      if (!isResting) return false
      isResting = false
      version = ''
      interrupt('somebody asks')
      return true
    },
    stop: () => { isStopped = true; cancelRest(); interrupt('the watch was ended') },
  }
}
