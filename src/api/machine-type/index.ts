/** MachineType: a flavor of a site, as seen; nobody writes it but the site. */
import { z } from 'zod'
import { defineKind, type Resource } from '../meta/index.ts'

export interface MachineTypeSpec {
  readonly site: string; readonly flavor: string; readonly flavorId: string
  readonly cpus: number; readonly memoryMiB: number; readonly diskGiB: number
  readonly gpu?: { readonly name: string; readonly count: number }
}
export type MachineType = Resource<MachineTypeSpec, never>

export const MachineType = defineKind<MachineType>({
  group: 'skerry.dev', version: 'v1alpha1', kind: 'MachineType', plural: 'machinetypes', singular: 'machinetype', shortNames: ['mt'], categories: ['skerry'],
  namespaced: false, home: 'site', writers: { spec: 'site', status: 'site' },
  description: 'A flavor of a site, as it was seen there. Clusters and pools name it by its flavor.',
  spec: z.object({
    site: z.string(), flavor: z.string(), flavorId: z.string(), cpus: z.int(), memoryMiB: z.int(),
    diskGiB: z.int().meta({ description: '0: machines boot from a root volume.' }),
    gpu: z.object({ name: z.string(), count: z.int() }).optional(),
  }),
  columns: [
    { name: 'Site', type: 'string', jsonPath: '.spec.site' },
    { name: 'Flavor', type: 'string', jsonPath: '.spec.flavor' },
    { name: 'CPUs', type: 'integer', jsonPath: '.spec.cpus' },
    { name: 'Memory MiB', type: 'integer', jsonPath: '.spec.memoryMiB' },
    { name: 'Disk GiB', type: 'integer', jsonPath: '.spec.diskGiB' },
  ],
  selectableFields: ['spec.site', 'spec.flavor'],
})
