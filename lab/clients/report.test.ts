import { expect, test } from 'vitest'
import { checkIn, isProven, lines, page, summary, type Report } from './report.ts'

const ran = (name: string, checks: readonly { readonly what: string; readonly isOk: boolean; readonly detail: string }[], broken?: string): Report => ({
  name, what: 'this and that', version: 'v1', outcome: { kind: 'ran', checks, seconds: 1.25, ...(broken !== undefined && { broken }) },
})
const good = { what: 'lists', isOk: true, detail: '' }
const bad = { what: 'watches', isOk: false, detail: 'it said | nothing' }

test('a line of a program is a check, or talk', () => {
  expect(checkIn('ok   list: by label')).toEqual({ what: 'list: by label', isOk: true, detail: '' })
  expect(checkIn('FAIL list: wanted a: b')).toEqual({ what: 'list', isOk: false, detail: 'wanted a: b' })
  expect(checkIn('FAIL list')).toEqual({ what: 'list', isOk: false, detail: '' })
  expect(['RESTART', 'okay then', '', ' ok it is'].map(checkIn)).toEqual([undefined, undefined, undefined, undefined])
})

test('a client is proven when its program came to its end, checked something, and all of it held', () => {
  expect([ran('a', [good]), ran('a', [good, bad]), ran('a', []), ran('a', [good], 'ended by SIGKILL')].map(isProven)).toEqual([true, false, false, false])
})

test('a failure is said with its reason; the last line counts what passed, failed and was not proven', () => {
  const all: readonly Report[] = [ran('a', [good]), ran('b', [good, bad], 'ended with 2'), { name: 'c', what: '', version: '', outcome: { kind: 'not proven', why: 'no Go' } }, ran('d', [])]
  expect(all.flatMap(lines)).toEqual([
    'ok a v1 (1 checks, 1.3 s)', 'FAILED b v1 (2 checks, 1.3 s)', '       watches: it said | nothing', '       ended with 2', 'not proven: c: no Go', 'FAILED d v1 (0 checks, 1.3 s)', '       it checked nothing',
  ])
  expect(summary(all)).toBe('1 passed, 2 failed, 1 skipped')
})

test('the page has a row for each client, its checks, and who could not be tried', () => {
  const text = page([ran('a', [good, bad])], [{ name: 'z', why: 'nobody has it' }])
  expect(text).toContain('| a | v1 | this and that | **fails**: watches: it said \\| nothing |')
  expect(text).toContain('- z: nobody has it')
  expect(text).toContain('## a v1\n\n- lists\n- watches (**fails**)')
})
