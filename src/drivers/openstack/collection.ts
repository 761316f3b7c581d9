/** A type of object in a project, put together from its shared lister and its calls. */
import type { Collection, Mark, Marked } from './cloud.ts'
import { openLister, type ListerOptions } from './lister.ts'

export interface CollectionOf<T extends Marked, Spec> {
  /** Without `background`, somebody waits. */
  readonly fetch: (background: boolean) => Promise<readonly T[]>
  readonly get: (id: string) => Promise<T | undefined>
  readonly create: (spec: Spec, mark: Mark, signal?: AbortSignal) => Promise<T>
  readonly delete: (id: string) => Promise<void>
}

/** How a project's listers work, and where they are told to end. */
export interface Listers extends ListerOptions { readonly opened: (close: () => void) => void }

export const openCollection = <T extends Marked, Spec>(listers: Listers, of: CollectionOf<T, Spec>): Collection<T, Spec> => {
  const lister = openLister<T>(of.fetch, listers)
  listers.opened(() => lister.close())
  return { list: (after, isRoutine) => lister.list(after, isRoutine), get: of.get, create: of.create, delete: of.delete, onChange: (changed) => lister.onChange(changed) }
}
