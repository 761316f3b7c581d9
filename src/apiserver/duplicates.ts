/** Items that stand twice in a list map or a set: such a list is none. */
import type { FieldError } from '../api/meta/index.ts'
import { fieldSchema, itemKey, listTypeOf, setKey } from './fields.ts'
import type { Schema } from './schema.ts'
import { isObject } from './values.ts'

/** `value` fits its schema as far as types go: items of list maps are objects. */
export const duplicateItems = (value: unknown, s: Schema | undefined, path = ''): readonly FieldError[] => {
  if (Array.isArray(value)) {
    const type = listTypeOf(s)
    const seen = new Set<string>()
    return value.flatMap((item, i) => {
      const here = `${path}[${i}]`
      const inside = duplicateItems(item, s?.items, here)
      if (type === 'atomic') return inside
      const k = type === 'set' ? setKey(item) : itemKey(item, s!)
      if (!seen.has(k)) { seen.add(k); return inside }
      return [{ field: here, reason: 'FieldValueDuplicate' as const, message: k.slice(2, 100) }, ...inside]
    })
  }
  return isObject(value) ? Object.entries(value).flatMap(([k, v]) => duplicateItems(v, fieldSchema(s, k), path === '' ? k : `${path}.${k}`)) : []
}
