/** Project: who works together. Served as a Namespace too (rule A6). */
import { z } from 'zod'
import { defineKind, type Condition, type Resource } from '../meta/index.ts'
import { conditionsSchema } from '../meta/schema.ts'

export interface ProjectSpec { readonly displayName?: string }
export interface ProjectStatus { readonly conditions?: readonly Condition[]; readonly phase?: string }
export type Project = Resource<ProjectSpec, ProjectStatus>

export const Project = defineKind<Project>({
  group: 'skerry.dev', version: 'v1alpha1', kind: 'Project', plural: 'projects', singular: 'project', shortNames: ['proj'], categories: ['skerry'],
  namespaced: false, home: 'hub', writers: { spec: 'user', status: 'hub' },
  description: 'Who works together: the namespace of clusters, and one OpenStack project for each site.',
  spec: z.object({ displayName: z.string().max(100).optional().meta({ description: 'Shown to people instead of the name.' }) }),
  status: z.object({ conditions: conditionsSchema, phase: z.string().optional() }),
  validate: (project) => (project.metadata.name === 'default' ? [{ field: 'metadata.name', reason: 'FieldValueForbidden', message: 'default holds the Events of what is in no project; nobody works there' }] : []),
  columns: [{ name: 'Display name', type: 'string', jsonPath: '.spec.displayName' }],
})
