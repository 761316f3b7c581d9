/**
 * Two versions of the program at once (S11): each that writes says which schema number it knows, and writes the highest that all who are
 * there understand. What protects an object from an older program is commit_batch; this keeps the older ones at work meanwhile.
 */
import { randomUUID } from 'node:crypto'
import type { Log } from '../log.ts'
import type { Session } from './session.ts'

export interface Schema {
  /** The highest that this program knows. */
  readonly known: number
  /** What it writes now. */
  readonly agreed: number
}

export interface Announced extends Schema {
  close(): Promise<void>
}

/** Who has not been heard of for so long is gone, or cannot write. */
const liveMs = 30_000

export async function announce(session: Session, known: number, beatMs: number, log: Log): Promise<Announced> {
  const id = randomUUID()
  let agreed = known
  let beating: Promise<void> = Promise.resolve()

  async function beat(): Promise<void> {
    const { rows } = await session.query<{ agreed: number }>({ name: 'announce', text: 'select announce($1, $2, $3) as agreed', values: [id, known, liveMs] })
    if (rows[0]!.agreed !== agreed) log.info({ known, agreed: rows[0]!.agreed }, 'schema number agreed on')
    agreed = rows[0]!.agreed
  }

  await beat()
  const timer = setInterval(() => {
    beating = beat().catch((err: unknown) => log.warn({ err }, 'schema number cannot be announced yet'))
  }, beatMs).unref()
  return {
    known,
    get agreed() {
      return agreed
    },
    async close() {
      clearInterval(timer)
      await beating
      // Nobody waits for one that has left.
      await session.query({ text: 'delete from server where id = $1', values: [id] }).catch(() => {})
    },
  }
}
