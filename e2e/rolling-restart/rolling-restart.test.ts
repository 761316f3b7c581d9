import { expect, test } from 'vitest'
import { run } from './story.ts'

test('E5 API processes are replaced one by one under load: no request fails, no informer lists again', async () => {
  expect((await run({ restarts: 2, writers: 3, informers: 4, json: true })).failed).toBe(0)
}, 240_000)
