/** Leases by the database's clock, on a connection of their own: a renewal never waits behind other work. SQL: migrations/0003_lease.sql. */
import type { Leases } from '../store.ts'
import type { Session } from './session.ts'

export const leasesOn = (session: Session): Leases => ({
  async acquire(slot, holder, ttlMs) {
    if (holder === '') throw new TypeError('a holder has a name')
    const { rows } = await session.query<{ epoch: number | null; taken_by: string | null; previous_ttl_ms: number }>({
      name: 'lease_acquire', text: 'select * from lease_acquire($1, $2, $3)', values: [slot, holder, ttlMs],
    })
    const { epoch, taken_by: takenBy, previous_ttl_ms: previousTtlMs } = rows[0]!
    if (epoch === null) return { kind: 'taken', holder: takenBy! }
    // Nobody held it before the first: nothing is left, and nothing is over.
    return { kind: 'held', lease: { slot, holder, epoch }, previousTtlMs: epoch === 1 ? 0 : previousTtlMs }
  },
  async renew({ slot, holder, epoch }, ttlMs) {
    const { rowCount } = await session.query({
      name: 'lease_renew',
      text: `update lease set until = clock_timestamp() + $4 * interval '1 ms' where slot = $1 and holder = $2 and epoch = $3 and until > clock_timestamp()`,
      values: [slot, holder, epoch, ttlMs],
    })
    return rowCount === 1
  },
  async release({ slot, holder, epoch }, leftMs) {
    await session.query({
      name: 'lease_release',
      text: `update lease set holder = '', until = clock_timestamp() + $4 * interval '1 ms' where slot = $1 and holder = $2 and epoch = $3`,
      values: [slot, holder, epoch, leftMs],
    })
  },
  async end(slot, place) {
    await session.query({
      name: 'lease_end',
      text: `update lease set holder = '', until = least(until, clock_timestamp()) where slot = $1 and starts_with(holder, $2)`,
      values: [slot, place],
    })
  },
})
