/**
 * Records of what wrote nothing (rule S12): log-ins, denials, failures, reads that matter. Each is written before its answer, in a
 * transaction of its own. Writes carry theirs in their transaction (`commit.ts`). A store without an audit keeps none of either.
 */
import type { IncomingMessage } from 'node:http'
import type { Log } from '../../store/log.ts'
import type { Store } from '../../store/store.ts'
import type { AuditRecord } from '../../api/audit/index.ts'
import type { RequestInfo } from '../request.ts'
import type { Served } from '../served.ts'
import type { Failure } from '../status.ts'
import { levelOf } from './levels.ts'
import { ownRecord, type Asker } from './record.ts'
import { openRepeats } from './repeats.ts'

export interface Trail {
  /** On the first request of a connection. Throws when it cannot be written. */
  login(a: Asker, request: IncomingMessage): Promise<void>
  /** What was refused or went wrong; never throws: the answer is no all the same. */
  failed(a: Asker, r: RequestInfo | undefined, status: Pick<Failure, 'code' | 'reason' | 'message'>): Promise<void>
  /** What gives or takes credentials, or reads the audit. Throws when it cannot be written: then it is not answered. */
  told(a: Asker, r: RequestInfo, code: number, more?: { readonly note?: string | undefined; readonly uid?: string }): Promise<void>
  /** Another page of what was told: the first in a while at once, then counted. Throws as `told`. */
  paged(a: Asker, r: RequestInfo): Promise<void>
  close(): Promise<void>
}

export interface TrailOptions {
  readonly store: Store
  readonly served: ReadonlyMap<string, Served>
  readonly subresources: Readonly<Record<string, unknown>>
  readonly log: Log
  readonly now: () => Date
  /** How long repeats are counted before they are told. */
  readonly windowMs: number
}

/** Log-ins are told together for longer: every call of kubectl is one. */
const loginWindows = 10

const nothing: Trail = { login: async () => {}, failed: async () => {}, told: async () => {}, paged: async () => {}, close: async () => {} }

/** HTTP/2 gives each request a socket of its own making; its session is the connection. */
const connectionOf = (request: IncomingMessage): object => (request as { stream?: { session?: object } }).stream?.session ?? request.socket

const verbOf = (r: RequestInfo): string => (r.verb !== 'nonresource' ? r.verb : r.method === 'HEAD' ? 'get' : r.method.toLowerCase())

export const openTrail = ({ store, served, subresources, log, now, windowMs }: TrailOptions): Trail => {
  if (store.audit === undefined) return nothing
  const write = async (record: AuditRecord): Promise<void> => void (await store.commit({ operations: [], audit: JSON.stringify(record) }))
  const repeats = openRepeats({ write, windowMs, log })
  const logins = openRepeats({ write, windowMs: windowMs * loginWindows, log })
  /** Who asked on a connection before. */
  const known = new WeakMap<object, Set<string>>()

  const levelFor = (a: Asker, r: RequestInfo, code: number): ReturnType<typeof levelOf> => {
    const isSealed = subresources[`${r.resource}/${r.subresource}`] !== undefined
    const isLoose = served.get(`${r.group}/${r.version}/${r.resource}`)?.isLoose ?? false
    return levelOf({ writer: a.identity?.writer, verb: verbOf(r), resource: r.resource, subresource: r.subresource, isSealed, isLoose, isDryRun: r.query.getAll('dryRun').includes('All'), code })
  }
  const actorOf = (a: Asker): string => a.identity?.user ?? `from ${a.source}`

  return {
    async login(a, request) {
      const connection = connectionOf(request)
      const users = known.get(connection) ?? new Set<string>()
      known.set(connection, users)
      const user = actorOf(a)
      if (users.has(user)) return
      users.add(user)
      const record = ownRecord(a, undefined, now(), 'login', { code: 200 })
      try { await logins.tell(`login ${a.source}`, user, record) } catch (error) {
        users.delete(user)
        throw error
      }
    },
    async failed(a, r, status) {
      // What cannot even be read asks for nothing.
      if (r === undefined || levelFor(a, r, status.code) === 'None') return
      const record = ownRecord(a, r, now(), verbOf(r), status)
      const what = [verbOf(r), r.verb === 'nonresource' ? r.path : '', r.group, r.resource, r.subresource, r.namespace, r.name].join(' ')
      try { await repeats.tell(`${status.code} ${status.reason ?? ''} ${what}`, actorOf(a), record) } catch (error) {
        log.warn({ error: String(error), auditID: a.requestId, code: status.code }, 'a refusal is not in the audit')
      }
    },
    told: (a, r, code, more) => write(ownRecord(a, r, now(), verbOf(r), { code }, more)),
    paged: (a, r) => repeats.tell(`page ${r.group} ${r.resource}`, actorOf(a), ownRecord(a, r, now(), verbOf(r), { code: 200 }, { note: 'a further page' })),
    close: async () => void (await Promise.all([repeats.close(), logins.close()])),
  }
}
