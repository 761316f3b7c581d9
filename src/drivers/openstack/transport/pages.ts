/** A whole list, page by page, by the service's own `next` links. A list with an error, a lost marker or a loop in it is none (rule E2). */
import { openstackError, type Service } from '../errors.ts'
import type { Priority } from '../budget.ts'
import type { Client } from './client.ts'
import { id, objects, text, type Json } from './json.ts'

export interface PagesOf {
  readonly service: Service
  readonly path: string
  /** The list's key in the answer, e.g. `servers`; links are in `servers_links`. */
  readonly key: string
  readonly query?: Readonly<Record<string, string>>
  readonly limitMs?: number
  readonly priority?: Priority
}

const mostPages = 1000

const nextQuery = (page: Json, key: string): string | undefined => {
  const link = objects(page[`${key}_links`]).find((l) => l['rel'] === 'next')
  const href = link === undefined ? text(page['next']) : text(link['href'])
  // Only the question is taken: behind a proxy the link's host is not ours to call.
  return href.includes('?') ? href.slice(href.indexOf('?') + 1) : undefined
}

export const allPages = async (client: Client, { service, path, key, query, limitMs, priority }: PagesOf): Promise<readonly Json[]> => {
  const items: Json[] = []
  const ids = new Set<string>()
  const asked = new Set<string>()
  let search: string | undefined = new URLSearchParams({ limit: String(client.pageSize), ...query }).toString()
  while (search !== undefined) {
    if (asked.has(search) || asked.size >= mostPages) throw openstackError({ kind: 'transient', service, status: 200, type: 'IncompleteList' }, `${service} GET ${path}: the list does not end`)
    asked.add(search)
    const page: Json = await client.json({ service, path, query: search, ...(limitMs !== undefined && { limitMs }), ...(priority !== undefined && { priority }) })
    if (!Array.isArray(page[key])) throw openstackError({ kind: 'transient', service, status: 200, type: 'IncompleteList' }, `${service} GET ${path}: the answer has no ${key}`)
    for (const item of objects(page[key])) {
      // Objects made between two pages can push one over the edge: it comes twice, and counts once.
      if (!ids.has(id(item))) items.push(item)
      ids.add(id(item))
    }
    search = nextQuery(page, key)
  }
  return items
}

/** Nova's server groups know offsets instead of markers: asked until a page is empty. */
export const allOffsets = async (client: Client, { service, path, key, query, limitMs, priority }: PagesOf): Promise<readonly Json[]> => {
  const items: Json[] = []
  const ids = new Set<string>()
  for (let offset = 0, n = 0; n < mostPages; n++) {
    const page = await client.json({ service, path, query: new URLSearchParams({ limit: String(client.pageSize), offset: String(offset), ...query }).toString(), ...(limitMs !== undefined && { limitMs }), ...(priority !== undefined && { priority }) })
    const got = objects(page[key])
    if (!Array.isArray(page[key])) break
    if (got.length === 0) return items
    for (const item of got) { if (!ids.has(id(item))) items.push(item); ids.add(id(item)) }
    offset += got.length
  }
  throw openstackError({ kind: 'transient', service, status: 200, type: 'IncompleteList' }, `${service} GET ${path}: not a list that ends`)
}
