import { expect, test } from 'vitest'
import { sharedCall } from './shared-call.ts'

test('S5 who asks while a query is under way gets the next one, and all of those one together', async () => {
  const answers: ((n: number) => void)[] = []
  const ask = sharedCall(() => new Promise<number>((resolve) => answers.push(resolve)))
  const first = ask()
  await Promise.resolve()
  await Promise.resolve()
  expect(answers.length).toBe(1)
  const later = [ask(), ask(), ask()]
  answers[0]!(1)
  expect(await first).toBe(1)
  while (answers.length < 2) await Promise.resolve()
  answers[1]!(2)
  expect(await Promise.all(later)).toEqual([2, 2, 2])
  expect(answers.length).toBe(2)
})

test('a query that failed is not asked for twice and does not stop the next', async () => {
  let call = 0
  const ask = sharedCall(async () => {
    if ((call += 1) === 1) throw new Error('lost')
    return call
  })
  await expect(ask()).rejects.toThrow('lost')
  expect(await ask()).toBe(2)
})
