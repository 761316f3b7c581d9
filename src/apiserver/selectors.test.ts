import { expect, test } from 'vitest'
import { parseFieldSelector, parseLabelSelector } from './selectors.ts'

const labels = { app: 'web', tier: 'front', 'kubernetes.io/os': 'linux', size: '10' }
test.each([
  ['app=web', true], ['app==web', true], ['app=db', false], ['app!=db', true], ['app!=web', false], ['missing!=x', true],
  ['app', true], ['missing', false], ['!missing', true], ['!app', false], ['constructor', false], ['!toString', true],
  ['app in (web,db)', true], ['app in (db)', false], ['app notin (db)', true], ['app notin (web)', false], ['missing notin (x)', true], ['missing in (x)', false],
  ['app=web,tier in (front, back),!gone', true], ['app=web,tier=back', false], ['kubernetes.io/os=linux', true], ['', true],
  ['size>9', true], ['size > 10', false], ['size<11', true], ['size<10', false], ['missing>0', false], ['app<9', false], ['size>9,size<11', true],
])('label selector %s', (text, wanted) => {
  expect(parseLabelSelector(text)?.(labels) ?? true).toBe(wanted)
})
test.each(['app=web=db', 'app in web', 'app > x', 'app>', 'app>-1', '=x', 'a b', 'app in (x', ','])('label selector %s is refused', (text) => {
  expect(() => parseLabelSelector(text)).toThrow(/unable to parse/)
})

test('field selectors compare what the kind offers and refuse the rest', () => {
  const s = parseFieldSelector('metadata.name=a,spec.site!=b,spec.count=3', ['spec.site', 'spec.count'])!
  expect(s.name).toBe('a')
  expect(s.test!({ spec: { site: 'c', count: 3 } })).toBe(true)
  expect(s.test!({ spec: { site: 'b', count: 3 } })).toBe(false)
  expect(() => parseFieldSelector('spec.secret=x', ['spec.site'])).toThrow('field label not supported: spec.secret')
})
