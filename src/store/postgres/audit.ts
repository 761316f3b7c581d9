/** The audit's chain: links, checkpoints, archives. Records are written by the committer. SQL: migrations/0012_audit_chain.sql. */
import type { Audit, AuditFilter, AuditLink } from '../audit.ts'
import type { Log } from '../log.ts'
import { connect, noLimits, type Connection } from './connection.ts'
import type { Session } from './session.ts'

interface SqlLink { readonly position: number; readonly hash: Buffer; readonly version: number | null; readonly record: string | null }
const linkOf = (sql: SqlLink): AuditLink => ({ position: sql.position, hash: sql.hash.toString('hex'), version: sql.version ?? 0, record: sql.record ?? undefined })
// Left: a link whose record is gone is told, not passed over.
const selectLinks = 'select l.position, l.hash, a.version, a.record from audit_link l left join audit a on a.seq = l.seq'

const columns = { user: 'username', verb: 'verb', resource: 'resource', subresource: 'subresource', namespace: 'namespace', name: 'name', denied: 'denied', since: 'at >', until: 'at <' } as const satisfies Record<keyof AuditFilter, string>

/** Conditions with their values; `$1` is the first of them. */
const conditions = (filter: AuditFilter): { readonly sql: readonly string[]; readonly values: readonly (string | boolean)[] } => {
  const given = (Object.keys(columns) as (keyof AuditFilter)[]).filter((key) => filter[key] !== undefined)
  return { sql: given.map((key, i) => `l.${columns[key]}= $${i + 1}`), values: given.map((key) => filter[key]!) }
}

/** `owner`: archives are dropped by the role that owns the schema. */
export const auditOn = (session: Session, owner: Connection, log: Log): Audit => ({
  async seal(most) {
    const { rows } = await session.query<{ linked: number; last: number; head: Buffer }>({ name: 'audit_seal', text: 'select * from audit_seal($1)', values: [most] })
    const { linked, last, head } = rows[0]!
    return { linked, head: { position: last, hash: head.toString('hex') } }
  },
  async find(filter, below, limit) {
    const { sql, values } = conditions(filter)
    const text = `${selectLinks} where ${[...sql, `l.position < $${sql.length + 1}`].join(' and ')} order by l.position desc limit $${sql.length + 2}`
    return (await session.query<SqlLink & Record<string, unknown>>({ text, values: [...values, below, limit] })).rows.map(linkOf)
  },
  async links(after, limit) {
    return (await session.query<SqlLink & Record<string, unknown>>({ name: 'audit_links', text: `${selectLinks} where l.position > $1 order by l.position limit $2`, values: [after, limit] })).rows.map(linkOf)
  },
  async checkpoints(after) {
    return (await session.query<{ position: number; body: string; signature: string }>({ name: 'audit_checkpoints', text: 'select position, body, signature from audit_checkpoint where position > $1 order by position, signature', values: [after] })).rows
  },
  async addCheckpoint({ position, body, signature }) {
    await session.query({ name: 'audit_checkpoint_add', text: 'insert into audit_checkpoint (position, body, signature) values ($1, $2, $3) on conflict do nothing', values: [position, body, signature] })
  },
  async archives() {
    const { rows } = await session.query<{ first: number; last: number; hash: Buffer; file: string }>({ name: 'audit_archives', text: 'select first, last, hash, file from audit_archive order by first' })
    return rows.map(({ first, last, hash, file }) => ({ first, last, hash: hash.toString('hex'), file }))
  },
  async archived({ first, last, hash, file }) {
    const client = await connect({ connection: owner, purpose: 'audit archive', log, limits: noLimits })
    try {
      // The link says which record is the last one; a wrong hash finds none, and nothing is dropped.
      const { rowCount } = await client.query('insert into audit_archive (first, last, last_seq, hash, file) select $1, position, seq, hash, $4 from audit_link where position = $2 and hash = $3', [first, last, Buffer.from(hash, 'hex'), file])
      if (rowCount !== 1) throw new Error(`position ${last} of the audit has another hash than ${hash}`)
      await client.query('delete from audit where seq <= (select max(last_seq) from audit_archive)')
      await client.query('delete from audit_link where position <= $1', [last])
    } finally {
      await client.end()
    }
  },
})
