import { afterAll, beforeAll, expect, test } from 'vitest'
import { testDatabase, type TestDatabase } from '../../../testkit/postgres.ts'
import { silent } from '../log.ts'
import { message, type Rows } from './execution.ts'
import { openSession, type Session } from './session.ts'

const statement = { name: 'echo', text: 'select $1::text, to_json($2::text[])::text, to_json($3::bigint[])::text, to_json($4::boolean[])::text' }
let database: TestDatabase
let session: Session

beforeAll(async () => {
  database = await testDatabase()
  session = openSession({ connection: database.connection, purpose: 'echo', log: silent })
})
afterAll(async () => {
  await session.close()
  await database.drop()
})

const echo = (text: string, texts: readonly (string | undefined)[], bigints: readonly number[], booleans: readonly (boolean | undefined)[]): Promise<Rows> =>
  session.execute(statement, message(statement, 4, (parameters) => {
    parameters.text(text)
    parameters.texts(texts)
    parameters.bigints(bigints)
    parameters.booleans(booleans)
  }))

test('parameters arrive as they were given: empty, NULL, beyond 32 bits, of several bytes a character, larger than the memory that is kept', async () => {
  const cases = [
    ['', [], [], []],
    ['ä€😀', ['a', undefined, '', '"\\{},', 'ä€😀'], [0, 2 ** 32, 2 ** 53 - 1], [true, undefined, false]],
    ['x'.repeat(70_000), ['€'.repeat(2_000_000), 'y'.repeat(300_000)], Array.from({ length: 10_000 }, (_, i) => i), []],
    ['after', ['it'], [1], [true]],
  ] as const
  for (const [text, texts, bigints, booleans] of cases)
    expect(await echo(text, texts, bigints, booleans)).toEqual([[text, JSON.stringify(texts.map((each) => each ?? null)), JSON.stringify(bigints), JSON.stringify(booleans.map((each) => each ?? null))]])
})

test('a refusal is an error, and the connection goes on', async () => {
  await expect(echo('nul \0', [], [], [])).rejects.toMatchObject({ code: '22021' })
  expect(await echo('fine', [], [], [])).toEqual([['fine', '[]', '[]', '[]']])
})

test('memory is used again only when the server has read it: a message that still waits is not written over', async () => {
  const waiting = Array.from({ length: 20 }, (_, i) => echo(`${i}`.repeat(50_000), [], [i], []))
  const answers = await Promise.all(waiting)
  expect(answers.map(([row]) => row![2])).toEqual(Array.from({ length: 20 }, (_, i) => `[${i}]`))
  answers.forEach(([row], i) => expect(row![0]).toBe(`${i}`.repeat(50_000)))
})

test('a statement is prepared once a connection, and again on the next one', async () => {
  session.cut()
  expect(await echo('again', [], [], [])).toEqual([['again', '[]', '[]', '[]']])
  expect((await session.query<{ n: number }>({ text: `select count(*)::int as n from pg_prepared_statements where name = 'echo'` })).rows[0]!.n).toBe(1)
})
