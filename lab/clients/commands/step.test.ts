import { expect, test } from 'vitest'
import { mistakeIn } from './step.ts'

const step = { what: 'get', run: ['kubectl'], want: /one/ }

test('a step wants its words, not others, and its exit code', () => {
  expect(mistakeIn(step, { code: 0, text: 'one' })).toBeUndefined()
  expect(mistakeIn(step, { code: 1, text: 'one' })).toBe('ended with 1: one')
  expect(mistakeIn({ ...step, code: 1 }, { code: 1, text: 'one' })).toBeUndefined()
  expect(mistakeIn({ ...step, not: /two/ }, { code: 0, text: 'one two' })).toBe('did not want /two/, got one two')
  expect(mistakeIn(step, { code: 0, text: '' })).toBe('wanted /one/, got nothing')
})

test('the code of what is ended after a time does not count', () => {
  expect(mistakeIn({ ...step, forMs: 10 }, { code: -1, text: 'one' })).toBeUndefined()
})
