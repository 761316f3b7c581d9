/** What PostgreSQL does to us on a bad day: lost connections, foreign sessions, other programs at our side. */
import pg from 'pg'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { testDatabase, type TestDatabase } from '../../../testkit/postgres.ts'
import { collect, keyOf, put, remove, rowOf, versionsOf } from '../../../testkit/store-contract.ts'
import { openCache } from '../cache.ts'
import { isExpired, isUnavailable, isUnclear } from '../errors.ts'
import { silent } from '../log.ts'
import type { Change } from '../store.ts'
import type { Connection } from './connection.ts'
import { openPostgresStore, type PostgresOptions, type PostgresStore } from './postgres.ts'

let database: TestDatabase
const closing: (() => Promise<unknown>)[] = []

beforeEach(async () => {
  database = await testDatabase()
})
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
  await database.drop()
})

async function openStore(options: Partial<PostgresOptions> = {}): Promise<PostgresStore> {
  const store = await openPostgresStore({ connection: database.connection, log: silent, ...options })
  closing.push(() => store.close())
  return store
}

/** A session which is not ours; of the database `postgres` when it must be able to look while ours is shut. */
async function foreign(connection: Connection = database.connection): Promise<pg.Client> {
  const client = new pg.Client(connection)
  client.on('error', () => {})
  await client.connect()
  closing.push(() => client.end().catch(() => {}))
  return client
}

const outside = (): Promise<pg.Client> => foreign({ ...database.connection, database: 'postgres' })

/** The backend of one of our connections, once it waits as told. */
async function backend(client: pg.Client, purpose: string, waiting?: string): Promise<number> {
  for (;;) {
    const { rows } = await client.query<{ pid: number }>(
      `select pid from pg_stat_activity where datname = $1 and application_name = $2 and ($3::text is null or wait_event = $3 or wait_event_type = $3)`,
      [database.connection.database, `skerry ${purpose}`, waiting ?? null],
    )
    if (rows[0] !== undefined) return rows[0].pid
  }
}

const kill = (client: pg.Client, pid: number) => client.query('select pg_terminate_backend($1, 5000)', [pid])

/** The next commit's connection stays in the last moment of COMMIT: written, not answered. Answers its backend. */
async function stopInCommit(admin: pg.Client, write: () => void): Promise<number> {
  const name = database.connection.database
  await admin.query(`alter database ${name} set synchronous_commit = on`)
  await kill(admin, await backend(admin, 'commit'))
  write()
  const pid = await backend(admin, 'commit', 'SyncRep')
  await admin.query(`alter database ${name} reset synchronous_commit`)
  return pid
}

test('S1 versions are visible in commit order with two committers', async () => {
  const [one, two, reader] = await Promise.all([openStore(), openStore(), openStore()])
  const cache = await openCache(reader, { log: silent })
  closing.push(() => cache.close())
  const watched = collect()
  cache.watch('things.test', undefined, 0, watched.note)
  const tailed: Change[] = []
  const each = 60
  const writers = [one, two].flatMap((store, s) => Array.from({ length: 8 }, async (_, w) => {
    const given: number[] = []
    for (let i = 0; i < each; i += 1) given.push(...(await versionsOf(store.commit({ operations: [put(`s${s}-w${w}-${i}`, 'absent'), put(`s${s}-w${w}-${i}-child`, 'absent')] }))))
    return given
  }))
  const all = 16 * each * 2
  const tailing = (async () => {
    while (tailed.length < all) tailed.push(...(await reader.changes(tailed.at(-1)?.version ?? 0, 100)))
  })()
  const given = (await Promise.all(writers)).flat()
  await Promise.all([tailing, watched.until(all)])
  const every = Array.from({ length: all }, (_, i) => i + 1)
  expect(given.sort((a, b) => a - b)).toEqual(every)
  expect(tailed.map((change) => change.version)).toEqual(every)
  expect(watched.seen.map((change) => change.version)).toEqual(every)
})

test('S2 of two programs which change one object at once exactly one passes', async () => {
  const [one, two] = await Promise.all([openStore(), openStore()])
  let standing = (await versionsOf(one.commit({ operations: [put('a', 'absent')] })))[0]!
  for (let i = 0; i < 30; i += 1) {
    const answers = await Promise.all([one, two].map((store, s) => store.commit({ operations: [put('a', standing, `${i}-${s}`), put(`quota-${i}`, 'absent')] })))
    const passed = answers.filter((answer) => answer.kind === 'committed')
    expect(passed.length).toBe(1)
    standing = passed[0]!.versions[0]!
    expect(answers.find((answer) => answer.kind === 'conflict')).toMatchObject({ key: keyOf('a'), current: { version: standing } })
  }
})

test('S2 a value that PostgreSQL refuses fails alone, not the batch around it', async () => {
  const store = await openStore()
  const answers = await Promise.allSettled([put('a', 'absent'), put('nul', 'absent', '', { body: 'a\0b' }), put('b', 'absent')].map((operation) => store.commit({ operations: [operation] })))
  expect(answers.map((answer) => answer.status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  expect(answers[1]).toMatchObject({ reason: expect.toSatisfy(isUnavailable) })
  expect((await store.snapshot()).rows.map((row) => row.name).sort()).toEqual(['a', 'b'])
})

test('S2 more writes than a batch holds, and one larger than a batch, all pass', async () => {
  const store = await openStore({ span: 100 })
  const large = 'x'.repeat(5 * 1024 * 1024)
  const answers = await Promise.all(Array.from({ length: 1_000 }, (_, i) => store.commit({ operations: [put(`k${i}`, 'absent', i === 500 ? large : '1')] })))
  expect(answers.every((answer) => answer.kind === 'committed')).toBe(true)
  expect(await store.version()).toBe(1_000)
})

const audit = (auditID: string): string => JSON.stringify({ auditID })

test('S2 the audit record stands exactly beside what was written', async () => {
  const store = await openStore()
  await Promise.all([
    store.commit({ operations: [put('a', 'absent'), put('b', 'absent')], audit: audit('made') }),
    store.commit({ operations: [put('c', 5)], audit: audit('refused') }),
    store.commit({ operations: [], audit: audit('denied, with nothing to write') }),
  ])
  await store.commit({ operations: [put('a', 1)], audit: audit('unchanged') })
  const { rows } = await (await foreign()).query('select version::int, record from audit order by seq')
  expect(rows).toEqual([{ version: 2, record: audit('made') }, { version: null, record: audit('denied, with nothing to write') }])
})

test('S3 a connection killed during COMMIT is answered truthfully', async () => {
  const store = await openStore()
  await store.commit({ operations: [put('a', 'absent')] })
  const admin = await outside()
  let made: Promise<unknown> = Promise.resolve()
  const pid = await stopInCommit(admin, () => {
    made = Promise.all([store.commit({ operations: [put('b', 'absent')] }), store.commit({ operations: [put('a', 77)] }), store.commit({ operations: [put('c', 'absent'), remove('a', 1)] })])
  })
  await kill(admin, pid)
  // Committed once, with the versions that it got; what the batch had refused is judged again.
  const [b, a, c] = (await made) as Awaited<ReturnType<PostgresStore['commit']>>[]
  expect([b, c]).toEqual([{ kind: 'committed', versions: [2] }, { kind: 'committed', versions: [3, 4] }])
  expect(a).toEqual({ kind: 'conflict', key: keyOf('a'), current: { ...rowOf(keyOf('a')), version: 1 } })
  expect((await store.changes(0, 10)).map((change) => [change.version, change.key.name])).toEqual([[1, 'a'], [2, 'b'], [3, 'c'], [4, 'a']])
})

test('S3 a connection killed before COMMIT leaves nothing, and the write is made on the next one', async () => {
  const store = await openStore()
  await store.commit({ operations: [put('a', 'absent')] })
  const holder = await foreign()
  await holder.query('begin; select from counter for update')
  const made = store.commit({ operations: [put('b', 'absent')] })
  const admin = await outside()
  await kill(admin, await backend(admin, 'commit', 'Lock'))
  await holder.query('rollback')
  expect(await made).toEqual({ kind: 'committed', versions: [2] })
  expect((await store.changes(0, 10)).map((change) => change.key.name)).toEqual(['a', 'b'])
})

test('S3 what cannot be known is said to be unclear, and is not lost when it was made', async () => {
  const store = await openStore({ settleMs: 300 })
  await store.commit({ operations: [put('a', 'absent')] })
  const admin = await outside()
  let error: Promise<unknown> = Promise.resolve()
  const pid = await stopInCommit(admin, () => {
    error = store.commit({ operations: [put('b', 'absent')] }).then(() => undefined, (reason: unknown) => reason)
  })
  const name = database.connection.database
  await admin.query(`alter database ${name} allow_connections false`)
  await kill(admin, pid)
  expect(await error).toSatisfy(isUnclear)
  await expect(store.commit({ operations: [put('c', 'absent')] })).rejects.toSatisfy(isUnavailable)
  await admin.query(`alter database ${name} allow_connections true`)
  // The retry of the create meets the object, with the same uid.
  expect(await store.commit({ operations: [put('b', 'absent')] })).toEqual({ kind: 'conflict', key: keyOf('b'), current: { ...rowOf(keyOf('b')), version: 2 } })
  expect(await versionsOf(store.commit({ operations: [put('c', 'absent')] }))).toEqual([3])
})

test('S3 a batch that was given up is not carried out when its old connection comes to it later', async () => {
  await openStore()
  const late = await foreign()
  await late.query(`insert into committer (id) values ('00000000-0000-0000-0000-000000000001')`)
  const settled = await late.query(`select * from settle_batch('00000000-0000-0000-0000-000000000001', 1)`)
  expect(settled.rows).toEqual([{ committed: false, versions: null }])
  const empty = `'{}'`
  await expect(late.query(`select commit_batch('00000000-0000-0000-0000-000000000001', 1, ${Array.from({ length: 17 }, () => empty).join(', ')})`)).rejects.toMatchObject({ code: 'SK001' })
})

test('S3 all connections cut again and again: each write is made once and each change seen once', async () => {
  const store = await openStore()
  const cache = await openCache(store, { log: silent, pollMs: 100 })
  closing.push(() => cache.close())
  const watched = collect()
  cache.watch('things.test', undefined, 0, watched.note)
  const admin = await outside()
  let done = false
  const cutting = (async () => {
    while (!done) {
      await admin.query(`select pg_terminate_backend(pid) from pg_stat_activity where datname = $1 and application_name like 'skerry %'`, [database.connection.database])
      await new Promise((resolve) => setTimeout(resolve, 15))
    }
  })()
  const answers = await Promise.all(Array.from({ length: 8 }, async (_, w) => {
    const given: number[] = []
    for (let i = 0; i < 25; i += 1) given.push(...(await again(() => versionsOf(store.commit({ operations: [put(`w${w}-${i}`, 'absent')] })))))
    return given
  }))
  done = true
  await cutting
  await watched.until(200)
  const every = Array.from({ length: 200 }, (_, i) => i + 1)
  expect(answers.flat().sort((a, b) => a - b)).toEqual(every)
  expect(watched.seen.map((change) => change.version)).toEqual(every)
})

/** Only what was certainly not made may be tried again without a look. */
async function again<T>(call: () => Promise<T>): Promise<T> {
  for (;;)
    try {
      return await call()
    } catch (error) {
      if (!isUnavailable(error)) throw error
    }
}

test('S4 compaction drops partitions and answers expired below the floor, while a reader holds the log', async () => {
  const store = await openStore({ span: 10, keepMs: 0 })
  for (let i = 0; i < 35; i += 1) await store.commit({ operations: [put(`k${i}`, 'absent')] })
  const reader = await foreign()
  await reader.query('begin; select count(*) from log')
  const compacting = store.compact().then(() => 'done', () => 'hindered')
  await backend(await outside(), 'maintenance', 'Lock')
  // The log goes on: nobody waits behind the one who waits for the reader.
  for (let i = 0; i < 35; i += 1) await store.commit({ operations: [put(`k${i}`, i + 1, '2')] })
  expect((await store.changes(30, 100)).length).toBe(40)
  expect(await compacting).toBe('hindered')
  await reader.query('commit')
  expect(await store.compact()).toBe(70)
  const { rows } = await reader.query<{ name: string }>(`select relname as name from pg_class where relkind = 'r' and relname ~ '^log_[0-9]+$'`)
  expect(Math.min(...rows.map((row) => Number(row.name.slice(4))))).toBe(71)
  await expect(store.changes(69, 10)).rejects.toSatisfy(isExpired)
  expect(await store.changes(70, 10)).toEqual([])
  expect((await store.snapshot()).rows.length).toBe(35)
})

test('S4 what is younger than the time to keep stays', async () => {
  const store = await openStore({ span: 10 })
  for (let i = 0; i < 35; i += 1) await store.commit({ operations: [put(`k${i}`, 'absent')] })
  expect(await store.compact()).toBe(0)
  expect((await store.changes(0, 100)).length).toBe(35)
})

test('S4 compaction writes out the object before where a kept change refers to a dropped one', async () => {
  const store = await openStore({ span: 10, keepMs: 0 })
  await store.commit({ operations: [put('a', 'absent', 'old', { labels: { tier: 'x' } })] })
  for (let i = 0; i < 10; i += 1) await store.commit({ operations: [put(`k${i}`, 'absent')] })
  await store.commit({ operations: [put('a', 1, 'new')] })
  expect(await store.compact()).toBe(10)
  expect((await store.changes(11, 1))[0]).toMatchObject({ version: 12, before: { ...rowOf(keyOf('a'), 'old', { labels: { tier: 'x' } }), version: 1 } })
})

test('S4 two programs write at once: each cache has every change once and in order, whoever wrote it', async () => {
  const stores = await Promise.all([openStore(), openStore()])
  const all = await Promise.all(stores.map(async (store) => {
    const cache = await openCache(store, { log: silent, pollMs: 0 })
    closing.push(() => cache.close())
    const watched = collect()
    cache.watch('things.test', undefined, 0, watched.note)
    return { store, cache, watched }
  }))
  const each = 40
  await Promise.all(all.map(async ({ store }, s) => {
    for (let i = 0; i < each; i += 1) {
      const [version] = await versionsOf(store.commit({ operations: [put(`s${s}-${i}`, 'absent', '1', { labels: { tier: 'x', a: 'y' } })] }))
      if (i % 4 === 0) await store.commit({ operations: [remove(`s${s}-${i}`, version!)] })
    }
  }))
  const changes = await stores[0]!.changes(0, 1_000)
  for (const { cache, watched } of all) {
    await watched.until(changes.length)
    expect(watched.seen).toEqual(changes)
    expect(cache.list('things.test')).toEqual((await stores[1]!.snapshot()).rows.toSorted((a, b) => (a.name < b.name ? -1 : 1)))
  }
})

test('S5 who writes in one program reads it in another one', async () => {
  const [writer, reader] = await Promise.all([openStore(), openStore()])
  const cache = await openCache(reader, { log: silent, pollMs: 60_000 })
  closing.push(() => cache.close())
  for (let i = 0; i < 20; i += 1) {
    await writer.commit({ operations: [put(`k${i}`, 'absent')] })
    await cache.fresh()
    expect(cache.get(keyOf(`k${i}`))).toBeDefined()
  }
})

test('S5 a program hears of the writes of another one without asking', async () => {
  const [writer, reader] = await Promise.all([openStore(), openStore()])
  const cache = await openCache(reader, { log: silent, pollMs: 0 })
  closing.push(() => cache.close())
  const watched = collect()
  cache.watch('things.test', undefined, 0, watched.note)
  await backend(await foreign(), 'tail')
  await writer.commit({ operations: [put('a', 'absent')] })
  await watched.until(1)
})

test('S10 a foreign long writing transaction stops nothing', async () => {
  const store = await openStore({ span: 10, keepMs: 0 })
  const cache = await openCache(store, { log: silent })
  closing.push(() => cache.close())
  const stranger = await foreign()
  await stranger.query('create table theirs (n int)')
  await stranger.query('begin; insert into theirs values (1)')
  for (let i = 0; i < 25; i += 1) await store.commit({ operations: [put(`k${i}`, 'absent')] })
  await cache.fresh()
  expect(cache.version).toBe(25)
  expect((await store.snapshot()).rows.length).toBe(25)
  expect(await store.compact()).toBe(20)
  await stranger.query('commit')
})

test('S10 our sessions carry their limits', async () => {
  const store = await openStore()
  await store.commit({ operations: [put('a', 'absent')] })
  const holder = await foreign()
  await holder.query('begin; select from counter for update')
  // Somebody sits on the counter: after 3 s the write is refused, truthfully, and the next one passes.
  await expect(store.commit({ operations: [put('b', 'absent')] })).rejects.toSatisfy(isUnavailable)
  await holder.query('rollback')
  expect(await versionsOf(store.commit({ operations: [put('b', 'absent')] }))).toEqual([2])
})

test('S10 the role that serves owns nothing: it cannot change the schema or the audit', async () => {
  const admin = await foreign()
  const user = `app_${database.connection.database}`
  await admin.query(`create role ${user} login`)
  closing.push(() => admin.query(`drop owned by ${user}; drop role ${user}`))
  const store = await openStore({ connection: { ...database.connection, user }, owner: database.connection, span: 10, keepMs: 0 })
  const cache = await openCache(store, { log: silent })
  closing.push(() => cache.close())
  for (let i = 0; i < 25; i += 1) await store.commit({ operations: [put(`k${i}`, 'absent')], fence: { slot: 's', epoch: await held(store) } })
  await store.commit({ operations: [remove('k0', 1)] })
  await store.sealed.putIfAbsent('x', Buffer.from('x'))
  await cache.fresh()
  expect(await store.compact()).toBe(20)
  await store.commit({ operations: [], audit: audit('told') })
  const { head } = await store.audit.seal(10)
  await store.audit.addCheckpoint({ ...head, body: 'b', signature: 's' })
  const served = await foreign({ ...database.connection, user })
  for (const sql of ['drop table resource', 'alter table log add n int', 'delete from audit', 'update audit set record = record', 'delete from migration', `insert into audit_link select 2, 2, hash, at, '', '', '', '', '', '', false from audit_link`, 'delete from audit_link', 'insert into audit_archive (first, last, last_seq, hash, file) select 1, 1, 9, hash, $$f$$ from audit_link', 'delete from audit_checkpoint']) await expect(served.query(sql)).rejects.toThrow(/must be owner|permission denied/)
  await store.audit.archived({ first: 1, last: 1, hash: head.hash, file: 'f' })
  expect((await store.audit.links(0, 10)).length).toBe(0)
})

async function held(store: PostgresStore): Promise<number> {
  const answer = await store.leases.acquire('s', 'me', 60_000)
  return answer.kind === 'held' ? answer.lease.epoch : 0
}

test('E1 whoever took a lease over sees every write that was made under the old one', async () => {
  const [old, next] = await Promise.all([openStore(), openStore()])
  for (let round = 1; round <= 15; round += 1) {
    await old.leases.acquire(`s${round}`, 'old', 60_000)
    const fence = { slot: `s${round}`, epoch: 1 }
    const writes = Promise.all(Array.from({ length: 40 }, (_, i) => old.commit({ operations: [put(`r${round}-${i}`, 'absent')], fence })))
    await old.leases.release({ slot: fence.slot, holder: 'old', epoch: 1 }, 0)
    await next.leases.acquire(fence.slot, 'next', 60_000)
    const seen = await next.version()
    for (const answer of await writes) expect(answer.kind === 'fenced' || (answer.kind === 'committed' && answer.versions[0]! <= seen)).toBe(true)
  }
})

test('two programs that start at once migrate once', async () => {
  const empty = await foreign()
  await empty.query('drop schema public cascade; create schema public')
  const stores = await Promise.all([openStore(), openStore(), openStore()])
  const answers = await Promise.all(stores.map((store, i) => store.commit({ operations: [put(`k${i}`, 'absent')] })))
  expect(answers.map((answer) => answer.kind)).toEqual(['committed', 'committed', 'committed'])
})
