/** docs/reference/crds.yaml: our kinds as CustomResourceDefinitions, for a kube-apiserver that is to serve the same. What only our server checks is not in them. */
import { stringify } from 'yaml'
import { kinds } from '../../src/api/index.ts'
import { resourceName, type Column, type Kind } from '../../src/api/meta/index.ts'
import { compile, type Schema } from '../../src/apiserver/schema.ts'
import { columnsOf } from '../../src/apiserver/table.ts'

export interface Crd {
  readonly apiVersion: 'apiextensions.k8s.io/v1'
  readonly kind: 'CustomResourceDefinition'
  readonly metadata: { readonly name: string }
  readonly spec: object
}

/** Metadata is kube-apiserver's own. */
const schemaOf = ({ properties, ...rest }: Schema): object => ({
  ...rest, properties: { ...properties, apiVersion: { type: 'string' }, kind: { type: 'string' }, metadata: { type: 'object' } },
})

const columnOf = (c: Column): readonly object[] => ('jsonPath' in c ? [{
  name: c.name, type: c.type, jsonPath: c.jsonPath, ...(c.description !== undefined && { description: c.description }), ...(c.priority !== undefined && { priority: c.priority }),
}] : [])

const subresourcesOf = (kind: Kind<any>): object => ({ ...(kind.status !== undefined && { status: {} }), ...(kind.scale !== undefined && { scale: kind.scale }) })

/** JSON for the schema's own objects, which have no prototype, and so that none is an alias of another in YAML. */
export const crdOf = (kind: Kind<any>): Crd => plain({
  apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', metadata: { name: resourceName(kind) },
  spec: {
    group: kind.group, scope: kind.namespaced ? 'Namespaced' : 'Cluster',
    names: { kind: kind.kind, listKind: `${kind.kind}List`, plural: kind.plural, singular: kind.singular, shortNames: kind.shortNames, categories: kind.categories },
    versions: [{
      name: kind.version, served: true, storage: true, schema: { openAPIV3Schema: schemaOf(compile(kind).schema) }, subresources: subresourcesOf(kind),
      additionalPrinterColumns: columnsOf(kind).flatMap(columnOf),
      ...(kind.selectableFields !== undefined && { selectableFields: kind.selectableFields.map((f) => ({ jsonPath: `.${f}` })) }),
    }],
  },
})
const plain = <T>(v: T): T => JSON.parse(JSON.stringify(v)) as T

export const crdsPage = (): string => `# Made by ./dev gen from src/api.\n${kinds.map((k) => stringify(crdOf(k), { lineWidth: 0 })).join('---\n')}`
