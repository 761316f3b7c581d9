/** How the rows lie on disk, on a server of its own: a transaction in any other database would keep old versions from being pruned. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { expect, test } from 'vitest'
import { put, versionsOf } from '../../../testkit/store-contract.ts'
import { startEmbedded } from '../embedded.ts'
import { silent } from '../log.ts'
import { openPostgresStore } from './postgres.ts'

test('S9 updates stay heap-only, and nothing but the key is indexed', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'skerry-heap-'))
  const server = await startEmbedded({ directory, log: silent, settings: { fsync: 'off', autovacuum: 'off' } })
  try {
    const store = await openPostgresStore({ connection: server.connection, log: silent })
    const body = 'x'.repeat(2_000)
    let versions: number[] = []
    for (let i = 0; i < 50; i += 1) versions.push(...(await versionsOf(store.commit({ operations: [put(`k${i}`, 'absent', body)] }))))
    // One after the other, as a controller writes status; many rows of one page in one batch do not all fit on it.
    for (let round = 0; round < 10; round += 1) {
      const next: number[] = []
      for (const [i, version] of versions.entries()) next.push(...(await versionsOf(store.commit({ operations: [put(`k${i}`, version, `${round}${body}`)] }))))
      versions = next
    }
    await store.close() // a backend reports its figures when it ends
    const client = new pg.Client(server.connection)
    await client.connect()
    let figures: { readonly all: number; readonly hot: number } | undefined
    while ((figures?.all ?? 0) < 500) figures = (await client.query<{ all: number; hot: number }>(`select n_tup_upd::int as all, n_tup_hot_upd::int as hot from pg_stat_user_tables where relname = 'resource'`)).rows[0]
    expect(figures!.hot / figures!.all).toBeGreaterThan(0.9)
    expect((await client.query(`select indexrelid::regclass::text as name from pg_index where indrelid = 'resource'::regclass`)).rows).toEqual([{ name: 'resource_pkey' }])
    await client.end()
  } finally {
    await server.stop()
    await rm(directory, { recursive: true, force: true })
  }
})
