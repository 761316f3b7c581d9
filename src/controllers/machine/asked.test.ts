import { expect, test } from 'vitest'
import { openAsked, requestOf } from './asked.ts'

test('O7 what was asked is asked again after a minute, a forced request is another one, and a clock that was set back holds nothing up', () => {
  const asked = openAsked()
  const at = (seconds: number): Date => new Date(1_000_000_000_000 + seconds * 1000)
  asked.note(requestOf('s1'), at(0))
  expect([asked.has(requestOf('s1'), at(59)), asked.has(requestOf('s1'), at(60)), asked.has(requestOf('s1', true), at(1)), asked.has(requestOf('s1'), at(-3600))]).toEqual([true, false, false, false])
})
