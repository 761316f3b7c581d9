/** Unseen is not gone (rule E2): what a listing says about recorded ids, and the only proof that one of them is gone. Pure but for the GET it is given. */

export interface View {
  readonly seen: readonly string[]
  readonly unseen: readonly string[]
  /** More is missing than goes by itself: nothing may be created, repaired or deleted in this project. */
  readonly viewIncomplete: boolean
}

/** `UNKNOWN` is what Nova says of a server in a cell that it cannot reach. */
export const view = (recorded: Iterable<string>, listed: readonly { readonly id: string; readonly status?: string }[]): View => {
  const there = new Set(listed.filter((o) => o.status !== 'UNKNOWN').map((o) => o.id))
  const ids = [...new Set(recorded)]
  const unseen = ids.filter((id) => !there.has(id))
  return { seen: ids.filter((id) => there.has(id)), unseen, viewIncomplete: unseen.length > Math.max(3, Math.floor(ids.length / 10)) }
}

/**
 * True only when GET by id answered 404 with a token of the project in which the object was made. Errors are thrown: they prove nothing.
 * `get` answers undefined for 404 and nothing else.
 */
export const confirmGone = async (get: (id: string) => Promise<unknown>, id: string, projectIdRecorded: string, tokenProject: string): Promise<boolean> =>
  projectIdRecorded === tokenProject && (await get(id)) === undefined
