import { expect, test } from 'vitest'
import { kinds } from '../../src/api/index.ts'
import { LabCluster } from '../../src/apiserver/testing/lab-kind.ts'
import { compare } from './compare.ts'
import { knownAs, parseKnown, readKnown } from './known.ts'
import { normaliser } from './normalise.ts'
import { differential } from './run.ts'
import { openOurs, type Answer } from './subject.ts'

const answer = (body: unknown, code = 200): Answer => ({ code, body, warnings: [] })
const meta = (uid: string, resourceVersion: string, more: object = {}) => ({ name: 'a', uid, resourceVersion, creationTimestamp: '2026-01-01T00:00:00Z', ...more })

test('what two servers cannot agree on gets a name by its first appearance; what moved and what stayed is seen', () => {
  const [a, b] = [normaliser(), normaliser()]
  const [first, same] = [a(answer({ kind: 'X', metadata: meta('11111111-1111', '7') })), b(answer({ kind: 'X', metadata: meta('99999999-9999', '1002') }))]
  expect(first).toEqual({ code: 200, warnings: [], body: { kind: 'X', metadata: { name: 'a', uid: '<uid 1>', resourceVersion: '<version 1>', creationTimestamp: '<time>' } } })
  expect(compare(first, same)).toEqual([])
  expect(compare(a(answer({ metadata: meta('11111111-1111', '8') })), b(answer({ metadata: meta('99999999-9999', '1002') })))).toEqual(['metadata.resourceVersion: "<version 2>" ≠ "<version 1>"'])
})

test('made-up names, list versions and tokens; managers in any order; causes without their words', () => {
  const one = normaliser()(answer({ kind: 'List', metadata: { resourceVersion: '5', continue: 'abc' }, items: [{ metadata: meta('11111111-1111', '4', { name: 'made-x1y2z', generateName: 'made-', managedFields: [{ manager: 'm', operation: 'Apply', apiVersion: 'v1', time: '2026-01-01T00:00:00Z' }, { manager: 'k', operation: 'Update', subresource: 'status', apiVersion: 'v1' }] }) }] }))
  expect(one.body).toMatchObject({ metadata: { resourceVersion: '<list version>', continue: '<token>' }, items: [{ metadata: { name: '<name 1>', managedFields: { 'Apply m': { apiVersion: 'v1' }, 'Update k status': { apiVersion: 'v1' } } } }] })
  const refused = normaliser()(answer({ kind: 'Status', apiVersion: 'v1', message: 'words', reason: 'Invalid', details: { name: 'a', causes: [{ field: 'b', reason: 'R', message: 'words' }, { field: 'a', reason: 'R' }] } }, 422))
  expect(refused.body).toEqual({ kind: 'Status', apiVersion: 'v1', reason: 'Invalid', details: { name: 'a', causes: 'a R, b R' } })
})

test('differences are lines: the verdict alone when verdicts differ, else each place', () => {
  const at = (code: number, body: object) => ({ code, body, warnings: [] })
  expect(compare(at(422, { kind: 'Status', reason: 'Invalid' }), at(200, { spec: {} }))).toEqual(['answers 422 Invalid ≠ 200'])
  expect(compare(at(200, { spec: { a: 1, l: [1] } }), at(200, { spec: { b: [1], l: [1, 2] } }))).toEqual(['spec.a: 1 ≠ nothing', 'spec.b: nothing ≠ [1]', 'spec.l: [1] ≠ [1,2]'])
})

test('known differences are read from the page, each with a pattern for the whole line', async () => {
  const known = parseKnown('# x\n| id | why | seen |\n|---|---|---|\n| `some-id` | because | `(POST\\|PUT): answers 400 BadRequest ≠ 422 Invalid` |\n')
  expect(knownAs(known, 'PUT: answers 400 BadRequest ≠ 422 Invalid')?.id).toBe('some-id')
  expect(knownAs(known, 'PATCH: answers 400 BadRequest ≠ 422 Invalid')).toBeUndefined()
  expect(() => parseKnown('| `x` | no pattern |')).toThrow('not a row')
  expect(() => parseKnown('| `x` | a | `a` |\n| `x` | b | `b` |')).toThrow('twice')
  await readKnown()
})

test('our server does not differ from itself', async () => {
  const all = [...kinds, LabCluster]
  const pair = { ours: await openOurs(all), theirs: await openOurs(all) }
  const said: string[] = []
  try {
    expect(await differential(pair, [], { only: undefined, runs: 20, seed: 1, say: (line) => { said.push(line) } }), said.join('\n')).toBe(0)
  } finally {
    await pair.ours.close()
    await pair.theirs.close()
  }
})
