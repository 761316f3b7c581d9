import { expect, test } from 'vitest'
import { steps } from './steps.ts'

/** A clock that moves only when somebody waits. */
const clock = () => {
  let t = 1000
  const lines: string[] = []
  return { lines, told: steps(() => t, (line) => lines.push(line), async (ms) => { t += ms }) }
}

test('each step is printed with the time since the start and its own', async () => {
  const { lines, told } = clock()
  let looks = 0
  expect(await told.until('third look', 10, async () => { looks += 1; return looks === 3 && 'seen' })).toBe('seen')
  told.done('after it')
  expect(lines).toEqual(['[    2.0]    2.0 s  third look', '[    2.0]    0.0 s  after it'])
})

test('a step that does not come ends with what it waited for and the last reason', async () => {
  await expect(clock().told.until('Ready', 5, async () => { throw new Error('connection refused') })).rejects.toThrow('not within 5 s: Ready (connection refused)')
})
