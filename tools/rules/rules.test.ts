import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { complaints, numbersIn, prove, rulesOf, testsOf } from './rules.ts'

const page = '# x\n| rule | issue | what holds |\n|---|---|---|\n| S1 | 1 | One |\n| S2 | 1, 2 | Two |\n| T9 | 3 | Three |\n'
const report = (tests: readonly (readonly [string, string])[]): string => JSON.stringify({
  testResults: [{ name: '/r/a.test.ts', status: 'passed', assertionResults: tests.map(([name, status]) => ({ ancestorTitles: name.split(' > ').slice(0, -1), title: name.split(' > ').at(-1), status })) }],
})
const outcome = (tests: readonly (readonly [string, string])[], done = [1]): readonly string[] => {
  const found = testsOf(report(tests))
  return complaints(prove(rulesOf(page), found), found, done)
}

test('the page is read row by row', () => {
  expect(rulesOf(page)).toEqual([{ number: 'S1', issues: [1], title: 'One' }, { number: 'S2', issues: [1, 2], title: 'Two' }, { number: 'T9', issues: [3], title: 'Three' }])
  expect(() => rulesOf(`${page}| S1 | 1 | Again |\n`)).toThrow('S1 stands twice')
  expect(() => rulesOf('nothing')).toThrow('no rows')
})

test('a name begins with its rules; a group counts, a number in the middle or inside a word does not', () => {
  expect(['S2 a batch passes', 'E1, E2 unseen', 'S3: lost > answer', 'store > S4 log', 'see S1', 'E2E story', 'A story', 'T10 upkeep'].map(numbersIn))
    .toEqual([['S2'], ['E1', 'E2'], ['S3'], ['S4'], [], [], [], ['T10']])
})

test('owed rules need a passing test; a rule of a later issue does not', () => {
  expect(outcome([['S1 holds', 'passed'], ['S2 holds', 'passed']])).toEqual([])
  expect(outcome([['S1 holds', 'passed']])).toEqual(['S2 no test: Two'])
  expect(outcome([['S1 holds', 'passed'], ['S2 holds', 'skipped']])).toEqual(['S2 not run: Two'])
  expect(outcome([['S1 holds', 'passed'], ['S2 holds', 'passed']], [1, 3])).toEqual(['T9 no test: Three'])
})

test('one red test makes its rule red, of whatever issue', () => {
  expect(outcome([['S1 holds', 'passed'], ['S1 too', 'failed'], ['S2 holds', 'passed'], ['T9 early', 'failed']])).toEqual(['S1 red: One', 'T9 red: Three'])
})

test('a number that no rule has is named', () => {
  expect(outcome([['S1 holds', 'passed'], ['S2 holds', 'passed'], ['S99 what', 'passed']])).toEqual(['no such rule: S99 what (/r/a.test.ts)'])
})

test('a file that could not be loaded is a failed test', () => {
  expect(testsOf(JSON.stringify({ testResults: [{ name: '/r/b.test.ts', status: 'failed', assertionResults: [] }] }))).toEqual([{ name: '/r/b.test.ts', file: '/r/b.test.ts', status: 'failed' }])
})

test("the repository's page lists every rule once, in order", () => {
  const rules = rulesOf(readFileSync(join(import.meta.dirname, '../../docs/concepts/rules.md'), 'utf8'))
  const expected = (letter: string, last: number): string[] => Array.from({ length: last }, (_, i) => `${letter}${i + 1}`)
  expect(rules.map((rule) => rule.number)).toEqual([...expected('S', 12), ...expected('A', 6), ...expected('H', 3), ...expected('E', 6), ...expected('O', 10), ...expected('T', 10)])
})
