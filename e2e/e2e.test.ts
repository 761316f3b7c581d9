/** The short versions of the stories that take seconds, on one server; the long ones are run by hand (README.md). */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { run as badInput } from './bad-input/story.ts'
import { run as cycles } from './cycles/story.ts'
import { startServer, type Server } from './server.ts'

let server: Server
beforeAll(async () => { server = await startServer() }, 120_000)
afterAll(() => server.stop(), 60_000)

test('clusters come and go in a cloud with errors, and nothing is left', async () => {
  expect((await cycles({ cycles: 3, lanes: 3, quick: 1, seed: 20_261_125, json: true }, server)).failed).toBe(0)
}, 240_000)

test('what people get wrong is answered with an exit code and the field', async () => {
  expect((await badInput({ json: true, within: 1 }, server)).failed).toBe(0)
}, 240_000)
