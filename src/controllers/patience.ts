/** How long a refusal of the cloud is respected (rule O3). */
import type { Ports } from './ports.ts'

/** A quota changes when a person changes it: asked again once a minute, never faster. */
export const quotaPatience = (ports: Ports) => (error: unknown): number | undefined => (ports.errors.isQuota(error) ? 60 : undefined)
