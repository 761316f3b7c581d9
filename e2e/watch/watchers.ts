/** Watchers: list, watch, resume where they were, at any replica; they note everything and judge nothing. */
import { setTimeout as sleep } from 'node:timers/promises'
import { jsonLines } from '../../src/client/transport.ts'
import { cratePath, path, type BoxObject } from './box.ts'
import type { EventType, Noted, Watcher } from './history.ts'
import type { Replicas } from './replicas.ts'

interface Line { readonly type: EventType | 'BOOKMARK' | 'ERROR'; readonly object: BoxObject & { readonly code?: number } }

/** One copy of each text: millions of events are kept. */
const texts = new Map<string, string>()
const shared = (text: string): string => { const had = texts.get(text); if (had !== undefined) return had; texts.set(text, text); return text }

/** Longer than the replicas keep a change. */
const sleepMs = 7_000

export interface Watching extends Watcher {
  /** The last version that it has got to. */
  readonly position: number
  /** Cuts its connection, as a network does. */
  cut(): void
  readonly done: Promise<void>
}

export const startWatcher = (id: string, colour: string | undefined, replicas: Replicas, random: () => number, signal: AbortSignal): Watching => {
  const client = replicas.newClient()
  const notes: Noted[] = []
  const selector = colour === undefined ? '' : `labelSelector=colour%3D${colour}`
  let position = 0
  let connection = new AbortController()
  const anyReplica = (): number => Math.floor(random() * replicas.count)

  /** In pages, each at any replica. false: not this time. */
  const list = async (): Promise<boolean> => {
    const items = new Map<string, { readonly version: number; readonly value: string }>()
    let token: string | undefined
    let version = ''
    do {
      const { code, body } = await client.request(anyReplica(), 'GET', `${path}?limit=20&${selector}${token === undefined ? '' : `&continue=${token}`}`)
      if (code !== 200) return false
      for (const { metadata, spec } of body.items as readonly BoxObject[]) items.set(metadata.name, { version: Number(metadata.resourceVersion), value: spec!.value })
      version = body.metadata.resourceVersion as string
      token = body.metadata.continue as string | undefined
    } while (token !== undefined)
    position = Number(version)
    notes.push({ kind: 'listed', version: position, items })
    return true
  }

  /** false: 410. */
  const watch = async (): Promise<boolean> => {
    connection = new AbortController()
    const response = await client.stream(anyReplica(), `${path}?watch=1&allowWatchBookmarks=true&resourceVersion=${position}&${selector}`, AbortSignal.any([signal, connection.signal]))
    if (response.statusCode === 410) return false
    if (response.statusCode !== 200) { await response.body.dump(); return true }
    notes.push({ kind: 'resumed', version: position })
    for await (const line of jsonLines(response.body)) {
      const { type, object } = line as Line
      if (type === 'ERROR') return object.code !== 410
      position = Number(object.metadata.resourceVersion)
      if (type === 'BOOKMARK') notes.push({ kind: 'bookmark', version: position })
      else notes.push({ kind: 'event', type: shared(type) as EventType, name: shared(object.metadata.name), version: position, value: shared(object.spec!.value) })
    }
    return true
  }

  const run = async (): Promise<void> => {
    let isListed = false
    while (!signal.aborted) {
      try {
        if (!isListed) isListed = await list()
        else if (!(await watch())) { notes.push({ kind: 'expired' }); isListed = false }
      } catch { /* cut, killed or not there: again */ }
      // Now and then for longer than the log is kept: 410, and a list.
      await sleep(random() < 0.05 ? sleepMs : 20 + random() * 80, undefined, { signal }).catch(() => {})
    }
    await client.close()
  }
  return { id, colour, notes, get position() { return position }, cut: () => connection.abort(), done: run() }
}

/** Opens a watch and does not read; when it is cut, opens another one. */
export const startSleeper = async (at: number, replicas: Replicas, signal: AbortSignal): Promise<void> => {
  const client = replicas.newClient()
  while (!signal.aborted) {
    try {
      const { body } = await client.stream(at, `${cratePath}?watch=1`, signal)
      await new Promise<void>((cut) => { body.on('error', () => cut()); body.on('close', () => cut()); body.pause() })
    } catch { /* not there: again */ }
    await sleep(50, undefined, { signal }).catch(() => {})
  }
  await client.close()
}
