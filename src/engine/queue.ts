/**
 * The work queue of one controller. A key is in it once, is never worked on twice at the same time, and what arrives for it
 * meanwhile is not lost (client-go's dirty and processing sets). Three lanes by who waits (rule E4): people, events, background.
 */
import type { Clock } from './clock.ts'
import { createHeap } from './heap.ts'

export const lanes = ['people', 'events', 'background'] as const
export type Lane = (typeof lanes)[number]

export interface Queue {
  add(key: string, lane: Lane): void
  /** A deadline: whichever comes first counts, and a pass that starts before cancels it. */
  addAfter(key: string, ms: number, lane: Lane): void
  /** After a delay that doubles with each failure; answers the delay. */
  addFailed(key: string, lane: Lane): number
  /** The next failure is the first again. */
  forget(key: string): void
  failures(key: string): number
  /** Takes the next key and marks it as being worked on; undefined when there is none now. */
  take(): { readonly key: string; readonly lane: Lane; readonly waitedMs: number } | undefined
  /** Ends the work on a key; it comes back at once when something arrived meanwhile. */
  done(key: string): void
  isProcessing(key: string): boolean
  depth(lane: Lane): number
  readonly waiting: number
  readonly processing: number
  readonly delayed: number
  /** Deadlines of this lane that are yet to come. */
  delayedIn(lane: Lane): number
  close(): void
}

export interface BackOff {
  readonly firstMs: number
  readonly maxMs: number
}

/** A lower lane gets one turn in so many, so that nothing starves. */
const fairEvery = 16

export interface QueueOptions {
  readonly clock: Clock
  readonly random: () => number
  readonly backOff: BackOff
  /** Called when take() may succeed. */
  readonly onReady: () => void
}

/** First in, first out, without moving the rest on each take. */
const createFifo = () => {
  let items: string[] = []
  let head = 0
  return {
    push: (key: string): void => { items.push(key) },
    shift: (): string | undefined => {
      if (head >= items.length) return undefined
      const key = items[head++]
      if (head > 1024 && head * 2 > items.length) { items = items.slice(head); head = 0 }
      return key
    },
  }
}

export const createQueue = ({ clock, random, backOff, onReady }: QueueOptions): Queue => {
  const fifos = { people: createFifo(), events: createFifo(), background: createFifo() }
  const depths = { people: 0, events: 0, background: 0 }
  /** Waiting keys; a key in a fifo under another lane than here is a leftover of a promotion. */
  const dirty = new Map<string, { readonly lane: Lane; readonly since: number }>()
  const processing = new Set<string>()
  /** Arrived while being worked on. */
  const again = new Map<string, Lane>()
  const failed = new Map<string, number>()
  const deadlines = createHeap<{ readonly at: number; readonly key: string }>()
  const due = new Map<string, { readonly at: number; readonly lane: Lane }>()
  const dueIn = { people: 0, events: 0, background: 0 }
  let cancelTimer = (): void => {}
  let timerAt = Infinity
  let turn = 0
  let isClosed = false

  const isAhead = (a: Lane, b: Lane): boolean => lanes.indexOf(a) < lanes.indexOf(b)

  const add = (key: string, lane: Lane): void => {
    if (isClosed) return
    if (processing.has(key)) {
      const had = again.get(key)
      if (had === undefined || isAhead(lane, had)) again.set(key, lane)
      return
    }
    const had = dirty.get(key)
    if (had !== undefined && !isAhead(lane, had.lane)) return
    if (had !== undefined) depths[had.lane]--
    dirty.set(key, { lane, since: had?.since ?? clock.monotonic() })
    depths[lane]++
    fifos[lane].push(key)
    onReady()
  }

  const cancelDue = (key: string): void => {
    const entry = due.get(key)
    if (entry === undefined) return
    due.delete(key)
    dueIn[entry.lane]--
  }

  const arm = (): void => {
    const top = deadlines.peek()
    if (isClosed || top === undefined || top.at >= timerAt) return
    cancelTimer()
    timerAt = top.at
    cancelTimer = clock.after(Math.max(0, top.at - clock.monotonic()), () => {
      timerAt = Infinity
      const now = clock.monotonic()
      for (let next = deadlines.peek(); next !== undefined && next.at <= now; next = deadlines.peek()) {
        deadlines.pop()
        const entry = due.get(next.key)
        if (entry?.at !== next.at) continue
        cancelDue(next.key)
        add(next.key, entry.lane)
      }
      arm()
    })
  }

  const addAfter = (key: string, ms: number, lane: Lane): void => {
    if (isClosed) return
    if (ms <= 0) { add(key, lane); return }
    const at = clock.monotonic() + ms
    const had = due.get(key)
    if (had !== undefined && had.at <= at) return
    cancelDue(key)
    due.set(key, { at, lane })
    dueIn[lane]++
    deadlines.push({ at, key })
    arm()
  }

  const takeFrom = (lane: Lane): string | undefined => {
    for (let key = fifos[lane].shift(); key !== undefined; key = fifos[lane].shift()) if (dirty.get(key)?.lane === lane) return key
    return undefined
  }

  return {
    add, addAfter,
    addFailed(key, lane) {
      const n = failed.get(key) ?? 0
      failed.set(key, n + 1)
      const ms = Math.min(backOff.maxMs, backOff.firstMs * 2 ** Math.min(n, 30)) * (0.75 + random() / 2)
      addAfter(key, ms, lane)
      return ms
    },
    forget: (key) => { failed.delete(key) },
    failures: (key) => failed.get(key) ?? 0,
    take() {
      const order = ++turn % fairEvery === 0 ? lanes.toReversed() : lanes
      for (const lane of order) {
        const key = takeFrom(lane)
        if (key === undefined) continue
        const { since } = dirty.get(key)!
        dirty.delete(key)
        depths[lane]--
        cancelDue(key)
        processing.add(key)
        return { key, lane, waitedMs: clock.monotonic() - since }
      }
      return undefined
    },
    done(key) {
      processing.delete(key)
      const lane = again.get(key)
      again.delete(key)
      if (lane !== undefined) add(key, lane)
    },
    isProcessing: (key) => processing.has(key),
    depth: (lane) => depths[lane],
    get waiting() { return dirty.size },
    get processing() { return processing.size },
    get delayed() { return due.size },
    delayedIn: (lane) => dueIn[lane],
    close() {
      isClosed = true
      cancelTimer()
      dirty.clear()
      again.clear()
      due.clear()
    },
  }
}
