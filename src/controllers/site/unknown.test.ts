/** What a site tells of objects whose owner is not known (rule H3). */
import { expect, test } from 'vitest'
import type { Site } from '../../api/index.ts'
import type { Decision, UnknownObject } from '../../api/site/index.ts'
import { toDelete, unknownCondition, unknownStatus } from './unknown.ts'

const site = (unknownObjects: Readonly<Record<string, Decision>>): Site => ({ metadata: { name: 'sto1' }, spec: { unknownObjects } }) as unknown as Site
const found = (id: string, kind: UnknownObject['kind'] = 'port', project = 'p1'): UnknownObject => ({ id, kind, name: id, project, owner: 'o', role: 'node' })
const id = (n: number): string => String(n).padStart(3, '0')

test('H3 a hundred are told, those to be decided first, those that stay not at all; the count is of all', () => {
  const all = Array.from({ length: 130 }, (_, n) => found(id(n)))
  const told = unknownStatus(site({ '000': 'delete', '001': 'leave' }), all).unknownObjects!
  expect([told.count, told.items.map((o) => o.id)]).toEqual([129, Array.from({ length: 100 }, (_, n) => id(n + 2))])
  expect(unknownStatus(site({ '001': 'leave' }), [found('001')])).toEqual({})
  expect(unknownStatus(site({ '000': 'delete' }), all.slice(0, 3)).unknownObjects!.items.map((o) => o.id)).toEqual(['001', '002', '000'])
})

test('H3 the condition says whose move it is, until all is decided, and until what was decided is done', () => {
  const of = (decisions: Readonly<Record<string, Decision>>) => unknownCondition(site(decisions), unknownStatus(site(decisions), [found('a'), found('b')]).unknownObjects)
  expect(of({ a: 'delete' })).toMatchObject({ status: 'True', reason: 'UnknownObjects', fault: 'Platform', message: expect.stringContaining('skerry site reconcile sto1') as string })
  expect(of({ a: 'delete', b: 'leave' })).toMatchObject({ status: 'False', reason: 'Deleting' })
  expect(of({ a: 'leave', b: 'leave' })).toMatchObject({ status: 'False', reason: 'Idle' })
})

test('H3 only what a person said is deleted, in an order in which it can go, and only in a cloud that is open', () => {
  const all = [found('n', 'network'), found('s', 'server'), found('x', 'server'), found('g', 'security group'), found('l', 'load balancer'), found('p', 'port', 'closed')]
  expect(toDelete(site({ n: 'delete', s: 'delete', g: 'delete', l: 'delete', x: 'leave', p: 'delete' }), { objects: all, clouds: new Map([['p1', {} as never]]) }).map((o) => o.id)).toEqual(['l', 's', 'n', 'g'])
})
