/**
 * Epochs of versions (S7): a database that was restored, promoted or put back may lack what it had answered before. What can be seen of
 * that is seen on each new connection and in each batch (migrations/0011_servers.sql); here is the rest.
 */
import { behind } from '../errors.ts'
import type { Log } from '../log.ts'
import { connect, type Connection } from './connection.ts'

/** For the setup of every session that reads or writes rows. Begins a new epoch when the server is another one than before. */
export const keepEpoch = 'select keep_epoch();'

export interface NewEpoch {
  readonly number: number
  /** The last version of the epoch before. */
  readonly ended: number
  /** Versions of this one are above. */
  readonly base: number
}

/** Begins one that nothing in the database calls for: a volume was put back. */
export async function beginEpoch(connection: Connection, reason: string, log: Log): Promise<NewEpoch> {
  const client = await connect({ connection, purpose: 'epoch', log })
  try {
    return (await client.query<NewEpoch>('select number, ended, base from begin_epoch($1, false)', [reason])).rows[0]!
  } finally {
    await client.end()
  }
}

/**
 * What one program has seen of the counter. Whatever is asked later sees at least as much; a database that does not is refused, until
 * somebody begins a new epoch, for versions must never go back.
 */
export interface Memory {
  readonly highest: number
  note(version: number): void
  /** Taken before a query is sent; called with the counter that its answer carries. */
  check(): (version: number) => void
}

export function openMemory(): Memory {
  let highest = 0
  const note = (version: number): void => void (highest = Math.max(highest, version))
  return {
    get highest() {
      return highest
    },
    note,
    check() {
      const least = highest
      return (version) => {
        if (version < least) throw behind(least, version)
        note(version)
      }
    },
  }
}
