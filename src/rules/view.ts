/** Unseen is not gone (rule E2): what a listing with holes permits. */

/** More unseen objects than this stop a project: a list with holes, not a series of accidents. */
export const isViewIncomplete = (known: number, unseen: number): boolean => unseen > Math.max(3, Math.floor(known / 10))
