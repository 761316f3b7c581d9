/**
 * Tells the first of like records at once and counts the rest (rule S12): who is denied in a loop leaves a few records a minute, and
 * an attack from many places a bounded number. What was counted is told at the end of the window; a process that is killed loses that.
 */
import type { AuditRecord } from '../../api/audit/index.ts'
import type { Log } from '../../store/log.ts'

export interface Repeats {
  /** Resolves when the first of its like is written. Throws when that fails. */
  tell(key: string, actor: string, record: AuditRecord): Promise<void>
  /** Tells what was counted. */
  flush(): Promise<void>
  close(): Promise<void>
}

/** Different records of one actor in a window; more are told as one. */
const keysAtMost = 20
/** Actors in a window; more are told as one. */
const actorsAtMost = 500

interface Seen { readonly first: AuditRecord; count: number; until: string }

export const openRepeats = ({ write, windowMs, log }: { readonly write: (record: AuditRecord) => Promise<void>; readonly windowMs: number; readonly log: Log }): Repeats => {
  let seen = new Map<string, Seen>()
  let actors = new Map<string, number>()
  let flushing: Promise<void> = Promise.resolve()

  /** Without what an attacker can choose freely. */
  const anyOf = (record: AuditRecord): AuditRecord => {
    const { objectRef: _, requestURI: __, ...rest } = record
    return { ...rest, note: 'and others like it' }
  }
  const flush = (): Promise<void> => {
    const told = [...seen.values()].filter((s) => s.count > 0)
    seen = new Map()
    actors = new Map()
    const all = told.map(({ first, count, until }) => write({ ...first, count, until }).catch((error: unknown) => log.warn({ error: String(error), user: first.user.username, count }, 'repeats are not in the audit')))
    flushing = Promise.all([flushing, ...all]).then(() => {})
    return flushing
  }
  const timer = setInterval(() => void flush(), windowMs)
  timer.unref()

  const count = (s: Seen, record: AuditRecord): void => {
    s.count++
    s.until = record.time
  }
  return {
    async tell(key, actor, record) {
      const who = actors.has(actor) || actors.size < actorsAtMost ? actor : ''
      const exact = `${who} ${key}`
      const had = seen.get(exact)
      if (had !== undefined) return count(had, record)
      const keys = actors.get(who) ?? 0
      const isTooMuch = keys >= keysAtMost || who !== actor
      const id = isTooMuch ? `${who}` : exact
      const told = isTooMuch ? anyOf(record) : record
      const same = seen.get(id)
      if (same !== undefined) return count(same, record)
      seen.set(id, { first: told, count: 0, until: record.time })
      actors.set(who, keys + 1)
      try { await write(told) } catch (error) {
        seen.delete(id)
        throw error
      }
    },
    flush,
    async close() {
      clearInterval(timer)
      await flush()
    },
  }
}
