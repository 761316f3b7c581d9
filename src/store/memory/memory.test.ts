import { storeContract } from '../../../testkit/store-contract.ts'
import { openMemoryStore } from './memory.ts'

storeContract('memory', async (kept) => {
  const store = openMemoryStore({ keep: kept })
  return { store, forget: async () => {}, close: () => store.close() }
})
