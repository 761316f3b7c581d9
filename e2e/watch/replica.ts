/** One API server, in a process of its own that may be killed: `node replica.ts SPEC`, with the connection and the port as JSON. Says `ready`. */
import { createApiServer, byToken } from '../../src/apiserver/index.ts'
import { listen } from '../../src/apiserver/listen.ts'
import { silent, type Log } from '../../src/store/log.ts'
import type { Connection } from '../../src/store/postgres/connection.ts'
import { openPostgresStore } from '../../src/store/postgres/postgres.ts'
import { Box, Crate } from './box.ts'

export interface ReplicaSpec { readonly connection: Connection; readonly port: number }

/** Who was dropped is counted by the story. */
const log: Log = { ...silent, warn: (_, message) => { if (message === 'slow watcher dropped') process.send?.('dropped') } }

const { connection, port } = JSON.parse(process.argv[2]!) as ReplicaSpec
const store = await openPostgresStore({ connection, log: silent, schema: 1, span: 200, keepMs: 4_000, maintenanceMs: 1_000 })
const api = await createApiServer({
  store, kinds: [Box, Crate], authenticate: byToken(() => ({ user: 'story', groups: [], writer: 'admin' })), authorize: () => true, log,
  version: { major: '1', minor: '36', gitVersion: 'v1.36.0' }, bookmarkMs: 500, slowWatcherBytes: 1 << 18, ring: 512,
})
await listen(api.handle, { host: '127.0.0.1', port })
process.on('disconnect', () => process.exit(0))
process.send?.('ready')
