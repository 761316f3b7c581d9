/** Rows and changes as the SQL answers them, turned into the port's. */
import type { Change, Earlier, Row } from '../store.ts'

export interface SqlRow {
  readonly resource: string
  readonly namespace: string
  readonly name: string
  readonly uid: string
  readonly version: number
  readonly labels: Readonly<Record<string, string>>
  readonly owner_uids: readonly string[]
  readonly finalizers: readonly string[]
  readonly deleting: boolean
  readonly body: string
}

export const rowColumns = 'resource, namespace, name, uid, version, labels, owner_uids, finalizers, deleting, body'

export const rowOf = (sql: SqlRow): Row => ({
  resource: sql.resource, namespace: sql.namespace, name: sql.name, uid: sql.uid, version: sql.version, labels: sql.labels,
  ownerUids: sql.owner_uids, finalizers: sql.finalizers, deleting: sql.deleting, body: sql.body,
})

/**
 * The log after $1, at most $2, with the objects before; always at least one row, which carries the floor (version null: no change).
 * One statement, one snapshot: a partition is gone only where the floor has passed it.
 */
export const changesSql = `
  select c.floor, c.version as counter, c.epoch, x.* from counter c left join lateral (
    select l.version, l.resource, l.namespace, l.name, l.uid, l.labels, l.owner_uids, l.finalizers, l.deleting, l.body, l.before_version,
      coalesce(l.before_uid, p.uid) as before_uid, coalesce(l.before_labels, p.labels) as before_labels,
      coalesce(l.before_owner_uids, p.owner_uids) as before_owner_uids, coalesce(l.before_finalizers, p.finalizers) as before_finalizers,
      coalesce(l.before_deleting, p.deleting) as before_deleting, coalesce(l.before_body, p.body) as before_body
    from log l left join log p on p.version = l.before_version
    where l.version > $1 order by l.version limit $2
  ) x on true order by x.version`

export interface SqlChange {
  readonly floor: number
  readonly counter: number
  readonly epoch: number
  readonly version: number | null
  readonly resource: string
  readonly namespace: string
  readonly name: string
  readonly uid: string
  readonly labels: Readonly<Record<string, string>>
  readonly owner_uids: readonly string[]
  readonly finalizers: readonly string[]
  readonly deleting: boolean
  readonly body: string | null
  readonly before_version: number | null
  readonly before_uid: string
  readonly before_labels: Readonly<Record<string, string>>
  readonly before_owner_uids: readonly string[]
  readonly before_finalizers: readonly string[]
  readonly before_deleting: boolean
  readonly before_body: string | null
}

export function changeOf(sql: SqlChange & { readonly version: number }): Change {
  const key = { resource: sql.resource, namespace: sql.namespace, name: sql.name }
  if (sql.before_version !== null && sql.before_body === null) throw new Error(`the log has lost the object before version ${sql.version}`)
  const before = sql.before_version === null || sql.before_body === null ? undefined : {
    ...key, uid: sql.before_uid, version: sql.before_version, labels: sql.before_labels, ownerUids: sql.before_owner_uids,
    finalizers: sql.before_finalizers, deleting: sql.before_deleting, body: sql.before_body,
  }
  const after = sql.body === null ? undefined : {
    ...key, uid: sql.uid, version: sql.version, labels: sql.labels, ownerUids: sql.owner_uids,
    finalizers: sql.finalizers, deleting: sql.deleting, body: sql.body,
  }
  return { version: sql.version, key, uid: sql.uid, before, after }
}

/**
 * Of each key of resource $3 (and namespace $4) that changed after $1, up to $2: the object before its first change there. Always at
 * least one row, which carries the floor and the counter (name null: no key).
 */
export const overwrittenSql = `
  select c.floor, c.version as counter, x.* from counter c left join lateral (
    select f.namespace, f.name, l.before_version as version, coalesce(l.before_uid, p.uid) as uid, coalesce(l.before_labels, p.labels) as labels,
      coalesce(l.before_owner_uids, p.owner_uids) as owner_uids, coalesce(l.before_finalizers, p.finalizers) as finalizers,
      coalesce(l.before_deleting, p.deleting) as deleting, coalesce(l.before_body, p.body) as body
    from (
      select k.namespace, k.name, min(k.version) as version from log k
      where k.version > $1 and k.version <= $2 and k.resource = $3 and ($4::text is null or k.namespace = $4)
      group by k.namespace, k.name
    ) f join log l on l.version = f.version left join log p on p.version = l.before_version
  ) x on true`

export interface SqlEarlier {
  readonly floor: number
  readonly counter: number
  readonly namespace: string
  readonly name: string
  /** null: there was no object. */
  readonly version: number | null
  readonly uid: string
  readonly labels: Readonly<Record<string, string>>
  readonly owner_uids: readonly string[]
  readonly finalizers: readonly string[]
  readonly deleting: boolean
  readonly body: string | null
}

export function earlierOf(resource: string, sql: SqlEarlier): Earlier {
  const { namespace, name, version, body } = sql
  const key = { resource, namespace, name }
  if (version === null) return { key, row: undefined }
  if (body === null) throw new Error(`the log has lost version ${version} of ${resource} ${namespace}/${name}`)
  return { key, row: rowOf({ ...sql, resource, version, body }) }
}
