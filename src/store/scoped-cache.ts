/** A part of the watch cache: some namespaces, and some of what has none. What lies outside is not there, whoever let the question through (rule A5). */
import type { Cache } from './cache.ts'
import type { Row, StoreKey } from './store.ts'

/** What may be told to somebody. Asked anew for each row: it may change while a watch runs. */
export interface Scope {
  hasNamespace(namespace: string): boolean
  /** All of them, in order. */
  namespaces(): readonly string[]
  /** Of what is in no namespace. */
  hasClusterScoped(key: StoreKey): boolean
  /** The version at which it last became another one, or a later one; for who lists and then watches. */
  readonly since: number
}

/** What is read of a cache; who opened it closes it. */
export type CacheView = Omit<Cache, 'close'>

export const scopedCache = (cache: CacheView, scope: Scope): CacheView => {
  const has = (key: StoreKey): boolean => (key.namespace === '' ? scope.hasClusterScoped(key) : scope.hasNamespace(key.namespace))
  return {
    get version() {
      return cache.version
    },
    get: (key) => (has(key) ? cache.get(key) : undefined),
    list(resource, namespace) {
      const places = namespace === undefined ? ['', ...scope.namespaces()] : [namespace]
      return places.flatMap((place): readonly Row[] => (place === '' ? cache.list(resource, '').filter(has) : scope.hasNamespace(place) ? cache.list(resource, place) : []))
    },
    listAt: async (version, resource, namespace) => (await cache.listAt(version, resource, namespace)).filter(has),
    byOwner: (uid) => cache.byOwner(uid).filter(has),
    waitFor: (version, timeoutMs) => cache.waitFor(version, timeoutMs),
    fresh: () => cache.fresh(),
    watch: (resource, namespace, after, onChange, onEnd) => cache.watch(resource, namespace, after, (changes, upTo, isLive) => {
      const seen = changes.filter((c) => has(c.key))
      return seen.length > 0 ? onChange(seen, upTo, isLive) : undefined
    }, onEnd),
  }
}
