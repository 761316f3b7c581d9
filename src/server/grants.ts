/** Who has which role where: an index of the grants, kept by the watch cache, so that no request asks the database. */
import { AccessGrant, ClusterAccessGrant } from '../api/index.ts'
import type { ClusterRole, ProjectRole, Subject } from '../api/access-grant/index.ts'
import { resourceName } from '../api/meta/index.ts'
import type { Identity } from '../apiserver/index.ts'
import type { Cache } from '../store/cache.ts'
import type { Row } from '../store/store.ts'
import { keepWatching } from '../store/kept-watch.ts'

export type Who = Pick<Identity, 'user' | 'groups'>

export interface Grants {
  everywhere(who: Who): readonly ClusterRole[]
  in(who: Who, project: string): readonly ProjectRole[]
  /** Where the identity has a role; in order. */
  projects(who: Who): readonly string[]
  /** The version at which that last changed, or a later one. */
  since(who: Who): number
  onChange(wake: () => void): () => void
}

/** Roles of one subject, by project and by the grant that gives them; '' is the whole installation. */
type Places = Map<string, Map<string, string>>

const subjectsOf = (who: Who): readonly string[] => [`User ${who.user}`, ...who.groups.map((g) => `Group ${g}`)]
const idOf = (s: Subject): string => `${s.kind} ${s.name}`
const specOf = (row: Row): { readonly role: string; readonly subjects: readonly Subject[] } => (JSON.parse(row.body) as { spec: { role: string; subjects: readonly Subject[] } }).spec

export const openGrants = (cache: Cache): Grants & { close(): void } => {
  const bySubject = new Map<string, Places>()
  const changedAt = new Map<string, number>()
  const wakes = new Set<() => void>()
  let listedAt = cache.version
  // false: nobody tells us what changes.
  let isFollowed = false

  const add = (row: Row): void => {
    const { role, subjects } = specOf(row)
    for (const id of subjects.map(idOf)) {
      const places = bySubject.get(id) ?? new Map<string, Map<string, string>>()
      bySubject.set(id, places)
      const grants = places.get(row.namespace) ?? new Map<string, string>()
      places.set(row.namespace, grants)
      grants.set(row.name, role)
    }
  }
  const take = (row: Row): void => {
    for (const id of specOf(row).subjects.map(idOf)) {
      const places = bySubject.get(id)
      const grants = places?.get(row.namespace)
      grants?.delete(row.name)
      if (grants?.size === 0) places?.delete(row.namespace)
      if (places?.size === 0) bySubject.delete(id)
    }
  }
  const wakeAll = (): void => { for (const wake of wakes) wake() }

  const resources = [AccessGrant, ClusterAccessGrant].map(resourceName)
  const list = (): void => {
    listedAt = cache.version
    bySubject.clear()
    for (const resource of resources) for (const row of cache.list(resource)) add(row)
  }
  /** As right as the cache, whether or not we are told: nobody keeps, or lacks, what was changed meanwhile. */
  const current = (): ReadonlyMap<string, Places> => {
    if (!isFollowed && listedAt !== cache.version) list()
    return bySubject
  }
  const stop = keepWatching(cache, resources, {
    onBegin() {
      list()
      isFollowed = true
      wakeAll()
    },
    onChanges(changes) {
      for (const { before, after, version } of changes) {
        if (before !== undefined) take(before)
        if (after !== undefined) add(after)
        for (const row of [before, after]) if (row !== undefined) for (const s of specOf(row).subjects) changedAt.set(idOf(s), version)
      }
      wakeAll()
    },
    onEnd() {
      isFollowed = false
      wakeAll()
    },
  })

  const rolesIn = (who: Who, place: string): readonly string[] => [...new Set(subjectsOf(who).flatMap((id) => [...(current().get(id)?.get(place)?.values() ?? [])]))]
  return {
    everywhere: (who) => rolesIn(who, '') as readonly ClusterRole[],
    in: (who, project) => (project === '' ? [] : (rolesIn(who, project) as readonly ProjectRole[])),
    projects: (who) => [...new Set(subjectsOf(who).flatMap((id) => [...(current().get(id)?.keys() ?? [])]))].filter((p) => p !== '').toSorted(),
    since(who) {
      current()
      return Math.max(listedAt, ...subjectsOf(who).map((id) => changedAt.get(id) ?? 0))
    },
    onChange(wake) {
      wakes.add(wake)
      return () => { wakes.delete(wake) }
    },
    close() {
      stop()
      isFollowed = false
    },
  }
}
