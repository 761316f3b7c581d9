import { z } from 'zod'
import { expect, test } from 'vitest'
import { kinds } from './index.ts'
import { schemaNumber } from './schema-number.ts'

interface Field { readonly default?: unknown; readonly properties?: Record<string, Field>; readonly required?: readonly string[]; readonly items?: Field; readonly 'x-skerry-since'?: number }

/** Why the schema may not stand beside an older program. */
const problems = (field: Field, path: string): readonly string[] => [
  ...Object.entries(field.properties ?? {}).flatMap(([name, sub]) => [
    ...(sub['x-skerry-since'] !== undefined && sub['x-skerry-since'] > schemaNumber ? [`${path}.${name}: schemaNumber is lower`] : []),
    // An older server would drop it, or refuse every object for the lack of it.
    ...(sub['x-skerry-since'] !== undefined && (sub.default !== undefined || field.required?.includes(name) === true) ? [`${path}.${name}: a later field has no default and is not required`] : []),
    ...problems(sub, `${path}.${name}`),
  ]),
  ...(field.items === undefined ? [] : problems(field.items, `${path}[]`)),
]
const jsonOf = (t: z.ZodType): Field => z.toJSONSchema(t, { target: 'openapi-3.0', io: 'input', unrepresentable: 'any' }) as Field

test('S11 a field that came later is optional, has no default, and is counted', () => {
  expect(kinds.flatMap((kind) => [...problems(jsonOf(kind.spec), `${kind.kind}.spec`), ...(kind.status === undefined ? [] : problems(jsonOf(kind.status), `${kind.kind}.status`))])).toEqual([])
  const wrong = z.object({ a: z.string().meta({ 'x-skerry-since': schemaNumber + 1 }), b: z.string().default('x').meta({ 'x-skerry-since': schemaNumber }) })
  expect(problems(jsonOf(wrong), 'x')).toEqual(['x.a: schemaNumber is lower', 'x.a: a later field has no default and is not required', 'x.b: a later field has no default and is not required'])
})
