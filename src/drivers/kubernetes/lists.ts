/** Lists, page after page, limited as a whole: one page is limited by its call, but a stranger's server may go on to continue (rule T5). */
import { isObject, maxListBytes, object, text, type Json } from './answer.ts'
import type { Clock, Connection } from './connection.ts'
import { isExpired, kubernetesError } from './errors.ts'

export type Listed = { readonly items: readonly Json[]; readonly version: string }
export type ListAll = (connection: Connection, what: string, path: string, query: Readonly<Record<string, string>>) => Promise<Listed>

const pageSize = 500
/** 100,000 objects; so many real ones are more than a list's bytes. An empty page that continues is allowed: a selector may leave nothing of it. */
const maxPages = 200

/** All pages; from the beginning once more when the server has forgotten the first. */
export const openLists = (clock: Clock, limitMs: number): ListAll => async (connection, what, path, query) => {
  const until = clock.monotonic() + limitMs
  for (let attempt = 0; ; attempt++) {
    const items: Json[] = []
    let bytes = 0
    let token = ''
    try {
      for (let pages = 1; ; pages++) {
        const search = new URLSearchParams({ ...query, limit: String(pageSize), ...(token !== '' && { continue: token }) })
        const answer = await connection.raw({ what, path: `${path}?${search.toString()}` })
        bytes += answer.body.length
        if (bytes > maxListBytes) throw kubernetesError('answer', `${what}: more than ${maxListBytes} bytes`)
        const page = connection.parse(what, answer)
        const metadata = object(page['metadata'])
        if (!Array.isArray(page['items'])) throw kubernetesError('answer', `${what}: the list has no items`)
        for (const i of page['items']) if (isObject(i)) items.push(i)
        const next = text(metadata['continue'], 16_384)
        if (next === '') return { items, version: text(metadata['resourceVersion'], 64) }
        if (next === token || pages >= maxPages) throw kubernetesError('answer', `${what}: the list does not end`)
        if (clock.monotonic() > until) throw kubernetesError('timeout', `${what}: the list has no end within ${limitMs} ms`)
        token = next
      }
    } catch (error) { if (!isExpired(error) || attempt >= 1) throw error }
  }
}
