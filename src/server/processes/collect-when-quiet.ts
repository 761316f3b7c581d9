/**
 * Gives memory back once work has gone quiet. V8 collects while things are allocated, so a process in which nothing happens keeps
 * for hours what the last burst of work left behind.
 */
import { performance } from 'node:perf_hooks'
import { getHeapSpaceStatistics } from 'node:v8'
import { openTrim } from './free-memory.ts'

const everyMs = 10_000
/** So many looks in a row at which the event loop was busy for less than this share. */
const quiet = { looks: 3, share: 0.1 }
/** So many quiet looks apart is freed memory given back: what a collection lets go is freed a moment after it. */
const trimEvery = 6
/** What a collection must be able to bring, over what the last one left: it stops the process for about 3 ms for each MiB that lives. */
const worth = { share: 0.1, bytes: 8 * 1024 * 1024 }

/** Of what has survived its youth; the rest comes and goes by itself. */
const heldBytes = (): number => getHeapSpaceStatistics().reduce((sum, s) => sum + (s.space_name.startsWith('new_') ? 0 : s.space_used_size), 0)

/** Takes what share of the last while the event loop was busy. */
export const quietCollector = (held: () => number, collect: () => void, trim: () => void): ((busy: number) => void) => {
  let quietLooks = 0
  let kept = 0
  return (busy) => {
    quietLooks = busy < quiet.share ? quietLooks + 1 : 0
    if (quietLooks < quiet.looks) return
    if (held() >= kept * (1 + worth.share) + worth.bytes) {
      collect()
      kept = held()
    } else if (quietLooks % trimEvery === 0) trim()
  }
}

/**
 * The thorough kind, at three times the price: a plain one leaves the nursery and the pages that became free with the process. After
 * a burst with 28 MiB that live, a process had 142 MiB after a plain one and 90 after this.
 */
export const collectAll = (gc: NodeJS.GCFunction): void => { gc({ type: 'major', execution: 'sync', flavor: 'last-resort' }) }

/** Needs node's `--expose-gc`, which the supervisor gives. */
export const collectWhenQuiet = (): void => {
  const { gc } = globalThis
  if (gc === undefined) return
  let trim = (): void => {}
  void openTrim().then((found) => { trim = found ?? trim })
  const look = quietCollector(heldBytes, () => { collectAll(gc) }, () => { trim() })
  let last = performance.eventLoopUtilization()
  setInterval(() => {
    const now = performance.eventLoopUtilization()
    look(performance.eventLoopUtilization(now, last).utilization)
    last = now
  }, everyMs).unref()
}
