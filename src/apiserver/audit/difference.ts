/** What a write changed: the fields that differ, before and after, without what is secret. Lists and plain values are told whole. */
import { redacted, type AuditRecord } from '../../api/audit/index.ts'
import { equal, isObject, type Mutable } from '../values.ts'

type Change = NonNullable<AuditRecord['change']>

const charactersAtMost = 16_384
const fieldsAtMost = 200

/** Of every object: what the server keeps for itself, and a copy of all of it that kubectl leaves behind. */
const untold: readonly (readonly string[])[] = [['metadata', 'managedFields'], ['metadata', 'resourceVersion'], ['metadata', 'generation'], ['metadata', 'annotations', 'kubectl.kubernetes.io/last-applied-configuration']]

const without = (object: Mutable, [first, ...rest]: readonly string[]): Mutable => {
  const value: unknown = object[first!]
  if (value === undefined) return object
  if (rest.length > 0) return isObject(value) ? { ...object, [first!]: without(value as Mutable, rest) } : object
  const { [first!]: _, ...others } = object
  return others
}

/** `*` stands for every item or field. */
const hidden = (value: unknown, [first, ...rest]: readonly string[]): unknown => {
  if (first === undefined) return redacted
  if (Array.isArray(value)) return first === '*' ? value.map((v) => hidden(v, rest)) : value
  if (!isObject(value)) return value
  if (first === '*') return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, hidden(v, rest)]))
  return Object.hasOwn(value, first) ? { ...value, [first]: hidden(value[first], rest) } : value
}

/** Both sides cut down to what differs; undefined on a side: it has nothing there. */
const differing = (a: unknown, b: unknown): readonly [unknown, unknown] | undefined => {
  if (!isObject(a) || !isObject(b)) return equal(a, b) ? undefined : [a, b]
  const before: Mutable = {}
  const after: Mutable = {}
  let isSame = true
  for (const k of new Set([...Object.keys(a), ...Object.keys(b)])) {
    const pair = differing(a[k], b[k])
    if (pair === undefined) continue
    isSame = false
    if (pair[0] !== undefined) before[k] = pair[0]
    if (pair[1] !== undefined) after[k] = pair[1]
  }
  return isSame ? undefined : [before, after]
}

const fieldsOf = (value: unknown, path: string, depth: number): readonly string[] =>
  isObject(value) && depth > 0 ? Object.entries(value).flatMap(([k, v]) => fieldsOf(v, path === '' ? k : `${path}.${k}`, depth - 1)) : [path]

/** JSON text of a record's `change`. `secrets`: paths such as `spec.token` or `spec.users.*.password`. undefined: nothing that is told differs. */
export const changeOf = (before: Mutable | undefined, after: Mutable | undefined, secrets: readonly string[]): string | undefined => {
  const told = (o: Mutable | undefined): Mutable | undefined => o && untold.reduce(without, o)
  const pair = differing(told(before), told(after))
  if (pair === undefined) return undefined
  // Hidden only now: a secret that changed is named on both sides.
  const [a, b] = pair.map((side) => secrets.reduce((v, path) => hidden(v, path.split('.')), side))
  const text = JSON.stringify({ before: a, after: b } satisfies Change)
  if (text.length <= charactersAtMost) return text
  return JSON.stringify({ fields: [...new Set([...(a === undefined ? [] : fieldsOf(a, '', 3)), ...(b === undefined ? [] : fieldsOf(b, '', 3))])].slice(0, fieldsAtMost) } satisfies Change)
}
