/**
 * A server of the version before migration 10, as the database sees it: it registers a committer and calls what that version called, with
 * the parameters of that version.
 */
import { randomUUID } from 'node:crypto'
import { setImmediate as turn } from 'node:timers/promises'
import pg from 'pg'
import type { Connection } from '../src/store/postgres/connection.ts'

const record = '{"time":"2026-01-01T00:00:00.000Z","user":"previous","verb":"update","resource":"things.test","namespace":"ns","name":"old","subresource":"","requestId":"r"}'
const commitSql = 'select * from commit_batch($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)'

export interface PreviousServer {
  /** Writes until it is stopped, each time a new object and a change of its first one. */
  startWriting(): void
  /** The versions that its writes were answered with, in order. */
  readonly versions: readonly number[]
  /** Writes that were refused, and why. */
  readonly errors: readonly unknown[]
  /** One write; throws what the database says. */
  put(name: string, expect: number, text: string): Promise<number | null>
  stop(): Promise<void>
}

export async function previousServer(connection: Connection): Promise<PreviousServer> {
  const client = new pg.Client(connection)
  await client.connect()
  const id = randomUUID()
  await client.query('insert into committer (id) values ($1)', [id])
  const versions: number[] = []
  const errors: unknown[] = []
  let batch = 0
  let running = true
  let writing: Promise<void> | undefined

  async function put(name: string, expect: number, text: string): Promise<number | null> {
    const body = `{"apiVersion":"test/v1","kind":"Thing","metadata":{"name":"${name}"},"spec":{"text":"${text}"}}`
    batch += 1
    try {
      const { rows } = await client.query<{ versions: string[] }>({
        name: 'commit_batch', text: commitSql,
        values: [id, batch, [], [], [], [1], [1], [record], [0], ['things.test'], ['ns'], [name], [expect], [`uid-${name}`], ['{}'], ['[]'], ['[]'], [false], [body]],
      })
      const version = rows[0]!.versions[0]
      return version === null || version === undefined ? null : Number(version)
    } catch (error) {
      batch -= 1
      throw error
    }
  }

  const writeOn = async (): Promise<void> => {
    let first = 0
    for (let i = 0; running; i += 1) {
      try {
        for (const [name, expect] of [[`old-${i}`, 0], ['old-0', first]] as const) {
          if (i === 0 && expect === 0 && first > 0) continue
          const version = await put(name, expect, `${i}`)
          if (version === null) throw new Error(`${name} was refused`)
          if (name === 'old-0') first = version
          if (version > (versions.at(-1) ?? 0)) versions.push(version)
        }
        await client.query('select version, floor from counter')
        await client.query('select * from lease_acquire($1, $2, $3)', ['slot', 'previous', 10_000])
      } catch (error) {
        errors.push(error)
      }
      await turn()
    }
  }

  return {
    versions, errors, put,
    startWriting: () => void (writing ??= writeOn()),
    async stop() {
      running = false
      await writing
      await client.end()
    },
  }
}
