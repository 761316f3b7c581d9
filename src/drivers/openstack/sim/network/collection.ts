/** What all Neutron collections share: attribute filters, `fields`, paging in the order of ids, tags, attribute checks. */
import { type Call, type Json, type Reply, mayWrite } from '../core/call.ts'
import type { Row, Table } from '../core/table.ts'
import { type World, joined, nextPage } from '../core/world.ts'
import * as errors from './errors.ts'

const control = new Set(['limit', 'marker', 'page_reverse', 'sort_key', 'sort_dir', 'fields', 'tags', 'tags-any', 'not-tags', 'not-tags-any'])

type View<R> = (row: R, call: Call) => Record<string, Json>

const tagsMatch = (query: URLSearchParams, tags: readonly string[]): boolean => {
  const list = (name: string): string[] | undefined => query.get(name)?.split(',')
  const all = list('tags')
  const any = list('tags-any')
  const notAll = list('not-tags')
  const notAny = list('not-tags-any')
  return (all === undefined || all.every((t) => tags.includes(t))) && (any === undefined || any.some((t) => tags.includes(t)))
    && (notAll === undefined || !notAll.every((t) => tags.includes(t))) && (notAny === undefined || !notAny.some((t) => tags.includes(t)))
}

const equals = (value: Json, wanted: string): boolean => {
  if (typeof value === 'boolean') return value === (wanted.toLowerCase() === 'true' || wanted === '1')
  if (Array.isArray(value)) return value.includes(wanted)
  return value === null || value === undefined ? wanted === '' || wanted === 'null' || wanted === 'None' : String(value) === wanted
}

const fixedIpsMatch = (fixed: readonly Json[], wanted: readonly string[]): boolean => wanted.some((w) => {
  const at = w.indexOf('=')
  const [key, value] = [w.slice(0, at), w.slice(at + 1)]
  return fixed.some((f) => (key === 'ip_address_substr' ? String(f.ip_address).includes(value) : f[key] === value))
})

const pick = (view: Record<string, Json>, fields: readonly string[]): Record<string, Json> => Object.fromEntries(Object.entries(view).filter(([key]) => fields.includes(key)))

export const listing = <R extends Row>(world: World, call: Call, table: Table<R>, rows: readonly R[], plural: string, singular: keyof typeof errors.notFound, view: View<R>): Reply => {
  const { query } = call
  let chosen = rows
  let plain = true
  const filters = [...new Set(query.keys())].filter((key) => !control.has(key))
  if (filters.length > 0 || query.has('tags') || query.has('tags-any') || query.has('not-tags') || query.has('not-tags-any')) {
    const wanted = filters.map((key) => [key, query.getAll(key)] as const)
    chosen = chosen.filter((row) => {
      const v = view(row, call)
      return tagsMatch(query, (v['tags'] as string[] | undefined) ?? []) && wanted.every(([key, values]) => (key === 'fixed_ips' ? fixedIpsMatch(v['fixed_ips'] as Json[], values) : !(key in v) || values.some((w) => equals(v[key], w))))
    })
  }
  const limitText = query.get('limit')
  const sortKeys = query.getAll('sort_key')
  if (limitText !== null || query.has('marker') || sortKeys.length > 0) {
    const directions = query.getAll('sort_dir')
    const keys = sortKeys.length > 0 ? sortKeys : ['id']
    chosen = [...chosen].sort((a, b) => {
      for (const [i, key] of keys.entries()) {
        const [x, y] = key === 'id' ? [a.id, b.id] : [String(view(a, call)[key] ?? ''), String(view(b, call)[key] ?? '')]
        if (x !== y) return (x < y ? -1 : 1) * (directions[i] === 'desc' ? -1 : 1)
      }
      return a.id < b.id ? -1 : 1
    })
  }
  const marker = query.get('marker')
  if (marker !== null) {
    const at = chosen.findIndex((row) => row.id === marker)
    if (at < 0 || world.faults.strike(call, 'lost-marker') !== undefined) throw (errors.notFound[singular] as (id: string) => Error)(marker)
    chosen = chosen.slice(at + 1)
  }
  let links = ''
  if (limitText !== null) {
    if (!/^\d+$/.test(limitText)) throw errors.badRequest(`Limit must be an integer 0 or greater and not '${limitText}'`)
    const limit = Number(limitText)
    if (limit > 0 && chosen.length >= limit) {
      chosen = chosen.slice(0, limit)
      const next = { rel: 'next', href: nextPage(`${call.base}/network${call.path}`, call, chosen[chosen.length - 1]!.id, limit) }
      links = `,${JSON.stringify(`${plural}_links`)}:${JSON.stringify(marker === null ? [next] : [next, { rel: 'previous', href: `${call.base}/network${call.path}?limit=${limit}&marker=${chosen[0]!.id}&page_reverse=True` }])}`
    }
  }
  const fields = query.getAll('fields')
  if (fields.length > 0) plain = false
  const admin = call.token.roles.includes('admin') ? 'admin' : 'user'
  const texts = chosen.map((row) => (plain ? table.text(row, admin, () => view(row, call)) : JSON.stringify(pick(view(row, call), fields))))
  return { status: 200, body: `{"${plural}":${joined(texts)}${links}}` }
}

export const shown = <R extends Row>(call: Call, table: Table<R>, row: R, singular: string, view: View<R>, status = 200): Reply => {
  const fields = call.query.getAll('fields')
  if (fields.length > 0) return { status, body: { [singular]: pick(view(row, call), fields) } }
  return { status, body: `{"${singular}":${table.text(row, call.token.roles.includes('admin') ? 'admin' : 'user', () => view(row, call))}}` }
}

/** The attributes of a create or update; refuses unknown ones. */
export const attributes = (call: Call, singular: string, allowed: readonly string[], fixed: readonly string[] = []): Record<string, Json> => {
  if (!mayWrite(call)) throw errors.policy(`${call.method === 'POST' ? 'create' : 'update'}_${singular}`)
  const given = call.body?.[singular]
  if (given === null || typeof given !== 'object') throw errors.badRequest(`Unable to find '${singular}' in request body`)
  const stranger = Object.keys(given as object).filter((key) => !allowed.includes(key) && !fixed.includes(key) && key !== 'tenant_id' && key !== 'project_id')
  if (stranger.length > 0) throw errors.unrecognized(stranger)
  if (call.method === 'PUT') {
    const frozen = Object.keys(given as object).find((key) => fixed.includes(key))
    if (frozen !== undefined) throw errors.readOnly(frozen)
  }
  for (const key of ['name', 'description']) if (key in given && (typeof given[key] !== 'string' || given[key].length > 255)) throw errors.badRequest(`Invalid input for ${key}. Reason: '${given[key]}' exceeds maximum length of 255.`)
  const project = given.project_id ?? given.tenant_id
  if (call.method === 'POST' && typeof project === 'string' && project !== call.token.projectId && !call.token.roles.includes('admin')) throw errors.policy(`create_${singular}`)
  return given as Record<string, Json>
}

export const projectFor = (call: Call, given: Record<string, Json>): string => (call.token.roles.includes('admin') ? ((given['project_id'] ?? given['tenant_id'] ?? call.token.projectId) as string) : call.token.projectId)

export const checkQuota = <R extends Row>(world: World, project: string, table: Table<R>, resource: string): void => {
  const limit = world.quota(project, resource)
  if (limit >= 0 && table.count(project) >= limit) throw errors.overQuota(resource)
}

/** Neutron's times have whole seconds. */
export const time = (iso: string): string => `${iso.slice(0, 19)}Z`
export const stamps = (row: Row): Record<string, Json> => ({ created_at: time(row.createdAt), updated_at: time(row.updatedAt ?? row.createdAt), revision_number: row.revision ?? 1 })
export const owner = (row: Row): Record<string, Json> => ({ tenant_id: row.project, project_id: row.project })

/** What is ours, what `others` share with us, or (administrators) everything. */
export const visible = <R extends Row>(world: World, call: Call, table: Table<R>, others: (project: string) => readonly R[] = () => []): readonly R[] => {
  if (call.token.roles.includes('admin') && !call.blind) return [...table.all()]
  const own = world.seen(call, table)
  if (call.blind) return own
  const project = call.token.projectId
  return [...own, ...others(project).filter((row) => row.project !== project)]
}
