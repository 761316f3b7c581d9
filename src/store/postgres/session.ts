/** A connection that comes back by itself, for queries of which each stands alone. */
import type pg from 'pg'
import { unavailable } from '../errors.ts'
import { openClient, type Client, type ClientOptions } from './connection.ts'
import type { Rows, Statement } from './execution.ts'

export interface Session {
  /** One at a time, in order. Connects when needed; throws isUnavailable(e) when that fails, or when no answer comes: the next one has a new connection. */
  query<R extends pg.QueryResultRow>(query: pg.QueryConfig): Promise<pg.QueryResult<R>>
  /** As `query`, of a message that was composed for the statement. */
  execute(statement: Statement, message: Buffer): Promise<Rows>
  /** Until it is connected; throws isUnavailable(e). */
  ready(): Promise<void>
  /** Cuts the connection without a word; the next query makes a new one. */
  cut(): void
  close(): Promise<void>
}

export interface SessionOptions extends ClientOptions {
  readonly onConnected?: () => void
}

export function openSession({ onConnected, ...options }: SessionOptions): Session {
  let current: Client | undefined
  let closed = false
  // pg would queue by itself, but gives that up with version 9.
  let last: Promise<unknown> = Promise.resolve()

  function client(): Client {
    if (closed) throw unavailable('the store is closed')
    if (current === undefined) {
      const made = openClient(options, () => {
        if (current === made) current = undefined
      })
      current = made
      made.ready().then(onConnected, () => {})
    }
    return current
  }

  function inTurn<T>(send: (client: Client) => Promise<T>): Promise<T> {
    const result = last.then(() => send(client()))
    last = result.catch(() => {})
    return result
  }

  return {
    query: <R extends pg.QueryResultRow>(query: pg.QueryConfig) => inTurn((present) => present.query<R>(query)),
    execute: (statement, message) => inTurn((present) => present.execute(statement, message)),
    ready: async () => client().ready(),
    cut: () => current?.cut(),
    async close() {
      closed = true
      await current?.end()
    },
  }
}
