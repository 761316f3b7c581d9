/** The beginning of a kind, in the shape of src/api/node-pool. */
import { pascal, plural, singular } from './names.ts'

export const kindFiles = (name: string): Readonly<Record<string, string>> => {
  const Kind = pascal(name)
  return {
    [`src/api/${name}/index.ts`]: `/** ${Kind}: belongs to a cluster. */
import { z } from 'zod'
import { defineKind, type Condition, type FieldError, type Resource } from '../meta/index.ts'
import { conditionsSchema, observedSchema } from '../meta/schema.ts'

export interface ${Kind}Spec { readonly cluster: string }
export interface ${Kind}Status { readonly conditions?: readonly Condition[] }
export type ${Kind} = Resource<${Kind}Spec, ${Kind}Status>

const validate = (object: ${Kind}, old?: ${Kind}): readonly FieldError[] =>
  (old !== undefined && old.spec.cluster !== object.spec.cluster ? [{ field: 'spec.cluster', reason: 'FieldValueForbidden', message: \`is \${old.spec.cluster} for its life\` }] : [])

export const ${Kind} = defineKind<${Kind}>({
  group: 'skerry.dev', version: 'v1alpha1', kind: '${Kind}', plural: '${plural(name)}', singular: '${singular(name)}', shortNames: [], categories: ['skerry'],
  namespaced: true, home: 'hub', writers: { spec: 'user', status: 'site' },
  description: 'Belongs to a cluster.',
  spec: z.object({ cluster: z.string().min(1).meta({ description: 'The cluster, in the same project.' }) }),
  status: z.object({ conditions: conditionsSchema, observed: observedSchema }),
  columns: [
    { name: 'Cluster', type: 'string', jsonPath: '.spec.cluster' },
    { name: 'Ready', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
  ],
  selectableFields: ['spec.cluster'],
  validate,
})
`,
    [`src/api/${name}/${name}.test.ts`]: `import { expect, test } from 'vitest'
import { ${Kind} } from './index.ts'

const of = (cluster: string): ${Kind} => ({ apiVersion: 'skerry.dev/v1alpha1', kind: '${Kind}', metadata: { name: 'a', namespace: 'acme', uid: 'u', resourceVersion: '1', generation: 1, creationTimestamp: '' }, spec: { cluster } })

test('its cluster is its own for its life', () => {
  expect(${Kind}.validate!(of('shop'))).toEqual([])
  expect(${Kind}.validate!(of('other'), of('shop')).map((e) => e.field)).toEqual(['spec.cluster'])
})
`,
  }
}
