/** See your own writes (rule E1): for each key the highest version, by kind, that its own writes returned. */
import { resourceName, type Kind, type Resource } from '../api/meta/index.ts'
import { versionOf, type KindCache } from './cache.ts'

export interface OwnWrites {
  note(key: string, kind: Kind<any>, answer: Resource | undefined): void
  /** The first cache that has not passed what the key wrote, and how far it has to come; undefined when all have. */
  behind(key: string): { readonly resource: string; readonly cache: KindCache; readonly version: number } | undefined
  forget(key: string): void
}

export const createOwnWrites = (caches: ReadonlyMap<string, KindCache>): OwnWrites => {
  const written = new Map<string, Map<string, number>>()
  return {
    note(key, kind, answer) {
      if (answer === undefined) return
      const resource = resourceName(kind)
      let versions = written.get(key)
      if (versions === undefined) written.set(key, (versions = new Map()))
      versions.set(resource, Math.max(versions.get(resource) ?? 0, versionOf(answer)))
    },
    behind(key) {
      const versions = written.get(key)
      if (versions === undefined) return undefined
      for (const [resource, version] of versions) {
        const cache = caches.get(resource)
        if (cache !== undefined && cache.version < version) return { resource, cache, version }
        versions.delete(resource)
      }
      written.delete(key)
      return undefined
    },
    forget: (key) => { written.delete(key) },
  }
}
