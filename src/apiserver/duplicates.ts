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

export const duplicateItems = (value: unknown, s: Schema | undefined, path = ''): readonly FieldError[] => {
  if (Array.isArray(value)) {
    const type = listTypeOf(s)
    const keys = type === 'atomic' ? [] : value.map((item) => (type === 'set' ? setKey(item) : itemKey(item, s!)))
    return [
      ...(type === 'map' ? value.flatMap((item, i): readonly FieldError[] => (isObject(item) ? [] : [{ field: `${path}[${i}]`, reason: 'FieldValueInvalid', message: 'must be an object' }])) : []),
      ...secondPlaces(keys).map(([i, k]): FieldError => ({ field: `${path}[${i}]`, reason: 'FieldValueDuplicate', message: k.slice(2, 100) })),
      ...value.flatMap((item, i) => duplicateItems(item, s?.items, `${path}[${i}]`)),
    ]
  }
  return isObject(value) ? Object.entries(value).flatMap(([k, v]) => duplicateItems(v, fieldSchema(s, k), path === '' ? k : `${path}.${k}`)) : []
}
