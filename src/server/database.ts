/** Which PostgreSQL: the one that was named, or an embedded one under the state folder. */
import { readFile } from 'node:fs/promises'
import type { Log } from '../store/log.ts'
import { startEmbedded } from '../store/embedded.ts'
import type { Connection } from '../store/postgres/connection.ts'
import { layout, writePrivate } from './files.ts'
import type { Settings } from './settings.ts'

/** `postgres://user:password@host:port/database?sslmode=require` */
export const parseDatabaseUrl = (text: string): Connection => {
  const url = new URL(text)
  if (!/^postgres(ql)?:$/.test(url.protocol)) throw new Error('the database URL begins with postgres://')
  const ssl = url.searchParams.get('sslmode')
  return {
    host: url.searchParams.get('host') ?? url.hostname, port: url.port === '' ? 5432 : Number(url.port), user: decodeURIComponent(url.username), database: decodeURIComponent(url.pathname.slice(1)),
    ...(url.password !== '' && { password: decodeURIComponent(url.password) }), ...(ssl !== null && ssl !== 'disable' && { ssl: { rejectUnauthorized: ssl !== 'require' } }),
  }
}

/** The processes read the connection from a private file, so that no password is in a process' arguments. */
export const openDatabase = async (settings: Settings, log: Log): Promise<{ stop(): Promise<void> }> => {
  const paths = layout(settings.state)
  if (settings.databaseUrl !== undefined) {
    await writePrivate(paths.database, JSON.stringify(parseDatabaseUrl(settings.databaseUrl)))
    return { stop: () => Promise.resolve() }
  }
  const embedded = await startEmbedded({ directory: paths.postgres, log })
  await writePrivate(paths.database, JSON.stringify(embedded.connection))
  return embedded
}

export const readDatabase = async (state: string): Promise<Connection> => JSON.parse(await readFile(layout(state).database, 'utf8')) as Connection
