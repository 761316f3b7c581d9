/** Tells other programs that there is something new: one NOTIFY for many commits, from a connection of its own and never inside a commit. */
import type { Log } from '../log.ts'
import type { Connection, Limits } from './connection.ts'
import { openSession } from './session.ts'

export const channel = 'skerry_log'
/** A hint may come this much later when the last one was just sent; the poll is the truth. */
const pauseMs = 10

export function openNotifier(connection: Connection, log: Log, limits: Limits): { notify(version: number): void; close(): Promise<void> } {
  // A NOTIFY writes a commit record; nobody needs it on the disk.
  const session = openSession({ connection, purpose: 'notify', log, limits, setup: 'set synchronous_commit = off;' })
  let told = 0
  let highest = 0
  let running: Promise<void> | undefined
  let closed = false

  async function run(): Promise<void> {
    while (told < highest && !closed) {
      told = highest
      await session.query({ text: 'select pg_notify($1, $2)', values: [channel, String(told)] }).catch((err: unknown) => log.warn({ err }, 'others are not told of a commit; their poll finds it'))
      await new Promise((resolve) => setTimeout(resolve, pauseMs).unref())
    }
    running = undefined
  }

  return {
    notify(version) {
      highest = version
      running ??= run()
    },
    async close() {
      closed = true
      await session.close()
    },
  }
}
