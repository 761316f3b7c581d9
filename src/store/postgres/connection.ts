/** How to reach a PostgreSQL, and one connection to it that comes back by itself. */
import pg from 'pg'
import { unavailable } from '../errors.ts'
import type { Log } from '../log.ts'
import { execution, type Rows, type Statement } from './execution.ts'

export interface Connection {
  /** A name, an address, or the directory of the unix socket. */
  readonly host: string
  readonly port: number
  readonly user: string
  readonly database: string
  readonly password?: string
  readonly ssl?: pg.ClientConfig['ssl']
}

export interface Session {
  /** One at a time, in order. Connects when needed; throws isUnavailable(e) when that fails. */
  query<R extends pg.QueryResultRow>(query: pg.QueryConfig): Promise<pg.QueryResult<R>>
  /** As `query`, of a message that was composed for the statement. */
  execute(statement: Statement, message: Buffer): Promise<Rows>
  /** Until it is connected; throws isUnavailable(e). */
  ready(): Promise<void>
  /** Cuts the connection without a word; the next query makes a new one. */
  cut(): void
  close(): Promise<void>
}

export interface SessionOptions {
  readonly connection: Connection
  /** Seen in pg_stat_activity as `skerry <purpose>`. */
  readonly purpose: string
  readonly log: Log
  /** SQL run on each new connection, after the limits. */
  readonly setup?: string
  readonly limits?: string
  readonly onNotification?: (payload: string) => void
  readonly onConnected?: () => void
}

/** Rule S10: what our role allows itself. */
export const limits = `set statement_timeout = '10s'; set lock_timeout = '3s'; set transaction_timeout = '10s'; set idle_in_transaction_session_timeout = '5s';`
export const noLimits = `set statement_timeout = 0; set lock_timeout = '3s'; set transaction_timeout = 0; set idle_in_transaction_session_timeout = '60s';`

const none = Object.freeze({})
const noTexts: readonly string[] = Object.freeze([])
const json = (text: string): unknown => (text === '{}' ? none : text === '[]' ? noTexts : JSON.parse(text))
export const bigints = (text: string): (number | null)[] => (text === '{}' ? [] : text.slice(1, -1).split(',').map((each) => (each === 'NULL' ? null : Number(each))))
const parsers: Readonly<Record<number, (text: string) => unknown>> = { 20: Number, 1016: bigints, 3802: json }

/** bigint as number (versions stay below 2⁵³), jsonb with the empty values shared. */
const types = {
  getTypeParser: (oid: number, format?: string) => (format === 'text' || format === undefined ? parsers[oid] : undefined) ?? pg.types.getTypeParser(oid, format as 'text'),
}

/** A client with its error event handled (an unhandled one ends the process) and its limits set. The caller ends it. */
export async function connect({ connection, purpose, log, setup = '', limits: bounds = limits, onNotification }: SessionOptions, onLost: () => void = () => {}): Promise<pg.Client> {
  const client = new pg.Client({
    ...connection, application_name: `skerry ${purpose}`, keepAlive: true, keepAliveInitialDelayMillis: 10_000, connectionTimeoutMillis: 3_000, types: types as pg.CustomTypesConfig,
  })
  client.on('error', (err) => {
    log.warn({ purpose, err }, 'connection to PostgreSQL lost')
    onLost()
  })
  client.on('end', onLost)
  if (onNotification !== undefined) client.on('notification', ({ payload }) => onNotification(payload ?? ''))
  try {
    await client.connect()
    await client.query(`${bounds} ${setup}`)
    return client
  } catch (cause) {
    cut(client)
    throw unavailable(`connecting to PostgreSQL for ${purpose}`, cause)
  }
}

/** pg has no call that ends a connection at once; the socket has. */
function cut(client: pg.Client): void {
  const { connection } = client as unknown as { readonly connection: { readonly stream: { destroy(): void } } }
  connection.stream.destroy()
  client.end().catch(() => {})
}

export function openSession(options: SessionOptions): Session {
  let current: Promise<pg.Client> | undefined
  let closed = false
  // pg would queue by itself, but gives that up with version 9.
  let last: Promise<unknown> = Promise.resolve()

  function client(): Promise<pg.Client> {
    if (closed) return Promise.reject(unavailable('the store is closed'))
    if (current === undefined) {
      const made: Promise<pg.Client> = connect(options, () => {
        if (current === made) current = undefined
      })
      current = made
      made.then(options.onConnected, () => {
        if (current === made) current = undefined
      })
    }
    return current
  }

  function inTurn<T>(send: (client: pg.Client) => Promise<T>): Promise<T> {
    const result = last.then(async () => send(await client()))
    last = result.catch(() => {})
    return result
  }

  return {
    query: <R extends pg.QueryResultRow>(query: pg.QueryConfig) => inTurn((connected) => connected.query<R>(query)),
    execute: (statement, message) => inTurn((connected) => new Promise<Rows>((resolve, reject) => connected.query(execution(statement, message, { resolve, reject })))),
    ready: async () => void (await client()),
    cut() {
      const cutting = current
      current = undefined
      cutting?.then(cut, () => {})
    },
    async close() {
      closed = true
      const closing = current
      current = undefined
      await closing?.then((each) => each.end()).catch(() => {})
    },
  }
}

/**
 * The server said no in words: the transaction is certainly rolled back. Not so with the codes of a connection that ends, which come
 * after a commit, too. By code: the severity is in the server's language.
 */
export function isRolledBack(error: unknown): boolean {
  const { code, severity } = (error ?? {}) as { readonly code?: unknown; readonly severity?: unknown }
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && typeof severity === 'string' && severity !== 'FATAL' && severity !== 'PANIC' && !/^(57P0.|25P0[34]|08...|XX...)$/.test(code)
}
export const sqlState = (error: unknown): string | undefined => (isRolledBack(error) ? (error as { code?: string }).code : undefined)
