/** Items that stand twice in a list map or a set: such a list is none. */
import type { FieldError } from '../api/meta/index.ts'
import { fieldSchema, itemKey, listTypeOf, setKey } from './fields.ts'
import type { Schema } from './schema.ts'
import { isObject } from './values.ts'

/** Where a key stands for the second time: what stands there three times is said once. */
const secondPlaces = (keys: readonly string[]): readonly (readonly [number, string])[] => {
  const counts = new Map<string, number>()
  return [...keys.entries()].filter(([, k]) => {
    const count = (counts.get(k) ?? 0) + 1
    counts.set(k, count)
    return count === 2
  })
}

const errorsOf = (list: readonly unknown[], s: Schema | undefined, path: string): readonly FieldError[] => {
  const type = listTypeOf(s)
  if (type === 'atomic') return []
  // Of a list map whose items have no keys nothing more can be said.
  const wrong = type === 'map' ? list.findIndex((item) => item !== null && !isObject(item)) : -1
  if (wrong >= 0) return [{ field: `${path}[${wrong}]`, reason: 'FieldValueInvalid', message: 'must be an object' }]
  return secondPlaces(list.map((item) => (type === 'set' ? setKey(item) : itemKey(item, s!)))).map(([i, k]) => ({ field: `${path}[${i}]`, reason: 'FieldValueDuplicate', message: k.slice(2, 100) }))
}

export const duplicateItems = (value: unknown, schema: Schema | undefined): readonly FieldError[] => {
  const found: FieldError[] = []
  const look = (v: unknown, s: Schema | undefined, path: string): void => {
    if (typeof v !== 'object' || v === null) return
    if (Array.isArray(v)) {
      // There may be more of them than a call takes arguments.
      for (const error of errorsOf(v, s, path)) found.push(error)
      v.forEach((item, i) => look(item, s?.items, `${path}[${i}]`))
    } else for (const [k, x] of Object.entries(v)) look(x, fieldSchema(s, k), path === '' ? k : `${path}.${k}`)
  }
  look(value, schema, '')
  return found
}
