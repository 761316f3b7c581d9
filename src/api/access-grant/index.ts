/** AccessGrant and ClusterAccessGrant: who has which role, in a project or over the whole installation. What a role may do: `src/rules/roles.ts`. */
import { z } from 'zod'
import { defineKind, type FieldError, type Resource } from '../meta/index.ts'

export const projectRoles = ['viewer', 'editor', 'owner'] as const
export type ProjectRole = (typeof projectRoles)[number]
export const clusterRoles = ['auditor', 'operator', 'administrator'] as const
export type ClusterRole = (typeof clusterRoles)[number]

export interface Subject { readonly kind: 'User' | 'Group'; readonly name: string }
export type AccessGrant = Resource<{ readonly role: ProjectRole; readonly subjects: readonly Subject[] }>
export type ClusterAccessGrant = Resource<{ readonly role: ClusterRole; readonly subjects: readonly Subject[] }>

/** What the platform calls its own parts, and what everybody is in. */
export const isReservedName = (name: string): boolean => /^(system|skerry):/.test(name)

const subjects = z.array(z.object({
  kind: z.enum(['User', 'Group']),
  name: z.string().min(1).max(128).regex(/^[!-~]+$/).meta({ description: 'As the certificate says it: the user in its common name, groups in its organizations.' }),
})).min(1).max(200).meta({ description: 'Who has the role.', 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['kind', 'name'] })

const validate = (grant: AccessGrant | ClusterAccessGrant): readonly FieldError[] => grant.spec.subjects.flatMap((s, i): readonly FieldError[] =>
  (isReservedName(s.name) ? [{ field: `spec.subjects[${i}].name`, reason: 'FieldValueForbidden', message: `${s.name} is one of the platform's own names` }] : []))

const common = {
  group: 'skerry.dev', version: 'v1alpha1', categories: ['skerry'], home: 'hub', writers: { spec: 'user', status: 'hub' }, validate,
  columns: [
    { name: 'Role', type: 'string', jsonPath: '.spec.role' },
    { name: 'First subject', type: 'string', jsonPath: '.spec.subjects[0].name' },
  ],
} as const

export const AccessGrant = defineKind<AccessGrant>({
  ...common, kind: 'AccessGrant', plural: 'accessgrants', singular: 'accessgrant', shortNames: ['grant'], namespaced: true,
  description: 'Who has which role in a project.',
  spec: z.object({ role: z.enum(projectRoles).meta({ description: 'viewer reads. editor also changes clusters and gets into them. owner also exports keys and gives access.' }), subjects }),
})

export const ClusterAccessGrant = defineKind<ClusterAccessGrant>({
  ...common, kind: 'ClusterAccessGrant', plural: 'clusteraccessgrants', singular: 'clusteraccessgrant', shortNames: ['cgrant'], namespaced: false,
  description: 'Who has which role over the whole installation.',
  spec: z.object({ role: z.enum(clusterRoles).meta({ description: 'auditor reads everything. operator runs sites, releases and projects. administrator may do everything.' }), subjects }),
})
