/** What every process of the program does: settings from its argument, a logger, memory that is given back, an orderly end. */
import { pino, type Logger } from 'pino'
import type { Settings } from '../settings.ts'
import { collectWhenQuiet } from './collect-when-quiet.ts'

export const begin = (name: string): { readonly settings: Settings; readonly log: Logger } => {
  const settings = JSON.parse(process.argv[2] ?? '{}') as Settings
  const log = pino({ level: settings.logLevel, redact: ['*.password', '*.secret', '*.token', '*.key', 'password', 'secret', 'token', 'key'] }).child({ process: name })
  process.on('unhandledRejection', (error) => { log.error({ error: String(error), stack: (error as Error).stack }, 'unhandled rejection'); process.exit(1) })
  collectWhenQuiet()
  return { settings, log }
}

/** Between two signs of life for the supervisor's watchdog. */
const lifeMs = 5_000

/** Tells the supervisor that work may begin, and from then on that this process does not hang; calls `end` once on SIGTERM, SIGINT, or when the supervisor is gone. */
export const serveUntilEnd = (log: Logger, end: () => Promise<void>): void => {
  let ending = false
  const stop = (why: string): void => {
    if (ending) return
    ending = true
    log.info({ why }, 'ending')
    end().then(() => process.exit(0), (error: unknown) => { log.error({ error: String(error) }, 'could not end'); process.exit(1) })
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stop(signal))
  process.on('disconnect', () => stop('the supervisor is gone'))
  process.send?.('ready')
  setInterval(() => { if (process.connected) process.send!('alive') }, lifeMs).unref()
}
