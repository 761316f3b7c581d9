/** Faults to order: which calls, how often, what goes wrong. Each has the number of times it has struck. */
import type { Call, ServiceName } from './core/call.ts'

export type FaultKind =
  /** An error instead of an effect: 500, 502, 503, 429 with Retry-After, 401. */
  | { readonly kind: 'status'; readonly status: number; readonly message?: string; readonly retryAfter?: number }
  | { readonly kind: 'reset'; readonly when: 'before' | 'after' }
  /** Accepts, does it, never answers. */
  | { readonly kind: 'silence-after-success' }
  /** Never answers; the effect comes this much later (up to 45 s). */
  | { readonly kind: 'late-effect'; readonly afterMs: number }
  | { readonly kind: 'slow'; readonly ms: number }
  /** Reaches the cloud only when the fault is removed, whatever became of the caller: a process that was stopped while it sent. */
  | { readonly kind: 'held' }
  /** Lists answer what was there when the fault was added. */
  | { readonly kind: 'stale-list' }
  /** Lists at 2.1–2.68 leave its servers out with 200, later ones show them UNKNOWN; a GET below 2.69 is a 500. */
  | { readonly kind: 'unreachable-cell'; readonly cell?: 'cell1' | 'cell2' | 'all' }
  /** Lists 200 and empty, 404 by id, 403 for changes. */
  | { readonly kind: 'role-removed' }
  /** The token counts for another project (by name). */
  | { readonly kind: 'wrong-project'; readonly as: string }
  /** The next page's marker is gone. */
  | { readonly kind: 'lost-marker' }
  /** At a call that changes a load balancer. */
  | { readonly kind: 'load-balancer-error' }
  | { readonly kind: 'load-balancer-sticks' }
  /** At DELETE of a load balancer of provider ovn: the port of its health monitors stays. */
  | { readonly kind: 'monitor-port-stays' }
  /** At POST /servers. */
  | { readonly kind: 'guest-hangs' }
  | { readonly kind: 'no-valid-host' }
  | { readonly kind: 'server-error'; readonly message?: string }
  /** At DELETE /servers/:id, as with reclaim_instance_interval. */
  | { readonly kind: 'soft-delete' }
  /** At DELETE /servers/:id or forceDelete. Stays in task_state deleting; ends in ERROR with nothing of it freed; goes, and port and volume still name it. */
  | { readonly kind: 'delete-sticks' }
  | { readonly kind: 'delete-fails' }
  | { readonly kind: 'delete-leaves' }
  /** At POST /volumes or DELETE: ends in error or error_deleting. */
  | { readonly kind: 'volume-error' }

export type Fault = FaultKind & {
  readonly service?: ServiceName
  readonly method?: string
  /** Regular expression over the path below the service's prefix, e.g. `/servers$`. */
  readonly path?: string
  /** Only calls of this project (name). */
  readonly project?: string
  /** After so many it is spent; unlimited when absent. */
  readonly times?: number
  readonly probability?: number
}

export interface FaultHandle {
  readonly id: string
  remove(): void
  readonly struck: number
}

export interface Standing { readonly id: string; readonly fault: Fault; readonly path: RegExp | undefined; struck: number; readonly memory: Map<string, unknown>; /** Resolves when the fault is removed. */ readonly removed: Promise<void>; readonly release: () => void }

export interface Faults {
  add(fault: Fault): FaultHandle
  list(): readonly { readonly id: string; readonly fault: Fault; readonly struck: number }[]
  remove(id: string): boolean
  clear(): void
  /** The first fault of these kinds that strikes this call; it is counted. */
  strike<K extends Fault['kind']>(call: Call, ...kinds: readonly K[]): (Standing & { readonly fault: Extract<Fault, { kind: K }> }) | undefined
}

const released = (): Pick<Standing, 'removed' | 'release'> => {
  const { promise, resolve } = Promise.withResolvers<void>()
  return { removed: promise, release: resolve }
}

export const faults = (random: () => number, projectName: (id: string) => string | undefined, added: (standing: Standing) => void): Faults => {
  const standing = new Map<string, Standing>()
  let serial = 0
  const remove = (id: string): boolean => {
    standing.get(id)?.release()
    return standing.delete(id)
  }
  const matches = (s: Standing, call: Call): boolean => {
    const f = s.fault
    if (f.times !== undefined && s.struck >= f.times) return false
    if (f.service !== undefined && f.service !== call.service) return false
    if (f.method !== undefined && f.method !== call.method) return false
    if (s.path !== undefined && !s.path.test(call.path)) return false
    if (f.project !== undefined && projectName(call.token.projectId) !== f.project) return false
    return f.probability === undefined || random() < f.probability
  }
  return {
    add(fault) {
      const id = `fault-${++serial}`
      const s: Standing = { id, fault, path: fault.path === undefined ? undefined : new RegExp(fault.path), struck: 0, memory: new Map(), ...released() }
      standing.set(id, s)
      added(s)
      return { id, remove() { remove(id) }, get struck() { return s.struck } }
    },
    list: () => [...standing.values()].map(({ id, fault, struck }) => ({ id, fault, struck })),
    remove,
    clear() { for (const id of standing.keys()) remove(id) },
    strike(call, ...kinds) {
      if (standing.size === 0) return undefined
      for (const s of standing.values()) {
        if ((kinds as readonly string[]).includes(s.fault.kind) && matches(s, call)) {
          s.struck++
          return s as never
        }
      }
      return undefined
    },
  }
}
