/** What a running simulated cloud offers besides its HTTP APIs. */
import type { Stats } from './core/http.ts'
import type { Faults } from './faults.ts'
import type { SeedImage } from './image/index.ts'
import type { QuotaOptions } from './options.ts'

/** Ids by kind of object. What the cloud makes for itself (default groups, metadata and gateway ports) is left out, so an emptied project counts nothing. */
export interface Inventory {
  readonly counts: Readonly<Record<string, number>>
  readonly ids: Readonly<Record<string, readonly string[]>>
}

export interface OpenStackSim {
  /** `http://host:port`; services are below /identity, /compute and so on. */
  readonly url: string
  /** What a client is given: `<url>/identity/v3`. */
  readonly authUrl: string
  readonly region: string
  /** Of one project (by name), or of all. */
  inventory(project?: string): Inventory
  readonly faults: Faults
  /** What the guests tell tests; `GuestFactory.facts`. */
  guestFacts(): unknown
  /** A public image that is there from the start. */
  seedImage(image: SeedImage): { readonly id: string }
  readonly stats: Stats
  projectId(name: string): string
  /** Changes a project's limits; what is there already stays. */
  setQuota(project: string, quota: QuotaOptions): void
  /** Every token made so far is 401 from now on. */
  revokeTokens(): void
  /** Lines of a server's console. */
  console(serverId: string): readonly string[]
  /** Open loopback listeners, and what went wrong opening them. */
  readonly listeners: { readonly open: number }
  close(): Promise<void>
}
