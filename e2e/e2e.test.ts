/** The short versions of the stories that take seconds; the long ones are run by hand (README.md). */
import { expect, test } from 'vitest'
import { run as badInput } from './bad-input/story.ts'
import { run as cycles } from './cycles/story.ts'

test('E1 clusters come and go in a cloud with errors, and nothing is left', async () => {
  expect((await cycles({ cycles: 3, lanes: 3, quick: 1, seed: 20_261_125, json: true })).failed).toBe(0)
}, 240_000)

test('what people get wrong is answered with an exit code and the field', async () => {
  expect((await badInput({ json: true, within: 1 })).failed).toBe(0)
}, 240_000)
