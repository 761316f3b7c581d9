import { expect, test } from 'vitest'
import { put, remove } from '../../../testkit/store-contract.ts'
import type { Transaction } from '../store.ts'
import { newsOf, outcomes, takeBatch } from './batch.ts'

const waiting = (...names: string[]) => ({ names, transaction: { operations: names.map((name) => put(name, 'absent')) } satisfies Transaction })
const namesOf = (list: readonly { readonly names: readonly string[] }[]) => list.map((each) => each.names.join('+'))

test('S2 a second write to a key waits for the next batch, and so does what comes behind it', () => {
  const queue = [waiting('a'), waiting('a', 'b'), waiting('b'), waiting('c')]
  expect(namesOf(takeBatch(queue))).toEqual(['a', 'c'])
  expect(namesOf(takeBatch(queue))).toEqual(['a+b'])
  expect(namesOf(takeBatch(queue))).toEqual(['b'])
  expect(queue).toEqual([])
})

test('S2 a batch holds at most 256 writes', () => {
  const queue = Array.from({ length: 300 }, (_, i) => waiting(`a${i}`, `b${i}`))
  expect(takeBatch(queue).length).toBe(128)
  expect(queue.length).toBe(172)
})

test('S2 a batch holds at most 4 MiB, and one that is larger goes alone', () => {
  const large = (name: string, size: number) => ({ names: [name], transaction: { operations: [put(name, 'absent', 'x'.repeat(size))] } })
  const queue = [large('a', 3_000_000), large('b', 3_000_000), large('c', 9_000_000), large('d', 1)]
  expect([namesOf(takeBatch(queue)), namesOf(takeBatch(queue)), namesOf(takeBatch(queue)), namesOf(takeBatch(queue))]).toEqual([['a'], ['b'], ['c'], ['d']])
})

test('S2 each transaction gets its own part of the answer', () => {
  const transactions = [waiting('a', 'b'), waiting('c'), waiting('d', 'e'), waiting('f'), waiting('g')].map((each) => each.transaction)
  const conflicts = JSON.stringify([{ tx: 2, op: 5, current: null }])
  expect(outcomes(transactions, { versions: [1, 2, null, null, null, null, null], newer: [4], fenced: [1], conflicts })).toEqual([
    { kind: 'committed', versions: [1, 2] },
    { kind: 'fenced' },
    { kind: 'conflict', key: transactions[2]!.operations[1]!.key, current: undefined },
    undefined,
    { kind: 'newer' },
  ])
})

test('S4 what a batch added to the log: not what was refused, nor what stood there already', () => {
  const transactions: Transaction[] = [{ operations: [put('same', 3)] }, { operations: [put('new', 'absent')] }, { operations: [put('refused', 1)] }, { operations: [put('changed', 5, '2'), remove('gone', 4)] }, { operations: [remove('absent', 'absent' as never)] }]
  const { upTo, own } = newsOf(transactions, [3, 8, null, 9, 10, 0])!
  expect([upTo, own!.after]).toEqual([10, 7])
  expect(own!.changes.map(({ version, key, stood, after }) => [version, key.name, stood, after?.version])).toEqual([[8, 'new', undefined, 8], [9, 'changed', 5, 9], [10, 'gone', 4, undefined]])
  expect(newsOf(transactions.slice(0, 1), [3])).toBeUndefined()
})
