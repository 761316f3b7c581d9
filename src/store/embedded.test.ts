import { fork } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { asAdmin } from '../../testkit/postgres.ts'
import { put } from '../../testkit/store-contract.ts'
import { startEmbedded, type Embedded } from './embedded.ts'
import { isUnavailable, isUnclear } from './errors.ts'
import type { Store } from './store.ts'
import { silent } from './log.ts'
import { openPostgresStore } from './postgres/postgres.ts'

let directory: string
let running: Embedded | undefined

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'skerry-embedded-'))
})
afterEach(async () => {
  await running?.stop()
  running = undefined
  await rm(directory, { recursive: true, force: true })
})

const start = async (at = directory): Promise<Embedded> => (running = await startEmbedded({ directory: at, log: silent }))

test('starts on a socket that only its owner enters, stops, and has the data again', async () => {
  const first = await start()
  expect((await stat(first.connection.host)).mode & 0o777).toBe(0o700)
  await asAdmin(first.connection, 'create table kept (n int)')
  await first.stop()
  await expect(asAdmin(first.connection, 'select 1')).rejects.toThrow()
  const second = await start()
  await asAdmin(second.connection, 'insert into kept values (1)')
})

/** Asked until the database answers. */
const isThere = async (store: Store, name: string): Promise<boolean> => {
  for (;;)
    try {
      return (await store.snapshot()).rows.some((row) => row.name === name)
    } catch (error) {
      if (!isUnavailable(error)) throw error
    }
}

test('comes back after its postmaster was killed, with every write that was answered', async () => {
  const embedded = await start()
  const store = await openPostgresStore({ connection: embedded.connection, log: silent })
  const answered: string[] = []
  for (let i = 0; i < 60; i += 1) {
    if (i === 30) process.kill(embedded.pid, 'SIGKILL')
    for (;;)
      try {
        const answer = await store.commit({ operations: [put(`k${i}`, 'absent')] })
        expect(answer.kind).toBe('committed')
        break
      } catch (error) {
        // On a slow machine the server takes longer to come back than a commit waits: then we look, as rule S3 says.
        if (isUnclear(error)) { if (await isThere(store, `k${i}`)) break } else if (!isUnavailable(error)) throw error
      }
    answered.push(`k${i}`)
  }
  // Backends outlive their postmaster for a moment: all may have been answered by the old one, while nobody can connect yet.
  const names = async (): Promise<readonly string[] | undefined> => { try { return (await store.snapshot()).rows.map((row) => row.name) } catch (error) { if (isUnavailable(error)) return undefined; throw error } }
  let found = await names()
  for (; found === undefined; found = await names()) await new Promise((done) => setTimeout(done, 50))
  expect(found.toSorted()).toEqual(answered.toSorted())
  await store.close()
})

test('takes over the server that a killed program left running', async () => {
  const program = fork(join(import.meta.dirname, '../../testkit/embedded-program.ts'), [directory], { execArgv: [] })
  const [pid] = (await once(program, 'message')) as [number]
  program.kill('SIGKILL')
  await once(program, 'exit')
  expect((await start()).pid).toBe(pid)
})

test('starts although another program has the number in postmaster.pid', async () => {
  await (await start()).stop()
  const file = join(directory, 'data', 'postmaster.pid')
  await writeFile(file, `${process.pid}\n${join(directory, 'data')}\n0\n5432\n`)
  const embedded = await start()
  expect(Number((await readFile(file, 'utf8')).split('\n')[0])).toBe(embedded.pid)
})

test('starts in a directory whose path is too long for a socket', async () => {
  const deep = join(directory, 'a-directory-of-a-very-long-name'.repeat(3), 'embedded')
  await mkdir(deep, { recursive: true })
  // mkdtemp's own directory is shut for the server's user, when that is another one.
  await chmod(directory, 0o711)
  const { connection } = await start(deep)
  await asAdmin(connection, 'select 1')
  await running?.stop()
  await rm(connection.host, { recursive: true, force: true })
})

test('starts in a state folder that only we may list', async () => {
  const { connection } = await start(join(directory, 'postgres'))
  await asAdmin(connection, 'select 1')
  expect((await stat(directory)).mode & 0o077).toBe(process.getuid?.() === 0 ? 0o001 : 0)
})
