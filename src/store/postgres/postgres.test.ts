import { silent } from '../log.ts'
import { storeContract } from '../../../testkit/store-contract.ts'
import { testDatabase } from '../../../testkit/postgres.ts'
import { openPostgresStore } from './postgres.ts'

storeContract('PostgreSQL', async (kept) => {
  const { connection, drop } = await testDatabase()
  const store = await openPostgresStore({ connection, log: silent, span: kept, keepMs: 0 })
  return {
    store,
    forget: async () => void (await store.compact()),
    async close() {
      await store.close()
      await drop()
    },
  }
})
