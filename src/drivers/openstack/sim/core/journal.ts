/**
 * The state on disk: one JSON line for each changed row, written before the change is answered (it survives the end of the
 * process, not of the machine). A start reads it and writes it anew, so it does not grow for ever.
 */
import { closeSync, existsSync, openSync, readFileSync, renameSync, writeFileSync, writeSync } from 'node:fs'
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

export const openJournal = (file: string | undefined, kept: readonly Entry[]): Journal => {
  if (file === undefined) return { note() {}, noteValue() {}, flush() {}, close() {} }
  writeFileSync(`${file}.new`, kept.map((e) => JSON.stringify(e)).join('\n') + (kept.length > 0 ? '\n' : ''), { mode: 0o600 })
  renameSync(`${file}.new`, file)
  const fd = openSync(file, 'a', 0o600)
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
      writeSync(fd, text)
    },
    close() {
      this.flush()
      closeSync(fd)
    },
  }
}
