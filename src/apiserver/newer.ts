/** Fields that an older server does not know (rule S11): refused while such a one is there, for it would drop them. */
import { since, type Schema } from './schema.ts'
import { equal, isObject, type Mutable } from './values.ts'

/** The first field of `object` that came after schema number `agreed` and does not stand in `live` as it is. */
export const newerField = (object: unknown, live: unknown, schema: Schema, agreed: number, path = ''): string | undefined => {
  if (object === undefined || equal(object, live)) return undefined
  if (typeof schema[since] === 'number' && schema[since] > agreed) return path
  if (Array.isArray(object)) {
    for (const [i, item] of object.entries()) {
      const found = schema.items === undefined ? undefined : newerField(item, Array.isArray(live) ? live[i] : undefined, schema.items, agreed, `${path}[${i}]`)
      if (found !== undefined) return found
    }
    return undefined
  }
  if (!isObject(object)) return undefined
  for (const [name, value] of Object.entries(object)) {
    const sub = schema.properties?.[name] ?? (isObject(schema.additionalProperties) ? (schema.additionalProperties as Schema) : undefined)
    const found = sub === undefined ? undefined : newerField(value, isObject(live) ? (live as Mutable)[name] : undefined, sub, agreed, path === '' ? name : `${path}.${name}`)
    if (found !== undefined) return found
  }
  return undefined
}
