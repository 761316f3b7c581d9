/** The few ways in which the store refuses, told apart by predicates; what crosses the border is a plain Error with a mark. */

const marked = (e: unknown, mark: string): boolean => typeof e === 'object' && e !== null && (e as Record<string, unknown>)[mark] === true

/** The version asked for lies below the floor: it was compacted (410). */
export const expired = (after: number, floor: number): Error =>
  Object.assign(new Error(`version ${after} is compacted; the log begins after ${floor}: list again`), { expired: true, floor })
export const isExpired = (e: unknown): boolean => marked(e, 'expired')

/** It is not known whether the write was made (rule S3, 504). */
export const unclear = (message: string, cause?: unknown): Error => Object.assign(new Error(message, { cause }), { unclear: true })
export const isUnclear = (e: unknown): boolean => marked(e, 'unclear')

/** The write was certainly not made, and may be tried again (503). */
export const unavailable = (message: string, cause?: unknown): Error => Object.assign(new Error(message, { cause }), { unavailable: true })
export const isUnavailable = (e: unknown): boolean => marked(e, 'unavailable')

/** The database is not where it was: what this server has seen of it is lost (rule S7, 503 until a new epoch begins). */
export const behind = (seen: number, version: number): Error =>
  Object.assign(new Error(`the database is at version ${version}, behind ${seen} which this server has seen: it was put back without a new epoch; run skerry admin new-epoch`), { behind: true, unavailable: true })
export const isBehind = (e: unknown): boolean => marked(e, 'behind')

/** A version from the future did not come in time (504, cause ResourceVersionTooLarge). undefined: the newest one, which the database did not say in time. */
export const tooLarge = (wanted: number | undefined, version: number): Error =>
  Object.assign(new Error(`Too large resource version: ${wanted ?? 'the newest one, which the database does not say'}, current: ${version}`), { tooLarge: true, wanted, version })
export const isTooLarge = (e: unknown): boolean => marked(e, 'tooLarge')
