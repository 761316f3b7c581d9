/**
 * Rows by id and by project, in the order in which they were made. A row may carry `next`: the step that falls due, which
 * survives a restart. Whoever changes a row calls `touch`, which drops its rendered text and puts it on the journal.
 */
export interface Row {
  readonly id: string
  /** '' belongs to nobody who can ask. */
  readonly project: string
  /** ISO time with milliseconds; services cut it as theirs do. */
  readonly createdAt: string
  updatedAt?: string
  revision?: number
  next?: { readonly step: string; readonly at: number }
}

export interface Table<R extends Row> {
  readonly name: string
  get(id: string): R | undefined
  add(row: R): R
  touch(row: R): void
  remove(row: R): void
  of(project: string): readonly R[]
  count(project: string): number
  all(): IterableIterator<R>
  readonly size: number
  /** The text of a row, made once for each `key` until the row is touched. */
  text(row: R, key: string, make: () => unknown): string
  load(row: R): void
}

export type Noted = (table: string, id: string, row: Row | undefined) => void

export const table = <R extends Row>(name: string, noted: Noted, now: () => string): Table<R> => {
  const rows = new Map<string, R>()
  const projects = new Map<string, Map<string, R>>()
  const texts = new WeakMap<R, Map<string, string>>()
  const none: ReadonlyMap<string, R> = new Map()
  const put = (row: R): void => {
    rows.set(row.id, row)
    let own = projects.get(row.project)
    if (own === undefined) projects.set(row.project, (own = new Map()))
    own.set(row.id, row)
  }
  return {
    name,
    get: (id) => rows.get(id),
    add(row) {
      put(row)
      noted(name, row.id, row)
      return row
    },
    touch(row) {
      texts.delete(row)
      row.updatedAt = now()
      row.revision = (row.revision ?? 1) + 1
      if (rows.get(row.id) === row) noted(name, row.id, row)
    },
    remove(row) {
      rows.delete(row.id)
      projects.get(row.project)?.delete(row.id)
      noted(name, row.id, undefined)
    },
    of: (project) => [...(projects.get(project) ?? none).values()],
    count: (project) => projects.get(project)?.size ?? 0,
    all: () => rows.values(),
    get size() { return rows.size },
    text(row, key, make) {
      let own = texts.get(row)
      if (own === undefined) texts.set(row, (own = new Map()))
      let text = own.get(key)
      if (text === undefined) own.set(key, (text = JSON.stringify(make())))
      return text
    },
    load: put,
  }
}
