/** Clients as people run them: writers and readers that try again as client-go does, informers that count their lists. */
import { Release } from '../../src/api/index.ts'
import { httpResources, type HttpOptions } from '../../src/client/index.ts'
import { createCache } from '../../src/engine/cache.ts'
import { systemClock } from '../../src/engine/clock.ts'
import { failureOf, isAlreadyExists, isNotFound } from '../../src/engine/errors.ts'
import { inform } from '../../src/engine/informer.ts'
import type { Resources } from '../../src/engine/resources.ts'
import { silent } from '../../src/store/log.ts'

const by = { manager: 'rolling-restart' }
const tries = 10
/** No answer, or one that says "again". */
const isPassing = (code: number | undefined): boolean => code === 0 || code === 429 || (code !== undefined && code >= 500)

export interface Tally { requests: number; retries: number; readonly failed: string[]; readonly stale: string[] }

/** `settles`: an error that means that an earlier try was made after all. */
const patiently = async <T>(tally: Tally, what: string, call: () => Promise<T>, settles: (error: unknown) => boolean = () => false): Promise<T | undefined> => {
  tally.requests++
  for (let n = 1; ; n++) {
    try { return await call() } catch (error) {
      if (n > 1 && settles(error)) return undefined
      const code = failureOf(error)?.code
      if (n === tries || !isPassing(code)) { tally.failed.push(`${what}: ${error instanceof Error ? error.message : String(error)}`); return undefined }
      tally.retries++
      await new Promise((done) => setTimeout(done, 50 * n))
    }
  }
}

const releaseOf = (name: string, count: number) => ({ metadata: { name, annotations: { count: String(count) } }, spec: { talosVersion: 'v1.13.9', kubernetesVersion: 'v1.36.3', installerImage: 'registry.example.org/installer:v1.13.9' } })

/** Makes, changes, reads, lists and deletes objects of its own until it is stopped. What it wrote it must read. */
export const startWriter = (options: HttpOptions, id: string, tally: Tally): { stop(): Promise<void> } => {
  const resources = httpResources({ ...options, userAgent: `writer-${id}` })
  let running = true
  const working = (async () => {
    for (let round = 0; running; round++) {
      const name = `r-${id}-${round}`
      await patiently(tally, `create ${name}`, () => resources.create(Release, releaseOf(name, 0) as never, by), isAlreadyExists)
      for (let count = 1; count <= 3; count++) {
        await patiently(tally, `apply ${name}`, () => resources.apply(Release, releaseOf(name, count) as never, by))
        const read = await patiently(tally, `get ${name}`, () => resources.get(Release, { namespace: '', name }))
        if (read?.metadata.annotations?.['count'] !== String(count)) tally.stale.push(`${name}: wrote ${count}, read ${read?.metadata.annotations?.['count'] ?? 'nothing'}`)
      }
      const listed = await patiently(tally, 'list', () => resources.list(Release))
      if (listed !== undefined && !listed.items.some((r) => r.metadata.name === name)) tally.stale.push(`${name}: not in a list after it was made`)
      if (round % 2 === 0) await patiently(tally, `delete ${name}`, () => resources.delete(Release, { namespace: '', name }, by), isNotFound)
    }
  })()
  return { stop: async () => { running = false; await working; await resources.close() } }
}

export interface Informer {
  readonly lists: number
  /** Name to version. */
  state(): Record<string, string>
  stop(): Promise<void>
}

export const startInformer = async (options: HttpOptions): Promise<Informer> => {
  const client = httpResources({ ...options, userAgent: 'informer' })
  let lists = 0
  const resources: Resources = { ...client, list: (kind, o) => { lists++; return client.list(kind, o) } }
  const cache = createCache()
  const ending = new AbortController()
  let running: Promise<void> = Promise.resolve()
  await new Promise<void>((listed) => { running = inform({ kind: Release, cache, resources, clock: systemClock, random: Math.random, log: silent as never, signal: ending.signal }, listed) })
  return {
    get lists() { return lists },
    state: () => Object.fromEntries(cache.list().map((o) => [o.metadata.name, o.metadata.resourceVersion]).sort()),
    stop: async () => { ending.abort(); await running; await client.close() },
  }
}
