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

const pathOf = (way: readonly (string | number)[]): string => way.map((step, i) => (typeof step === 'number' ? `[${step}]` : i === 0 ? step : `.${step}`)).join('')

const errorsOf = (list: readonly unknown[], s: Schema | undefined, way: readonly (string | number)[]): readonly FieldError[] => {
  const type = listTypeOf(s)
  if (type === 'atomic') return []
  // Of a list map whose items have no keys nothing more can be said.
  const wrong = type === 'map' ? list.findIndex((item) => item !== null && !isObject(item)) : -1
  if (wrong >= 0) return [{ field: `${pathOf(way)}[${wrong}]`, reason: 'FieldValueInvalid', message: 'must be an object' }]
  return secondPlaces(list.map((item) => (type === 'set' ? setKey(item) : itemKey(item, s!)))).map(([i, k]) => ({ field: `${pathOf(way)}[${i}]`, reason: 'FieldValueDuplicate', message: k.slice(2, 100) }))
}

export const duplicateItems = (value: unknown, schema: Schema | undefined): readonly FieldError[] => {
  const found: FieldError[] = []
  // Names of fields and indexes of items on the way here: a path is written only of what is found.
  const way: (string | number)[] = []
  const look = (v: unknown, s: Schema | undefined): void => {
    if (typeof v !== 'object' || v === null) return
    // There may be more of them than a call takes arguments.
    if (Array.isArray(v)) for (const error of errorsOf(v, s, way)) found.push(error)
    const schemaOf = Array.isArray(v) ? () => s?.items : (k: string) => fieldSchema(s, k)
    for (const k of Object.keys(v)) {
      way.push(Array.isArray(v) ? Number(k) : k)
      look((v as Record<string, unknown>)[k], schemaOf(k))
      way.pop()
    }
  }
  look(value, schema)
  return found
}
