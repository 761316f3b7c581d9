/**
 * How many Events an object may have written about it (rule S12): 25 at once and one more every 5 minutes, new ones and repeats alike,
 * whoever writes them. In memory: another replica counts for itself, and a new process begins anew.
 */
import type { Mutable } from './values.ts'

const atOnce = 25
const everyMs = 300_000
/** Objects remembered; the one that was written about longest ago is forgotten first. */
const objectsAtMost = 20_000

export interface EventBudget {
  /** Seconds to wait; 0: it is counted and may be written. */
  take(event: Mutable): number
}

/** Enough to know an object by, of a client that gives no uid, too. */
const objectOf = (event: Mutable): string => {
  const { uid, kind, namespace, name } = (event['involvedObject'] ?? {}) as Readonly<Record<string, unknown>>
  return typeof uid === 'string' && uid !== '' ? uid : `${String(kind)} ${String(namespace)}/${String(name)}`
}

export const openEventBudget = (now: () => Date): EventBudget => {
  /** By object: when its whole budget is there again. */
  const whole = new Map<string, number>()
  return {
    take(event) {
      const id = objectOf(event)
      const time = now().getTime()
      const at = Math.max(time, whole.get(id) ?? 0)
      const waitMs = at - time - (atOnce - 1) * everyMs
      if (waitMs > 0) return Math.ceil(waitMs / 1_000)
      // Deleted first: a map is in the order of insertion.
      whole.delete(id)
      whole.set(id, at + everyMs)
      if (whole.size > objectsAtMost) whole.delete(whole.keys().next().value!)
      return 0
    },
  }
}
