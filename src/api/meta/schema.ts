/** Schema pieces that several kinds use. */
import { z } from 'zod'

export const conditionSchema = z.object({
  type: z.string(),
  status: z.enum(['True', 'False', 'Unknown']),
  reason: z.string().meta({ description: 'One word from a closed list; see docs/reference.' }),
  message: z.string().meta({ description: 'What is being waited for, on which object, and what to do.' }),
  fault: z.enum(['User', 'Cloud', 'Platform']).optional().meta({ description: 'Whose move it is.' }),
  lastTransitionTime: z.string().meta({ description: 'When status last changed.' }),
  observedGeneration: z.int().optional(),
})

export const conditionsSchema = z.array(conditionSchema).optional()
  .meta({ description: 'The state in single statements.', 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['type'] })

/** Hashes of the inputs that each controller saw last (rule E4). */
export const observedSchema = z.record(z.string(), z.string()).optional().meta({ description: 'For each controller, the hash of the inputs it acted on last.' })

export const intentsSchema = z.record(z.string(), z.string()).optional().meta({ description: 'Creating calls whose answer is not recorded yet, and when they began (rule E3).' })

export const labelsSchema = z.record(z.string(), z.string())

/** IPv4 in CIDR form. The API is IPv4 only for now. */
export const cidrSchema = z.string().regex(/^(\d{1,3}\.){3}\d{1,3}\/\d{1,2}$/)

export const taintSchema = z.object({
  key: z.string().min(1),
  value: z.string().optional(),
  effect: z.enum(['NoSchedule', 'PreferNoSchedule', 'NoExecute']),
})

export const rootVolumeSchema = z.object({
  type: z.string().optional().meta({ description: 'Volume type of the site; its default when absent.' }),
  sizeGiB: z.int().min(10).max(4096).default(40),
}).meta({ description: 'The root volume. Used when the machine type has no disk of its own.' })
