/**
 * Watch that holds. Writers, watchers and readers over two replicas, whose processes and connections are killed, also within COMMIT; then a
 * checker judges what everybody noted. Usage: node e2e/watch/story.ts [--seconds 600] [--watchers 50] [--pause 100] [--seed N] [--json]
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { startEmbedded } from '../../src/store/embedded.ts'
import { silent } from '../../src/store/log.ts'
import { isExpired, isUnavailable } from '../../src/store/errors.ts'
import { openPostgresStore } from '../../src/store/postgres/postgres.ts'
import type { Row, Store } from '../../src/store/store.ts'
import { isMain, makeReport, readFlags, seeded } from '../report.ts'
import { colours, path, resource, type BoxObject } from './box.ts'
import { check } from './check.ts'
import type { State, Truth } from './history.ts'
import { startReplicas } from './replicas.ts'
import { holdTransactions, makeTrouble } from './trouble.ts'
import { startSleeper, startWatcher } from './watchers.ts'
import { writeCrates, writeOverHttp, writeSeveral, type Notes } from './writers.ts'

export interface Options { readonly seconds: number; readonly watchers: number; readonly pause: number; readonly seed: number; readonly json: boolean }

const stateOf = (row: Row | undefined): State | undefined =>
  row === undefined ? undefined : { version: row.version, value: (JSON.parse(row.body) as BoxObject).spec!.value, colour: row.labels['colour'] ?? '' }

/** Follows the log from its beginning, since it is compacted meanwhile: what the watchers are judged by. Throws when a version is missing. */
const followLog = (store: Store, signal: AbortSignal): { readonly log: readonly Truth[]; upTo(version: number): Promise<void>; readonly done: Promise<void> } => {
  const log: Truth[] = []
  let at = 0
  const follow = async (): Promise<void> => {
    while (!signal.aborted) {
      const changes = await store.changes(at, 1_000).catch((error: unknown) => { if (isUnavailable(error) || !isExpired(error)) return []; throw error })
      for (const { version, key, uid, before, after } of changes) {
        if (version !== at + 1) throw new Error(`the log has version ${version} after ${at}`)
        at = version
        if (key.resource === resource) log.push({ version, name: key.name, uid, before: stateOf(before), after: stateOf(after) })
      }
      if (changes.length < 1_000) await sleep(100, undefined, { signal }).catch(() => {})
    }
  }
  const done = follow()
  return { log, done, upTo: async (version) => { while (at < version) await Promise.race([sleep(20), done]) } }
}

/** 8 writers: two of names of their own each, two of one name together, one of two names with others, two of three objects at once. */
const shares = [['w0-a', 'w0-b', 'w0-c'], ['w1-a', 'w1-b'], ['w2-a'], ['one'], ['one'], ['one', 'w1-a']] as const

export const run = async (o: Options): Promise<{ readonly passed: number; readonly failed: number }> => {
  const report = makeReport(o.json)
  const directory = await mkdtemp(join(tmpdir(), 'skerry-watch-'))
  const postgres = await startEmbedded({ directory, log: silent, settings: { fsync: 'off', max_connections: '100' } })
  const store = await openPostgresStore({ connection: postgres.connection, log: silent, span: 200, keepMs: 3_600_000 })
  const replicas = await startReplicas(postgres.connection, 2)
  const [writing, watching, troubling, following] = [new AbortController(), new AbortController(), new AbortController(), new AbortController()]
  try {
    const randomOf = (n: number): (() => number) => seeded(o.seed * 1_000 + n)
    const notes: Notes = { writes: [], reads: [] }
    // Version 0 is that of an empty store, and to a watch it means "from what is there".
    const first = replicas.newClient()
    notes.writes.push({ id: 'first', name: 'first', wants: { kind: 'put', value: 'first' }, outcome: 'ok' })
    await first.request(0, 'POST', path, { apiVersion: 'e2e.skerry.test/v1', kind: 'Box', metadata: { name: 'first', labels: { colour: 'red' } }, spec: { value: 'first' } })
    await first.close()
    const truth = followLog(store, following.signal)
    truth.done.catch(() => {}) // reported below
    const release = await holdTransactions(postgres.connection)
    const working = (n: number) => ({ signal: writing.signal, random: randomOf(n), pauseMs: o.pause })
    const writers = [
      ...shares.map((names, i) => writeOverHttp(`w${i}`, names, replicas, notes, working(i))),
      writeCrates(replicas, working(9)),
      ...[6, 7].map((i) => writeSeveral(`w${i}`, store, notes, working(i))),
    ]
    const watchers = Array.from({ length: o.watchers }, (_, i) => startWatcher(`${i}`, i % 4 === 0 ? colours[(i / 4) % 2] : undefined, replicas, randomOf(100 + i), watching.signal))
    const sleepers = [0, 1].map((at) => startSleeper(at, replicas, watching.signal))
    const random = randomOf(99)
    const cutting = setInterval(() => { watchers[Math.floor(random() * watchers.length)]!.cut() }, 100)
    const trouble = makeTrouble(postgres.connection, replicas, { replicaMs: Math.max(3_000, o.seconds * 20), connectionMs: 300, commitMs: 1_500 }, randomOf(98), troubling.signal)
    await sleep(o.seconds * 1_000)

    clearInterval(cutting)
    troubling.abort()
    const done = await trouble
    writing.abort()
    await Promise.all(writers)
    await release()
    const last = await store.version()
    for (const until = performance.now() + 60_000; performance.now() < until && watchers.some((each) => each.position < last); ) await sleep(50)
    // As they are now: while the rest is read they go on.
    const behind = watchers.filter((each) => each.position < last).map((each) => `${each.id} at ${each.position} of ${last}`)
    const client = replicas.newClient()
    const lists = await Promise.all([0, 1].map(async (at) => JSON.stringify((await client.request(at, 'GET', path)).body.items.map((box: BoxObject) => [box.metadata.name, box.metadata.resourceVersion]))))
    await client.close()
    watching.abort()
    await Promise.all([...watchers.map((each) => each.done), ...sleepers])

    await truth.upTo(last)
    following.abort()
    await truth.done
    const { log } = truth
    const noted = (kind: string): number => watchers.reduce((sum, each) => sum + each.notes.filter((note) => note.kind === kind).length, 0)
    const of = (outcome: string): number => notes.writes.filter((write) => write.outcome === outcome).length
    for (const [name, value] of Object.entries({
      'replicas killed': done.replicas, 'connections killed': done.connections, 'connections killed within COMMIT': done.commits,
      'writes made': of('ok'), 'writes refused': of('no'), 'writes not known': of('unknown'), reads: notes.reads.length, changes: log.length,
      events: noted('event'), lists: noted('listed'), resumptions: noted('resumed'), 'of them after 410': noted('expired'), 'readers dropped': replicas.dropped(), 'most memory of a replica, MiB': Math.round(replicas.memory()),
    })) report.figure(name, value)
    report.check('replicas, connections and commits were killed', done.replicas > 0 && done.connections > 0 && done.commits > 0)
    report.check('no replica ends by itself', replicas.crashed() === 0)
    report.check('beside a transaction of somebody else that stays open, writes are made', of('ok') > 10 * shares.length)
    report.check('every watcher gets to the end', behind.length === 0, behind.join(', '))
    report.check('both replicas have the same', lists[0] === lists[1])
    report.check('who stays away for longer than the log is kept lists again', noted('expired') > 0)
    report.check('a reader that does not read is dropped', replicas.dropped() > 0)
    report.check('memory stays bounded', replicas.memory() < 700)
    const problems = check({ log, writes: notes.writes, reads: notes.reads, watchers })
    report.check('every change once and in order, every answer true, every read fresh', problems.length === 0, `${problems.length}:\n${problems.slice(0, 20).join('\n')}`)
  } catch (error) {
    report.check('the story runs to its end', false, error instanceof Error ? (error.stack ?? error.message) : String(error))
  } finally {
    for (const each of [writing, watching, troubling, following]) each.abort()
    await replicas.close()
    await store.close()
    await postgres.stop()
    await rm(directory, { recursive: true, force: true })
  }
  return report.end()
}

if (isMain(import.meta.url)) await run(readFlags({ seconds: 600, watchers: 50, pause: 100, seed: 20_261_128 }))
