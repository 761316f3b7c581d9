import { expect, test } from 'vitest'
import { run } from './story.ts'

test('S5 watchers see every change once and in order, while replicas, connections and commits are killed', async () => {
  expect((await run({ seconds: 12, watchers: 12, pause: 25, seed: 20_261_128, json: true })).failed).toBe(0)
}, 240_000)
