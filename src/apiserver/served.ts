/** Kinds as they are served: each under its path, some as a view of another. Made once for each Kind and shared by all servers of the process. */
import { resourceName, type Kind } from '../api/meta/index.ts'
import { compile, type Compiled } from './schema.ts'
import type { Mutable } from './values.ts'

export interface View {
  /** The kind that is stored. */
  readonly stored: Served
  readonly toView: (stored: Mutable) => Mutable
  /** What is to be stored, given what stands there now. */
  readonly fromView: (view: Mutable, live: Mutable | undefined) => Mutable
}

export interface Served extends Compiled {
  /** Name in the store. */
  readonly resource: string
  readonly view: View | undefined
  readonly verbs: readonly string[]
}

export const allVerbs = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'] as const

const servedKinds = new WeakMap<Kind<any>, Served>()
export const serve = (kind: Kind<any>): Served => {
  const have = servedKinds.get(kind)
  if (have !== undefined) return have
  const served = { ...compile(kind), resource: resourceName(kind), view: undefined, verbs: allVerbs }
  servedKinds.set(kind, served)
  return served
}
