/** What defines a kind: one value from which types, OpenAPI, validation, Table columns, CLI columns and docs are derived. */
import type { z } from 'zod'
import type { Resource } from './object.ts'

/** Who may write a part (rule H2). `user`: people and their tools; `site`: the site's controllers; `hub`: the hub's own. */
export type Writer = 'user' | 'site' | 'hub'

/** Of an object without managedFields and resourceVersion. */
export type Column = ColumnHead & (
  /** A simple JSONPath: `.spec.site`, `.status.conditions[?(@.type=="Ready")].status`. */
  | { readonly jsonPath: string }
  /** What no path can say, as Kubernetes' own kinds need it. Of a kind that is served as a CustomResourceDefinition elsewhere: never. */
  | { readonly value: (object: unknown) => unknown }
)
interface ColumnHead {
  readonly name: string
  readonly type: 'string' | 'integer' | 'boolean' | 'date'
  readonly description?: string
  /** Shown where there is no value. */
  readonly absent?: string
  /** 0 is always shown, 1 with `-o wide`. */
  readonly priority?: 0 | 1
}

/** One thing wrong with one field, as in a Status' details.causes. */
export interface FieldError {
  /** e.g. `spec.controlPlane.replicas` */
  readonly field: string
  readonly reason: 'FieldValueInvalid' | 'FieldValueRequired' | 'FieldValueNotSupported' | 'FieldValueForbidden' | 'FieldValueDuplicate' | 'FieldValueTooLong' | 'FieldValueTooMany' | 'FieldValueTypeInvalid'
  /** Names what was given and what is allowed. */
  readonly message: string
}

export interface Kind<R extends Resource = Resource> {
  readonly group: string
  readonly version: string
  readonly kind: string
  readonly plural: string
  readonly singular: string
  readonly shortNames: readonly string[]
  readonly categories: readonly string[]
  readonly namespaced: boolean
  /** One sentence, shown by `kubectl explain` and in the reference. */
  readonly description: string
  /** Where the kind lives; decides who may write it when hub and site part. */
  readonly home: 'hub' | 'site'
  /** The writer of each part. `spec: 'site'` makes the kind read-only for people, except deletion. */
  readonly writers: { readonly spec: Writer; readonly status: Writer }
  /**
   * zod objects of spec and status, authored with `.meta({description})` and `.default()`. List types stand in meta:
   * `.meta({'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['type']})` (default atomic).
   */
  readonly spec: z.ZodType
  readonly status?: z.ZodType
  readonly columns: readonly Column[]
  /** Checks that a schema cannot express, and what may not change. Runs after the schema passed; `old` on updates. */
  readonly validate?: (object: R, old?: R) => readonly FieldError[]
  /** `/scale`, where there is one. */
  readonly scale?: { readonly specReplicasPath: string; readonly statusReplicasPath: string; readonly labelSelectorPath?: string }
  /** Finalizers that the server sets in the creating transaction (rule H1). */
  readonly finalizers?: readonly string[]
  /** Fields whose values are in no audit record, such as `spec.token` or `spec.users.*.password` (rule S12). */
  readonly secretFields?: readonly string[]
  /** Fields of a get/list that `fieldSelector` accepts beyond metadata.name and metadata.namespace, e.g. `spec.cluster`. */
  readonly selectableFields?: readonly string[]
  /** Never sent; carries R. */
  readonly $resource?: R
}

export type ResourceOf<K> = K extends Kind<infer R> ? R : never

/** `apps/v1` or `v1`. */
export const apiVersionOf = (k: Pick<Kind, 'group' | 'version'>): string => (k.group === '' ? k.version : `${k.group}/${k.version}`)
/** `clusters.skerry.dev`, or `namespaces`: names a kind in the store, in metrics and on the command line. */
export const resourceName = (k: Pick<Kind, 'group' | 'plural'>): string => (k.group === '' ? k.plural : `${k.plural}.${k.group}`)

export const defineKind = <R extends Resource>(k: Kind<R>): Kind<R> => k
