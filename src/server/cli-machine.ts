/** What the command line does on the machine of the platform itself, in its database: for its owner, who could do it by hand as well. */
import { silent } from '../store/log.ts'
import { openPostgresStore } from '../store/postgres/postgres.ts'
import { enableBootstrap } from './bootstrap.ts'
import { readDatabase } from './database.ts'
import { readSettings } from './settings.ts'

/** The platform must run, or its database be reached: an embedded one runs with it. */
export const enableBootstrapOfMachine = async (env: NodeJS.ProcessEnv, reason: string): Promise<boolean> => {
  const { state } = readSettings([], env)
  const connection = await readDatabase(state).catch((cause: unknown) => { throw new Error(`no platform has its state in ${state}; SKERRY_STATE names another folder`, { cause }) })
  const store = await openPostgresStore({ connection, log: silent })
  try { return await enableBootstrap(store, `break glass: ${reason}`, new Date()) } finally { await store.close() }
}
