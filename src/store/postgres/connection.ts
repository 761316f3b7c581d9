/** How to reach a PostgreSQL, and one connection to it: with limits, and with an end to waiting for a server that has fallen silent. */
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

export interface Limits {
  /** What the server is told on each new connection. */
  readonly sql: string
  /**
   * How long we wait for an answer. Above what the server allows itself: only a lost server gets there, of which TCP may say nothing for
   * a quarter of an hour. undefined: as long as TCP does.
   */
  readonly silenceMs: number | undefined
}

/** Rule S10: what our role allows itself. */
export const limits = {
  sql: `set statement_timeout = '10s'; set lock_timeout = '3s'; set transaction_timeout = '10s'; set idle_in_transaction_session_timeout = '5s';`,
  silenceMs: 12_000,
} as const satisfies Limits
/** For work that takes its time, on a connection of its own. */
export const noLimits = {
  sql: `set statement_timeout = 0; set lock_timeout = '3s'; set transaction_timeout = 0; set idle_in_transaction_session_timeout = '60s';`,
  silenceMs: 15 * 60_000,
} as const satisfies Limits

export interface ClientOptions {
  readonly connection: Connection
  /** Seen in pg_stat_activity as `skerry <purpose>`. */
  readonly purpose: string
  readonly log: Log
  /** SQL run on each new connection, after the limits. */
  readonly setup?: string
  readonly limits?: Limits
  readonly onNotification?: (payload: string) => void
}

/**
 * One connection, from its making to its end. Who gets no answer within the limits, connecting included, gets isUnavailable(e): the
 * connection is cut, and whether the server did what it was asked is not known.
 */
export interface Client {
  /** Until it is connected and has its limits; throws isUnavailable(e). */
  ready(): Promise<void>
  /** One at a time. */
  query<R extends pg.QueryResultRow>(query: string | pg.QueryConfig, values?: unknown[]): Promise<pg.QueryResult<R>>
  /** As `query`, of a message that was composed for the statement. */
  execute(statement: Statement, message: Buffer): Promise<Rows>
  /** At once and without a word. */
  cut(): void
  /** With a word, which a lost server does not hear. */
  end(): Promise<void>
}

const connectMs = 3_000
const endMs = 1_000

const none = Object.freeze({})
const noTexts: readonly string[] = Object.freeze([])
const json = (text: string): unknown => (text === '{}' ? none : text === '[]' ? noTexts : JSON.parse(text))
export const bigints = (text: string): (number | null)[] => (text === '{}' ? [] : text.slice(1, -1).split(',').map((each) => (each === 'NULL' ? null : Number(each))))
const parsers: Readonly<Record<number, (text: string) => unknown>> = { 20: Number, 1016: bigints, 3802: json }

/** bigint as number (versions stay below 2⁵³), jsonb with the empty values shared. */
const types = {
  getTypeParser: (oid: number, format?: string) => (format === 'text' || format === undefined ? parsers[oid] : undefined) ?? pg.types.getTypeParser(oid, format as 'text'),
}

/** Begins to connect. `onLost`: once, when it is over, whoever ended it. */
export function openClient({ connection, purpose, log, setup = '', limits: { sql, silenceMs } = limits, onNotification }: ClientOptions, onLost: () => void = () => {}): Client {
  const client = new pg.Client({
    ...connection, application_name: `skerry ${purpose}`, keepAlive: true, keepAliveInitialDelayMillis: 10_000, connectionTimeoutMillis: connectMs, types: types as pg.CustomTypesConfig,
  })
  let isConnected = false
  let isOver = false
  function over(): void {
    if (isOver) return
    isOver = true
    onLost()
  }

  // An error event that nobody hears ends the process.
  client.on('error', (err) => {
    if (!isOver) log.warn({ purpose, err }, 'connection to PostgreSQL lost')
    over()
  })
  client.on('end', over)
  if (onNotification !== undefined) client.on('notification', ({ payload }) => onNotification(payload ?? ''))

  function cut(): void {
    over()
    // pg has no call that ends a connection at once; the socket has, and pg then fails whatever waits.
    const { connection: wire } = client as unknown as { readonly connection: { readonly stream: { destroy(): void } } }
    wire.stream.destroy()
  }

  async function open(): Promise<void> {
    try {
      await client.connect()
      await client.query(`${sql} ${setup}`)
      isConnected = true
    } catch (cause) {
      cut()
      throw unavailable(`connecting to PostgreSQL for ${purpose}`, cause)
    }
  }
  const opened = open()
  opened.catch(() => {}) // told to each who asks

  function within<T>(answer: Promise<T>): Promise<T> {
    if (silenceMs === undefined) return answer
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        log.warn({ purpose, silenceMs }, 'PostgreSQL does not answer; the connection is cut')
        reject(unavailable(`PostgreSQL did not answer ${purpose} within ${silenceMs} ms`))
        cut()
      }, silenceMs)
      answer.then(resolve, reject).finally(() => clearTimeout(timer))
    })
  }

  return {
    ready: () => within(opened),
    query: <R extends pg.QueryResultRow>(query: string | pg.QueryConfig, values?: unknown[]) => within(opened.then(() => client.query<R>(query, values))),
    execute: (statement, message) => within(opened.then(() => new Promise<Rows>((resolve, reject) => client.query(execution(statement, message, { resolve, reject }))))),
    cut,
    async end() {
      over()
      if (!isConnected) return cut()
      const timer = setTimeout(cut, endMs)
      await client.end().catch(() => {})
      clearTimeout(timer)
    },
  }
}

/** For work of several statements. The caller ends it. */
export async function connect(options: ClientOptions): Promise<Client> {
  const client = openClient(options)
  await client.ready()
  return client
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
