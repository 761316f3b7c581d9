/** Leases in memory, by the clock that was given. The same answers as PostgreSQL's (postgres/leases.ts). */
import type { Leases } from '../store.ts'

export interface MemoryLeases extends Leases {
  isHeld(fence: { readonly slot: string; readonly epoch: number }): boolean
}

export function memoryLeases(now: () => number): MemoryLeases {
  // A released slot keeps its epoch and its end and loses its holder.
  const slots = new Map<string, { readonly holder: string; readonly epoch: number; readonly until: number }>()
  const holds = (slot: string, epoch: number): boolean => {
    const held = slots.get(slot)
    return held !== undefined && held.holder !== '' && held.epoch === epoch
  }
  return {
    async acquire(slot, holder, ttlMs) {
      const at = now()
      const held = slots.get(slot)
      const left = (held?.until ?? at) - at
      const ours = held?.holder === holder && left > 0
      if (held !== undefined && held.holder !== '' && left > 0 && !ours) return { kind: 'taken', holder: held.holder }
      const epoch = (held?.epoch ?? 0) + (ours ? 0 : 1)
      slots.set(slot, { holder, epoch, until: at + ttlMs })
      return { kind: 'held', lease: { slot, holder, epoch }, previousTtlMs: ours ? 0 : left }
    },
    async renew({ slot, holder, epoch }, ttlMs) {
      const held = slots.get(slot)
      if (held === undefined || held.holder !== holder || held.epoch !== epoch || held.until <= now()) return false
      slots.set(slot, { holder, epoch, until: now() + ttlMs })
      return true
    },
    async release({ slot, holder, epoch }, leftMs) {
      const held = slots.get(slot)
      if (held?.holder === holder && held.epoch === epoch) slots.set(slot, { epoch, holder: '', until: now() + leftMs })
    },
    async end(slot, place) {
      const held = slots.get(slot)
      if (held?.holder.startsWith(place) === true) slots.set(slot, { ...held, holder: '', until: Math.min(held.until, now()) })
    },
    isHeld: ({ slot, epoch }) => holds(slot, epoch),
  }
}
