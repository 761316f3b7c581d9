/** docs/reference/kinds.md: each kind with its fields, their types, defaults and writers, from the schemas. */
import { z } from 'zod'
import { kinds } from '../../src/api/index.ts'
import { apiVersionOf, type Kind } from '../../src/api/meta/index.ts'
import { made, page, table } from './text.ts'

interface Schema {
  readonly type?: string; readonly description?: string; readonly default?: unknown; readonly enum?: readonly unknown[]; readonly pattern?: string
  readonly minimum?: number; readonly maximum?: number; readonly minLength?: number; readonly maxLength?: number; readonly minItems?: number; readonly maxItems?: number
  readonly properties?: Readonly<Record<string, Schema>>; readonly required?: readonly string[]; readonly items?: Schema; readonly additionalProperties?: Schema | boolean
}

const schemaOf = (type: z.ZodType): Schema => z.toJSONSchema(type, { target: 'openapi-3.0', io: 'input', unrepresentable: 'any' }) as Schema

const typeText = (s: Schema): string => {
  if (s.enum !== undefined) return s.enum.map((v) => `\`${String(v)}\``).join(', ')
  if (s.type === 'array') return `list of ${s.items === undefined ? 'anything' : typeText(s.items)}`
  if (s.type === 'object' && typeof s.additionalProperties === 'object') return `map to ${typeText(s.additionalProperties)}`
  return s.type ?? 'anything'
}

const limits = (s: Schema): string => {
  const whole = Number.MAX_SAFE_INTEGER
  const [from, to] = [s.minimum === -whole ? undefined : s.minimum, s.maximum === whole ? undefined : s.maximum]
  return [
    ...(from !== undefined || to !== undefined ? [`${from ?? ''}…${to ?? ''}`] : []),
    ...(s.maxLength !== undefined ? [`at most ${s.maxLength} characters`] : []),
    ...(s.minItems !== undefined && s.minItems === s.maxItems ? [`exactly ${s.minItems}`] : []),
    ...(s.pattern !== undefined ? [`matches \`${s.pattern}\``] : []),
  ].join('; ')
}

/** Rows of all fields beneath `path`, a field before its parts. */
const rowsOf = (s: Schema, path: string): string[][] => Object.entries(s.properties ?? {}).flatMap(([name, field]) => {
  const at = `${path}.${name}`
  const inner = field.type === 'array' ? field.items : typeof field.additionalProperties === 'object' ? field.additionalProperties : field
  const below = inner === undefined ? [] : rowsOf(inner, field.type === 'array' ? `${at}[]` : inner === field ? at : `${at}.*`)
  const isNeeded = s.required?.includes(name) === true && field.default === undefined
  const fallback = field.default === undefined || (typeof field.default === 'object' && below.length > 0) ? '' : `\`${JSON.stringify(field.default)}\``
  return [[`\`${at}\``, typeText(field), isNeeded ? 'required' : fallback, [field.description, limits(field)].filter((t) => t !== undefined && t !== '').join(' ')], ...below]
})

const who = { user: 'people and their tools', site: 'the site\'s controllers', hub: 'the hub' } as const

const kindText = (kind: Kind<any>): string => {
  const part = (name: 'spec' | 'status', type: z.ZodType | undefined, fallback: string): string => {
    const rows = type === undefined ? [] : rowsOf(schemaOf(type), name)
    return rows.length === 0 ? `No ${name}.` : `### ${kind.kind} ${name}\nWritten by ${who[kind.writers[name]]}.\n\n${table(['field', 'type', fallback, 'meaning'], rows)}`
  }
  const facts = [
    `\`${apiVersionOf(kind)}\`, \`${kind.plural}\`${kind.shortNames.length === 0 ? '' : ` (${kind.shortNames.map((n) => `\`${n}\``).join(', ')})`}, ${kind.namespaced ? 'in a project' : 'of the whole installation'}; lives in the ${kind.home}.`,
    ...(kind.scale === undefined ? [] : ['It can be scaled (`kubectl scale`).']),
    ...(kind.selectableFields === undefined ? [] : [`Field selectors: ${kind.selectableFields.map((f) => `\`${f}\``).join(', ')}.`]),
    ...(kind.finalizers === undefined ? [] : [`Gets the finalizer${kind.finalizers.length === 1 ? '' : 's'} ${kind.finalizers.map((f) => `\`${f}\``).join(', ')} when it is made.`]),
  ]
  return [`## ${kind.kind}`, `${kind.description} ${facts.join(' ')}`, part('spec', kind.spec, 'default'), part('status', kind.status, '')].join('\n\n')
}

export const kindsPage = (): string => page('# Kinds', made('src/api'), 'A field without a default that is not required may be absent. `[]` is each item of a list, `*` each value of a map.', ...kinds.map(kindText))
