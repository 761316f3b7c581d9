/**
 * The state on disk: one JSON line for each changed row, written before the change is answered (it survives the end of the
 * process, not of the machine). It is written anew at a start and when it has grown to four times what is alive.
 */
import { closeSync, existsSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs'
import type { Row } from './table.ts'

/** [table, id, row or null] */
export type Entry = readonly [string, string, unknown]

export interface Journal {
  note(table: string, id: string, row: Row | undefined): void
  noteValue(table: string, id: string, value: unknown): void
  flush(): void
  close(): void
}

export const readJournal = (file: string): readonly Entry[] => {
  if (!existsSync(file)) return []
  const last = new Map<string, Entry>()
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    if (line === '') continue
    let entry: Entry
    try { entry = JSON.parse(line) as Entry } catch { break } // the line being written when the process ended
    const key = `${entry[0]}/${entry[1]}`
    if (entry[2] === null) last.delete(key)
    else last.set(key, entry)
  }
  return [...last.values()]
}

const smallest = 64 * 2 ** 20

/** `alive`: everything there is now, for writing it anew. */
export const openJournal = (file: string | undefined, kept: readonly Entry[], alive: () => Iterable<Entry>): Journal => {
  if (file === undefined) return { note() {}, noteValue() {}, flush() {}, close() {} }
  let fd = -1
  let size = 0
  let limit = smallest
  const rewrite = (entries: Iterable<Entry>): void => {
    const next = openSync(`${file}.new`, 'w', 0o600)
    size = 0
    for (const entry of entries) size += writeSync(next, `${JSON.stringify(entry)}\n`)
    renameSync(`${file}.new`, file)
    if (fd >= 0) closeSync(fd)
    fd = next
    limit = Math.max(smallest, size * 4)
  }
  rewrite(kept)
  const dirty = new Map<string, readonly [string, string, unknown]>()
  const put = (table: string, id: string, value: unknown): void => { dirty.set(`${table}/${id}`, [table, id, value ?? null]) }
  return {
    note: put,
    noteValue: put,
    flush() {
      if (dirty.size === 0) return
      let text = ''
      for (const entry of dirty.values()) text += `${JSON.stringify(entry)}\n`
      dirty.clear()
      size += writeSync(fd, text)
      if (size > limit) rewrite(alive())
    },
    close() {
      this.flush()
      closeSync(fd)
    },
  }
}
