import fc from 'fast-check'
import { expect, test } from 'vitest'
import { equal, isObject, type Mutable } from '../values.ts'
import { changeOf } from './difference.ts'

/** What was before is taken away, what is after is put there. */
const changed = (object: Mutable, before: Mutable, after: Mutable): Mutable => {
  const out = { ...object }
  for (const k of new Set([...Object.keys(before), ...Object.keys(after)])) {
    if (isObject(before[k]) && isObject(after[k])) out[k] = changed(out[k] as Mutable, before[k] as Mutable, after[k] as Mutable)
    else if (Object.hasOwn(after, k)) out[k] = after[k]
    else delete out[k]
  }
  return out
}

test('S12 what a record tells of a change is enough to make it, and nothing is told of none', () => {
  const { object } = fc.letrec<{ value: unknown; object: Mutable }>((tie) => ({
    value: fc.oneof({ maxDepth: 3 }, fc.constantFrom(0, 1, null), fc.array(fc.constantFrom(1, 2), { maxLength: 2 }), tie('object')),
    object: fc.dictionary(fc.constantFrom('a', 'b', 'c'), tie('value'), { noNullPrototype: true }),
  }))
  fc.assert(fc.property(object, object, (before, after) => {
    const text = changeOf(before, after, [])
    if (text === undefined) { expect(before).toEqual(after); return }
    expect(equal(before, after)).toBe(false)
    const change = JSON.parse(text) as { readonly before: Mutable; readonly after: Mutable }
    expect(changed(before, change.before, change.after)).toEqual(after)
  }), { numRuns: 1_000 })
})
