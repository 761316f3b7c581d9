/** The store in memory, for simulators only: the same contract as PostgreSQL, nothing survives the process. Thousands live in one process. */
import { randomBytes } from 'node:crypto'
import { expired } from '../errors.ts'
import { overwritten } from '../past.ts'
import { checkTransaction, isSameRow, keyId } from '../row.ts'
import type { Change, Committed, News, Row, Store, Transaction } from '../store.ts'
import { memoryLeases, type MemoryLeases } from './leases.ts'
import { memorySealed } from './sealed.ts'

export interface MemoryOptions {
  /** Milliseconds; what leases expire by. */
  readonly now?: () => number
  /** How many changes the log keeps at least; twice as many at most. */
  readonly keep?: number
  /** What another store held: a copy is restored. */
  readonly from?: Awaited<ReturnType<Store['snapshot']>>
}

/** Nobody else writes here: whatever the program knows, all know. */
const alone = { known: Number.MAX_SAFE_INTEGER, agreed: Number.MAX_SAFE_INTEGER } as const

export function openMemoryStore({ now = Date.now, keep = 1_000, from = { version: 0, rows: [] } }: MemoryOptions = {}): Store {
  const rows = new Map<string, Row>(from.rows.map((row) => [keyId(row), row]))
  const listeners = new Set<(news: News) => void>()
  const leases = memoryLeases(now)
  // Versions have no gaps, so log[i] is the change with version floor + 1 + i.
  let log: Change[] = []
  let floor = from.version
  let { version } = from
  let telling = false
  const tokenKey = randomBytes(32)

  function tell(): void {
    if (telling || listeners.size === 0) return
    telling = true
    queueMicrotask(() => {
      telling = false
      for (const each of listeners) each({ upTo: version })
    })
  }

  function commit(transaction: Transaction): Committed {
    checkTransaction(transaction)
    const verdict = judge(transaction, rows, leases)
    if (verdict !== undefined) return verdict
    const before = version
    const versions = transaction.operations.map(({ key, row }) => {
      const id = keyId(key)
      const current = rows.get(id)
      if (isSameRow(current, row)) return current?.version ?? 0
      version += 1
      const after = row === undefined ? undefined : { ...row, version }
      if (after === undefined) rows.delete(id)
      else rows.set(id, after)
      log.push({ version, key, uid: (after ?? current)!.uid, before: current, after })
      return version
    })
    if (log.length > 2 * keep) {
      log = log.slice(-keep)
      floor = version - keep
    }
    if (version > before) tell()
    return { kind: 'committed', versions }
  }

  const changes = async (after: number, limit: number): Promise<readonly Change[]> => {
    if (after < floor) throw expired(after, floor)
    return log.slice(after - floor, after - floor + limit)
  }

  return {
    // Async, so that a refused transaction rejects and never throws.
    commit: async (transaction) => commit(transaction),
    version: async () => version,
    snapshot: async () => ({ version, rows: [...rows.values()] }),
    changes,
    history: changes,
    async overwritten({ after, upTo, resource, namespace }) {
      if (after < floor) throw expired(after, floor)
      return overwritten(log.slice(after - floor, upTo - floor).filter(({ key }) => key.resource === resource && (namespace === undefined || key.namespace === namespace)))
    },
    tokenKey: async () => tokenKey,
    schema: alone,
    floor: async () => floor,
    onChange(each) {
      listeners.add(each)
      return () => void listeners.delete(each)
    },
    leases,
    sealed: memorySealed(),
    audit: undefined,
    async close() {
      listeners.clear()
    },
  }
}

function judge({ operations, fence }: Transaction, rows: ReadonlyMap<string, Row>, leases: MemoryLeases): Committed | undefined {
  if (fence !== undefined && !leases.isHeld(fence)) return { kind: 'fenced' }
  for (const { key, expect } of operations) {
    const current = rows.get(keyId(key))
    if ((current?.version ?? 'absent') !== expect) return { kind: 'conflict', key, current }
  }
  return undefined
}

