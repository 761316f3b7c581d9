/** What Octavia's collections share: filters, paging, bodies, quota. */
import { type Call, type Json, type Reply, mayWrite } from '../core/call.ts'
import type { Row, Table } from '../core/table.ts'
import { type World, nextPage, page } from '../core/world.ts'
import * as errors from './errors.ts'

const control = new Set(['limit', 'marker', 'sort', 'fields', 'page_reverse', 'tags', 'tags-any', 'not-tags', 'not-tags-any'])

export const listingOf = <R extends Row>(world: World, call: Call, rows: readonly R[], plural: string, view: (row: R) => Record<string, Json>): Reply => {
  const { query } = call
  const filters = [...new Set(query.keys())].filter((k) => !control.has(k))
  let chosen = rows
  if (filters.length > 0 || query.has('tags') || query.has('tags-any')) {
    const tags = query.get('tags')?.split(',')
    const any = query.get('tags-any')?.split(',')
    chosen = rows.filter((row) => {
      const v = view(row)
      const own = (v['tags'] ?? []) as string[]
      return (tags === undefined || tags.every((t) => own.includes(t))) && (any === undefined || any.some((t) => own.includes(t)))
        && filters.every((k) => {
          if (k === 'loadbalancer_id' || k === 'load_balancer_id') return (v['loadbalancers'] as { id: string }[] | undefined)?.some((x) => x.id === query.get(k)) === true
          if (k === 'listener_id') return (v['listeners'] as { id: string }[] | undefined)?.some((x) => x.id === query.get(k)) === true
          if (k === 'pool_id') return (v['pools'] as { id: string }[] | undefined)?.some((x) => x.id === query.get(k)) === true
          return !(k in v) || query.getAll(k).includes(String(v[k])) || (typeof v[k] === 'boolean' && query.get(k)?.toLowerCase() === String(v[k]))
        })
    })
  }
  if (query.has('limit') || query.has('marker')) chosen = [...chosen].sort((a, b) => (a.createdAt !== b.createdAt ? (a.createdAt < b.createdAt ? -1 : 1) : a.id < b.id ? -1 : 1))
  const p = page(world, call, chosen, { marker: errors.marker, limit: errors.limit })
  const links = p.more && p.rows.length < chosen.length && (query.has('limit') || chosen.length > world.settings.maxLimit) ? [{ rel: 'next', href: nextPage(`${call.base}/load-balancer${call.path}`, call, p.rows.at(-1)!.id, p.limit) }] : []
  return { status: 200, body: { [plural]: p.rows.map(view), [`${plural}_links`]: links } }
}

export const listing = <R extends Row>(world: World, call: Call, table: Table<R>, plural: string, view: (row: R) => Record<string, Json>): Reply => listingOf(world, call, call.token.roles.includes('admin') && !call.blind ? [...table.all()] : world.seen(call, table), plural, view)

export const own = <R extends Row>(world: World, call: Call, table: Table<R>, resource: string): R => {
  const row = world.find(call, table, call.params['id']!)
  if (row === undefined) throw errors.notFound(resource, call.params['id']!)
  return row
}

export const given = (call: Call, name: string): Record<string, Json> => {
  const body = call.body?.[name]
  if (body === null || typeof body !== 'object') throw errors.mandatory(name)
  return body as Record<string, Json>
}

export const writer = (call: Call): void => {
  if (!mayWrite(call)) throw errors.policy()
}

export const checkQuota = <R extends Row>(world: World, project: string, table: Table<R>, name: string, resource: string, more = 1): void => {
  const limit = world.quota(project, name)
  if (limit >= 0 && more > 0 && table.count(project) + more > limit) throw errors.quota(resource)
}
