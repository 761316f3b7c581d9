/** What all collections do the same: whole lists in pages, get, delete, one shared lister. */
import type { Collection, Mark, Marked } from './cloud.ts'
import { detailsOf, isNotFound, openstackError, type ServiceName } from './errors.ts'
import { openLister, type ListerOptions } from './lister.ts'
import type { Transport } from './transport.ts'

const pageSize = 1000
const mostPages = 200

/** Every page, or an error: a list with a hole is no list (rule E2). */
export const listAll = async (t: Transport, service: ServiceName, path: string, key: string): Promise<readonly any[]> => {
  const all: any[] = []
  let marker: string | undefined
  for (let i = 0; i < mostPages; i++) {
    let body: any
    try {
      body = (await t.call(service, { method: 'GET', path: `${path}${path.includes('?') ? '&' : '?'}limit=${pageSize}${marker === undefined ? '' : `&marker=${encodeURIComponent(marker)}`}` })).body
    } catch (error) {
      const d = detailsOf(error)
      if (marker === undefined || d === undefined) throw error
      throw openstackError(`the list ${path} ended after ${all.length} objects: ${(error as Error).message}`, { ...d, kind: 'incomplete' }, error)
    }
    const page = body?.[key]
    if (!Array.isArray(page)) throw openstackError(`the answer to ${path} has no ${key}`, { kind: 'incomplete', service, code: 200, unclear: false })
    all.push(...page)
    const more = (body[`${key}_links`] as { rel: string }[] | undefined)?.some((l) => l.rel === 'next') === true || typeof body['next'] === 'string'
    if (!more || page.length === 0) return all
    marker = page.at(-1).id as string
  }
  throw openstackError(`the list ${path} does not end`, { kind: 'incomplete', service, code: 200, unclear: false })
}

export interface CollectionSpec<T, Spec> {
  readonly service: ServiceName
  /** e.g. `/networks` */
  readonly path: string
  /** Where lists are read, when it is another path. */
  readonly listPath?: string
  readonly one: string
  readonly many: string
  readonly parse: (body: any) => T
  readonly body: (spec: Spec, mark: Mark) => object
  readonly timeoutMs?: number
}

export const openCollection = <T extends Marked, Spec>(t: Transport, s: CollectionSpec<T, Spec>, lister: ListerOptions): Collection<T, Spec> => {
  const shared = openLister<T>(async () => (await listAll(t, s.service, s.listPath ?? s.path, s.many)).map(s.parse), lister)
  return {
    list: shared.list,
    onChange: shared.onChange,
    async get(id) {
      try {
        return s.parse((await t.call(s.service, { method: 'GET', path: `${s.path}/${encodeURIComponent(id)}` })).body[s.one])
      } catch (error) {
        if (isNotFound(error) && detailsOf(error)?.code === 404) return undefined
        throw error
      }
    },
    async create(spec, mark, signal) {
      const { body } = await t.call(s.service, { method: 'POST', path: s.path, body: s.body(spec, mark), signal, ...(s.timeoutMs !== undefined && { timeoutMs: s.timeoutMs }) })
      return s.parse(body[s.one])
    },
    async delete(id) {
      try {
        await t.call(s.service, { method: 'DELETE', path: `${s.path}/${encodeURIComponent(id)}` })
      } catch (error) {
        if (detailsOf(error)?.code !== 404) throw error
      }
    },
  }
}
