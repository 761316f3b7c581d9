/** The checker is worth what it finds: one whole history, and every way to break it. */
import { describe, expect, test } from 'vitest'
import { check } from './check.ts'
import type { History, Noted, State, Truth } from './history.ts'

const state = (version: number, value: string, colour = 'red'): State => ({ version, value, colour })
const change = (version: number, name: string, before: State | undefined, after: State | undefined, uid = `uid-${name}`): Truth => ({ version, name, uid, before, after })
const [a1, b2, a3, b4, a5] = [state(1, 'v1'), state(2, 'v2', 'blue'), state(3, 'v3', 'blue'), state(4, 'v4'), state(6, 'v6')]
const log = [change(1, 'a', undefined, a1), change(2, 'b', undefined, b2), change(3, 'a', a1, a3), change(4, 'b', b2, b4), change(5, 'a', a3, undefined), change(6, 'a', undefined, a5, 'uid-a2')]
const listed = (version: number, items: Record<string, State>): Noted => ({ kind: 'listed', version, items: new Map(Object.entries(items)) })
const event = (type: 'ADDED' | 'MODIFIED' | 'DELETED', name: string, version: number, value: string): Noted => ({ kind: 'event', type, name, version, value })
const bookmark = (version: number): Noted => ({ kind: 'bookmark', version })
const resumed = (version: number): Noted => ({ kind: 'resumed', version })

const all: readonly Noted[] = [listed(2, { a: a1, b: b2 }), event('MODIFIED', 'a', 3, 'v3'), resumed(3), event('MODIFIED', 'b', 4, 'v4'), bookmark(4), event('DELETED', 'a', 5, 'v3'), event('ADDED', 'a', 6, 'v6'), bookmark(6)]
const red: readonly Noted[] = [listed(1, { a: a1 }), event('DELETED', 'a', 3, 'v1'), event('ADDED', 'b', 4, 'v4'), bookmark(5), { kind: 'expired' }, listed(5, { b: b4 }), event('ADDED', 'a', 6, 'v6')]
const put = (id: string, value: string, outcome: 'ok' | 'no' | 'unknown', version?: number, group?: string) => ({ id, name: 'x', wants: { kind: 'put', value } as const, outcome, ...(version !== undefined && { version }), ...(group !== undefined && { group }) })
const whole: History = {
  log,
  writes: [put('1', 'v1', 'ok', 1, 'g'), put('2', 'v2', 'ok', 2, 'g'), put('3', 'v3', 'unknown'), put('4', 'v4', 'ok', 4), { id: '5', name: 'a', wants: { kind: 'delete', uid: 'uid-a' }, outcome: 'ok' }, put('6', 'v6', 'ok', 6), put('7', 'v7', 'no'), put('8', 'v8', 'unknown')],
  reads: [{ id: 'r1', name: 'a', after: 1, version: 1 }, { id: 'r2', name: 'a', after: 1, version: 6 }, { id: 'r3', name: 'a', after: 4, version: undefined }, { id: 'r4', name: 'c', after: 4, version: undefined }, { id: 'r5', name: 'a', after: 1, version: undefined }],
  watchers: [{ id: 'all', colour: undefined, notes: all }, { id: 'red', colour: 'red', notes: red }],
}

test('a history in which all is as it must be', () => expect(check(whole)).toEqual([]))

const without = <T>(list: readonly T[], i: number): T[] => list.filter((_, at) => at !== i)
const swapped = <T>(list: readonly T[], i: number): T[] => list.map((_, at) => list[at === i ? i + 1 : at === i + 1 ? i : at]!)
const watching = (notes: readonly Noted[], colour?: string): History => ({ ...whole, watchers: [{ id: 'w', colour, notes }] })
const writing = (i: number, more: object): History => ({ ...whole, writes: whole.writes.map((write, at) => (at === i ? { ...write, ...more } : write)) })
const reading = (name: string, after: number, version: number | undefined): History => ({ ...whole, reads: [{ id: 'r', name, after, version }] })

describe('what is wrong is found', () => {
  for (const [what, history, found] of [
    ['an event is lost', watching(without(all, 1)), /resumed from 3, having got to 2/],
    ['an event is lost at a cut, between two changes of one batch', watching(without(all, 3)), /bookmark of 4, without the change at 4/],
    ['an event is lost in the middle', watching(without(all, 5)), /event of 5, without the change at 5/],
    ['the last event before a bookmark is lost', watching(without(all, 6)), /bookmark of 6, without the change at 6/],
    ['an event comes twice', watching([...all.slice(0, 4), all[3]!]), /twice, or out of order/],
    ['events are out of order', watching(swapped(all, 5)), /without the change at 5/],
    ['a bookmark comes too early', watching([...all.slice(0, 1), bookmark(4)]), /bookmark of 4, without the change at 3/],
    ['versions go back', watching([...all, bookmark(5)]), /versions went back/],
    ['a list lacks something', watching([listed(2, { a: a1 })]), /list at 2 has b at nothing, where 2 stood/],
    ['a list has what came later', watching([listed(2, { a: a3, b: b2 })]), /has a at 3, where 1 stood/],
    ['a list has what was deleted', watching([listed(5, { a: a3, b: b4 })]), /has a at 3, where nothing stood/],
    ['there is a gap between a list and its watch', watching([listed(2, { a: a1, b: b2 }), event('MODIFIED', 'b', 4, 'v4')]), /event of 3, without the change at 3/],
    ['an event has another content', watching([listed(2, { a: a1, b: b2 }), event('MODIFIED', 'a', 3, 'v1')]), /where the log has MODIFIED a v3/],
    ['an event was never written', watching([...all, event('MODIFIED', 'a', 7, 'v7')]), /nothing for it/],
    ['entering a selection is no ADDED', watching([listed(1, { a: a1 }), event('DELETED', 'a', 3, 'v1'), event('MODIFIED', 'b', 4, 'v4')], 'red'), /where the log has ADDED b v4/],
    ['leaving a selection is not told', watching([listed(1, { a: a1 }), event('ADDED', 'b', 4, 'v4')], 'red'), /without the change at 3/],
    ['after 410 nobody listed', watching([...all, { kind: 'expired' }, bookmark(6)]), /bookmark without a list/],
    ['a write that was answered is lost', { ...whole, writes: [...whole.writes, put('9', 'v9', 'ok', 9)] }, /write 9 was answered as made and is lost/],
    ['a write is at another version', writing(3, { version: 3 }), /answered with version 3 and is at 4/],
    ['a write that was refused is made', writing(2, { outcome: 'no' }), /answered as not made and is at 3/],
    ['a write is made twice', { ...whole, log: [...log, change(7, 'b', b4, state(7, 'v3'))] }, /write 3 is there 2 times/],
    ['something is written by nobody', { ...whole, writes: without(whole.writes, 5) }, /version 6 was written by nobody/],
    ['a transaction is made in part', { ...whole, writes: [...whole.writes.slice(0, 7), put('8', 'v8', 'unknown', undefined, 'g')] }, /transaction g is there in part/],
    ['a change is missing', { ...whole, log: without(log, 2) }, /version 5 of a has 3 before it, where 1 stood/],
    ['the log is out of order', { ...whole, log: swapped(log, 1) }, /version 2 follows 3/],
    ['the log has another object before', { ...whole, log: [...log.slice(0, 5), change(6, 'a', a3, a5)] }, /has 3 before it, where nothing stood/],
    ['one uid is deleted twice', { ...whole, log: [...log, change(7, 'a', a5, undefined, 'uid-a')] }, /deleted twice/],
    ['a read is stale', reading('a', 3, 1), /after version 3 saw 1/],
    ['a read sees nothing where something stood all the time', reading('b', 2, undefined), /of b after version 2 saw nothing/],
    ['a read sees what was deleted', reading('a', 5, 3), /after version 5 saw 3/],
    ['a read sees what never was', reading('a', 1, 2), /after version 1 saw 2/],
  ] as const)
    test(what, () => {
      expect(check(history as History).join('\n')).toMatch(found)
    })
})
